"""Training as a generator of events. Between two events the state is whole: whoever holds it may save it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import numpy as np
import torch

from convscope.data.dataset import Dataset
from convscope.data.modalities import modality_of
from convscope.data.modality import Augmentation, Normalisation
from convscope.engine.inference import compute, laid_out
from convscope.engine.module import GraphModule
from convscope.engine.workers import Workers, cores, one_thread_each
from convscope.errors import UserError
from convscope.learning import schedule
from convscope.learning.batches import Examples, steps_per_epoch
from convscope.learning.device import precision_of
from convscope.learning.events import EpochEnded, Event, Planned, Stepped, Stopped
from convscope.learning.gradients import Objective
from convscope.learning.loader import Loader, augmentation_of
from convscope.learning.memory import explain_memory, pieces_at_once
from convscope.learning.muon import Muon
from convscope.learning.optimise import set_rate
from convscope.learning.parts import parts_worth
from convscope.learning.sharing import Sharing
from convscope.learning.state import Sums, TrainingState
from convscope.learning.step import Stepper
from convscope.learning.time_plan import TimePlan, settle
from convscope.model.task import Task, task_of
from convscope.network.graph import Graph
from convscope.seeds import stream_seed

EAGER = 20
"""Steps between two looks at a GPU's numbers; a processor's are looked at after every step."""


INTERRUPTED = "interrupted"


def task_for(graph: Graph, dataset: Dataset) -> Task:
    """What a network is asked for by some data: numbers are standardised by the training targets."""
    if dataset.classes:
        return task_of(graph, dataset.classes)
    targets_N = np.asarray(dataset.train.labels_N, np.float64)
    name = getattr(dataset.preprocess, "target", "target")
    return task_of(graph, (), {"target": name, "mean": targets_N.mean(), "std": targets_N.std()})


def _planned(
    state: TrainingState,
    per_epoch: int,
    dtype: torch.dtype,
    device: torch.device,
    step_seconds: float | None,
    augmentation: Augmentation,
    too_short: str = "",
) -> Planned:
    return Planned(
        steps=state.steps,
        epochs=round(state.steps / per_epoch, 2),
        batch_size=state.recipe.batch_size or 0,
        parameters=state.graph.parameter_count,
        macs=state.graph.macs,
        precision=str(dtype).removeprefix("torch."),
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        step_seconds=step_seconds,
        augment=augmentation.words(),
        too_short=too_short,
    )


def train(
    state: TrainingState,
    dataset: Dataset,
    normalise: Normalisation,
    deadline: float | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Take the steps of the plan, from wherever the state stands.

    Args:
        state: the run, new or restored; it is whole whenever an event comes out.
        dataset: its ``train`` and ``val`` splits are read, never its ``test``.
        normalise: makes the network's input of stored ones.
        deadline: for ``recipe.time``: the :func:`time.monotonic` second by which the last step must be done.
        stop: asked between steps; True ends the run with :class:`~convscope.learning.events.Stopped`.

    Yields:
        ``Planned``, then ``Stepped`` and ``EpochEnded``; ``Stopped`` where the plan is not carried out to its end.

    Raises:
        UserError: the loss is no longer finite, or memory does not suffice.
    """
    recipe, device = state.recipe, next(state.module.parameters()).device
    modality, dtype = modality_of(dataset.preprocess), precision_of(recipe, device)
    task = task_for(state.graph, dataset)
    objective = Objective(modality, normalise, task, dtype, recipe.label_smoothing or 0.0)
    # Kept: with another number a run that goes on would add its gradients up in another order.
    state.at_once = state.at_once or pieces_at_once(state.graph, recipe, device)
    pieces = recipe.pieces(recipe.batch_size or 1)
    if not state.parts:
        can_divide = device.type == "cpu" and pieces == 1
        state.parts = parts_worth(state.graph, recipe.batch_size or 1, cores()) if can_divide else 1
    # One core for all of a step, but where cores share operations: while a batch is not divided, and where memory
    # allows one large piece at a time.
    alone = device.type == "cpu" and state.parts == 1 and (state.at_once > 1 or pieces == 1)
    with one_thread_each() if alone else nullcontext(), Workers(max(state.at_once, state.parts)) as workers:
        if isinstance(state.optimizer, Muon) and state.at_once > 1:
            state.optimizer.each = workers.in_order
        with Stepper(state, workers) as stepper:
            yield from _train(state, dataset, objective, stepper, deadline, stop)


