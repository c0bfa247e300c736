"""What a person types or points at -> arrays of numbers ``(C, H, W)``: text, CSV, pictures, made-up tensors."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convscope.errors import UserError, did_you_mean
from convscope.files import open_regular, read_regular, refuse_special
from convscope.seeds import stream_seed

Values = NDArray[np.float64]

MOST = 4_000_000
"""Values in one array; beyond, a picture should be resized."""
MOST_BYTES = 1 << 26
"""Bytes of a table."""
LARGEST = 1e100
"""Numbers beyond cannot be squared twice."""

HOW = "numbers by spaces or commas, rows by /, channels by |: '1 2 / 3 4'"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MADE = re.compile(r"\s*(zeros|ones|count|random)\s+(\d+(?:x\d+){0,3})\s*")
_TYPED = re.compile(r"[\s\d.,+\-eE/|;\[\]]*")
_WIDE = str.maketrans("，；／｜−–﹣－＋．", ",;/|----+.")
_LOOKALIKE = str.maketrans("oOlI", "0011")
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
TABLES = (".csv", ".tsv", ".txt")


@dataclass(frozen=True)
class Reading:
    """How words and pictures become numbers.

    Args:
        grey: one channel in place of red, green and blue.
        scale: values from 0 to 1 in place of 0 to 255.
        resize: rows and columns in place of the picture's own.
        seed: of made-up random numbers.
        channels_last: what is typed is ``(H, W, C)``: rows by ``|``, columns by ``/``, then the channels. Kernels of
            four dimensions are left as they stand.
    """

    grey: bool = False
    scale: bool = False
    resize: tuple[int, int] | None = None
    seed: int = 0
    channels_last: bool = False


def read_numbers(word: str | ArrayLike, where: str, reading: Reading = Reading()) -> Values:
    """What one word of the command line, or an array, stands for.

    Args:
        word: numbers as :func:`parse_numbers` takes them; a CSV table or a picture by name; or ``zeros``, ``ones``,
            ``count`` (1, 2, 3 ...) or ``random`` with a shape: ``"random 3x4x4"``. Or an array or nested list of one
            (a row) to four dimensions.
        where: what it is, for messages: ``"input"``.
        reading: how they are read.

    Returns:
        ``(C, H, W)``; four dimensions as they stand, see :mod:`convscope.calculation.layouts`.

    Raises:
        UserError: names row and column of what is no number, or says what is wrong with the file.

    Example:
        >>> read_numbers("count 1x2x3", "input")
        array([[[1., 2., 3.],
                [4., 5., 6.]]])
    """
    if not isinstance(word, str):
        return _ordered(_array(word, where), reading)
    made = _MADE.fullmatch(word)
    if made is not None:
        return _ordered(_make(made[1], tuple(map(int, made[2].split("x"))), where, reading.seed), reading)
    if _TYPED.fullmatch(word.translate(_WIDE)):
        return _ordered(parse_numbers(word, where), reading)
    path = Path(word.strip())
    if _is_file(path):
        return _read_file(path, where, reading)
    suffix = path.suffix.lower()
    if suffix in PICTURES + TABLES:
        folder = path.parent
        names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        raise UserError(where, f"no file {str(path)!r}", hint=did_you_mean(path.name, names) if names else "")
    return parse_numbers(word, where)


def _array(numbers: ArrayLike, where: str) -> Values:
    """An array with the dimensions that it lacks in front."""
    try:
        values = np.asarray(numbers, np.float64)
    except (TypeError, ValueError):
        raise UserError(where, "rows of several lengths, or no numbers", "an array of numbers") from None
    if values.ndim > 4 or not values.size:
        raise UserError(where, f"an array of shape {values.shape}", "one to four dimensions, at least one number")
    if not np.isfinite(values).all() or np.abs(values).max() > LARGEST:
        raise UserError(where, "a number that is infinite or too large", f"numbers from -{LARGEST:g} to {LARGEST:g}")
    return values.reshape((1,) * (3 - values.ndim) + values.shape)


def _ordered(values: Values, reading: Reading) -> Values:
    return np.moveaxis(values, -1, 0) if reading.channels_last and values.ndim == 3 else values


def parse_numbers(text: str, where: str = "input") -> Values:
    """Numbers as a person types them: ``(C, H, W)``.

    Args:
        text: numbers by spaces or commas; rows by ``/``, ``;`` or new lines; channels by ``|``. NumPy's and Python's
            square brackets do as well.
        where: what it is, for messages.

    Raises:
        UserError: a word that is no number, a ragged row, channels of several sizes.

    Example:
        >>> parse_numbers("1 2 / 3 4")
        array([[[1., 2.],
                [3., 4.]]])
        >>> parse_numbers("1, 2 | 3, 4").shape, parse_numbers("[[1, 2], [3, 4]]").shape
        ((2, 1, 2), (1, 2, 2))
    """
    plain = _without_brackets(text.translate(_WIDE), where)
    if not plain.strip():
        raise UserError(where, "no numbers", HOW)
    channels = plain.split("|")
    found = []
    for at, channel in enumerate(channels, 1):
        place = f"{where}, channel {at}" if len(channels) > 1 else where
        if not channel.strip():
            raise UserError(place, "nothing stands there", HOW, "a | too many")
        lines = re.split(r"[/;]|\n+", channel.strip())
        rows = [_row(line, f"{place}, row {number}") for number, line in enumerate(lines, 1)]
        found.append(_rectangle(rows, place))
    sizes = {values.shape for values in found}
    if len(sizes) > 1:
        first, other = next((a, b) for a, b in pairwise(found) if a.shape != b.shape)
        number = next(at for at, values in enumerate(found) if values is other)
        got = f"channel {number + 1} is {_size(other)}, channel {number} is {_size(first)}"
        raise UserError(where, got, "channels of one size")
    return np.stack(found)


def _without_brackets(text: str, where: str) -> str:
    """Python's nested lists in our separators."""
    if "[" not in text and "]" not in text:
        return text
    whole = text.strip()
    inner = whole.lstrip(" \t\n[").rstrip(" \t\n]")
    if not (whole.startswith("[") and whole.endswith("]") and whole.count("[") == whole.count("]")):
        raise UserError(where, "brackets that do not match", HOW)

    def separator(match: re.Match[str]) -> str:
        return "/" if match[0].count("]") == 1 else "|"

    plain = re.sub(r"\][\s\],]*\[[\s\[]*", separator, inner)
    if "[" in plain or "]" in plain:
        raise UserError(where, "brackets that do not match", HOW)
    return plain.replace("\n", " ")


