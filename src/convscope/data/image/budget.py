"""The memory that decoding may take: shared by all threads, asked for by what a header promises."""

from __future__ import annotations

import contextlib
import ctypes
import struct
import sys
import threading
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from convscope.data.dataset import Unreadable

if TYPE_CHECKING:
    from PIL import Image

#: Bytes that all pictures being decoded at one moment may take together.
BUDGET = 1_100_000_000
#: A file of more bytes is read and decoded one at a time: those that wait for the budget are in memory already.
LARGE_FILE = 16 << 20
#: An icon is at most 256 a side; one that promises far more pixels inside is no icon.
_ICON_PIXELS = 1 << 20

_STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
# What a decoder holds beside Pillow's picture, bytes a pixel, where it does not work row by row.
_BESIDE = {"GIF": 4, "BMP": 2, "WEBP": 24, "AVIF": 32, "PPM": 8, "QOI": 8, "ICO": 32, "JPEG2000": 8}
_TEXTS = 64 << 20  # Pillow's own limit for the texts of a PNG
_BITS, _ROWS_PER_STRIP, _TILE_WIDTH, _TILE_LENGTH = 258, 278, 322, 323


class Budget:
    """An amount of memory that threads take a part of and give back; who asked first is served first.

    Args:
        total: bytes.

    Example:
        >>> budget = Budget(100)
        >>> with budget.hold(60):
        ...     budget.used
        60
        >>> budget.used
        0
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.used = 0
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()

    @contextlib.contextmanager
    def hold(self, need: int) -> Iterator[None]:
        """Wait until ``need`` bytes are free, and hold them.

        Raises:
            ValueError: it is more than there ever is.
        """
        if need > self.total:
            raise ValueError(f"{need:,} bytes of {self.total:,}")
        turn = object()
        with self._changed:
            self._waiting.append(turn)
            try:
                self._changed.wait_for(lambda: self._waiting[0] is turn and self.used + need <= self.total)
                self.used += need
            finally:
                self._waiting.remove(turn)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self.used -= need
                self._changed.notify_all()


#: The budget of this process.
SHARED = Budget(BUDGET)
_one_large = threading.Lock()
# glibc keeps up to 64 MB a thread of what was freed, until it is asked to give it back.
_TRIMMED = 32_000_000
_trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None


def lane(size: int) -> contextlib.AbstractContextManager[object]:
    """What a file of ``size`` bytes is read and decoded in: large ones one after the other."""
    return _one_large if size > LARGE_FILE else contextlib.nullcontext()


@contextlib.contextmanager
def room(need: int, width: int, height: int) -> Iterator[None]:
    """Hold the memory that a picture needs.

    Raises:
        Unreadable: it needs more than there is for all.
    """
    if need > SHARED.total:
        given = f"at most {SHARED.total / 1e9:.1f} GB is given"
        raise Unreadable(f"{width} x {height}: decoding takes up to {need / 1e9:,.1f} GB; {given}")
    # Side by side a picture takes up more than it uses: the allocator keeps what other threads freed.
    with SHARED.hold(min(SHARED.total, need * 5 // 4)):
        try:
            yield
        finally:
            if need > _TRIMMED and _trim is not None:
                _trim(0)


def stored(mode: str) -> int:
    """Bytes a pixel in Pillow's memory."""
    return _STORED.get(mode, 4)


def decoding(image: Image.Image, data: bytes, full: tuple[int, int]) -> int:
    """Bytes that decoding takes at its worst moment, Pillow's picture included.

    Args:
        image: opened, not loaded; of a JPEG, drafted.
        data: the file.
        full: width and height before the draft.
    """
    pixels, kind = image.width * image.height, image.format or ""
    need = pixels * (stored(image.mode) + _BESIDE.get(kind, 0)) + 2 * len(data)
    if kind in ("JPEG", "MPO") and _is_buffered(data):
        # Every coefficient of the whole picture is held, draft or not: 16 bits each.
        need += 2 * full[0] * full[1] * len(image.getbands())
    elif kind == "TIFF":
        need += _pieces(image) + pixels * stored(image.mode)  # turned upright by Pillow itself, a copy
    elif kind == "PNG" and (b"zTXt" in data or b"iTXt" in data):
        need += min(_TEXTS, 1100 * len(data))
    elif kind == "JPEG2000":
        need += _wavelets(data)
    return need


