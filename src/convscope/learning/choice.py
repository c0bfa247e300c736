"""Which network, at which resolution, by which recipe, where nobody names one: by the data, the time, the machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch.nn import functional

from convscope.learning.recipe import Recipe
from convscope.learning.schedule import SMALL_COST
from convscope.network.default import deep_network, default_network
from convscope.network.network import Network
from convscope.ops import Shape

SIDES = (128, 96, 64, 48, 32)
"""What photographs are brought to, to be learnt from nothing; the largest that the time allows."""
PHOTOGRAPH = 64
"""Pixels a side from which a picture is taken for a photograph, which may be made smaller."""
LEAST_SIDE = 24
"""Pixels a side that the deep network needs for its three halvings."""
WIDTHS = ((64, 256, 256), (32, 128, 128))
"""Of the deep network."""
ENOUGH = 5
"""Epochs that the wider network must have; with fewer the narrower one comes farther."""
LEAST_EPOCHS, LEAST_VIEWS = 2.5, 60_000
"""How often the deep network must see every picture, and how many it must see in all, to be worth its cost."""
REACHED = 0.8
"""Of the speed of a single convolution, what training reaches."""
AT_ONCE = 250 * 32 * 32
"""Places of the input that are computed at a time: what lies between two layers then stays in the cache."""


@dataclass(frozen=True)
class NetworkChoice:
    """A network for the data and the time.

    Args:
        network: for the shape that the data comes to.
        recipe: with what goes well with it filled in, where nothing else was asked for.
        words, reason: for people; no words where it is the usual network.
    """

    network: Network
    recipe: Recipe
    words: str = ""
    reason: str = ""


def _always(_network: Network) -> bool:
    return True


def choose(
    shape: Shape,
    pictures: int,
    classes: int,
    recipe: Recipe,
    speed: float,
    sized: bool = False,
    fits: Callable[[Network], bool] = _always,
) -> NetworkChoice:
    """The network for pictures to be learnt from nothing.

    Without ``--time``, for tiny pictures, or with an optimiser other than Muon it is the default network. Else it is
    the deep one, as large as the time allows: first the pictures are made smaller, down to 32 pixels, until the wide
    network has :data:`ENOUGH` epochs of them, then the network narrower.

    Args:
        shape: (C, H, W) of the pictures, or what was asked for.
        pictures: to train on.
        classes: how many.
        recipe: as asked for, unresolved.
        speed: multiply-adds a second, see :func:`speed_of`.
        sized: whether the shape was asked for, and stays.
        fits: whether the memory suffices for a network; else the pictures are made smaller, too.

    Example:
        >>> found = choose((3, 32, 32), 45_000, 10, Recipe(time=720), 250e9)
        >>> found.words, found.recipe.optimizer
        ('deep, 3x32x32, 118 M multiply-adds', 'muon')
        >>> choose((3, 32, 32), 45_000, 10, Recipe(time=20), 250e9).words
        ''
        >>> choose((3, 400, 500), 900, 10, Recipe(time=600), 250e9).network.input
        (3, 64, 64)
    """
    channels, height, width = shape
    photograph = not sized and max(height, width) > PHOTOGRAPH
    if recipe.time is None or recipe.optimizer not in (None, "muon") or min(height, width) < LEAST_SIDE:
        return _usual(shape, classes, recipe, photograph, fits)
    progressive = 0.5 if recipe.progressive is None else recipe.progressive
    share = 1 - progressive * (1 - SMALL_COST)
    sides = [side for side in SIDES if side <= max(height, width)] if photograph else [0]
    allowed_by = "the time allows"
    for widths in WIDTHS:
        epochs = LEAST_EPOCHS if widths == WIDTHS[-1] else ENOUGH
        for side in sides:
            network = deep_network((channels, side, side) if photograph else shape, classes, widths)
            macs = network.graph().macs
            affordable = recipe.time * speed * REACHED / (3 * macs * share)
            if affordable < max(LEAST_VIEWS, epochs * pictures):
                continue
            if fits(network):
                reason = f"the largest of which {allowed_by} enough epochs, about {_few(affordable / pictures)}"
                return _deep(network, recipe, progressive, macs, reason)
            allowed_by = "time and memory allow"
    return _usual(shape, classes, recipe, photograph, fits)


def _usual(
    shape: Shape, classes: int, recipe: Recipe, photograph: bool, fits: Callable[[Network], bool]
) -> NetworkChoice:
    """The default network, for photographs of at most 128 pixels, or of as many as fit into memory."""
    if not photograph:
        return NetworkChoice(default_network(shape, classes), recipe)
    largest = min(SIDES[0], max(shape[1:]))
    sides = [largest, *(side for side in SIDES if side < largest)]
    networks = (default_network((shape[0], side, side), classes) for side in sides)
    side, network = next(((s, n) for s, n in zip(sides, networks, strict=True) if fits(n)), (0, None))
    if network is None or side == largest:
        # Where nothing fits, the whole is refused with its figures.
        return NetworkChoice(default_network((shape[0], largest, largest), classes), recipe)
    return NetworkChoice(network, recipe, f"{shape[0]}x{side}x{side}", "the largest pictures that fit into memory")


def _few(epochs: float) -> str:
    return f"{epochs:.{0 if epochs > 10 else 1}f}"


def _deep(network: Network, recipe: Recipe, progressive: float, macs: int, reason: str) -> NetworkChoice:
    assert network.input is not None
    channels, height, width = network.input
    filled = replace(
        recipe,
        optimizer="muon",
        progressive=progressive,
        micro_batch=recipe.micro_batch or max(16, AT_ONCE // (height * width)),
        tta=recipe.tta or ("flip" if channels == 3 else "none"),
    )
    words = f"deep, {channels}x{height}x{width}, {macs / 1e6:.0f} M multiply-adds"
    return NetworkChoice(network, filled, words, reason)


def speed_of(device: torch.device, dtype: torch.dtype, seconds: float = 0.15) -> float:
    """Multiply-adds a second of a well-shaped convolution, measured now: the best of many, for others may compute too.

    Example:
        >>> speed_of(torch.device("cpu"), torch.float32, 0.01) > 1e6
        True
    """
    images, channels, side = 64, 128, 16
    x_NCHW = torch.ones(images, channels, side, side, device=device, dtype=dtype).contiguous(
        memory_format=torch.channels_last
    )
    weight_OIHW = torch.ones(channels, channels, 3, 3, device=device, dtype=dtype).contiguous(
        memory_format=torch.channels_last
    )
    best, until = float("inf"), time.perf_counter() + seconds
    with torch.inference_mode():
        while time.perf_counter() < until or best == float("inf"):
            begun = time.perf_counter()
            functional.conv2d(x_NCHW, weight_OIHW, padding=1)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            best = min(best, time.perf_counter() - begun)
    return images * channels * channels * 9 * side * side / best
