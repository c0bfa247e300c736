"""A run in its folder: settings, environment, metrics, checkpoints, and at the end the model and what it is worth."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.arithmetic.inference import Normalise, measure
from convscope.data.cache import prepare
from convscope.data.dataset import Dataset, Fit, Preprocess
from convscope.data.sources import Source, open_source
from convscope.delivery.download import Progress
from convscope.delivery.model import Model
from convscope.errors import UserError
from convscope.files import make_folder, write_atomically
from convscope.learning import checkpoint
from convscope.learning.device import device_of
from convscope.learning.events import (
    EpochEnded,
    Event,
    Finished,
    Planned,
    Prepared,
    Resumed,
    Saved,
    Started,
    Stepped,
    Stopped,
)
from convscope.learning.memory import check_memory
from convscope.learning.metrics import Evaluation, evaluate_probabilities
from convscope.learning.recipe import Recipe
from convscope.learning.record import (
    ENVIRONMENT,
    METRICS,
    SETTINGS,
    Settings,
    environment,
    forget_after,
    log,
    read_settings,
    versions,
)
from convscope.learning.start import drawn, network_of, read_start, save_start, start_from
from convscope.learning.state import TrainingState, begin, restore, to_tensors
from convscope.learning.train import INTERRUPTED, train, weighted
from convscope.network.default import default_network
from convscope.network.network import Network
from convscope.network.ops import Shape, spell_shape

LOG_EVERY = 50
"""Steps between two lines of single steps in metrics.jsonl."""
SHARE = 0.1
"""Of --time, kept for the evaluation, the saving and the report; at most :data:`MOST_KEPT` seconds."""
MOST_KEPT = 6.0


@dataclass(frozen=True)
class Result:
    """A finished run: the model, the data, and how the model did on the test pictures.

    Args:
        model: as saved.
        folder: the run's folder; the model's is ``folder / "model"``.
        dataset: what it was trained, validated and tested on.
        evaluation: on ``dataset.test``.
        probabilities_NK: of the test pictures.
        history: one entry an epoch.
        seconds: of training, all sittings together.
    """

    model: Model
    folder: Path
    dataset: Dataset
    evaluation: Evaluation
    probabilities_NK: NDArray[np.float64]
    history: tuple[Mapping[str, Any], ...]
    seconds: float

    def _repr_html_(self) -> str:
        return self.evaluation._repr_html_()


def input_for(network: Network | None, source: Source, asked: Shape | None) -> Shape:
    """The input's shape: what is asked for, else what the network says, else what the data suggests.

    Raises:
        UserError: the shape is not channels (1 or 3), rows, columns.
    """
    shape = asked or (network.input if network is not None else None)
    if shape is None:
        channels, height, width = source.size()
        # Photographs are many sizes; what a small network can look at in reasonable time is not.
        side = min(128, max(height, width)) if max(height, width) > 64 else 0
        return (channels, side, side) if side else (channels, height, width)
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise UserError("--input", spell_shape(shape), "CxHxW with 1 or 3 channels, for example 3x64x64")
    return shape


def fit_for(source: Source, shape: Shape, asked: Fit | None) -> Fit:
    """How pictures come to the input's size: as asked, else padded where they are a little smaller, else stretched."""
    if asked is not None:
        return asked
    _, height, width = source.size()
    slightly_smaller = height <= shape[1] <= 1.25 * height and width <= shape[2] <= 1.25 * width
    return "pad" if slightly_smaller and (height, width) != shape[1:] else "stretch"