def before_opening(data: bytes, kind: str) -> tuple[int, int] | None:
    """Width and height where opening alone would allocate them, or where the header does not tell them."""
    if kind == "WEBP" and data[12:16] == b"VP8X" and len(data) >= 30:
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == "ICO":
        return max(_icons(data), key=lambda size: size[0] * size[1], default=None)
    return None


def resizing(box_height: float, size: tuple[int, int], across: int, down: int, pixel: int) -> int:
    """Bytes of a resize: all rows at their final width first, and the weights of both passes.

    Args:
        box_height: rows that are read.
        size: width and height of the result.
        across, down: width and height of the picture.
        pixel: bytes a pixel.
    """
    rows = int(box_height) + 2
    return size[0] * (rows + size[1]) * pixel + 24 * (across + down) + 64 * (size[0] + size[1])


def check_icon(size: tuple[int, int]) -> None:
    """Refuse an icon whose picture inside is none of an icon.

    Raises:
        Unreadable: it is larger.
    """
    if size[0] * size[1] > _ICON_PIXELS:
        raise Unreadable(f"an icon that holds a picture of {size[0]} x {size[1]}; at most 1024 x 1024 is decoded")


def _is_buffered(data: bytes) -> bool:
    """Whether a JPEG comes in several scans, so that its decoder keeps all of it."""
    at, components = 2, 0
    while at + 10 <= len(data):
        if data[at] != 0xFF:
            return True
        marker = data[at + 1]
        if marker == 0xFF or marker == 0x01 or 0xD0 <= marker <= 0xD8:
            at += 1 if marker == 0xFF else 2
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            if marker not in (0xC0, 0xC1):
                return True
            components = data[at + 9]
        elif marker == 0xDA:
            return data[at + 4] != components
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return True


def _pieces(image: Image.Image) -> int:
    """Bytes of a TIFF's largest strip or tile, unpacked."""
    tags = getattr(image, "tag_v2", {})

    def number(tag: int, default: int) -> int:
        value = tags.get(tag, default)
        value = value[0] if isinstance(value, tuple) and value else value
        return value if isinstance(value, int) and value > 0 else default

    bits = tags.get(_BITS, (8,))
    depth = sum(bits) if isinstance(bits, tuple) and all(isinstance(bit, int) for bit in bits) else 64
    width = number(_TILE_WIDTH, image.width)
    length = number(_TILE_LENGTH, min(max(image.size), number(_ROWS_PER_STRIP, max(image.size))))
    return 2 * width * length * max(32, depth) // 8


def _wavelets(data: bytes) -> int:
    """Bytes of a JPEG 2000's coefficients: 32 bits each, two copies."""
    at = data.find(b"\xff\x4f\xff\x51")
    if at < 0 or at + 42 > len(data):
        return 0
    width, height, left, top = struct.unpack_from(">IIII", data, at + 8)
    (components,) = struct.unpack_from(">H", data, at + 40)
    return 8 * int(components) * max(0, int(width) - int(left)) * max(0, int(height) - int(top))


def _icons(data: bytes) -> Iterator[tuple[int, int]]:
    for place in range(6, min(len(data) - 15, 6 + 16 * int.from_bytes(data[4:6], "little")), 16):
        at = int.from_bytes(data[place + 12 : place + 16], "little")
        if data[at : at + 4] == b"\x89PNG" and at + 24 <= len(data):
            yield struct.unpack_from(">II", data, at + 16)
        elif at + 12 <= len(data):
            width, height = struct.unpack_from("<ii", data, at + 4)
            yield abs(width), abs(height)