def _train(
    state: TrainingState,
    dataset: Dataset,
    objective: Objective,
    stepper: Stepper,
    deadline: float | None,
    stop: Callable[[], bool],
) -> Iterator[Event]:
    recipe, device = state.recipe, next(state.module.parameters()).device
    per_epoch = steps_per_epoch(len(dataset.train), recipe.batch_size or 1)
    examples = Examples(dataset.train, device)
    sharing = Sharing(recipe.threads, state.parts, state.divided)
    stepper.divide(sharing.divided)
    plan = TimePlan(deadline, dataset, recipe)
    step_seconds, too_short = None, ""
    if state.steps == 0:
        step_seconds, too_short = settle(state, dataset, examples, objective, stepper, plan)
    if not state.augmented_for:
        # Kept: where --time changes the plan's length, a run that goes on is still augmented as it began.
        state.augmented_for = state.steps / per_epoch
    augmentation = augmentation_of(recipe, dataset, state.augmented_for)
    loader = Loader(dataset, examples, recipe, augmentation, stepper.workers.in_order if device.type == "cpu" else map)
    yield _planned(state, per_epoch, objective.dtype, device, step_seconds, augmentation, too_short)

    pending: list[tuple[torch.Tensor, torch.Tensor, int]] = []
    state.to_train()
    while state.step < state.steps:
        epoch, place = divmod(state.step, per_epoch)
        if recipe.patience and place == 0 and state.history and epoch - state.best_epoch >= recipe.patience:
            yield Stopped(state.step, f"no better validation accuracy for {recipe.patience} epochs")
            return
        if (changed := sharing.at(state.step)) is not None:
            state.divided.append((changed.step, changed.divided))
            yield changed
            stepper.divide(changed.divided)
        begun, small = time.monotonic(), state.is_small
        share = schedule.rate(recipe.schedule, state.step, state.steps, recipe.warmup or 0)
        lr = (recipe.lr or 0) * share
        set_rate(state.optimizer, share, state.step / state.steps)
        batch = loader.at(epoch, place)
        try:
            loss, hits = stepper.step(batch, objective, stream_seed(recipe.seed, "dropout", epoch, place))
        except (RuntimeError, MemoryError) as error:
            explain_memory(error, state.graph, recipe, device)
        # What whoever looks on does with the step, saving it for one, is no sign of a slow machine.
        whole = schedule.SMALL_COST if small else 1
        slowed = sharing.took(state.step, (time.monotonic() - begun) / whole)
        state.step += 1
        state.images += len(batch.labels)
        pending.append((loss, hits, len(batch.labels)))
        ended = place == per_epoch - 1 or state.step == state.steps
        if device.type == "cpu" or len(pending) >= EAGER or ended:
            yield _look(state, pending, epoch, lr, batch.inputs, objective, ended)
        plan.took((time.monotonic() - begun) / whole)
        state.seconds += time.monotonic() - begun
        state.sums.seconds += time.monotonic() - begun
        state.sums.waiting += loader.stall.take()
        if ended:
            begun = time.monotonic()
            yield _epoch_ended(state, dataset, objective, epoch + 1, lr, small)
            plan.validated(time.monotonic() - begun)
            state.to_train()
        if slowed is not None:
            yield slowed
        if stop() and state.step < state.steps:
            if pending:
                yield _look(state, pending, epoch, lr, batch.inputs, objective, ended)
            yield Stopped(state.step, INTERRUPTED)
            return
        if plan.replanned(state, per_epoch):
            yield _planned(state, per_epoch, objective.dtype, device, plan.step_seconds, augmentation)


