"""Transfer: a trained body as it is, a new head on its features in seconds, fine-tuning where there is time for it.

The features of every picture are computed once and kept (:mod:`convscope.learning.transfer.features`), a linear
classifier is fitted to them (:mod:`convscope.learning.transfer.head`) and becomes the network's last layer. Where the
time allows, the network then learns as a whole, from the top down (Howard and Ruder 2018), and is kept if validation
says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from convscope.data.dataset import Dataset, Split
from convscope.data.modalities import modality_of
from convscope.data.modality import Normalisation
from convscope.data.vector.normalise import AsTheyAre
from convscope.data.vector.preprocess import FeaturePreprocess
from convscope.engine.inference import compute, laid_out, prepare
from convscope.engine.module import GraphModule, load_state
from convscope.errors import UserError
from convscope.evaluation.calibration import best_temperature, losses
from convscope.learning.batches import BALANCED, class_weights
from convscope.learning.device import device_of, precision_of
from convscope.learning.events import Compared, Decided, Event, HeadTrained
from convscope.learning.recipe import Recipe
from convscope.learning.state import TrainingState, begin
from convscope.learning.train import weighted
from convscope.learning.transfer.features import PLAIN, Body, Features, features_of
from convscope.learning.transfer.fine_tuning import discriminative, head_of, of_graph, rest_of, statistics_of
from convscope.learning.transfer.head import Chosen, choose
from convscope.network.graph import Graph
from convscope.seeds import stream_seed

FEWEST_EPOCHS = 5
"""Epochs that fine-tuning must have time for: the lowest part of a network begins to learn at 0.4 of the plan."""
STEP_COST = 6.0
"""What a picture costs in a training step, in what it costs as a feature: three passes, none of them folded."""
SLOWER_WHOLE = 2.0
"""What float32 costs, in bfloat16."""
FOR_HEAD = 3.0
"""Seconds kept for fitting the head, while features are computed."""
PROBE = 32
"""Pictures on which a body is timed where all its features are there already."""

Trains = Callable[[TrainingState, Dataset, Normalisation, float | None], Generator[Event, None, bool]]
"""Takes a state through its plan, saving as it goes; False where it was interrupted."""


@dataclass(frozen=True)
class TransferResult:
    """What came of it.

    Args:
        module: the network with its new weights, in evaluation mode.
        scores: of the pictures of ``val`` and ``test``, by this module in float32; empty where they are not known.
        held_labels_M, held_scores_MK: of training pictures, each by a head that had not seen it.
        history: of fine-tuning, where it was kept.
        seconds: that learning took.
        images: that were computed or trained on.
    """

    module: GraphModule
    scores: Mapping[str, Tensor]
    history: tuple[Mapping[str, Any], ...]
    seconds: float
    images: int
    held_labels_M: NDArray[np.int64] | None = None
    held_scores_MK: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, state: TrainingState) -> TransferResult:
        """A run that was trained to its end."""
        return cls(weighted(state).eval(), {}, tuple(state.history), state.seconds, state.images)


@dataclass(frozen=True)
class Job:
    """What is transferred, to what, how.

    Args:
        graph: with its new number of classes.
        start: weights for all its nodes, see :class:`convscope.learning.initial_weights.InitialWeights`.
        dataset: ``train`` is learnt, ``val`` decides; of ``test`` only features are computed.
        normalise: makes the network's input of stored ones.
        recipe: resolved, but for ``epochs``: None where nobody asked for any.
        deadline: the :func:`time.monotonic` second by which all must be done; None: no limit.
        stop: asked between blocks of pictures.
        trains: how a state is trained.
    """

    graph: Graph
    start: Mapping[str, Tensor]
    dataset: Dataset
    normalise: Normalisation
    recipe: Recipe
    deadline: float | None
    stop: Callable[[], bool]
    trains: Trains

    @property
    def left(self) -> float:
        """Seconds."""
        return float("inf") if self.deadline is None else self.deadline - time.monotonic()


def check_freeze(freeze: str, graph: Graph) -> None:
    """Refuse, before any picture is decoded, what a network cannot do.

    Raises:
        UserError: the node does not exist or is no cut, or the network does not end with a linear layer.
    """
    if freeze in ("auto", "all") and head_of(graph) is None:
        raise UserError(
            f"--freeze {freeze}", f"the network ends with {graph.output.path}", "a linear layer", "--freeze none"
        )
    if freeze not in ("auto", "all", "none"):
        rest_of(graph, freeze)


def transfer(job: Job) -> Generator[Event, None, TransferResult | None]:
    """Carry a trained network over to other pictures, by ``job.recipe.freeze``.

    ``all`` fits the head; ``auto`` fine-tunes after it where there is time; a node's path trains what lies behind it,
    on features computed once, or with ``augment`` on pictures varied anew each time.

    Yields:
        events, see :mod:`convscope.learning.events`.

    Returns:
        what came of it; None where it was stopped.

    Raises:
        UserError: see :func:`check_freeze`.
    """
    freeze = job.recipe.freeze or "auto"
    check_freeze(freeze, job.graph)
    job = replace(job, graph=replace(job.graph, heads=()), start=of_graph(job.start, job.graph))
    if freeze not in ("auto", "all"):
        return (yield from _behind(job, freeze))
    fitted = yield from _head(job)
    if fitted is None or freeze == "all" or (job.recipe.epochs is None and job.deadline is None):
        return None if fitted is None else fitted.transferred
    if job.recipe.epochs is None:
        needed = FEWEST_EPOCHS * STEP_COST * len(job.dataset.train) / fitted.rate
        if needed > job.left:
            reason = f"{FEWEST_EPOCHS} epochs of fine-tuning would take about {needed:.0f} s more"
            yield Decided("fine-tuning", "none", reason)
            return fitted.transferred
    return (yield from _fine_tuned(job, fitted))


@dataclass(frozen=True)
class _Fitted:
    transferred: TransferResult
    val_loss: float
    val_accuracy: float
    rate: float
    """Features a second."""


def _head(job: Job) -> Generator[Event, None, _Fitted | None]:
    """The network with a head fitted to its features."""
    begun, recipe, dataset = time.monotonic(), job.recipe, job.dataset
    device = device_of(recipe)
    node = head_of(job.graph)
    assert node is not None
    module = laid_out(GraphModule(job.graph), device)
    load_state(module, job.start)
    module.eval()
    # Training pictures in whatever is fast; those that measure the model as the model computes, in float32.
    fast = Body(module, job.normalise, node.inputs[0], precision_of(recipe, device))
    exact = replace(fast, precision=torch.float32)
    speed = _Speed(fast, dataset.train)

    order_N = np.random.Generator(np.random.PCG64(stream_seed(recipe.seed, "features"))).permutation(len(dataset.train))
    # What is first in the order is a fair sample: with little time it has to do.
    until = time.monotonic() + job.left / 2
    plain = yield from _some(job, fast, dataset.train, "training pictures", PLAIN, order_N, until)
    if plain is None:
        return None
    speed.saw(plain)
    measuring = len(dataset.val) + len(dataset.test)
    slow = fast.precision == torch.bfloat16 and SLOWER_WHOLE * measuring / speed.rate > 0.6 * job.left
    measured: dict[str, Tensor] = {}
    computed = plain.computed
    for name, split in (("val", dataset.val), ("test", dataset.test)):
        views = (PLAIN,) if recipe.tta in (None, "none") else (PLAIN, str(recipe.tta))
        found = []
        for view in views:
            what = {"val": "validation pictures", "test": "test pictures"}[name]
            features = yield from _some(job, fast if slow else exact, split, what, view)
            if features is None:
                return None
            computed += features.computed
            found.append(features.all())
        # Features are as good as scores here: the last layer is linear, and so is a mean.
        measured[name] = torch.from_numpy(np.mean(found, axis=0))
    if len(plain.there) < len(dataset.train):
        until = time.monotonic() + job.left - FOR_HEAD
        plain = yield from _some(job, fast, dataset.train, "training pictures", PLAIN, order_N, until)
        if plain is None:
            return None
        computed += plain.computed
    rows = plain.there
    seen = [plain.take(rows)]
    whole = len(rows) == len(dataset.train)
    same = modality_of(dataset.preprocess).views_of_same_class(dataset.preprocess, dataset.classes)
    if same and whole and len(rows) / speed.rate < 0.7 * (job.left - FOR_HEAD):
        mirrored = yield from _some(job, fast, dataset.train, "mirror images", same[0])
        if mirrored is None:
            return None
        computed += mirrored.computed
        seen.append(mirrored.take(rows))
    if not whole:
        yield Decided("pictures", f"{len(rows):,} of {len(dataset.train):,}", "as many as the time allows")

    fitting = time.monotonic()
    labels_N = dataset.train.labels_N[rows]
    # A convex loss has no order of pictures: sampling and weights are the same to it.
    weights_K = class_weights(labels_N, len(dataset.classes)) if recipe.balance in BALANCED else None
    chosen = choose(seen, labels_N, len(dataset.classes), recipe.seed, weights_K=weights_K)
    state = dict(job.start) | {
        f"{node.path}.weight": torch.from_numpy(chosen.head.weight_KD).float(),
        f"{node.path}.bias": torch.from_numpy(chosen.head.bias_K).float(),
    }
    load_state(module, state)
    weight, bias = state[f"{node.path}.weight"], state[f"{node.path}.bias"]
    scores = {name: features @ weight.T + bias for name, features in measured.items()}
    val_loss, val_accuracy = _worth(scores["val"], dataset.val)
    yield _told(chosen, rows, seen, val_accuracy, val_loss, time.monotonic() - fitting)
    held_labels_M = dataset.train.labels_N[rows][chosen.held_rows_M]
    seconds = time.monotonic() - begun
    transferred = TransferResult(module, scores, (), seconds, computed, held_labels_M, chosen.held_scores_MK)
    return _Fitted(transferred, val_loss, val_accuracy, speed.rate)


def _told(
    chosen: Chosen,
    rows: NDArray[np.int64],
    seen: list[NDArray[np.float32]],
    val_accuracy: float,
    val_loss: float,
    seconds: float,
) -> HeadTrained:
    return HeadTrained(
        strength=chosen.strength,
        pictures=len(rows),
        views=len(seen),
        features=seen[0].shape[1],
        accuracy=chosen.accuracy,
        loss=chosen.losses.get(chosen.strength, float("nan")),
        val_accuracy=val_accuracy,
        val_loss=val_loss,
        seconds=seconds,
    )


class _Speed:
    """Features a second, as last seen; measured on a few pictures where all were found."""

    def __init__(self, body: Body, split: Split) -> None:
        self._body, self._some = body, split.inputs_N[:PROBE]
        self._rate = 0.0

    def saw(self, features: Features) -> None:
        if features.computed:
            self._rate = features.computed / max(1e-6, features.seconds)

    @property
    def rate(self) -> float:
        if not self._rate:
            body = self._body
            prepared = prepare(body.module, body.normalise, body.path, body.precision)
            prepared.all(self._some[:2])
            begun = time.monotonic()
            prepared.all(self._some)
            self._rate = len(self._some) / max(1e-6, time.monotonic() - begun)
        return self._rate


def _some(
    job: Job,
    body: Body,
    split: Split,
    what: str,
    view: str = PLAIN,
    order_N: NDArray[np.int64] | None = None,
    until: float = float("inf"),
) -> Generator[Event, None, Features | None]:
    return (
        yield from features_of(
            split.inputs_N, modality_of(job.dataset.preprocess), body, view, what, order_N, until, stop=job.stop
        )
    )


def _worth(scores_NK: Tensor, split: Split) -> tuple[float, float]:
    """Loss at the best temperature, and accuracy; without pictures neither."""
    if not len(split):
        return float("nan"), float("nan")
    scores, labels_N = scores_NK.double().numpy(), np.asarray(split.labels_N)
    loss = float(losses(scores / best_temperature(scores, labels_N), labels_N).mean())
    return loss, float((scores.argmax(1) == labels_N).mean())


def _fine_tuned(job: Job, fitted: _Fitted) -> Generator[Event, None, TransferResult | None]:
    """The whole network trained on from its new head; the better of the two on the validation pictures."""
    before = fitted.transferred
    recipe = job.recipe
    start = {name: value.detach().cpu().clone() for name, value in before.module.state_dict().items()}
    state = begin(job.graph, recipe, device_of(recipe), start)
    state.optimizer = discriminative(state.module, recipe)
    state.still = statistics_of(job.graph)
    finished = yield from job.trains(state, job.dataset, job.normalise, job.deadline)
    if not finished:
        return None
    module = weighted(state).eval()
    scores = compute(module, job.dataset.val.inputs_N, job.normalise)
    loss, accuracy = _worth(scores, job.dataset.val)
    better = not loss >= fitted.val_loss
    kept = "fine-tuned" if better else "head alone"
    yield Compared(kept, fitted.val_loss, fitted.val_accuracy, loss, accuracy)
    seconds, images = before.seconds + state.seconds, before.images + state.images
    if not better:
        return replace(before, seconds=seconds, images=images)
    return TransferResult(module, {}, tuple(state.history), seconds, images)


def _behind(job: Job, path: str) -> Generator[Event, None, TransferResult | None]:
    """What lies behind a node, trained; the node's own output is computed once a picture where nothing is varied."""
    recipe, device = job.recipe, device_of(job.recipe)
    rest = rest_of(job.graph, path)
    if recipe.augment not in ("auto", "none"):
        state = begin(job.graph, recipe, device, job.start)
        for name, parameter in state.module.named_parameters():
            parameter.requires_grad_(name.rpartition(".")[0] in rest.by_path)
        state.optimizer = discriminative(state.module, recipe, rest)
        state.still = statistics_of(job.graph)
        finished = yield from job.trains(state, job.dataset, job.normalise, job.deadline)
        return TransferResult.of(state) if finished else None
    module = laid_out(GraphModule(job.graph), device)
    load_state(module, job.start)
    body = Body(module.eval(), job.normalise, path, precision_of(recipe, device))
    parts: dict[str, list[NDArray[np.float16]]] = {}
    same = modality_of(job.dataset.preprocess).views_of_same_class(job.dataset.preprocess, job.dataset.classes)
    views: dict[str, tuple[str, ...]] = {"train": (PLAIN, *same), "val": (PLAIN,)}
    for name, split in (("train", job.dataset.train), ("val", job.dataset.val)):
        for view in views[name]:
            what = {"train": "training pictures", "val": "validation pictures"}[name]
            features = yield from _some(job, body, split, what if view == PLAIN else "mirror images", view)
            if features is None:
                return None
            parts.setdefault(name, []).append(features.all().astype(np.float16))
    dataset = replace(
        job.dataset,
        preprocess=FeaturePreprocess(rest.input),
        train=_of_features(job.dataset.train, parts["train"]),
        val=_of_features(job.dataset.val, parts["val"]),
    )
    state = begin(rest, replace(recipe, augment="none"), device, of_graph(job.start, rest))
    state.still = statistics_of(rest)
    finished = yield from job.trains(state, dataset, AsTheyAre(), job.deadline)
    if not finished:
        return None
    load_state(module, dict(job.start) | {name: value.cpu() for name, value in state.evaluated().items()})
    return TransferResult(module, {}, tuple(state.history), state.seconds, state.images)


def _of_features(split: Split, views: list[NDArray[np.float16]]) -> Split:
    """Features as inputs: every view of an input has its label."""
    return Split(np.concatenate(views), np.tile(split.labels_N, len(views)), tuple(split.names) * len(views))