def _row(line: str, where: str) -> list[float]:
    if not line.strip():
        raise UserError(where, "the row is empty", HOW, "a / too many")
    words = re.split(r"\s*,\s*|\s+", line.strip())
    return [_number(word, f"{where}, column {column}") for column, word in enumerate(words, 1)]


def _number(word: str, where: str) -> float:
    if not word:
        raise UserError(where, "nothing stands there", "a number", "a comma too many")
    if not _NUMBER.fullmatch(word):
        raise UserError(where, f"{word!r} is no number", "a number such as 2, -0.5 or 1e-3", _mend(word))
    value = float(word)
    if not abs(value) <= LARGEST:
        raise UserError(where, f"{word} is too large", f"numbers up to {LARGEST:g}")
    return value


def _mend(word: str) -> str:
    """What was probably meant."""
    if set(word) <= {"\\", ":"}:
        return "rows are separated by /, channels by |"
    candidates = [word.translate(_LOOKALIKE), re.sub(r"^([+-])[+-]+", r"\1", word), word.replace("_", "")]
    inside = _NUMBER.search(word)
    candidates += [inside[0]] if inside is not None and inside[0] else []
    if word == "...":
        return "every number must be there; long tables are read from a .csv file"
    if word.count(".") > 1:
        return "one decimal point a number"
    apart = re.fullmatch(r"([\d.+-]+)[x*:]([\d.+-]+)", word)
    if apart is not None:
        return f"numbers are separated by spaces: {apart[1]} {apart[2]}"
    fits = next((c for c in candidates if _NUMBER.fullmatch(c)), None)
    if fits is not None:
        return f"did you mean {fits}?"
    return "a file is a table (.csv) or a picture (.png, .jpg)" if re.search(r"[a-zA-Z]", word) else ""


def _rectangle(rows: Sequence[Sequence[float]], where: str) -> Values:
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(rows[0]):
            got = f"row {number} has {_many(len(row))}, row 1 has {_many(len(rows[0]))}"
            raise UserError(where, got, "rows of one length", f"rows are separated by /; row {number} is {_told(row)}")
    return np.array(rows, np.float64)


