"""Training as a generator of events. Between two events the state is whole: whoever holds it may save it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext

import numpy as np
import torch
from torch import Tensor

from convscope.data.dataset import Dataset
from convscope.data.modalities import modality_of
from convscope.data.modality import Augmentation, Normalisation
from convscope.engine.inference import compute, laid_out
from convscope.engine.module import GraphModule
from convscope.engine.workers import Workers, cores, one_thread_each
from convscope.errors import UserError
from convscope.learning import schedule
from convscope.learning.batches import Examples, batch_indices, steps_per_epoch
from convscope.learning.device import precision_of
from convscope.learning.events import Decided, EpochEnded, Event, Planned, Stepped, Stopped
from convscope.learning.gradients import Objective, gradients
from convscope.learning.loader import Batch, Loader
from convscope.learning.memory import explain_memory, pieces_at_once
from convscope.learning.muon import Muon
from convscope.learning.optimise import set_rate
from convscope.learning.parts import Parts, parts_worth
from convscope.learning.recipe import Recipe
from convscope.learning.sharing import Sharing
from convscope.learning.state import Sums, TrainingState, begin
from convscope.model.task import Task, task_of
from convscope.network.graph import Graph
from convscope.seeds import stream_seed

EAGER = 20
"""Steps between two looks at a GPU's numbers; a processor's are looked at after every step."""


INTERRUPTED = "interrupted"


def augmentation_of(recipe: Recipe, dataset: Dataset, epochs: float) -> Augmentation:
    """What the recipe's ``augment`` means for these inputs."""
    return modality_of(dataset.preprocess).augmentation(recipe.augment, dataset.preprocess, epochs, dataset.classes)


def task_for(graph: Graph, dataset: Dataset) -> Task:
    """What a network is asked for by some data: numbers are standardised by the training targets."""
    if dataset.classes:
        return task_of(graph, dataset.classes)
    targets_N = np.asarray(dataset.train.labels_N, np.float64)
    name = getattr(dataset.preprocess, "target", "target")
    return task_of(graph, (), {"target": name, "mean": targets_N.mean(), "std": targets_N.std()})


class _Cores:
    """How cores compute a step: in pieces where the recipe asks for them, else in parts while it is divided."""

    def __init__(self, state: TrainingState, workers: Workers) -> None:
        self.workers, self._alone, self.divided = workers, ExitStack(), False
        modules = [module for module in (state.module, state.small) if module is not None] if state.parts > 1 else []
        self.parts = {id(module): Parts(module, workers) for module in modules}

    def __enter__(self) -> _Cores:
        return self

    def __exit__(self, *_: object) -> None:
        self._alone.close()

    def divide(self, divided: bool) -> None:
        """Whether each core has a part of the batch from now on."""
        self._alone.close()
        self.divided = divided
        if divided:
            self._alone.enter_context(one_thread_each())

    def gradients(self, state: TrainingState, batch: Batch, objective: Objective, seed: int) -> tuple[Tensor, Tensor]:
        """See :func:`convscope.learning.gradients.gradients`."""
        module, pieces = state.at_present(), state.recipe.pieces(len(batch.labels))
        if pieces == 1 and self.divided and self.parts and len(batch.labels) >= 2 * self.workers.count:
            return self.parts[id(module)].gradients(batch, objective, seed)
        return gradients(module, batch, objective, pieces, self.workers, seed)


