"""The pictures of a data set that excite a unit most, and least, with the place that does it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.data.parts import in_words, part_of
from convscope.engine.inference import inference_batch
from convscope.errors import UserError, did_you_mean
from convscope.inspection.attribution.derivatives import device_of
from convscope.model.folder import Model
from convscope.network.address import Address, parse_address
from convscope.network.graph import INPUT, Graph
from convscope.network.receptive_field import Field, field_of
from convscope.ops import elements, spell_shape

By = Literal["max", "mean"]
BY: tuple[By, ...] = get_args(By)
Progress = Callable[[int, int], None]
_CHANNEL = re.compile(r"\s*(?P<path>[^\s\[\]]+)\s*\[\s*(?P<channel>\d{1,9})\s*\]\s*")


@dataclass(frozen=True, eq=False)
class Excited:
    """One picture and what it does to the unit.

    Args:
        name: of the picture, e.g. its path.
        label: its class, as the data calls it.
        row: its place among the pictures.
        value: the unit's, or the channel's maximum or mean.
        at: the unit; of a channel, where its maximum is.
        field: what of the picture that unit sees.
        image_HWC: the picture as the network gets it, uint8.
    """

    name: str
    label: str
    row: int
    value: float
    at: Address
    field: Field
    image_HWC: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Excitation:
    """A unit or a channel over many pictures.

    Args:
        at: as it was asked for, ``"conv1[3]"`` or ``"conv1[3,10,12]"``.
        operation: as the notation writes it.
        by: of a channel, what of its values counts; None of a single unit.
        of: which pictures, in words.
        most: the pictures with the largest values, the largest first.
        least: those with the smallest, the smallest first; of equal ones those that come first.
        values_N: of every picture, in their order.
    """

    at: str
    operation: str
    by: By | None
    of: str
    most: tuple[Excited, ...]
    least: tuple[Excited, ...]
    values_N: NDArray[np.float32]

    @property
    def dead(self) -> bool:
        """Whether all pictures give it the same value."""
        return bool(self.values_N.min() == self.values_N.max())


def exciting(
    model: Model,
    data: str | os.PathLike[str],
    at: str,
    count: int = 9,
    by: By = "max",
    split: str | None = None,
    batch: int | None = None,
    progress: Progress | None = None,
    decoding: Progress | None = None,
) -> Excitation:
    """The pictures that excite a unit or a channel most and least.

    Args:
        model: a loaded model; computed in float32, up to the unit's node and no further.
        data: labelled pictures, see :func:`convscope.data.sources.open_source`.
        at: a unit, ``"conv1[3,10,12]"`` or ``"linear1[7]"``, or a channel, ``"conv1[3]"``.
        count: how many of each.
        by: of a channel, its largest value or the mean of all its places.
        split: see :func:`convscope.data.parts.part_of`.
        batch: pictures at a time; None: as many as keep the memory near 256 MiB.
        progress: told (pictures seen, pictures in all).
        decoding: told (pictures decoded, pictures in all), before that.

    Raises:
        UserError: there is no such unit, or the data cannot be read.

    Example:
        >>> found = exciting(Model.load("runs/digits/model"), "digits", "conv1[3]")  # doctest: +SKIP
        >>> found.most[0].label, str(found.most[0].at), found.most[0].field.spans  # doctest: +SKIP
        ('7', 'conv1[3,0,2]', ((0, 2), (1, 4)))
    """
    if by not in BY:
        raise UserError("by", f"{by!r}", " or ".join(BY), did_you_mean(by, BY))
    if count < 1:
        raise UserError("count", f"{count}", "at least 1")
    graph = model.module.graph
    path, index = _asked(graph, at)
    shape = graph.input if path == INPUT else graph.by_path[path].shape
    single = len(index) == len(shape)
    found = part_of(data, model.preprocess, split, int(model.facts.get("seed", 0)), decoding)
    pictures = found.split
    at_once = batch or inference_batch(graph)
    values_N, places_N = _run(model, pictures.inputs_N, path, index, None if single else by, at_once, progress)

    def excited(row: int) -> Excited:
        place = index if single else (*index, *map(int, np.unravel_index(int(places_N[row]), shape[1:])))
        return Excited(
            pictures.names[row],
            found.classes[int(pictures.labels_N[row])],
            row,
            float(values_N[row]),
            Address(path, place),
            field_of(graph, path, place),
            np.array(pictures.inputs_N[row]),
        )

    # Stable in both directions: of equal values the first pictures come first.
    most, least = (np.argsort(keys, kind="stable")[:count] for keys in (-values_N, values_N))
    operation = INPUT if path == INPUT else graph.by_path[path].op.text()
    return Excitation(
        f"{path}[{','.join(map(str, index))}]",
        operation,
        None if single else by,
        in_words(found),
        tuple(excited(int(row)) for row in most),
        tuple(excited(int(row)) for row in least),
        values_N,
    )


def _asked(graph: Graph, at: str) -> tuple[str, tuple[int, ...]]:
    """The node and either a whole address or the channel alone."""
    found = _CHANNEL.fullmatch(at)
    path = found["path"] if found else ""
    if found and (path in graph.by_path or path == INPUT):
        shape = graph.input if path == INPUT else graph.by_path[path].shape
        channel = int(found["channel"])
        if channel >= shape[0]:
            raise UserError(f"channel {at!r}", f"{path} is {spell_shape(shape)}", f"at most {path}[{shape[0] - 1}]")
        # A channel of a single place is that unit.
        return path, (channel, *([0] * (len(shape) - 1) if elements(shape[1:]) == 1 else []))
    address = parse_address(graph, at)
    if address.tensor:
        raise UserError(f"address {at!r}", "it is a weight's, the same for every picture", f"a unit: {address.path}")
    return address.path, address.index


def _run(
    model: Model,
    images_NHWC: NDArray[np.uint8],
    path: str,
    index: tuple[int, ...],
    by: By | None,
    batch: int,
    progress: Progress | None,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Each picture's value, and where in the channel its maximum is."""
    module, device = model.module, device_of(model)
    values_N, places_N = np.empty(len(images_NHWC), np.float32), np.zeros(len(images_NHWC), np.int64)
    training = module.training
    module.eval()
    try:
        for start in range(0, len(images_NHWC), batch):
            part = slice(start, min(start + batch, len(images_NHWC)))
            # A copy: decoded pictures are memory-mapped and read-only.
            images = model.normalise(torch.from_numpy(np.array(images_NHWC[part])).to(device))
            with torch.inference_mode():
                values = module.forward_all(images, [path])[path].float()
            for place in index:
                values = values[:, place]
            if by is not None:
                flat_NP = values.flatten(1)
                highest, at = flat_NP.max(1)
                values = highest if by == "max" else flat_NP.mean(1)
                places_N[part] = at.cpu().numpy()
            values_N[part] = values.cpu().numpy()
            if progress is not None:
                progress(part.stop, len(images_NHWC))
    finally:
        module.train(training)
    return values_N, places_N