def _many(count: int) -> str:
    return f"{count} number{'s' * (count != 1)}"


def _told(row: Sequence[float]) -> str:
    numbers = " ".join(f"{value:g}" for value in row[:8])
    return f"{numbers} ..." if len(row) > 8 else numbers


def _size(values: Values) -> str:
    return "x".join(map(str, values.shape))


def _make(kind: str, shape: tuple[int, ...], where: str, seed: int) -> Values:
    full = (1,) * (3 - len(shape)) + shape
    count = math.prod(full)
    if not 0 < count <= MOST:
        raise UserError(where, f"{kind} {'x'.join(map(str, shape))}", f"from 1 to {MOST:,} values")
    if kind == "count":
        return np.arange(1.0, count + 1).reshape(full)
    if kind == "random":
        # Two decimals, so that the numbers can be read and the products checked by hand.
        return np.random.default_rng(stream_seed(seed, "calc", where)).normal(size=full).round(2)
    return np.full(full, float(kind == "ones"))


# Files


def _is_file(path: Path) -> bool:
    try:
        refuse_special(path)
        return path.is_file()
    except (OSError, ValueError):  # a name longer than any, or with a zero byte
        return False


def _read_file(path: Path, where: str, reading: Reading) -> Values:
    from convscope.data.content import HEAD, recognise

    try:
        with open_regular(path) as file:
            head = file.read(HEAD)
        if recognise(head).format or path.suffix.lower() in PICTURES:
            return _read_picture(path, where, reading)
        if path.stat().st_size > MOST_BYTES:
            raise UserError(f"{where}, {path}", f"{path.stat().st_size:,} bytes", f"at most {MOST_BYTES:,}")
        return _read_table(read_regular(path), f"{where}, {path}")
    except OSError as error:
        raise UserError(f"{where}, {path}", f"cannot be read: {error.strerror or error}") from None


def _read_table(data: bytes, where: str) -> Values:
    """A CSV table of numbers, one channel."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(where, "neither a picture nor text", "a CSV table of numbers, or a picture") from None
    if "\0" in text:
        raise UserError(where, "neither a picture nor text", "a CSV table of numbers, or a picture")
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise UserError(where, "no numbers", "a table with a row of numbers a line")
    delimiter = next((mark for mark in ("\t", ";", ",") if mark in lines[0]), " ")
    try:
        records = list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
    except csv.Error as error:
        raise UserError(where, f"no CSV: {error}", "a table with a row of numbers a line") from None
    rows = []
    for number, record in enumerate(records, 1):
        cells = [cell.strip() for cell in record]
        cells = cells[:-1] if len(cells) > 1 and not cells[-1] else cells  # many programs end lines with a comma
        try:
            rows.append([_number(cell, f"{where}, row {number}, column {at}") for at, cell in enumerate(cells, 1)])
        except UserError as error:
            if number == 1 and len(records) > 1 and not any(_NUMBER.fullmatch(cell) for cell in cells):
                raise UserError(error.where, error.got, error.expected, "a heading? leave that line out") from None
            raise
    values = _rectangle(rows, where)[None]
    if values.size > MOST:
        raise UserError(where, f"{values.size:,} values", f"at most {MOST:,}")
    return values


def _read_picture(path: Path, where: str, reading: Reading) -> Values:
    from convscope.data.dataset import Unreadable
    from convscope.data.image.decode import ImagePreprocess, decode, measure, quiet

    try:
        with quiet(), open_regular(path) as file:
            channels, height, width = measure(file)
            channels = 1 if reading.grey else channels
            height, width = reading.resize or (height, width)
            if channels * height * width > MOST:
                got = f"{channels}x{height}x{width} = {channels * height * width:,} values"
                raise UserError(f"{where}, {path}", got, f"at most {MOST:,}", "--resize 224x224")
            image_HWC = decode(path, ImagePreprocess(channels, height, width))
    except Unreadable as error:
        raise UserError(f"{where}, {path}", error.reason, "a picture or a CSV table") from None
    image_CHW = image_HWC.transpose(2, 0, 1).astype(np.float64)
    return image_CHW / 255 if reading.scale else image_CHW
