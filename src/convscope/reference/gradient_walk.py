"""Any gradient of a training step opened: its terms, who they come from, and the strongest way on to the loss.

A weight's gradient is summed over everything that it was multiplied with; a unit's over all units that read it. From
either one follows the chain rule from node to node to the loss. It works on any
:class:`~convscope.reference.backpropagation.Backpropagation`, the reference's or the engine's, in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from convscope.errors import UserError
from convscope.network.address import Address
from convscope.network.graph import Node
from convscope.ops.step import Operand, Step
from convscope.ops.terms import Term, Terms, Vector
from convscope.ops.uses import Factor, Uses
from convscope.ops.walk import Walk
from convscope.reference.backpropagation import Backpropagation
from convscope.reference.opened_loss import ExampleLoss
from convscope.reference.uses import steps_of_unit, steps_of_weight, uses_of_unit, uses_of_weight


@dataclass(frozen=True)
class Reader:
    """A node in which the number is used.

    Args:
        path: of the node.
        operand: which of its inputs the number is of; None of a weight of its own.
        source: its first input, whose values a weight is multiplied by.
    """

    path: str
    operand: int | None
    source: str


@dataclass(frozen=True, eq=False)
class GradientWalk:
    """One number's gradient, opened.

    Args:
        address: of a weight or a unit.
        example: of a unit, which of the batch; None of a weight, which all examples share.
        sum: its arithmetic: a part a node that used the number, in it a term each time that it did, the gradient of
            the unit there times the derivative of that unit; a term's ``operand`` counts the readers.
        readers: the nodes that used it.
        loss: of a score, the loss that reads it.
        from_loss: the loss's own part of the gradient, ``loss.slope()``; else 0.
    """

    address: Address
    example: int | None
    sum: Walk
    readers: tuple[Reader, ...]
    loss: ExampleLoss | None = None
    from_loss: float = 0.0

    @property
    def value(self) -> float:
        """The gradient: the sum of all terms, in float64 from the operands as they were given."""
        return self.sum.value

    @property
    def scale(self) -> float:
        """The size of what is added up: rounding is measured by it, not by a sum that may be near zero."""
        return self.sum.scale

    @property
    def parts(self) -> tuple[Walk, ...]:
        """What each reader contributes, one a reader."""
        return self.sum.parts

    @property
    def count(self) -> int:
        """How many terms."""
        return self.sum.count + (self.loss is not None)

    def unit(self, term: Term) -> Address:
        """The unit in whose value the number was used, whose gradient is the term's value."""
        assert term.index is not None
        return Address(self.readers[term.operand].path, term.index)

    def factor_at(self, term: Term) -> Address | None:
        """Where the derivative stands: a weight's or a value's address; None if it is computed, or of the padding."""
        if term.weight_index is None:
            return None
        reader = self.readers[term.operand]
        if isinstance(term.weight_source, str):
            return Address(reader.path, term.weight_index, term.weight_source)
        return Address(reader.source, term.weight_index)

    def tolerance(self, eps: float = 2.0**-23) -> float:
        """How far an engine may be off by rounding alone.

        Args:
            eps: the engine's precision: ``2**-23`` for float32, ``2**-52`` for float64.
        """
        return 16 * eps * max(self.scale, abs(self.value))


def open_gradient(step: Backpropagation, address: Address, example: int = 0) -> GradientWalk:
    """Open the gradient of a weight (``Address.tensor`` says which) or of a unit.

    Args:
        step: the training step.
        address: of the number; it must be one of the network's.
        example: of a unit, which of the batch.

    Raises:
        UserError: the loss does not depend on it, or it is not trained.

    Example:
        >>> from convscope.reference.backpropagation import backpropagate
        >>> from convscope.network.network import Network
        >>> graph = Network.parse("input 2\\nlinear 2 bias=no").graph()
        >>> step = backpropagate(graph, {"linear1.weight": np.eye(2)}, np.array([[3.0, 3.0]]), [0])
        >>> opened = open_gradient(step, Address("linear1", (1, 0), "weight"))
        >>> term = opened.parts[0].terms[0]
        >>> f"{term.value} * {term.weight} = {term.result}", str(opened.unit(term)), str(opened.factor_at(term))
        ('0.5 * 3.0 = 1.5', 'linear1[1]', 'input[0]')
    """
    return open_weight(step, address) if address.tensor else open_unit(step, address, example)


