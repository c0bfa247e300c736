"""One picture, however it was saved -> uint8 HWC of the asked size and channels, or a named reason why not.

Training and prediction go through the same functions, so a picture looks the same to the network in both.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from convscope.data.content import HEAD, MAX_BYTES, recognise
from convscope.data.dataset import Preprocess, Unreadable
from convscope.data.image import budget
from convscope.data.image.eight_bits import GREY, STRIP_PIXELS, eight_bits, mode_of
from convscope.errors import UserError
from convscope.files import read_regular, special

#: A picture of more pixels is refused by its header, before any of it is decoded.
MAX_PIXELS = 300_000_000

_opening = threading.Lock()

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


Fit = Literal["stretch", "crop", "letterbox", "pad"]


@dataclass(frozen=True)
class ImagePreprocess:
    """How a picture of any size becomes the network's input; saved with the model, the same at prediction.

    Args:
        channels: 1 (grey) or 3 (RGB).
        height: rows of the input.
        width: columns of the input.
        fit: ``stretch`` to the size, ``crop`` the centre after scaling, ``letterbox`` (scale the whole picture in,
            fill the rest with black), ``pad`` (as letterbox, but never enlarge: a 28x28 digit in 32x32 stays 28x28).
        keep: of a crop, how much of the side that fits exactly is kept: 0.875 is the usual "256, then the middle 224".
    """

    modality: ClassVar[str] = "image"
    dtype: ClassVar[np.dtype[Any]] = np.dtype(np.uint8)
    channels: int
    height: int
    width: int
    fit: Fit = "stretch"
    keep: float = 1.0

    def __post_init__(self) -> None:
        if not 0.1 <= self.keep <= 1:
            raise ValueError(f"keep is {self.keep!r}, not from 0.1 to 1")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self.channels, self.height, self.width

    @property
    def stored(self) -> tuple[int, int, int]:
        """(H, W, C), as pictures lie in files."""
        return self.height, self.width, self.channels

    def key(self) -> Any:
        """With Pillow's version, which decodes and scales."""
        return [PIL.__version__, self.to_dict()]

    def decode(self, file: str | os.PathLike[str] | bytes) -> NDArray[np.uint8]:
        """See :func:`decode`."""
        return decode(file, self)

    def fit_arrays(self, values_N: NDArray[Any]) -> NDArray[np.uint8]:
        """See :func:`fit_array`."""
        return fit_array(values_N, self)

    def is_quick(self, shape: tuple[int, ...]) -> bool:
        """Whether nothing is resized."""
        _, height, width = shape
        same = (height, width) == (self.height, self.width)
        return same or (self.fit == "pad" and height <= self.height and width <= self.width)

    def words(self) -> str:
        """What is done, for people."""
        return f"pictures brought to this size by {self.fit}"

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON."""
        return {"modality": self.modality, **asdict(self)}


def of_pictures(preprocess: Preprocess, what: str) -> ImagePreprocess:
    """The same, as that of pictures.

    Args:
        preprocess: of a model or a data set.
        what: needs pictures, for the message.

    Raises:
        UserError: it is of other inputs.
    """
    if isinstance(preprocess, ImagePreprocess):
        return preprocess
    raise UserError(what, f"the inputs are of the modality {preprocess.modality!r}", "pictures: it works on them alone")


def decode(picture: str | os.PathLike[str] | bytes, preprocess: ImagePreprocess) -> NDArray[np.uint8]:
    """Decode one picture and fit it: ``(height, width, channels)`` uint8 as ``preprocess`` says.

    The content decides the format, not the name. Of an animation the first frame is taken, EXIF rotation is
    applied, transparency is laid on white, CMYK and palettes become RGB, 16 bits are scaled to 8. Floating-point
    pictures are read as 0..1 or 0..255 or, beyond that, from their least to their greatest value.

    Args:
        picture: a path, or the bytes of a file.
        preprocess: channels, size and fit.

    Raises:
        Unreadable: it is no picture, damaged, or too large.

    Example:
        >>> decode(b"not a picture", ImagePreprocess(1, 8, 8))
        Traceback (most recent call last):
            ...
        convscope.data.dataset.Unreadable: not a picture but text
    """
    if not isinstance(picture, bytes):
        path = Path(picture)
        with budget.lane(_size(path)):
            return decode(_read(path), preprocess)
    with _reasons():
        kind = recognise(picture[:HEAD]).format
        promised = budget.before_opening(picture, kind)
        if promised is not None:
            _refuse_giant(*promised)
            if kind == "ICO":
                budget.check_icon(promised)
        image = _header(io.BytesIO(picture))
        if not image.width * image.height:
            raise Unreadable("has no pixels")
        _refuse_giant(*image.size)
        full = image.size
        _draft(image, preprocess)
        turned = _may_be_turned(image, picture)
        with budget.room(_need(image, picture, full, turned, preprocess), *full):
            held = [image]
            del image  # so that nothing of it is left when the room is given back
            return _loaded(held, preprocess)


def _loaded(held: list[Image.Image], preprocess: ImagePreprocess) -> NDArray[np.uint8]:
    image = held.pop()
    image.load()
    # Of a TIFF it says upright now.
    turn = _TURNS.get(orientation(image))
    plain = eight_bits(image, preprocess.channels)
    # What is no longer needed is given up before the next copy is made.
    del image
    if turn is not None:
        plain = plain.transpose(turn)
    return _fit(plain, preprocess)


def _refuse_giant(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        count = width * height / 1e6
        raise Unreadable(f"{width} x {height} = {count:,.0f} megapixels; at most {MAX_PIXELS // 10**6} are decoded")


def _need(image: Image.Image, data: bytes, full: tuple[int, int], turned: bool, preprocess: ImagePreprocess) -> int:
    """Bytes at the worst moment of decoding, converting, turning and fitting."""
    pixels = image.width * image.height
    after = 1 if image.mode in GREY or preprocess.channels == 1 else 4
    copies = 0 if image.mode == mode_of(image, preprocess.channels) and "transparency" not in image.info else 1
    converted = pixels * (budget.stored(image.mode) + after * copies) + 40 * min(pixels, STRIP_PIXELS)
    upright = 2 * pixels * after if turned else 0
    # At worst a quarter turn: what is high is wide.
    sizes = (image.size, image.size[::-1]) if turned else (image.size,)
    resized = 0
    for width, height in sizes:
        placed = _placement(width, height, preprocess)
        rows = placed.box[3] - placed.box[1]
        resized = max(resized, budget.resizing(rows, placed.size, width, height, after))
    fitted = pixels * after + resized
    made = 16 * preprocess.width * preprocess.height
    return max(budget.decoding(image, data, full), converted, upright, fitted) + len(data) + made


def measure(file: BinaryIO) -> tuple[int, int, int]:
    """The ``(channels, height, width)`` that a picture's header promises, upright; nothing is decoded.

    Raises:
        Unreadable: it is no picture.
    """
    with _reasons():
        image = _header(file)
        width, height = image.size
        # Pillow's TIFF reader turns the size itself.
        turned = image.format != "TIFF" and orientation(image) >= 5
        return 1 if image.mode in GREY else 3, *((width, height) if turned else (height, width))


def fit_array(images_NHWC: NDArray[np.uint8], preprocess: ImagePreprocess) -> NDArray[np.uint8]:
    """Fit decoded pictures as :func:`decode` fits files: ``(N, height, width, channels)`` uint8.

    What is right already is returned as it is, without a copy; ``pad`` around smaller pictures and a change of
    channels are vectorised; everything else is resized picture by picture with Pillow.

    Args:
        images_NHWC: uint8 pictures of 1 or 3 channels.
        preprocess: channels, size and fit.

    Raises:
        ValueError: the array is not uint8 NHWC of 1 or 3 channels.

    Example:
        >>> fit_array(np.zeros((2, 28, 28, 1), np.uint8), ImagePreprocess(1, 32, 32, "pad")).shape
        (2, 32, 32, 1)
    """
    if images_NHWC.ndim != 4 or images_NHWC.shape[3] not in (1, 3) or images_NHWC.dtype != np.uint8:
        raise ValueError(f"expected uint8 NHWC of 1 or 3 channels, got {images_NHWC.dtype} {images_NHWC.shape}")
    count, height, width, channels = images_NHWC.shape
    size = (preprocess.height, preprocess.width)
    if channels == 3 and preprocess.channels == 1:
        images_NHWC, channels = _grey(images_NHWC), 1
    if (height, width) == size and (preprocess.fit != "crop" or preprocess.keep == 1):
        fitted = images_NHWC
    elif preprocess.fit == "pad" and height <= size[0] and width <= size[1]:
        fitted = np.zeros((count, *size, channels), np.uint8)
        top, left = (size[0] - height) // 2, (size[1] - width) // 2
        fitted[:, top : top + height, left : left + width] = images_NHWC
    else:
        fitted = np.empty((count, *size, channels), np.uint8)
        native = replace(preprocess, channels=channels)
        for picture_HWC, out_HWC in zip(images_NHWC, fitted, strict=True):
            # Pillow spells one channel as two dimensions.
            flat = picture_HWC[:, :, 0] if channels == 1 else picture_HWC
            out_HWC[...] = _fit(Image.fromarray(np.ascontiguousarray(flat)), native)
    return fitted if channels == preprocess.channels else np.repeat(fitted, preprocess.channels, axis=3)


def in_photograph(row: float, column: float, size: tuple[int, int], preprocess: ImagePreprocess) -> tuple[float, float]:
    """Where a place of the fitted picture is in the photograph that it was made of.

    Args:
        row, column: in the fitted picture, pixels from its upper left corner.
        size: the photograph's height and width, upright.
        preprocess: how it was fitted.

    Returns:
        row and column in the photograph; outside of it for a place in added borders.

    Example:
        >>> in_photograph(112, 0, (512, 512), ImagePreprocess(3, 224, 224, "crop", 0.875))
        (256.0, 32.0)
    """
    placed = _placement(size[1], size[0], preprocess)
    left, upper, right, lower = placed.box
    y = upper + (row - placed.corner[1]) * (lower - upper) / placed.size[1]
    x = left + (column - placed.corner[0]) * (right - left) / placed.size[0]
    return y, x


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep Pillow's warnings about odd files to itself: what matters of them is said as :class:`Unreadable`.

    The filters are the process's own, so this is entered once around all threads, not in each.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0  # reading it says why


def _read(path: Path) -> bytes:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise Unreadable("a folder, not a file")
        if what := special(status):
            raise Unreadable(f"{what}, not a regular file")
        if status.st_size > MAX_BYTES:
            raise Unreadable(f"{status.st_size / 2**30:,.1f} GiB; at most {MAX_BYTES >> 30} GiB is read")
        return read_regular(path)
    except (OSError, ValueError) as error:
        raise Unreadable(f"cannot be read: {_words(error)}") from error


@contextlib.contextmanager
def _reasons() -> Iterator[None]:
    """Turn whatever a damaged file makes Pillow raise into one :class:`Unreadable`."""
    try:
        yield
    except Unreadable:
        raise
    except MemoryError as error:
        raise Unreadable("too large for the memory") from error
    except Exception as error:
        # Fuzzed files reach struct.error, SyntaxError, ZeroDivisionError, ...: no list of them would be whole.
        words = _words(error)
        cut = any(word in words for word in ("truncated", "unexpected end", "not enough image data"))
        reason = "cut short: the picture ends before its data" if cut else f"damaged: {words}"
        raise Unreadable(reason) from error


def _words(error: BaseException) -> str:
    strerror = error.strerror if isinstance(error, OSError) else None
    return (strerror or str(error) or type(error).__name__).splitlines()[0].lower()


def _header(file: BinaryIO) -> Image.Image:
    """Open without decoding; only formats that run no other program and can be told by their first bytes."""
    head = file.read(HEAD)
    content = recognise(head)
    if not head:
        raise Unreadable("the file is empty")
    if not content.format:
        raise Unreadable(content.refusal)
    # Pillow's own limit is lower than ours and a setting of the whole process, so it is lifted for the moment
    # that reads a header and given back; decode() asks for the number of pixels itself.
    with _opening:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(file, formats=[content.format])
        except KeyError as error:
            raise Unreadable(f"{content.what}: this Pillow cannot decode that") from error
        except UnidentifiedImageError as error:
            raise Unreadable(f"damaged: starts as {content.what}, but its header makes no sense") from error
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def orientation(image: Image.Image) -> int:
    """EXIF's, from 1 to 8; nothing is decoded."""
    # A broken EXIF block is no reason to refuse the picture.
    with contextlib.suppress(Exception):
        # Pillow's PNG reader decodes the whole picture to find a block behind it: only decode() shall do that.
        exif = Image.Image.getexif(image) if image.format == "PNG" else image.getexif()
        return int(exif.get(_ORIENTATION, 1))
    return 1


