"""Pictures that are there more than once: byte for byte, or saved again, resized, brightened, mirrored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

COARSE = 16
"""Pixels a side of what is compared with everything else."""
ALIKE = 0.985
"""The least correlation of two coarse grey pictures whose finer ones are compared."""
DIFFERENT = 7.0
"""Levels (of 255, root mean square over a thumbnail, after brightness and contrast are matched) from which two
pictures are not the same one."""
FLAT = 6.0
"""The standard deviation, in levels, below which a picture has nothing to be compared by."""
ROWS = 512

Pairs = list[tuple[int, int]]


def groups(count: int, digests: Sequence[bytes], thumbnails_NHWC: NDArray[np.uint8]) -> list[list[int]]:
    """Pictures that are the same, each group with its members in order.

    Every picture is compared with every other: a product of matrices, seconds for tens of thousands.

    Args:
        count: of pictures.
        digests: of their bytes.
        thumbnails_NHWC: of 32 a side.

    Example:
        >>> dice = np.random.default_rng(0)
        >>> one, other = dice.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
        >>> again = np.clip(one + dice.normal(0, 2, one.shape), 0, 255).astype(np.uint8)
        >>> groups(3, [b"a", b"b", b"c"], np.stack([one, other, again]))
        [[0, 2]]
    """
    parent = list(range(count))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first: dict[bytes, int] = {}
    for index, digest in enumerate(digests):
        parent[root(index)] = root(first.setdefault(digest, index))
    for one, other in near(thumbnails_NHWC):
        parent[root(max(one, other))] = root(min(one, other))
    members: dict[int, list[int]] = {}
    for index in range(count):
        members.setdefault(root(index), []).append(index)
    return [sorted(group) for group in members.values() if len(group) > 1]


def near(thumbnails_NHWC: NDArray[np.uint8]) -> Pairs:
    """Pairs of pictures that look the same, whatever their bytes; mirrored ones count."""
    grey_NHW = thumbnails_NHWC.astype(np.float32).mean(3)
    plain_ND, mirrored_ND = _descriptors(grey_NHW), _descriptors(grey_NHW[:, :, ::-1])
    found = []
    for one, other, mirrored in _candidates(plain_ND, mirrored_ND):
        picture = thumbnails_NHWC[other][:, ::-1] if mirrored else thumbnails_NHWC[other]
        if _difference(thumbnails_NHWC[one], picture) < DIFFERENT:
            found.append((one, other))
    return found


def _descriptors(grey_NHW: NDArray[np.float32]) -> NDArray[np.float32]:
    """Coarse pictures of mean 0 and length 1; flat ones are zero, and so like nothing."""
    n, side, _ = grey_NHW.shape
    step = side // COARSE
    coarse_ND = grey_NHW.reshape(n, COARSE, step, COARSE, step).mean((2, 4)).reshape(n, -1)
    coarse_ND -= coarse_ND.mean(1, keepdims=True)
    lengths_N1 = np.linalg.norm(coarse_ND, axis=1, keepdims=True)
    flat_N1 = lengths_N1 < FLAT * COARSE
    unit_ND: NDArray[np.float32] = np.where(flat_N1, 0, coarse_ND / np.maximum(lengths_N1, 1e-6)).astype(np.float32)
    return unit_ND


def _candidates(plain_ND: NDArray[np.float32], mirrored_ND: NDArray[np.float32]) -> Iterator[tuple[int, int, bool]]:
    for start in range(0, len(plain_ND), ROWS):
        rows_RD = plain_ND[start : start + ROWS]
        for mirrored, columns_ND in ((False, plain_ND), (True, mirrored_ND)):
            alike_RN = rows_RD @ columns_ND[start:].T
            for row, column in np.argwhere(alike_RN >= ALIKE).tolist():
                if column > row:
                    yield start + row, start + column, mirrored


def _difference(one_HWC: NDArray[np.uint8], other_HWC: NDArray[np.uint8]) -> float:
    """Root mean square in levels, after the other's brightness and contrast are brought to the one's."""
    one, other = one_HWC.astype(np.float32), other_HWC.astype(np.float32)
    other = (other - other.mean()) * (one.std() / max(1e-6, float(other.std()))) + one.mean()
    return float(np.sqrt(((one - other) ** 2).mean()))
