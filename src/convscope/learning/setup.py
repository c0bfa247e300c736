"""From what was asked for to what a run is made of: data, network, first weights, recipe; or those of a run that was.

Whatever does not work out is refused here, before any picture is decoded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from convscope import ops
from convscope.data.cache import prepare
from convscope.data.data_path import DataPath
from convscope.data.dataset import Dataset, Preprocess
from convscope.data.image.decode import Fit, ImagePreprocess
from convscope.data.image.policy import may_mirror
from convscope.data.sources import Source, TableColumns, TableSource, open_source
from convscope.errors import UserError
from convscope.learning.balance import balance_of
from convscope.learning.choice import NetworkChoice, choose, speed_of
from convscope.learning.device import device_of, precision_of
from convscope.learning.events import Decided
from convscope.learning.initial_weights import InitialWeights, network_of, start_from
from convscope.learning.memory import AT_A_TIME, budget, check_memory, fitted, in_words, training_bytes
from convscope.learning.recipe import Recipe
from convscope.learning.record import SETTINGS, Settings, read_settings
from convscope.learning.train import task_for
from convscope.learning.transfer.fine_tuning import head_of
from convscope.learning.transfer.pretrained_choice import NONE, pretrained_for
from convscope.learning.transfer.run import check_freeze
from convscope.model.download import Progress
from convscope.model.task import outputs_for
from convscope.network.default import table_network
from convscope.network.network import Network
from convscope.ops import Shape, spell_shape

Decoding = Callable[[int, int], None] | None
LONGEST = 1.35
"""The ratio of sides that trained weights have seen: their pictures were cut to ratios of up to 4:3 and then
stretched (Szegedy et al. 2014)."""


@dataclass(frozen=True)
class RunRequest:
    """What a person asks of a new run; the arguments of :func:`convscope.learning.run.run`."""

    data: str | os.PathLike[str]
    network: Network | None
    recipe: Recipe
    input: Shape | None = None
    fit: Fit | None = None
    weights: str | Path | None = None


@dataclass(frozen=True)
class RunSetup:
    """All that a run needs.

    Args:
        settings: that decide its weights, with the data.
        network: with its input and number of classes.
        dataset: split and decoded.
        start: others' weights; None: drawn ones, or those in the folder of a run that goes on.
        decided: what was chosen for the user.
    """

    settings: Settings
    network: Network
    dataset: Dataset
    start: InitialWeights | None = None
    decided: tuple[Decided, ...] = ()


def input_for(network: Network | None, source: Source, asked: Shape | None, pretrained: bool = False) -> Shape:
    """The input's shape: what is asked for, else what the network says, else the pictures' own.

    Trained weights take grey pictures as grey: the weights of their first layer's colours are summed.

    Raises:
        UserError: the shape is not channels (1 or 3), rows, columns.
    """
    shape = asked or (network.input if network is not None else None)
    if shape is None:
        return source.shape()
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise UserError("--input", spell_shape(shape), "CxHxW with 1 or 3 channels, for example 3x64x64")
    return (1, *shape[1:]) if pretrained and asked is None and source.shape()[0] == 1 else shape


def fit_for(source: Source, shape: Shape, asked: Fit | None, pretrained: bool = False) -> Fit:
    """How pictures come to the input's size: as asked, else padded where they are a little smaller, else stretched.

    For trained weights nothing is cut off either, where their authors measured on the middle of each picture: an
    object at the edge counts. What is longer than 4:3 is not stretched so far, but letterboxed.
    """
    if asked is not None:
        return asked
    _, height, width = source.shape()
    if pretrained and max(height, width) * min(shape[1:]) > LONGEST * min(height, width) * max(shape[1:]):
        return "letterbox"
    slightly_smaller = height <= shape[1] <= 1.25 * height and width <= shape[2] <= 1.25 * width
    return "pad" if slightly_smaller and (height, width) != shape[1:] else "stretch"


def columns_of(recipe: Recipe) -> TableColumns:
    """What of a table a recipe means."""
    return TableColumns(recipe.target, None if recipe.task == "auto" else recipe.task == "numbers")


@dataclass(frozen=True)
class _Plan:
    """What a modality's own choices come to: network, recipe, how inputs are stored, first weights, what was said."""

    network: Network
    recipe: Recipe
    preprocess: Preprocess
    start: InitialWeights | None
    decided: tuple[Decided, ...]


