"""Pictures that are there more than once: byte for byte, or saved again, resized, brightened, mirrored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

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
        >>> rng = np.random.default_rng(0)
        >>> one, other = rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
        >>> again = np.clip(one + rng.normal(0, 2, one.shape), 0, 255).astype(np.uint8)
        >>> groups(3, [b"a", b"b", b"c"], np.stack([one, other, again]))
        [[0, 2]]
    """
    first: dict[bytes, int] = {}
    edges = [(first.setdefault(digest, index), index) for index, digest in enumerate(digests)]
    single = list(first.values())  # of a thousand same files one is compared
    alike = near(thumbnails_NHWC if len(single) == count else thumbnails_NHWC[single])
    edges += [(single[one], single[other]) for one, other in alike]
    one_E, other_E = np.array(edges, np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(edges), bool), (one_E, other_E)), shape=(count, count))
    _, components_N = connected_components(graph, directed=False)
    members: dict[int, list[int]] = {}
    for index, component in enumerate(components_N.tolist()):
        members.setdefault(component, []).append(index)
    return [group for group in members.values() if len(group) > 1]


def near(thumbnails_NHWC: NDArray[np.uint8]) -> Pairs:
    """Pairs of pictures that look the same, whatever their bytes; mirrored ones count."""
    if not len(thumbnails_NHWC):
        return []
    plain, mirrored = [], []
    for start in range(0, len(thumbnails_NHWC), ROWS):
        grey_NHW = thumbnails_NHWC[start : start + ROWS].astype(np.float32).mean(3)
        plain.append(_descriptors(grey_NHW))
        mirrored.append(_descriptors(grey_NHW[:, :, ::-1]))
    pairs: Pairs = []
    for pairs_P2, flipped in _candidates(np.concatenate(plain), np.concatenate(mirrored)):
        for start in range(0, len(pairs_P2), ROWS):
            one_P, other_P = pairs_P2[start : start + ROWS].T
            others = thumbnails_NHWC[other_P]
            difference_P = _differences(thumbnails_NHWC[one_P], others[:, :, ::-1] if flipped else others)
            same_P = difference_P < DIFFERENT
            pairs += zip(one_P[same_P].tolist(), other_P[same_P].tolist(), strict=True)
    return pairs


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


def _candidates(
    plain_ND: NDArray[np.float32], mirrored_ND: NDArray[np.float32]
) -> Iterator[tuple[NDArray[np.int64], bool]]:
    """Pairs (P, 2) that are alike, the first before the second, and whether the second is to be mirrored."""
    for start in range(0, len(plain_ND), ROWS):
        rows_RD = plain_ND[start : start + ROWS]
        for mirrored, columns_ND in ((False, plain_ND), (True, mirrored_ND)):
            alike_RN = rows_RD @ columns_ND[start:].T
            pairs_P2 = np.argwhere(alike_RN >= ALIKE)
            yield start + pairs_P2[pairs_P2[:, 1] > pairs_P2[:, 0]], mirrored


def _differences(one_PHWC: NDArray[np.uint8], other_PHWC: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Root mean squares (P) in levels, after the other's brightness and contrast are brought to the one's."""
    one_PD, other_PD = (some.astype(np.float32).reshape(len(some), -1) for some in (one_PHWC, other_PHWC))
    one_PD -= one_PD.mean(1, keepdims=True)
    other_PD -= other_PD.mean(1, keepdims=True)
    other_PD *= one_PD.std(1, keepdims=True) / np.maximum(1e-6, other_PD.std(1, keepdims=True))
    differences_P: NDArray[np.float32] = np.sqrt(((one_PD - other_PD) ** 2).mean(1))
    return differences_P