def open_weight(step: Backpropagation, address: Address) -> GradientWalk:
    """A weight's or bias's gradient: the sum over examples and places of the gradient there times what it met there."""
    node = step.graph.by_path[address.path]
    if address.tensor not in node.parameters:
        raise UserError(f"address {address}", f"{address.tensor} is not trained", ", ".join(node.parameters))
    _check(step, address)
    uses = uses_of_weight(node.op, step.operands(node.path), address.tensor, address.index)
    return _gradient(step, address, None, [(Reader(node.path, None, node.inputs[0]), uses)])


def open_unit(step: Backpropagation, address: Address, example: int) -> GradientWalk:
    """A unit's gradient: the sum over the units that read it of theirs times their slope towards it."""
    _check(step, address)
    if not 0 <= example < step.examples:
        raise UserError("example", f"{example}", f"from 0 to {step.examples - 1}: the batch has {step.examples}")
    used = []
    for node in step.graph.nodes:
        if node.path in step.gradients:
            for operand, source in enumerate(node.inputs):
                if source == address.path:
                    uses = _uses(step, node, operand, example, address.index)
                    used.append((Reader(node.path, operand, node.inputs[0]), uses))
    loss = step.loss_of(example) if address.path == step.scores else None
    return _gradient(step, address, example, used, loss)


def _gradient(
    step: Backpropagation,
    address: Address,
    example: int | None,
    used: Sequence[tuple[Reader, Uses]],
    loss: ExampleLoss | None = None,
) -> GradientWalk:
    readers = tuple(reader for reader, _ in used)
    parts = tuple(_part(step, readers, number, uses) for number, (_, uses) in enumerate(used))
    from_loss = 0.0 if loss is None else float(loss.gradient_K[address.index[0]])
    value = sum((part.value for part in parts), from_loss)
    operands = [] if loss is None else [Operand("the loss", from_loss)]
    operands += [Operand(part.name, part.value) for part in parts]
    form = " + ".join(f"{{{at}}}" for at in range(len(operands)))
    steps = (Step("gradient", form, tuple(operands), value),) if operands else ()
    scale = sum((part.scale for part in parts), 0.0 if loss is None else loss.rounding_scale(address.index[0]))
    walk = Walk("", address.index, Terms.none(), "sum", 0.0, steps, scale, parts)
    return GradientWalk(address, example, walk, readers, loss, from_loss)


def _part(step: Backpropagation, readers: Sequence[Reader], number: int, uses: Uses) -> Walk:
    """What one reader contributes: of each use the gradient there times the derivative."""
    reader = readers[number]
    outward_N = step.gradients[reader.path][(uses.example_N, *uses.index_NR.T)].astype(np.float64)
    twice = sum(other.path == reader.path for other in readers) > 1
    name = f"{reader.path} input {reader.operand}" if twice else reader.path
    return uses.walk(outward_N, number, step.graph.by_path[reader.path].op.text(), name)


def _check(step: Backpropagation, address: Address) -> None:
    if address.path not in step.gradients:
        hint = f"the loss reads the scores, {step.scores}" if address.path == step.graph.output.path else ""
        raise UserError(f"address {address}", "the loss does not depend on it", "a number before the scores", hint)


def _uses(step: Backpropagation, node: Node, operand: int, example: int, index: tuple[int, ...]) -> Uses:
    if node.path in step.masks:
        factor = np.array([step.masks[node.path][(example, *index)]], np.float64)
        return Uses(np.array([example]), np.array([index], np.int64), factor, "mask")
    return uses_of_unit(node.op, step.operands(node.path), operand, example, index)


# The chain


@dataclass(frozen=True)
class Link:
    """One node on the way from a number to the loss.

    Args:
        unit: whose turn it is.
        example: of the batch.
        value: the unit's value.
        gradient: of the loss with respect to it.
        kind: what the factor is.
        factor: the derivative of this unit with respect to the number before it on the way.
        factor_at: where the factor stands, if it is a value or a weight.
        steps: how the factor is computed, where it is.
        running: the product of all factors up to here: how this unit moves with the first number along this way.
        uses: by how many units the number before was read.
        share: how much of the sizes of all that those contribute comes along this way, 0 to 1.
    """

    unit: Address
    example: int
    value: float
    gradient: float
    kind: Factor
    factor: float
    factor_at: Address | None
    steps: tuple[Step, ...]
    running: float
    uses: int
    share: float