def run_setup(request: RunRequest, decoding: Decoding, downloading: Progress) -> RunSetup:
    """Everything of a new run.

    Raises:
        UserError: the data, the network or the recipe does not work out.
    """
    source = open_source(request.data, columns=columns_of(request.recipe))
    of_rows = isinstance(source, TableSource)
    chosen = (
        _for_rows(request, source) if isinstance(source, TableSource) else _for_pictures(request, source, downloading)
    )
    network, recipe, start, decided = chosen.network, chosen.recipe, chosen.start, list(chosen.decided)
    freeze = _freeze(recipe, start, network)
    dataset = prepare(source, chosen.preprocess, recipe.seed, progress=decoding)
    task_for(network.graph(), dataset)
    if dataset.measured_on_train:
        reason = f"{len(dataset.train)} rows are too few to hold any out, so the numbers are too optimistic"
        decided.append(Decided("evaluation", "on the training rows", reason))
    resolved = replace(recipe.resolved(len(dataset.train), start is not None, of_rows), freeze=freeze)
    if freeze not in (None, "none"):
        resolved = replace(resolved, epochs=recipe.epochs)
    if source.classes:
        balance = balance_of(recipe.balance, dataset.train.labels_N, source.classes)
        resolved = replace(resolved, balance=balance.choice)
        if balance.is_worth_saying:
            decided.append(Decided("balance", balance.choice, balance.words(source.many)))
    else:
        if recipe.balance not in ("auto", "none"):
            raise UserError(
                "--balance", f"{recipe.balance!r} where a number is predicted", "none: there are no classes"
            )
        resolved = replace(resolved, balance="none")
    graph, device = network.graph(), device_of(resolved)
    if freeze != "all":
        fits = fitted(graph, resolved, device)
        if fits != resolved:
            resolved = fits
            words = f"{resolved.micro_batch} {source.many} at a time"
            decided.append(Decided("memory", words, in_words(graph, resolved, device)))
    fit = getattr(chosen.preprocess, "fit", None)
    data = DataPath.of(request.data)
    settings = Settings(data.path, network.text(), resolved, fit, dataset.fingerprint)
    settings = replace(settings, allow_outside=data.allow_outside, skip_unreadable=data.skip_unreadable)
    if start is not None:
        held = (start.normalise.mean, start.normalise.std)
        settings = replace(settings, weights=start.weights, normalise=held)
    return RunSetup(settings, network, dataset, start, tuple(decided))


def _for_pictures(request: RunRequest, source: Source, downloading: Progress) -> _Plan:
    """Network, size and first weights for pictures."""
    network, weights, recipe = request.network, request.weights, request.recipe
    decided = []
    if weights is None and network is None and recipe.init is None and request.input is None:
        found = pretrained_for(source.shape())
        if found is not None:
            weights, reason = found
            decided.append(Decided("weights", weights, reason))
    if weights == NONE:
        weights = None
    if network is None and weights is not None:
        network = network_of(weights)
    shape = input_for(network, source, request.input, weights is not None)
    if network is None:
        chosen = _chosen(source, shape, recipe, request.input is not None)
        network, recipe = chosen.network, chosen.recipe
        shape = network.input or shape
        if chosen.words:
            decided.append(Decided("network", chosen.words, chosen.reason))
    network, said = with_outputs(network.with_input(shape), source.classes)
    start = None if weights is None else start_from(weights, network, recipe.scheme, recipe.seed, downloading)
    fit = fit_for(source, shape, request.fit, start is not None)
    if start is not None and request.fit is None:
        decided.append(Decided("fit", fit, _why(fit, source)))
    preprocess = ImagePreprocess(shape[0], shape[1], shape[2], fit)
    return _Plan(network, recipe, preprocess, start, (*decided, *said))


