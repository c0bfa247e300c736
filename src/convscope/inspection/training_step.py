"""One training step of a model, seen from any of its numbers: loss, gradient, the chain between them, the weight after.

The engine takes the step; NumPy opens the number that is asked for, in float64 from the engine's own operands, and
the two are held against each other as a unit's value is in :mod:`convscope.inspection.look`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.data.dataset import Inputs
from convscope.errors import UserError, did_you_mean
from convscope.inspection.autograd import engine_loss, engine_step
from convscope.inspection.engine_difference import EngineDifference
from convscope.inspection.find_input import find_input
from convscope.inspection.look import Look, stored_input
from convscope.model.folder import Model
from convscope.model.task import Regression
from convscope.network.address import Address, parse_address
from convscope.reference.backpropagation import Backpropagation, Update
from convscope.reference.gradient_walk import Chain, GradientWalk, chain, open_gradient
from convscope.reference.opened_loss import ExampleLoss


@dataclass(frozen=True, eq=False)
class OpenedGradient(EngineDifference):
    """One number's part in a training step.

    Args:
        address: of a weight or a unit.
        example: of a unit, which of the batch; None of a weight.
        number: what stands there before the step: the weight, or the unit's value.
        walk: the terms of its gradient; the value is NumPy's, in float64 from the engine's operands.
        engine: the gradient as autograd gave it.
        eps: the precision that it was computed in.
        way: the strongest way from the number to the loss, one link a node.
        update: of a weight, the step of plain gradient descent.
    """

    address: Address
    example: int | None
    number: float
    walk: GradientWalk
    engine: float
    eps: float
    way: Chain
    update: Update | None


@dataclass(frozen=True, eq=False)
class TrainingStep:
    """A step of plain gradient descent on a batch, kept whole.

    Args:
        model: as it was before the step, and still is.
        inputs_N: as they are stored: pictures are uint8 (N, H, W, C).
        labels: their classes by name, or their numbers as they are written.
        lr: the learning rate.
        backpropagation: the engine's values and gradients.
        loss_after: the same batch's loss with the weights after the step, dropout's masks as they were.
    """

    model: Model
    inputs_N: Inputs = field(repr=False)
    labels: tuple[str, ...]
    lr: float
    backpropagation: Backpropagation = field(repr=False)
    loss_after: float

    @property
    def loss_before(self) -> float:
        """The batch's mean loss by the model's task, as the engine computed it."""
        return self.backpropagation.loss.value

    def loss_of(self, example: int = 0) -> ExampleLoss:
        """One example's loss opened, from its scores on."""
        self._check(example)
        return self.backpropagation.loss_of(example)

    def open(self, at: str | Address, example: int = 0) -> OpenedGradient:
        """Open a number's gradient.

        Args:
            at: a weight, ``"conv1.weight[3,0,1,2]"``, or a unit, ``"conv1[3,10,12]"``.
            example: of a unit, which of the batch.

        Raises:
            UserError: the network has no such number, the loss does not depend on it, or the batch no such example.

        Example:
            >>> step = training_step("runs/mnist/model", ["mnist:0", "mnist:1"])  # doctest: +SKIP
            >>> opened = step.open("conv1.weight[0,0,2,2]")  # doctest: +SKIP
            >>> opened.walk.count, opened.difference, opened.update.after  # doctest: +SKIP
            (1568, 2.3e-10, 0.0871)
        """
        back = self.backpropagation
        address = parse_address(back.graph, str(at))
        self._check(example)
        walk = open_gradient(back, address, example)
        name = f"{address.path}.{address.tensor}"
        if address.tensor:
            engine, number = back.parameters[name][address.index], back.state[name][address.index]
        else:
            place = (example, *address.index)
            engine, number = back.gradients[address.path][place], back.values[address.path][place]
        return OpenedGradient(
            address=address,
            example=walk.example,
            number=float(number),
            walk=walk,
            engine=float(engine),
            eps=back.eps,
            way=chain(back, address, example),
            update=back.update(address, self.lr) if address.tensor else None,
        )

    def _check(self, example: int) -> None:
        count = self.backpropagation.examples
        if not 0 <= example < count:
            raise UserError("example", str(example), f"from 0 to {count - 1}: the batch has {count}")


