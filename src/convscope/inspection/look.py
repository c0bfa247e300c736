"""A model on one input, kept whole: every node's output as the engine computed it, any unit opened."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.data.dataset import Inputs, Unreadable
from convscope.data.modality import InputArithmetic
from convscope.errors import UserError, did_you_mean
from convscope.inspection.engine_difference import EngineDifference
from convscope.model.bounds import finite
from convscope.model.folder import Model
from convscope.model.task import Regression
from convscope.network.address import Address, parse_address
from convscope.network.graph import INPUT
from convscope.network.receptive_field import Field, field_of
from convscope.ops import spell_shape
from convscope.ops.step import Operand, Step
from convscope.ops.terms import Arrays, Term, Terms
from convscope.ops.walk import Walk
from convscope.reference.walk import walk

Precision = Literal["float32", "bfloat16"]
EPS: Mapping[str, float] = {"float32": 2.0**-23, "bfloat16": 2.0**-8}
"""The distance from 1 to the next number, by precision."""
OF_INPUTS = 2.0**-22
"""Inputs are normalised in float32, by one multiplication and one addition."""

Floats = NDArray[np.float32]


def precision_named(text: str) -> Precision:
    """The precision that a person wrote.

    Raises:
        UserError: there is none of this name.
    """
    if text not in EPS:
        raise UserError("--precision", f"{text!r}", ", ".join(EPS), did_you_mean(text, EPS))
    return cast("Precision", text)


@dataclass(frozen=True, eq=False)
class Unit(EngineDifference):
    """One number of a network, with its arithmetic.

    Args:
        address: which.
        operation: as the notation writes it; ``"pixel"`` of the input.
        reads: the nodes that its terms' ``operand`` counts; none for the input.
        walk: its terms and steps; the value is NumPy's, in float64 from the engine's operands.
        engine: the value as the model computed it.
        eps: the precision that it was computed in.
        field: where in the picture it looks.
    """

    address: Address
    operation: str
    reads: tuple[str, ...]
    walk: Walk
    engine: float
    eps: float
    field: Field

    def source(self, term: Term) -> Address | None:
        """Where a term's value comes from; None for the padding and for a pixel itself."""
        if term.index is None or not self.reads:
            return None
        # One more than the inputs is the node's own output at another place, which a recurrent one reads.
        return Address((*self.reads, self.address.path)[term.operand], term.index)

    def weight(self, term: Term) -> Address | None:
        """Which weight or value a term is multiplied by; None where there is none, or it stands nowhere."""
        if term.weight_index is None or term.weight_source is None:
            return None
        if isinstance(term.weight_source, str):
            return Address(self.address.path, term.weight_index, term.weight_source)
        return Address(self.reads[term.weight_source], term.weight_index)

    @property
    def leading(self) -> Address | None:
        """Where the term that moves the value most comes from: the way back to the pixels; None at their end."""
        at = self.walk.winner
        ordered = [self.walk.terms[at]] if at is not None else self.walk.largest_first(1)
        return self.source(ordered[0]) if ordered else None