def _step(
    state: TrainingState, batch: Batch, objective: Objective, cores_of: _Cores, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """One step on a batch of inputs and labels; returns loss and hits, not yet waited for."""
    loss, hits = cores_of.gradients(state, batch, objective, seed)
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


def _planned(
    state: TrainingState,
    per_epoch: int,
    dtype: torch.dtype,
    device: torch.device,
    step_seconds: float | None,
    augmentation: Augmentation,
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
    if not state.parts:
        pieces = recipe.pieces(recipe.batch_size or 1)
        alone = device.type == "cpu" and pieces == 1
        state.parts = parts_worth(state.graph, recipe.batch_size or 1, cores()) if alone else 1
    # Where memory allows one large piece at a time, all cores share each of its operations.
    shared = device.type != "cpu" or (state.at_once == 1 and recipe.pieces(recipe.batch_size or 1) > 1)
    # So do they while a batch is not divided; see _Divided.
    shared = shared or state.parts > 1
    with nullcontext() if shared else one_thread_each(), Workers(max(state.at_once, state.parts)) as workers:
        if isinstance(state.optimizer, Muon) and state.at_once > 1:
            state.optimizer.each = workers.in_order
        with _Cores(state, workers) as cores_of:
            yield from _train(state, dataset, objective, cores_of, deadline, stop)


def _train(
    state: TrainingState,
    dataset: Dataset,
    objective: Objective,
    cores_of: _Cores,
    deadline: float | None,
    stop: Callable[[], bool],
) -> Iterator[Event]:
    recipe, device = state.recipe, next(state.module.parameters()).device
    per_epoch = steps_per_epoch(len(dataset.train), recipe.batch_size or 1)
    examples = Examples(dataset.train, device)
    workers, sharing = cores_of.workers, Sharing(recipe.threads, state.parts, state.divided)
    cores_of.divide(sharing.divided)
    clock = _Clock(deadline, _afterwards(dataset, recipe))
    step_seconds, decided = (
        _settled(state, dataset, examples, objective, workers, clock) if state.steps == 0 else (None, None)
    )
    if decided is not None:
        yield decided
    if not state.augmented_for:
        # Kept: where --time changes the plan's length, a run that goes on is still augmented as it began.
        state.augmented_for = state.steps / per_epoch
    augmentation = augmentation_of(recipe, dataset, state.augmented_for)
    loader = Loader(dataset, examples, recipe, augmentation, workers.in_order if device.type == "cpu" else map)
    yield _planned(state, per_epoch, objective.dtype, device, step_seconds, augmentation)

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
            cores_of.divide(changed.divided)
        begun, small = time.monotonic(), state.is_small
        share = schedule.rate(recipe.schedule, state.step, state.steps, recipe.warmup or 0)
        lr = (recipe.lr or 0) * share
        set_rate(state.optimizer, share, state.step / state.steps)
        batch = loader.at(epoch, place)
        dropout_seed = stream_seed(recipe.seed, "dropout", epoch, place)
        _seed_dropout(device, dropout_seed)
        try:
            loss, hits = _step(state, batch, objective, cores_of, dropout_seed)
        except (RuntimeError, MemoryError) as error:
            explain_memory(error, state.graph, recipe, device)
        state.step += 1
        state.images += len(batch.labels)
        pending.append((loss, hits, len(batch.labels)))
        ended = place == per_epoch - 1 or state.step == state.steps
        if device.type == "cpu" or len(pending) >= EAGER or ended:
            yield _look(state, pending, epoch, lr, batch.inputs, objective, ended)
        as_whole = (time.monotonic() - begun) / (schedule.SMALL_COST if small else 1)
        clock.took(as_whole)
        slowed = sharing.took(state.step, as_whole)
        state.seconds += time.monotonic() - begun
        state.sums.seconds += time.monotonic() - begun
        state.sums.waiting += loader.stall.take()
        if ended:
            begun = time.monotonic()
            yield _epoch_ended(state, dataset, objective, epoch + 1, lr, small)
            clock.validated(time.monotonic() - begun)
            state.to_train()
        if slowed is not None:
            yield slowed
        if stop() and state.step < state.steps:
            if pending:
                yield _look(state, pending, epoch, lr, batch.inputs, objective, ended)
            yield Stopped(state.step, INTERRUPTED)
            return
        if clock.replanned(state, per_epoch):
            yield _planned(state, per_epoch, objective.dtype, device, clock.step_seconds, augmentation)


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


class _Clock:
    """Keeps the plan of --time true: the schedule is shortened or drawn out where the machine's speed changes."""

    def __init__(self, deadline: float | None, afterwards: float) -> None:
        self.deadline = deadline
        self.afterwards = afterwards
        self.step_seconds = 0.0
        self.epoch_seconds = 0.0
        self.steps = 0
        self.looked = time.monotonic()

    def took(self, seconds: float) -> None:
        # A mean that follows: what forty steps ago took counts a third.
        self.steps += 1
        self.step_seconds += (seconds - self.step_seconds) / min(40, self.steps)

    def validated(self, seconds: float) -> None:
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


def _settled(
    state: TrainingState,
    dataset: Dataset,
    examples: Examples,
    objective: Objective,
    workers: Workers,
    clock: _Clock,
) -> tuple[float | None, Decided | None]:
    """Give a new run its number of steps: by its epochs, or as many as the time allows.

    Returns:
        seconds a step takes, where they were measured; what there is to say where not even one step fits.
    """
    recipe = state.recipe
    per_epoch = steps_per_epoch(len(dataset.train), recipe.batch_size or 1)
    by_epochs = max(1, round((recipe.epochs or 1) * per_epoch))
    if clock.deadline is None:
        state.steps = by_epochs
        return None, None
    step_seconds, epoch_seconds = _speed(state, dataset, examples, objective, workers, clock.deadline)
    clock.validated(epoch_seconds)
    left = clock.left()
    state.steps = schedule.plan_within(
        left * 0.98, step_seconds, per_epoch, epoch_seconds, 0, recipe.progressive or 0.0
    )
    if recipe.epochs is not None:
        state.steps = min(state.steps, by_epochs)
    if left >= step_seconds:
        return step_seconds, None
    taken = (recipe.time or 0.0) + time.monotonic() - clock.deadline
    needs = clock.afterwards * clock.epoch_seconds
    reason = f"{recipe.time:g} s cannot be kept: {taken:.1f} s until here, evaluation takes about {needs:.1f} s"
    return step_seconds, Decided("--time", "one step", reason)


def _afterwards(dataset: Dataset, recipe: Recipe) -> float:
    """What follows the last step, in validations: the last one, and the model on what it is measured with."""
    views = 1 if recipe.tta == "none" else 2
    return 1 + views * (len(dataset.val) + len(dataset.test)) / max(1, len(dataset.val))


def _speed(
    state: TrainingState,
    dataset: Dataset,
    examples: Examples,
    objective: Objective,
    workers: Workers,
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
    rounds = max(1, recipe.pieces(recipe.batch_size or 1) // workers.count)
    times: list[float] = []
    begun = time.monotonic()
    cores_of = _Cores(copy, workers)
    cores_of.divided = recipe.threads == "divided"
    while len(times) < 4 or (time.monotonic() - begun < allowed and len(times) < 200):
        started = time.monotonic()
        indices = batch_indices(recipe.seed, 0, len(times) % per_epoch, count, recipe.batch_size or 1)
        indices = indices[: -(-len(indices) // rounds)]
        inputs, labels = examples.take(indices)
        inputs = augmentation.vary(inputs, recipe.seed, indices_N=indices, each=workers.in_order)
        try:
            loss, _ = _step(copy, Batch(inputs, labels), objective, cores_of)
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