def training_step(
    model: Model | Look | str | Path,
    inputs: Sequence[str | Path | Inputs] | Inputs | str | Path | None = None,
    labels: Sequence[str | float] | str | float | None = None,
    *,
    lr: float = 0.01,
    training: bool = True,
    label_smoothing: float = 0.0,
    seed: int = 0,
) -> TrainingStep:
    """Take one training step with a model's engine and keep all of it; the model is left as it is.

    Args:
        model: a model, its folder, or a look at an input, which is then the batch.
        inputs: files, ``DATA:NUMBER`` such as ``mnist/:train[7]``, or arrays as the model's inputs are stored (of
            pictures uint8 (H, W, C) of its size), or a batch of them.
        labels: their classes by name, or by number from 0; of a regression the numbers, in the target's own unit;
            None: what the data says.
        lr: the learning rate of the step.
        training: batch norm by the batch's statistics and dropout, as in training; False: as in evaluation.
        label_smoothing: of a cross entropy.
        seed: of dropout's masks.

    Raises:
        UserError: an input cannot be read or has no label, a label is no class, or the numbers do not fit.
    """
    loaded = model if isinstance(model, Model) else model.model if isinstance(model, Look) else Model.load(model)
    if inputs is None:
        if not isinstance(model, Look):
            raise UserError("inputs", "there is none", "at least one")
        inputs = [model.input]
    if not np.isfinite(lr) or lr < 0:
        raise UserError("--lr", f"{lr:g}", "a number of at least 0")
    stored, known = _inputs(loaded, inputs)
    targets, told = _targets(loaded, labels, known)
    device = next((p.device for p in loaded.module.parameters()), torch.device("cpu"))
    inputs_N = np.stack(stored)
    x_N_shape = loaded.normalise(torch.from_numpy(inputs_N).to(device))
    task = loaded.task
    if label_smoothing and isinstance(task, Regression):
        raise UserError("label smoothing", f"{label_smoothing:g}", "0: a number is no class")
    back = engine_step(loaded.module, x_N_shape, targets, training, label_smoothing, seed, task.kind)
    after = engine_loss(loaded.module, back, lr)
    return TrainingStep(loaded, inputs_N, told, lr, back, after)


def _inputs(model: Model, inputs: Any) -> tuple[list[Inputs], list[str | None]]:
    """The inputs as they are stored, and what the data says that they are."""
    if isinstance(inputs, (str, Path)) or (
        isinstance(inputs, np.ndarray) and inputs.ndim == len(model.preprocess.stored)
    ):
        inputs = [inputs]
    if not len(inputs):
        raise UserError("inputs", "there is none", "at least one")
    stored: list[Inputs] = []
    known: list[str | None] = []
    for one in inputs:
        if isinstance(one, np.ndarray):
            stored.append(stored_input(model, one))
            known.append(None)
        else:
            found = find_input(model, one)
            stored.append(found.input)
            known.append(found.label)
    return stored, known


def _targets(
    model: Model, labels: Any, known: Sequence[str | None]
) -> tuple[list[int] | NDArray[np.float64], tuple[str, ...]]:
    """What the loss is told of the inputs, classes by number or standardised numbers, and how that is written."""
    given = [labels] if isinstance(labels, (str, int, float)) else list(labels) if labels is not None else list(known)
    if len(given) != len(known):
        raise UserError("labels", f"{len(given)} for {len(known)} {model.modality.many}", f"one a {model.modality.one}")
    task = model.task
    if isinstance(task, Regression):
        numbers = [_true_number(model, task, label) for label in given]
        return (np.array(numbers) - task.mean) / task.std, tuple(f"{number:g}" for number in numbers)
    classes = [_number(model, label) for label in given]
    return classes, tuple(model.classes[number] for number in classes)


def _true_number(model: Model, task: Regression, label: str | float | None) -> float:
    if label is None:
        got = f"the {task.target} of a {model.modality.one} is not known"
        raise UserError("labels", got, "the number that it is, as --label or labels=")
    try:
        number = float(label)
    except ValueError:
        number = float("nan")
    if not np.isfinite(number):
        raise UserError("labels", f"{label!r} as {task.target}", "a number")
    return number


def _number(model: Model, label: str | float | None) -> int:
    classes = model.classes
    if label is None:
        raise UserError(
            "labels", f"a {model.modality.one} without a label", "its class, for example " + repr(classes[0])
        )
    if isinstance(label, str):
        if label not in classes:
            raise UserError("labels", f"no class {label!r}", hint=did_you_mean(label, classes))
        return classes.index(label)
    if label != int(label) or not 0 <= label < len(classes):
        raise UserError("labels", f"no class {label}", f"from 0 to {len(classes) - 1}, or a name")
    return int(label)
