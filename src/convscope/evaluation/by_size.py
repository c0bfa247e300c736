"""How often answers are right by how large the pictures were before they were brought to the network's size."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.intervals import wilson_interval

FEWEST = 30
"""Pictures, below which thirds of them say nothing."""
GROUPS = 3


@dataclass(frozen=True)
class SizeScore:
    """Pictures of about one size.

    Args:
        smallest, largest: (height, width) of the smallest and of the largest by area, in pixels.
        count, right: pictures, and how many of them were named rightly.
        interval: 95 % Wilson interval of the share right.
    """

    smallest: tuple[int, int]
    largest: tuple[int, int]
    count: int
    right: int
    interval: tuple[float, float]

    @property
    def share(self) -> float:
        """Right, of all of this size."""
        return self.right / self.count

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        lists = {key: list(value) for key, value in asdict(self).items() if isinstance(value, tuple)}
        return {**asdict(self), **lists, "share": self.share}


def by_size(sizes_N2: NDArray[np.int64] | None, right_N: NDArray[np.bool_]) -> tuple[SizeScore, ...]:
    """The smallest third of the pictures by area, the middle one and the largest; pictures of equal area stay together.

    Args:
        sizes_N2: height and width of every picture, -1 where it is not known; None: all of one size.
        right_N: whether it was named rightly.

    Returns:
        two or three groups, the smallest pictures first; nothing where all have one area or there are too few.

    Example:
        >>> side_N = np.repeat([10, 20, 40], 20)
        >>> found = by_size(np.stack([side_N, side_N], 1), side_N > 10)
        >>> [(group.largest, group.share) for group in found]
        [((10, 10), 0.0), ((20, 20), 1.0), ((40, 40), 1.0)]
    """
    if sizes_N2 is None:
        return ()
    known_M = np.flatnonzero(sizes_N2[:, 0] > 0)
    if len(known_M) < FEWEST:
        return ()
    sizes_M2, right_M = sizes_N2[known_M], right_N[known_M]
    area_M = sizes_M2.prod(1)
    edges = np.quantile(area_M, np.arange(1, GROUPS) / GROUPS, method="inverted_cdf")
    group_M = np.searchsorted(edges, area_M, side="left")
    groups = [np.flatnonzero(group_M == group) for group in np.unique(group_M)]
    if len(groups) < 2:
        return ()
    return tuple(_score(sizes_M2[members], right_M[members]) for members in groups)


def _score(sizes_M2: NDArray[np.int64], right_M: NDArray[np.bool_]) -> SizeScore:
    area_M = sizes_M2.prod(1)
    least, most = (sizes_M2[at].tolist() for at in (area_M.argmin(), area_M.argmax()))
    count, right = len(right_M), int(right_M.sum())
    return SizeScore((least[0], least[1]), (most[0], most[1]), count, right, wilson_interval(right, count))