def _may_be_turned(image: Image.Image, data: bytes) -> bool:
    if image.format == "PNG":
        return any(chunk in data for chunk in (b"eXIf", b"tEXt", b"zTXt", b"iTXt"))
    return orientation(image) in _TURNS


def _grey(images_NHWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Luma as Pillow's ``convert("L")`` computes it, to the bit."""
    weighted = images_NHWC.astype(np.uint32) * np.array([19595, 38470, 7471], np.uint32)
    luma: NDArray[np.uint8] = ((weighted.sum(axis=3, keepdims=True) + 0x8000) >> 16).astype(np.uint8)
    return luma


@dataclass(frozen=True)
class _Placement:
    """Which part of a picture (``box``: left, upper, right, lower) is scaled to ``size`` and put at ``corner``."""

    box: tuple[float, float, float, float]
    size: tuple[int, int]
    corner: tuple[int, int]


def _placement(width: int, height: int, preprocess: ImagePreprocess) -> _Placement:
    across, down = preprocess.width, preprocess.height
    whole = (0.0, 0.0, float(width), float(height))
    if preprocess.fit == "stretch":
        return _Placement(whole, (across, down), (0, 0))
    if preprocess.fit == "crop":
        scale = max(across / width, down / height) / preprocess.keep
        cut_width, cut_height = min(width, across / scale), min(height, down / scale)
        left, upper = (width - cut_width) / 2, (height - cut_height) / 2
        if scale == 1:
            # Half a pixel of offset would blur a picture that needs no scaling.
            left, upper = float(int(left)), float(int(upper))
        return _Placement((left, upper, left + cut_width, upper + cut_height), (across, down), (0, 0))
    scale = min(across / width, down / height)
    if preprocess.fit == "pad":
        scale = min(scale, 1.0)
    size = (min(across, max(1, round(width * scale))), min(down, max(1, round(height * scale))))
    return _Placement(whole, size, ((across - size[0]) // 2, (down - size[1]) // 2))


def _draft(image: Image.Image, preprocess: ImagePreprocess) -> None:
    """Let the JPEG decoder itself halve a large picture, down to twice the wanted size at least."""
    if image.format not in ("JPEG", "MPO"):
        return
    width, height = image.size
    if orientation(image) >= 5:
        width, height = height, width
    placed = _placement(width, height, preprocess)
    wide = 2 * placed.size[0] * width / max(1.0, placed.box[2] - placed.box[0])
    high = 2 * placed.size[1] * height / max(1.0, placed.box[3] - placed.box[1])
    if orientation(image) >= 5:
        wide, high = high, wide
    image.draft(image.mode, (int(wide) + 1, int(high) + 1))


def _fit(image: Image.Image, preprocess: ImagePreprocess) -> NDArray[np.uint8]:
    """An ``L`` or ``RGB`` picture at the asked size, HWC."""
    placed = _placement(image.width, image.height, preprocess)
    if image.size != placed.size or placed.box != (0, 0, image.width, image.height):
        # Pillow widens its bilinear kernel by the scale: shrinking averages, it does not alias.
        image = image.resize(placed.size, Image.Resampling.BILINEAR, box=placed.box)
    if placed.size != (preprocess.width, preprocess.height):
        canvas = Image.new(image.mode, (preprocess.width, preprocess.height))
        canvas.paste(image, placed.corner)
        image = canvas
    picture_HWC = np.asarray(image).reshape(preprocess.height, preprocess.width, -1)
    missing = preprocess.channels // picture_HWC.shape[2]
    return np.repeat(picture_HWC, missing, axis=2) if missing > 1 else picture_HWC
