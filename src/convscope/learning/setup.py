"""From what was asked for to what a run is made of: data, network, first weights, recipe; or those of a run that was.

Whatever does not work out is refused here, before any picture is decoded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from convscope.data.cache import prepare
from convscope.data.dataset import Dataset
from convscope.data.image.decode import Fit, ImagePreprocess
from convscope.data.image.policy import may_mirror
from convscope.data.sources import Source, open_source
from convscope.errors import UserError
from convscope.learning.balance import balance_of
from convscope.learning.choice import Choice, choose, speed_of
from convscope.learning.device import device_of, precision_of
from convscope.learning.events import Decided
from convscope.learning.initial_weights import Start, network_of, start_from
from convscope.learning.memory import AT_A_TIME, budget, check_memory, fitted, in_words, training_bytes
from convscope.learning.recipe import Recipe
from convscope.learning.record import SETTINGS, Settings, read_settings
from convscope.learning.transfer.fine_tuning import head_of
from convscope.learning.transfer.pretrained_choice import NONE, pretrained_for
from convscope.learning.transfer.run import check_freeze
from convscope.model.download import Progress
from convscope.network.network import Network
from convscope.ops import Shape, spell_shape

Decoding = Callable[[int, int], None] | None
LONGEST = 1.35
"""The ratio of sides that trained weights have seen: their pictures were cut to ratios of up to 4:3 and then
stretched (Szegedy et al. 2014)."""


@dataclass(frozen=True)
class Asked:
    """What a person asks of a new run; the arguments of :func:`convscope.learning.run.run`."""

    data: str | Path
    network: Network | None
    recipe: Recipe
    input: Shape | None = None
    fit: Fit | None = None
    weights: str | Path | None = None


@dataclass(frozen=True)
class Opened:
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
    start: Start | None = None
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


def open_run(asked: Asked, decoding: Decoding, downloading: Progress) -> Opened:
    """Everything of a new run.

    Raises:
        UserError: the data, the network or the recipe does not work out.
    """
    source = open_source(asked.data)
    network, weights, recipe = asked.network, asked.weights, asked.recipe
    decided = []
    if weights is None and network is None and recipe.init is None and asked.input is None:
        found = pretrained_for(source.shape())
        if found is not None:
            weights, reason = found
            decided.append(Decided("weights", weights, reason))
    if weights == NONE:
        weights = None
    if network is None and weights is not None:
        network = network_of(weights)
    shape = input_for(network, source, asked.input, weights is not None)
    if network is None:
        chosen = _chosen(source, shape, recipe, asked.input is not None)
        network, recipe = chosen.network, chosen.recipe
        shape = network.input or shape
        if chosen.words:
            decided.append(Decided("network", chosen.words, chosen.reason))
    network = network.with_input(shape).with_classes(len(source.classes))
    start = None if weights is None else start_from(weights, network, recipe.scheme, recipe.seed, downloading)
    freeze = _freeze(recipe, start, network)
    fit = fit_for(source, shape, asked.fit, start is not None)
    if start is not None and asked.fit is None:
        decided.append(Decided("fit", fit, _why(fit, source)))
    dataset = prepared(source, shape, fit, recipe.seed, decoding)
    resolved = replace(recipe.resolved(len(dataset.train), pretrained=start is not None), freeze=freeze)
    if freeze not in (None, "none"):
        resolved = replace(resolved, epochs=recipe.epochs)
    balance = balance_of(recipe.balance, dataset.train.labels_N, source.classes)
    resolved = replace(resolved, balance=balance.choice)
    if balance.is_worth_saying:
        decided.append(Decided("balance", balance.choice, balance.words))
    graph, device = network.graph(), device_of(resolved)
    if freeze != "all":
        fits = fitted(graph, resolved, device)
        if fits != resolved:
            resolved = fits
            words = f"{resolved.micro_batch} pictures at a time"
            decided.append(Decided("memory", words, in_words(graph, resolved, device)))
    settings = Settings(str(asked.data), network.text(), resolved, fit, dataset.fingerprint)
    if start is not None:
        held = (start.normalise.mean, start.normalise.std)
        settings = replace(settings, weights=start.weights, normalise=held)
    return Opened(settings, network, dataset, start, tuple(decided))


def reopen_run(folder: Path, decoding: Decoding) -> Opened:
    """Everything of a run that goes on, by its own settings.

    Raises:
        UserError: there is none in the folder, or its data is not there or has changed.
    """
    settings = read_settings(folder)
    network = Network.parse(settings.network, f"{folder / SETTINGS}")
    source = open_source(settings.data)
    dataset = prepared(source, network.input or (), settings.fit, settings.recipe.seed, decoding)
    if dataset.fingerprint != settings.fingerprint:
        raise UserError(settings.data, "the data has changed since this run began", "the same pictures and labels")
    if settings.recipe.freeze != "all":
        check_memory(network.graph(), settings.recipe, device_of(settings.recipe))
    return Opened(settings, network, dataset)


def prepared(source: Source, shape: Shape, fit: Fit, seed: int, decoding: Decoding) -> Dataset:
    """The source's pictures, split, decoded and fitted to the shape."""
    return prepare(source, ImagePreprocess(shape[0], shape[1], shape[2], fit), seed, progress=decoding)


def _chosen(source: Source, shape: Shape, recipe: Recipe, sized: bool) -> Choice:
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


def _freeze(recipe: Recipe, start: Start | None, network: Network) -> str | None:
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
