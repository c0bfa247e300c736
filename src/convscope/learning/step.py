"""A step of training: the gradients of a batch, computed by the cores in the way of the moment, and one move."""

from __future__ import annotations

from contextlib import ExitStack

import torch
from torch import Tensor

from convscope.engine.workers import Workers, one_thread_each
from convscope.learning.gradients import Objective, gradients
from convscope.learning.loader import Batch
from convscope.learning.parts import Parts
from convscope.learning.state import TrainingState


class Stepper:
    """Takes the steps of a run; use it as a context manager, which leaves torch's number of threads as it was.

    A batch is computed in pieces where the recipe asks for them, else in parts while it is divided, else at once.

    Args:
        state: of the run.
        workers: as many as there are parts, or pieces at a time.
    """

    def __init__(self, state: TrainingState, workers: Workers) -> None:
        self.state, self.workers, self.divided = state, workers, False
        self._alone = ExitStack()
        modules = [module for module in (state.module, state.small) if module is not None]
        self._parts = {id(module): Parts(module, workers) for module in modules} if state.parts > 1 else {}

    def __enter__(self) -> Stepper:
        return self

    def __exit__(self, *_: object) -> None:
        self._alone.close()

    def divide(self, divided: bool) -> None:
        """Whether each core has a part of the batch from now on."""
        self._alone.close()
        self.divided = divided
        if divided:
            self._alone.enter_context(one_thread_each())

    def step(self, batch: Batch, objective: Objective, seed: int = 0) -> tuple[Tensor, Tensor]:
        """One step on a batch of inputs and labels.

        Args:
            batch: the inputs and labels.
            objective: the loss.
            seed: of what dropout draws.

        Returns:
            loss and hits, not yet waited for.
        """
        state = self.state
        _seed_dropout(batch.labels.device, seed)
        module, pieces = state.at_present(), state.recipe.pieces(len(batch.labels))
        if pieces == 1 and self.divided and len(batch.labels) >= 2 * self.workers.count:
            loss, hits = self._parts[id(module)].gradients(batch, objective, seed)
        else:
            loss, hits = gradients(module, batch, objective, pieces, self.workers, seed)
        state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)  # now, so that the next forward pass has the gradients' memory
        if state.average is not None:
            state.average.update(state.module, state.step)
        return loss, hits


def _seed_dropout(device: torch.device, seed: int) -> None:
    """Seed the device's default generator. ``torch.manual_seed`` seeds every kind of device, which takes 0.7 ms."""
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)
