"""How large pictures are before they are brought to the network's size, by their files' headers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from convscope.cores import cores
from convscope.data.dataset import Unreadable
from convscope.data.image.decode import measure, quiet
from convscope.data.sources import Source
from convscope.data.sources.source import FileSource

MOST = 4000
"""Headers that are read at most: a share right is known to a point or two by then."""


def sizes_of(source: Source, names: Sequence[str], most: int = MOST) -> NDArray[np.int64] | None:
    """Rows and columns of pictures as their files have them, upright; nothing is decoded.

    Args:
        source: where the pictures are from.
        names: which of its pictures.
        most: of more pictures, so many are looked at, evenly spread.

    Returns:
        (N, 2) int64, height and width; -1 where a picture was not looked at or its header cannot be read. None where
        the source's pictures are all of one size.

    Example:
        >>> from convscope.data.sources import open_source
        >>> sizes_of(open_source("digits"), ["digits[0]"]) is None
        True
    """
    if not isinstance(source, FileSource) or not len(names):
        return None
    index_of = {name: index for index, name in enumerate(source.names)}
    sizes_N2 = np.full((len(names), 2), -1, np.int64)
    places = np.unique(np.linspace(0, len(names) - 1, min(most, len(names))).round().astype(np.int64)).tolist()
    known = [(place, index_of[names[place]]) for place in places if names[place] in index_of]
    with quiet(), source.opening() as opener, ThreadPoolExecutor(cores()) as pool:
        for (place, _), size in zip(known, pool.map(lambda pair: _size(opener, pair[1]), known), strict=True):
            if size is not None:
                sizes_N2[place] = size
    return sizes_N2


def _size(opener: Callable[[int], BinaryIO], index: int) -> tuple[int, int] | None:
    try:
        with opener(index) as file:
            return measure(file)[1:]
    except Unreadable:
        return None
