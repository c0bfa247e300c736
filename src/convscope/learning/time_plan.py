"""How many steps fit into ``--time``: measured before the first one, and kept true while the run goes on."""

from __future__ import annotations

import time

import numpy as np

from convscope.data.dataset import Dataset
from convscope.engine.inference import compute
from convscope.learning import schedule
from convscope.learning.batches import Examples, batch_indices, steps_per_epoch
from convscope.learning.gradients import Objective
from convscope.learning.loader import Batch, augmentation_of
from convscope.learning.memory import explain_memory
from convscope.learning.recipe import Recipe
from convscope.learning.state import TrainingState, begin
from convscope.learning.step import Stepper


class TimePlan:
    """Keeps the plan of --time true: the schedule is shortened or drawn out where the machine's speed changes.

    Args:
        deadline: the :func:`time.monotonic` second by which the last step must be done; None: the epochs decide.
        dataset, recipe: decide what follows the last step.
    """

    def __init__(self, deadline: float | None, dataset: Dataset, recipe: Recipe) -> None:
        self.deadline = deadline
        self.afterwards = _afterwards(dataset, recipe)
        self.step_seconds = 0.0
        self.epoch_seconds = 0.0
        self.steps = 0
        self.looked = time.monotonic()

    def took(self, seconds: float) -> None:
        """A step was taken, as if on pictures of whole size."""
        # A mean that follows: what forty steps ago took counts a third.
        self.steps += 1
        self.step_seconds += (seconds - self.step_seconds) / min(40, self.steps)

    def validated(self, seconds: float) -> None:
        """A validation took so long."""
        self.epoch_seconds = seconds

    def left(self) -> float:
        """Seconds for what of the plan is still to come."""
        assert self.deadline is not None
        return self.deadline - time.monotonic() - self.afterwards * self.epoch_seconds

    def replanned(self, state: TrainingState, per_epoch: int) -> bool:
        """Whether the plan's length was changed; it is looked at every half second, and small changes are left."""
        now = time.monotonic()
        ended = state.step >= state.steps
        if self.deadline is None or ended or self.steps < 10 or now - self.looked < 0.5:
            return False
        self.looked = now
        steps = schedule.plan_within(
            self.left(), self.step_seconds, per_epoch, self.epoch_seconds, state.step, state.recipe.progressive or 0.0
        )
        if abs(steps - state.steps) < 0.01 * (state.steps - state.step if steps < state.steps else state.steps):
            return False
        epochs = state.recipe.epochs
        state.steps = steps if epochs is None else min(steps, max(state.step + 1, round(epochs * per_epoch)))
        return True


def settle(
    state: TrainingState, dataset: Dataset, examples: Examples, objective: Objective, stepper: Stepper, plan: TimePlan
) -> tuple[float | None, str]:
    """Give a new run its number of steps: by its epochs, or as many as the time allows, at least one.

    Returns:
        seconds a step takes, where they were measured; why not even one fits into the time, where it does not.
    """
    recipe = state.recipe
    per_epoch = steps_per_epoch(len(dataset.train), recipe.batch_size or 1)
    by_epochs = max(1, round((recipe.epochs or 1) * per_epoch))
    if plan.deadline is None:
        state.steps = by_epochs
        return None, ""
    step_seconds, epoch_seconds = _speed(state, dataset, examples, objective, stepper, plan.deadline)
    plan.validated(epoch_seconds)
    left, progressive = plan.left(), recipe.progressive or 0.0
    state.steps = schedule.plan_within(left * 0.98, step_seconds, per_epoch, epoch_seconds, 0, progressive)
    if recipe.epochs is not None:
        state.steps = min(state.steps, by_epochs)
    if left >= step_seconds:
        return step_seconds, ""
    passed = (recipe.time or 0.0) + time.monotonic() - plan.deadline
    needed = plan.afterwards * plan.epoch_seconds
    return step_seconds, f"{passed:.1f} s have passed, evaluation takes about {needed:.1f} s more"


def _afterwards(dataset: Dataset, recipe: Recipe) -> float:
    """What follows the last step, in validations: the last one, and the model on what it is measured with."""
    views = 1 if recipe.tta == "none" else 2
    return 1 + views * (len(dataset.val) + len(dataset.test)) / max(1, len(dataset.val))


def _speed(
    state: TrainingState,
    dataset: Dataset,
    examples: Examples,
    objective: Objective,
    stepper: Stepper,
    deadline: float,
) -> tuple[float, float]:
    """Seconds a step and a validation take, measured on a copy that is thrown away: the run itself starts untouched."""
    device = next(state.module.parameters()).device
    copy = begin(state.graph, state.recipe, device)
    copy.parts = state.parts
    recipe, count = state.recipe, len(dataset.train)
    augmentation = augmentation_of(recipe, dataset, recipe.epochs or 0)
    allowed = min(3.0, max(0.05, 0.02 * (deadline - time.monotonic())))
    per_epoch = steps_per_epoch(count, recipe.batch_size or 1)
    # Of a step in pieces those that are computed at the same time are enough.
    rounds = max(1, recipe.pieces(recipe.batch_size or 1) // stepper.workers.count)
    times: list[float] = []
    begun = time.monotonic()
    workers, trial = stepper.workers, Stepper(copy, stepper.workers)
    trial.divided = stepper.divided
    while len(times) < 4 or (time.monotonic() - begun < allowed and len(times) < 200):
        started = time.monotonic()
        indices = batch_indices(recipe.seed, 0, len(times) % per_epoch, count, recipe.batch_size or 1)
        indices = indices[: -(-len(indices) // rounds)]
        inputs, labels = examples.take(indices)
        inputs = augmentation.vary(inputs, recipe.seed, indices_N=indices, each=workers.in_order)
        try:
            loss, _ = trial.step(Batch(inputs, labels), objective)
        except (RuntimeError, MemoryError) as error:
            explain_memory(error, state.graph, recipe, device)
        loss.item()
        times.append(time.monotonic() - started)
    if not len(dataset.val):
        return float(np.median(times[2:])) * rounds, 0.0
    started = time.monotonic()
    some = dataset.val.inputs_N[: max(1, min(len(dataset.val), 1000))]
    compute(copy.module, some, objective.normalise, precision=objective.dtype)
    return float(np.median(times[2:])) * rounds, (time.monotonic() - started) * len(dataset.val) / len(some)