def _look(
    state: TrainingState,
    pending: list[tuple[torch.Tensor, torch.Tensor, int]],
    epoch: int,
    lr: float,
    inputs: torch.Tensor,
    objective: Objective,
    last: bool,
) -> Stepped:
    """Wait for the numbers of the pending steps and add them up; a loss that is not finite ends the run here."""
    losses = torch.stack([loss for loss, _, _ in pending]).tolist()
    hits = torch.stack([hits for _, hits, _ in pending]).tolist()
    counts = [count for _, _, count in pending]
    first = state.step - len(pending) + 1
    pending.clear()
    for index, loss in enumerate(losses):
        if not np.isfinite(loss):
            cause = _cause(state.module, objective.normalise(inputs))
            raise UserError(
                f"step {first + index} of epoch {epoch + 1}",
                f"the loss is {loss}: {cause}",
                "a finite loss",
                f"try --lr {lr / 10:.2g}; the last good checkpoint is kept",
            )
    state.sums.loss += sum(loss * count for loss, count in zip(losses, counts, strict=True))
    state.sums.hits += int(sum(hits))
    state.sums.images += sum(counts)
    state.sums.steps += len(counts)
    total = sum(counts)
    mean = sum(loss * count for loss, count in zip(losses, counts, strict=True)) / total
    accuracy = None if objective.task.kind == "regression" else sum(hits) / total
    return Stepped(state.step, epoch + 1, mean, accuracy, lr, total, last)


def _cause(module: GraphModule, images: torch.Tensor) -> str:
    """Where the numbers broke: the first weights, else the first node, that are not finite."""
    for name, parameter in module.named_parameters():
        if not torch.isfinite(parameter).all():
            return f"the weights {name} are no longer finite, the learning rate is probably too high"
    with torch.no_grad():
        for path, values in module.forward_all(images).items():
            if not torch.isfinite(values).all():
                return f"the values of {path} are no longer finite"
    return "the scores are too large for the loss"


def weighted(state: TrainingState) -> GraphModule:
    """The module to evaluate: the trained one, or one of the averaged weights and without auxiliary heads."""
    if state.average is None and not state.graph.heads:
        return state.module
    module = laid_out(GraphModule(state.graph), next(state.module.parameters()).device)
    module.load_state_dict(dict(state.evaluated()))
    return module


def _validation_scores(state: TrainingState, dataset: Dataset, normalise: Normalisation, small: bool) -> torch.Tensor:
    """Scores of the validation inputs, at the size and in the numbers of the training: on whole pictures a network
    that was only ever shown small ones looks far worse than it is.
    """
    module, inputs_N = weighted(state), dataset.val.inputs_N
    if small and state.small is not None:
        whole, module = module, GraphModule(module.graph.at(state.small.graph.input))
        module.share(whole)
        inputs_N = modality_of(dataset.preprocess).smaller(inputs_N, module.graph.input)
    dtype = precision_of(state.recipe, next(module.parameters()).device)
    return compute(module, inputs_N, normalise, precision=dtype).float()


def _epoch_ended(
    state: TrainingState, dataset: Dataset, objective: Objective, epoch: int, lr: float, small: bool
) -> EpochEnded:
    val_loss = val_accuracy = val_recall = None
    task, numbers = objective.task, objective.task.kind == "regression"
    if len(dataset.val):
        scores = _validation_scores(state, dataset, objective.normalise, small)
        labels = torch.from_numpy(np.array(dataset.val.labels_N))
        val_loss = float(task.training_loss(scores, labels, None, 0.0))
        if not numbers:
            right = task.class_scores(scores).argmax(1) == labels
            val_accuracy = float(right.float().mean())
            val_recall = _macro_recall(right, labels, len(dataset.classes))
        # Of numbers the best epoch is the one with the least loss.
        worth = -val_loss if val_accuracy is None else val_accuracy
        if worth > state.best_accuracy or not state.history:
            state.best_accuracy, state.best_epoch = worth, epoch
    sums = state.sums
    ended = EpochEnded(
        epoch=epoch,
        step=state.step,
        train_loss=sums.loss / max(1, sums.images),
        train_accuracy=None if numbers else sums.hits / max(1, sums.images),
        val_loss=val_loss,
        val_accuracy=val_accuracy,
        lr=lr,
        seconds=state.seconds,
        images_per_second=sums.images / max(1e-9, sums.seconds),
        val_recall=val_recall,
        waiting=sums.waiting / max(1e-9, sums.seconds),
        step_seconds=sums.seconds / max(1, sums.steps),
    )
    state.history.append(dict(vars(ended)))
    state.sums = Sums()
    return ended


def _macro_recall(right_N: torch.Tensor, labels_N: torch.Tensor, classes: int) -> float:
    """The mean over the classes that occur, of the share of a class's pictures that are right."""
    counts_K = torch.bincount(labels_N, minlength=classes)
    right_K = torch.bincount(labels_N, right_N.double(), minlength=classes)
    there_K = counts_K > 0
    return float((right_K[there_K] / counts_K[there_K]).mean())
