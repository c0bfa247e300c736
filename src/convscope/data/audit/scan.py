"""One look at every picture: what its header says, and a thumbnail to compare it by."""

from __future__ import annotations

import hashlib
import io
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePath
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convscope.cores import cores
from convscope.data.content import MAX_BYTES, recognise
from convscope.data.dataset import Unreadable
from convscope.data.image.budget import lane
from convscope.data.image.decode import ImagePreprocess, decode, fit_array, measure, orientation, quiet
from convscope.data.sources.source import ArraySource, FileSource

SIDE = 32
"""Pixels a side of a thumbnail."""
THUMBNAIL = ImagePreprocess(3, SIDE, SIDE, "stretch")
ENDINGS = {
    "JPEG": {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"}, "PNG": {".png", ".apng"}, "GIF": {".gif"},
    "BMP": {".bmp", ".dib"}, "TIFF": {".tif", ".tiff"}, "WEBP": {".webp"}, "AVIF": {".avif"},
    "JPEG2000": {".jp2", ".j2k"}, "PPM": {".ppm", ".pgm", ".pbm", ".pnm"}, "QOI": {".qoi"}, "ICO": {".ico"},
}  # fmt: skip
_PLAIN = {"L", "RGB", "1"}


@dataclass(frozen=True)
class ScannedPicture:
    """What one picture is.

    Args:
        digest: of the file's bytes, or of the pixels where there is no file.
        thumbnail_HWC: uint8, :data:`SIDE` a side, RGB.
        size: (channels, height, width), upright.
        odd: what is unusual, ``(kind, detail)`` as in :class:`~convscope.data.audit.finding.Finding`.
    """

    digest: bytes
    thumbnail_HWC: NDArray[np.uint8]
    size: tuple[int, int, int]
    odd: tuple[tuple[str, str], ...] = ()


def scan_pictures(
    source: ArraySource | FileSource, progress: Callable[[int, int], None] | None = None
) -> Iterator[ScannedPicture | str]:
    """Look at every picture of a source, in order; a text where one cannot be read, which says why."""
    if isinstance(source, ArraySource):
        yield from _of_arrays(source, progress)
        return
    workers, count = cores(), len(source.members)
    with quiet(), source.opening() as opener, ThreadPoolExecutor(workers) as pool:
        left = iter(range(count))
        # A few ahead, not all: what was looked at and is not yet taken is held in memory.
        waiting = deque(pool.submit(_of_file, source, opener, index) for index in islice(left, 4 * workers))
        for done in range(1, count + 1):
            yield waiting.popleft().result()
            waiting.extend(pool.submit(_of_file, source, opener, index) for index in islice(left, 1))
            if progress is not None:
                progress(done, count)


def _of_arrays(source: ArraySource, progress: Callable[[int, int], None] | None) -> Iterator[ScannedPicture]:
    count, (channels, height, width) = len(source.labels_N), source.shape()
    for start in range(0, count, 1000):
        pictures_BHWC = source.take(np.arange(start, min(count, start + 1000), dtype=np.int64))
        for whole, small in zip(pictures_BHWC, fit_array(pictures_BHWC, THUMBNAIL), strict=True):
            yield ScannedPicture(
                hashlib.blake2b(whole.tobytes(), digest_size=16).digest(), small, (channels, height, width)
            )
        if progress is not None:
            progress(min(count, start + 1000), count)


def _of_file(source: FileSource, opener: Callable[[int], BinaryIO], index: int) -> ScannedPicture | str:
    try:
        with lane(source.members[index].size):
            with opener(index) as file:
                data = file.read(MAX_BYTES + 1)
            thumbnail_HWC = decode(data, THUMBNAIL)
        size = measure(io.BytesIO(data))
    except Unreadable as error:
        return error.reason
    except Exception as error:  # a damaged archive member has many ways to say so
        return f"cannot be read: {str(error) or type(error).__name__}".lower()
    odd = tuple(_oddities(data, source.names[index], size))
    return ScannedPicture(hashlib.blake2b(data, digest_size=16).digest(), thumbnail_HWC, size, odd)


def _oddities(data: bytes, name: str, size: tuple[int, int, int]) -> Iterator[tuple[str, str]]:
    """What a header tells; nothing is decoded."""
    _, height, width = size
    kind = recognise(data[:512]).format
    ending = PurePath(name).suffix.lower()
    # A row of a table (shard.parquet[7]) has none.
    if ending and not ending.endswith("]") and ending not in ENDINGS.get(kind, {ending}):
        yield "misnamed", f"it is {kind}"
    if height * width > 50_000_000:
        yield "huge", f"{width} x {height}, {height * width / 1e6:.0f} megapixels"
    if max(height, width) > 2 * min(height, width):
        yield "elongated", f"{width} x {height}"
    with suppress(Exception):
        image = Image.open(io.BytesIO(data), formats=[kind])
        if orientation(image) > 1:
            yield "turned", "set upright"
        frames = int(getattr(image, "n_frames", 1))
        if frames > 1 and kind != "MPO":
            yield "unusual", f"{frames} frames, the first is taken"
        transparent = "A" in image.mode or "transparency" in image.info
        if transparent:
            yield "unusual", "transparent, laid on white"
        elif image.mode not in _PLAIN and image.mode != "P":
            yield "unusual", f"mode {image.mode}"


def stacked(found: Sequence[ScannedPicture | str]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Which pictures could be read, and their thumbnails (N, H, W, 3)."""
    good = [index for index, one in enumerate(found) if isinstance(one, ScannedPicture)]
    thumbnails = [one.thumbnail_HWC for one in found if isinstance(one, ScannedPicture)]
    empty = np.zeros((0, SIDE, SIDE, 3), np.uint8)
    return np.array(good, np.int64), np.stack(thumbnails) if thumbnails else empty