@dataclass(frozen=True, eq=False)
class Look:
    """A model's run on one input.

    Args:
        model: the model.
        input: as it is stored: a picture is uint8 (H, W, C).
        values: each node's output by path without the batch, the normalised input as ``"input"``; float32.
        precision: what the engine computed in.

    Example:
        >>> look = look_at("runs/mnist/model", "seven.png")  # doctest: +SKIP
        >>> unit = look.unit("conv1[3,10,12]")  # doctest: +SKIP
        >>> len(unit.walk.terms), unit.difference  # doctest: +SKIP
        (25, 1.1e-08)
    """

    model: Model
    input: Inputs
    values: Mapping[str, Floats]
    precision: Precision = "float32"

    @cached_property
    def state(self) -> Arrays:
        """The model's tensors by name."""
        return {name: value.detach().cpu().numpy() for name, value in self.model.module.state_dict().items()}

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """What the model answers: one probability a class."""
        model = self.model
        scores_1K = model.task.class_scores(torch.from_numpy(self.values[model.scores_path][None]))
        scores = scores_1K[0].numpy().astype(np.float64) / model.temperature
        powers = np.exp(scores - scores.max())
        found: NDArray[np.float64] = powers / powers.sum()
        return found

    @property
    def number(self) -> float | None:
        """What the model predicts, where that is a number; else None."""
        task = self.model.task
        if not isinstance(task, Regression):
            return None
        return float(task.values(torch.from_numpy(self.values[self.model.scores_path][None]))[0])

    def unit(self, at: str | Address) -> Unit:
        """Open a unit: ``"conv1[3,10,12]"``; ``"input[0,5,5]"`` is a pixel.

        Raises:
            UserError: the network has no such unit.
        """
        graph = self.model.module.graph
        # An address is checked however it came.
        address = parse_address(graph, str(at))
        if address.tensor:
            raise UserError(f"address {at}", "it is a weight's, which is no sum of anything", f"a unit: {address.path}")
        field, engine = field_of(graph, address.path, address.index), float(self.values[address.path][address.index])
        if address.path == INPUT:
            opened = self.model.normalise.opened(self.input, address.index)
            return Unit(address, opened.what, (), _input_walk(opened, address.index), engine, OF_INPUTS, field)
        node = graph.by_path[address.path]
        parameters, buffers = (
            {name: self.state[f"{node.path}.{name}"] for name in names} for names in (node.parameters, node.buffers)
        )
        opened_unit = walk(node.op, [self.values[path] for path in node.inputs], parameters, buffers, address.index)
        return Unit(address, node.op.text(), node.inputs, opened_unit, engine, EPS[self.precision], field)

    def trail(self, at: str | Address) -> tuple[Unit, ...]:
        """A unit, the unit that moves it most, and so on back to a pixel (or to a zero of the padding)."""
        units = [self.unit(at)]
        while (address := units[-1].leading) is not None:
            units.append(self.unit(address))
        return tuple(units)


def _input_walk(opened: InputArithmetic, index: tuple[int, ...]) -> Walk:
    """The arithmetic of a number of the network's input."""
    operands = tuple(Operand(name, value) for name, value in opened.operands)
    step = Step("normalised", opened.form, operands, opened.value)
    terms = Terms.of(np.array([operands[0].value]), np.array([index]))
    return Walk(opened.what, index, terms, "value", operands[0].value, (step,), opened.magnitude)


def look_at(
    model: Model | str | Path,
    input: str | Path | Inputs,  # noqa: A002
    precision: Precision = "float32",
) -> Look:
    """Run a model on one input and keep every node's output.

    Args:
        model: a model, or its folder.
        input: a file, or an array as the model's inputs are stored: of pictures uint8 (H, W, C) of its size.
        precision: ``"bfloat16"`` runs convolutions and linear layers under autocast, as training there does.

    Raises:
        UserError: the model or the file cannot be read, the array is of another shape, or the scores are not finite.
    """
    precision_named(precision)
    loaded = model if isinstance(model, Model) else Model.load(model)
    stored = stored_input(loaded, input)
    device = next((p.device for p in loaded.module.parameters()), torch.device("cpu"))
    x_N_shape = loaded.normalise(torch.from_numpy(stored[None]).to(device))
    low = torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()
    loaded.module.eval()
    with torch.inference_mode(), low:
        found = loaded.module.forward_all(x_N_shape)
    finite(found[loaded.scores_path].float().cpu(), loaded.module, loaded.normalise, stored[None])
    values: dict[str, Any] = {INPUT: x_N_shape, **found}
    return Look(loaded, stored, {path: v[0].float().cpu().numpy() for path, v in values.items()}, precision)


def stored_input(model: Model, given: str | Path | Inputs) -> Inputs:
    """An input as the model's are stored, its own copy; see :func:`look_at`."""
    pre, one = model.preprocess, model.modality.one
    if isinstance(given, np.ndarray):
        if given.shape != pre.stored or given.dtype != pre.dtype:
            got = f"an array of {spell_shape(given.shape)}, {given.dtype}"
            raise UserError(one, got, f"{' x '.join(map(str, pre.stored))}, {pre.dtype}")
        return np.array(given)
    if not Path(given).exists():
        raise UserError(str(given), "there is no such file", f"a {one}")
    try:
        return np.array(pre.decode(given))  # its own, and writable
    except Unreadable as error:
        raise UserError(str(given), error.reason, f"a {one}") from None