@dataclass(frozen=True)
class Chain:
    """The strongest way from a weight or a unit to the loss, one link a node.

    Args:
        start: the number.
        example: where the way leads through; of a unit the example that was asked for.
        gradient: of the loss with respect to the start, along all ways.
        links: from the first unit that uses it to a score.
        loss: the loss that reads the score; None where no way leads there.
        last: the loss's slope towards that score.
    """

    start: Address
    example: int
    gradient: float
    links: tuple[Link, ...]
    loss: ExampleLoss | None
    last: float

    @property
    def along(self) -> float:
        """What this one way contributes to the gradient: the product of all its factors, the loss's included."""
        return (self.links[-1].running if self.links else 1.0) * self.last

    @property
    def last_step(self) -> Step | None:
        """The loss's slope towards the score, as a formula."""
        if self.loss is None:
            return None
        return self.loss.slope((self.links[-1].unit if self.links else self.start).index[0])


def chain(step: Backpropagation, address: Address, example: int = 0) -> Chain:
    """Follow the chain rule from a number to the loss, at every unit along the term that moves its gradient most.

    Where all terms are zero, the way goes along the largest derivative, so that one sees what made them zero.

    Args:
        step: the training step.
        address: a weight or a unit.
        example: of a unit, which of the batch; a weight's way leads through the example that moves it most.

    Raises:
        UserError: as :func:`open_gradient`.

    Example:
        >>> from convscope.reference.backpropagation import backpropagate
        >>> from convscope.network.network import Network
        >>> graph = Network.parse("input 1\\nlinear 1 bias=no > sigmoid > linear 2 bias=no").graph()
        >>> state = {"linear1.weight": np.array([[0.0]]), "linear2.weight": np.array([[2.0], [-2.0]])}
        >>> way = chain(backpropagate(graph, state, np.array([[3.0]]), [0]), Address("linear1", (0, 0), "weight"))
        >>> [(str(link.unit), link.factor, link.running) for link in way.links]
        [('linear1[0]', 3.0, 3.0), ('sigmoid1[0]', 0.25, 0.75), ('linear2[0]', 2.0, 1.5)]
    """
    opened = open_gradient(step, address, example)
    gradient, links, running = opened.value, [], 1.0
    while any(len(part.terms) for part in opened.parts):
        term, kind = _strongest(opened.parts)
        assert term.weight is not None
        assert term.example is not None
        running *= term.weight
        total = sum(float(np.abs(part.terms.result_N).sum()) for part in opened.parts) + abs(opened.from_loss)
        example, unit = term.example, opened.unit(term)
        link = Link(
            unit=unit,
            example=example,
            value=float(step.values[unit.path][(example, *unit.index)]),
            gradient=term.value,
            kind=kind,
            factor=term.weight,
            factor_at=opened.factor_at(term),
            steps=_explain(step, opened, term, kind),
            running=running,
            uses=opened.count,
            share=abs(term.result) / total if total else 0.0,
        )
        links.append(link)
        opened = open_unit(step, unit, example)
    return Chain(address, example, gradient, tuple(links), opened.loss, opened.from_loss)


def _strongest(parts: Sequence[Walk]) -> tuple[Term, Factor]:
    """The term that moves a gradient most, and what its factor is."""
    best: tuple[tuple[float, float], Walk, int] | None = None
    for part in parts:
        if len(part.terms):
            results = np.abs(part.terms.result_N)
            factors = np.abs(cast("Vector", part.terms.weight_N))
            at = int(results.argmax()) if results.any() else int(factors.argmax())
            size = (float(results[at]), float(factors[at]))
            if best is None or size > best[0]:
                best = (size, part, at)
    assert best is not None
    return best[1].terms[best[2]], cast("Factor", best[1].terms.becomes.weight)


def _explain(step: Backpropagation, opened: GradientWalk, term: Term, kind: Factor) -> tuple[Step, ...]:
    """How a term's factor is computed; nothing where it stands somewhere, or is a mask's."""
    if kind == "mask":
        return ()
    reader, unit = opened.readers[term.operand], opened.unit(term)
    node = step.graph.by_path[reader.path]
    assert term.example is not None
    given, here = step.operands(node.path), (term.example, *unit.index)
    if reader.operand is None:
        return steps_of_weight(node.op, given, opened.address.tensor, here)
    assert opened.example is not None
    return steps_of_unit(node.op, given, reader.operand, (opened.example, *opened.address.index), here)