def _for_rows(request: RunRequest, source: TableSource) -> _Plan:
    """Network for the rows of a table."""
    recipe, network = request.recipe, request.network
    what = f"{source.name} is a table of numbers"
    only_pictures = {
        "--weights": request.weights not in (None, NONE),
        "--fit": request.fit is not None,
        "--tta": recipe.tta not in (None, "none"),
        "--progressive": bool(recipe.progressive),
    }
    for option, given in only_pictures.items():
        if given:
            raise UserError(option, what, "it is for pictures alone", "leave it out")
    shape = source.shape()
    for where, given_shape in (("--input", request.input), ("--net", None if network is None else network.input)):
        if given_shape is not None and given_shape != shape:
            got = f"{spell_shape(given_shape)}, but the table has {shape[0]} columns of numbers beside {source.target}"
            hint = "columns that hold no numbers are left out" if source.skipped else ""
            raise UserError(where, got, f"an input of {shape[0]}: {', '.join(source.columns[:8])}", hint)
    decided = [Decided("target", source.target, source.found_by)] if source.found_by else []
    if not source.classes:
        decided.append(Decided("task", "regression", f"{source.target} is a number; --task classes makes it classes"))
    if network is None:
        binary = len(source.classes) == 2
        network = table_network(shape[0], 1 if binary else max(1, len(source.classes)), binary)
    network, said = with_outputs(network.with_input(shape), source.classes)
    return _Plan(network, recipe, source.preprocess, None, (*decided, *said))


def with_outputs(network: Network, classes: Sequence[str]) -> tuple[Network, list[Decided]]:
    """The network with as many outputs as the labels ask for, and what is to be said of it.

    Raises:
        UserError: it cannot have so many, see :func:`convscope.model.task.outputs_for`.
    """
    graph = network.graph()
    outputs = outputs_for(graph, classes)
    said = []
    if graph.output.shape != (outputs,):
        network = network.with_classes(outputs)
        why = f"the data has {len(classes)} classes" if classes else "one number is predicted"
        before = spell_shape(graph.output.shape)
        said.append(Decided("network", f"{outputs} output{'s' if outputs > 1 else ''}", f"it has {before}; {why}"))
    elif outputs == 1 and len(classes) == 2:
        loss = "binary cross entropy" + ("" if isinstance(graph.output.op, ops.Sigmoid) else " of its sigmoid")
        said.append(Decided("task", f"the probability of {classes[1]!r}, not {classes[0]!r}", f"one output: {loss}"))
    return network, said


def resumed_run_setup(folder: Path, decoding: Decoding) -> RunSetup:
    """Everything of a run that goes on, by its own settings.

    Raises:
        UserError: there is none in the folder, or its data is not there or has changed.
    """
    settings = read_settings(folder)
    network = Network.parse(settings.network, f"{folder / SETTINGS}")
    source = open_source(settings.source, columns=columns_of(settings.recipe))
    if isinstance(source, TableSource):
        preprocess: Preprocess = source.preprocess
    else:
        channels, height, width = network.input or (0, 0, 0)
        preprocess = ImagePreprocess(channels, height, width, settings.fit or "stretch")
    dataset = prepare(source, preprocess, settings.recipe.seed, progress=decoding)
    if dataset.fingerprint != settings.fingerprint:
        raise UserError(settings.data, "the data has changed since this run began", "the same pictures and labels")
    if settings.recipe.freeze != "all":
        check_memory(network.graph(), settings.recipe, device_of(settings.recipe))
    return RunSetup(settings, network, dataset)


def _chosen(source: Source, shape: Shape, recipe: Recipe, sized: bool) -> NetworkChoice:
    """The network for pictures to be learnt from nothing; the machine's speed is measured where it matters."""
    speed, device = 1.0, device_of(recipe)
    if recipe.time is not None:
        speed = speed_of(device, precision_of(recipe, device))
    if recipe.tta is None and not may_mirror(source.classes):
        recipe = replace(recipe, tta="none")
    pictures = len(source.given.get("train", source.labels_N))
    resolved = recipe.resolved(pictures)
    limit = budget(recipe, device)

    def fits(network: Network) -> bool:
        return training_bytes(network.graph(), AT_A_TIME, resolved, device) <= limit

    return choose(shape, pictures, len(source.classes), recipe, speed, sized, fits)


def _freeze(recipe: Recipe, start: InitialWeights | None, network: Network) -> str | None:
    """What of trained weights is frozen: weights whose head is new are transferred, others are trained on."""
    if start is None:
        if recipe.freeze is not None:
            raise UserError(f"--freeze {recipe.freeze}", "nothing was trained yet that could be frozen", "--weights")
        return None
    graph = network.graph()
    freeze = recipe.freeze or ("auto" if start.fresh and head_of(graph) is not None else "none")
    check_freeze(freeze, graph)
    return freeze


def _why(fit: Fit, source: Source) -> str:
    _, height, width = source.shape()
    if fit == "letterbox":
        return f"typical pictures are {width} x {height}: nothing is cut off, and nothing is stretched beyond 4:3"
    return "nothing is cut off; objects at the edge are seen"
