"""Operations at random places with random operands, computed by the engine: what the conformance test measures."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sample_graphs import random_merge, random_op, random_shape, tensors_of
from torch import Tensor

from convscope.engine.module_operations import NodeModule, compute_of
from convscope.network.graph import INPUT, Graph, Node
from convscope.ops import Misfit, Op, Shape
from convscope.ops.arrays import Array, Operands
from convscope.ops.traits import Traits

Rng = random.Random
Indices = tuple[int, ...]

WIDE: tuple[Shape, ...] = ((16, 9, 7), (16, 21))
"""Shapes large enough that a statistic a channel or place is small beside the values."""
FLAT: tuple[Shape, ...] = ((16, 1, 1), (1, 9, 7))
"""Shapes whose layout, channels last, is that of a vector."""
VECTOR: Shape = (64,)


def planted(base: type[Op], traits: dict[str, object] | None = None, **members: object) -> type[Op]:
    """A subclass that states something else; drawn with the arguments of what it derives from."""

    def stated(op: Op) -> Traits:
        return dataclasses.replace(base.traits.fget(op), **traits)  # type: ignore[attr-defined, arg-type]

    if traits is not None and isinstance(base.traits, property):
        members["traits"] = property(stated)
    elif traits is not None:
        members["traits"] = dataclasses.replace(base.traits, **traits)  # type: ignore[arg-type]
    word = f"planted{base.word}"
    return type(word.capitalize(), (base,), {"drawn_as": base, "word": word, "__module__": __name__, **members})


def _with_arguments(cls: type[Op], op: Op) -> Op:
    return cls(**{entry.name: getattr(op, entry.name) for entry in dataclasses.fields(op)})


@dataclass
class Case:
    """An operation at its place, with float64 operands and tensors."""

    node: Node
    inputs: list[Array]
    tensors: dict[str, Array]

    @property
    def op(self) -> Op:
        return self.node.op

    @property
    def single(self) -> bool:
        """A merge of one branch, which passes its operand on, whatever it states of several."""
        return self.op.inputs == "several" and len(self.inputs) == 1

    @property
    def graph(self) -> Graph:
        """Of this operation alone, if it has one operand."""
        return Graph(self.node.input_shapes[0], (self.node,))

    def operands(self, training: bool = False) -> Operands:
        parameters = {name: self.tensors[name] for name in self.node.parameters}
        return Operands(self.inputs, parameters, {name: self.tensors[name] for name in self.node.buffers}, training)

    def part(self, dtype: torch.dtype = torch.float64, training: bool = False) -> NodeModule:
        part = NodeModule()
        part.hold(self.node)
        part.to(dtype).train(training)
        for name, value in self.tensors.items():
            getattr(part, name).data = torch.from_numpy(value).to(dtype)
        return part

    def function(
        self, dtype: torch.dtype = torch.float64, training: bool = False
    ) -> Callable[[Sequence[Tensor]], Tensor]:
        """The engine's."""
        part, compute = self.part(dtype, training), compute_of(self.node)
        return lambda inputs: compute(part, inputs)

    def outputs(self, inputs: Sequence[Array]) -> Array:
        """The engine's float64 outputs in evaluation."""
        with torch.no_grad():
            found: Array = self.function()([torch.from_numpy(value) for value in inputs]).numpy().copy()
        return found

    def tensors_in(self, dtype: torch.dtype, grad: bool = False) -> list[Tensor]:
        """The operands as the engine lays them out: pictures channels last."""
        found = []
        for value in self.inputs:
            tensor = torch.from_numpy(value).to(dtype)
            if tensor.dim() == 4:
                tensor = tensor.contiguous(memory_format=torch.channels_last)
            found.append(tensor.clone(memory_format=torch.preserve_format).requires_grad_(grad))
        return found


def case_at(cls: type[Op], rng: Rng, shape: Shape, batch: int) -> Case | None:
    """The operation on a shape, or None where it takes no such shape."""
    base: type[Op] = getattr(cls, "drawn_as", cls)
    if cls.inputs == "several":
        shapes = tuple(random_merge(rng, base, shape))
        op: Op | None = base()
        names = tuple(f"i{k}" for k in range(len(shapes)))
    else:
        op, shapes, names = random_op(rng, base, shape), (shape,), (INPUT,)
    if op is None:
        return None
    op = _with_arguments(cls, op)
    numbers = np.random.default_rng(rng.randrange(2**32))
    node = Node("n", op, names, shapes, op.shape(shapes))
    try:
        compute_of(node)
    except Exception as error:  # what torch cannot do in so many dimensions
        if not isinstance(error.__cause__ or error.__context__, Misfit):
            raise
        return None
    return Case(node, [numbers.standard_normal((batch, *s)) for s in shapes], tensors_of(node, numbers))


def cases(cls: type[Op], rng: Rng, count: int, batch: int = 2) -> Iterator[Case]:
    """So many at random shapes of any number of dimensions."""
    while count:
        found = case_at(cls, rng, random_shape(rng, rng.choice((0, 1, 2, 2, 3))), batch)
        if found is not None:
            count -= 1
            yield found


def wide_cases(cls: type[Op], rng: Rng, count: int, flat: tuple[Shape, ...] = ()) -> Iterator[Case]:
    """So many at the shapes of :data:`WIDE` and ``flat``, of a vector where it takes no other; merges of two branches
    or more.
    """
    while count:
        drawn = (case_at(cls, rng, shape, 16) for shape in (*rng.sample((*WIDE, *flat), len(WIDE + flat)), VECTOR))
        found = next((case for case in drawn if case is not None), None)
        if found is None or found.single:
            continue
        count -= 1
        yield found


def unit_of(rng: Rng, shape: Shape) -> Indices:
    """A place at random."""
    return tuple(rng.randrange(n) for n in shape)


def moves(case: Case, index: Indices, operand: int, mask: Array, seed: int = 0) -> bool:
    """Whether some other values where ``mask`` is true, in an operand of the first example, move a unit."""
    if not mask.any():
        return False
    unit = (0, *index)
    before = case.outputs(case.inputs)
    numbers, scale = np.random.default_rng(seed), float(np.abs(before).max(initial=1.0))
    for size in (0.5, 2.0, 10.0, -10.0, 1000.0):
        changed = [value.copy() for value in case.inputs]
        noise = numbers.standard_normal(int(mask.sum())) if abs(size) < 10 else np.ones(1)
        changed[operand][0][mask] += size * noise
        if abs(case.outputs(changed)[unit] - before[unit]) > 1e-10 * scale:
            return True
    return False


def derivative(case: Case, inputs: Sequence[Array], index: Indices) -> Array:
    """Of a unit of the first example by its only operand there, in evaluation."""
    x = torch.from_numpy(inputs[0]).requires_grad_()
    y = case.function()([x])[(0, *index)]
    (found,) = torch.autograd.grad(y, x, allow_unused=True) if y.requires_grad else (None,)
    return np.zeros(inputs[0].shape[1:]) if found is None else found.numpy()[0]


def storage(tensor: Tensor) -> int:
    """Where its memory lies."""
    return tensor.untyped_storage().data_ptr()