def run(
    data: str | Path,
    folder: Path,
    network: Network | None = None,
    recipe: Recipe | None = None,
    *,
    input: Shape | None = None,  # noqa: A002  the option's name
    fit: Fit | None = None,
    weights: str | Path | None = None,
    resume: bool = False,
    started: float | None = None,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] | None = None,
    downloading: Progress = lambda done, total: None,
) -> Generator[Event, None, Result | None]:
    """Train a network on labelled pictures, in a folder.

    Args:
        data: what :func:`convscope.data.sources.open_source` reads.
        folder: of the run; made if it is not there.
        network: None: the default network for these pictures.
        recipe: None: the defaults.
        input: (C, H, W) in place of the network's or the data's.
        fit: how pictures come to that size.
        weights: what to start from: a file, or the name of public weights, which also says the network.
        resume: go on with the run that the folder holds; its own settings count, not the ones given here.
        started: the :func:`time.monotonic` second from which ``recipe.time`` counts; None: now.
        stop: asked between steps; True saves a checkpoint and ends the generator.
        progress: told (pictures decoded, of so many) while the cache is filled.
        downloading: told (bytes, of so many) while weights are downloaded.

    Yields:
        events, see :mod:`convscope.learning.events`.

    Returns:
        the result, or None where the run was stopped.

    Raises:
        UserError: the data, the network, the folder or the recipe does not work out.
    """
    started = time.monotonic() if started is None else started
    start = None
    if resume:
        settings = read_settings(folder)
        network = Network.parse(settings.network, f"{folder / SETTINGS}")
        dataset = _dataset(
            open_source(settings.data), network.input or (), settings.fit, settings.recipe.seed, progress
        )
        if dataset.fingerprint != settings.fingerprint:
            raise UserError(settings.data, "the data has changed since this run began", "the same pictures and labels")
        recipe = settings.recipe
    else:
        if (folder / SETTINGS).exists():
            raise UserError(
                str(folder), "there is a run in this folder", "", "--resume goes on with it; or another --out"
            )
        source = open_source(data)
        if network is None and weights is not None:
            network = network_of(weights)
        shape = input_for(network, source, input)
        if network is None:
            network = default_network(shape, len(source.classes))
        # Refused before any picture is decoded.
        network = network.with_input(shape).with_classes(len(source.classes))
        recipe = recipe or Recipe()
        start = None if weights is None else start_from(weights, network, recipe.scheme, recipe.seed, downloading)
        chosen = fit_for(source, shape, fit)
        dataset = _dataset(source, shape, chosen, recipe.seed, progress)
        recipe = recipe.resolved(len(dataset.train), pretrained=start is not None)
        settings = Settings(str(data), network.text(), recipe, chosen, dataset.fingerprint)
        if start is not None:
            held = (start.normalise.mean, start.normalise.std)
            settings = replace(settings, weights=start.weights, normalise=held)
    yield _prepared(dataset, time.monotonic() - started)

    graph, device = network.graph(), device_of(recipe)
    check_memory(graph, recipe, device)
    normalise = Normalise(*settings.normalise) if settings.normalise else measure(dataset.train.images_NHWC)
    make_folder(folder)
    if start is not None:
        save_start(folder, start.state)
        yield Started(start.weights, start.adapted, start.left_over)
    if start is not None:
        begun = start.state
    elif settings.weights:
        begun = read_start(folder)
    else:
        begun = drawn(graph, recipe, dataset.train.images_NHWC, normalise)
    state = begin(graph, recipe, device, begun)
    if resume:
        saved = checkpoint.load(folder)
        if saved is not None:
            threads = restore(state, *saved)
            if device.type == "cpu" and threads != torch.get_num_threads():
                torch.set_num_threads(threads)  # sums run in another order with another number of threads
            yield Resumed(state.step, len(state.history))
        forget_after(folder / METRICS, state.step)
    else:
        write_atomically(folder / ENVIRONMENT, (json.dumps(environment(), indent=2) + "\n").encode())
        write_atomically(folder / METRICS, b"")
        write_atomically(folder / SETTINGS, settings.to_json().encode())

    deadline = None
    if recipe.time is not None:
        deadline = started + recipe.time - state.seconds - min(MOST_KEPT, SHARE * recipe.time)
    finished = yield from _trained(folder, state, dataset, normalise, deadline, stop)
    if not finished:
        return None
    result = _measured(folder, state, dataset, normalise, network, settings)
    event = Finished(
        model=str(folder / "model"),
        run=str(folder),
        metrics={"top1": result.evaluation.top1, "top5": result.evaluation.top5, "ece": result.evaluation.ece},
        seconds=time.monotonic() - started,
        images_per_second=state.images / max(1e-9, state.seconds),
    )
    log(folder / METRICS, event)
    yield event
    return result


def _dataset(source: Source, shape: Shape, fit: Fit, seed: int, progress: Callable[[int, int], None] | None) -> Dataset:
    return prepare(source, Preprocess(shape[0], shape[1], shape[2], fit), seed, progress=progress)


def _prepared(dataset: Dataset, seconds: float) -> Prepared:
    pre = dataset.preprocess
    return Prepared(
        data=dataset.name,
        classes=dataset.classes,
        train=len(dataset.train),
        val=len(dataset.val),
        test=len(dataset.test),
        shape=(pre.channels, pre.height, pre.width),
        skipped=dataset.skipped,
        seconds=seconds,
    )


def _trained(
    folder: Path,
    state: TrainingState,
    dataset: Dataset,
    normalise: Normalise,
    deadline: float | None,
    stop: Callable[[], bool],
) -> Generator[Event, None, bool]:
    """Pass the events on, saving the state where it is time; whether the plan (or early stopping) ended the run."""
    saved_at, last = time.monotonic(), -1
    for event in train(state, dataset, normalise, deadline, stop):
        logged = isinstance(event, (Planned, EpochEnded, Stopped))
        if logged or (isinstance(event, Stepped) and event.step % LOG_EVERY == 0):
            log(folder / METRICS, event)
        yield event
        due = time.monotonic() - saved_at >= state.recipe.checkpoint_seconds
        ends = isinstance(event, Stopped) or (isinstance(event, EpochEnded) and state.step >= state.steps)
        # An epoch's numbers are cleared after its last step; saving between the two would lose its line.
        whole = isinstance(event, EpochEnded) or (isinstance(event, Stepped) and not event.last)
        if (ends or (due and whole)) and state.step != last:
            path = checkpoint.save(folder, *to_tensors(state))
            saved_at, last = time.monotonic(), state.step
            yield Saved(state.step, str(path))
        if isinstance(event, Stopped) and event.reason == INTERRUPTED:
            return False
    return True


def _measured(
    folder: Path,
    state: TrainingState,
    dataset: Dataset,
    normalise: Normalise,
    network: Network,
    settings: Settings,
) -> Result:
    """The model on the test pictures, both saved."""
    module = weighted(state).eval()
    draft = Model(network, module, dataset.classes, dataset.preprocess, normalise)
    probabilities = draft.probabilities(dataset.test.images_NHWC)
    evaluation = evaluate_probabilities(probabilities, dataset.test.labels_N, dataset.classes)
    facts = {
        "temperature": 1.0,
        "metrics": {
            "top1": evaluation.top1,
            "top5": evaluation.top5,
            "interval": list(evaluation.interval),
            "ece": evaluation.ece,
            "loss": evaluation.loss,
            "count": evaluation.count,
        },
        "trained_on": {"data": dataset.name, "fingerprint": dataset.fingerprint, "pictures": len(dataset.train)},
        "seed": settings.recipe.seed,
        "recipe": settings.recipe.to_dict(),
        "versions": versions(),
    }
    model = Model(network, module, dataset.classes, dataset.preprocess, normalise, facts)
    model.save(folder / "model")
    return Result(model, folder, dataset, evaluation, probabilities, tuple(state.history), state.seconds)
