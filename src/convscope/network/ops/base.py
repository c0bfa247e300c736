"""What every operation is: arguments, output shape, parameters, multiply-adds, window.

Shapes leave the batch out: ``(C, H, W)`` for pictures, ``(C, L)`` for 1-D signals, ``(F,)`` for vectors. The
spatial rank is ``len(shape) - 1`` and is never fixed here: an operation works in as many dimensions as it is given.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, ClassVar, Literal, TypeVar

from convscope.errors import did_you_mean

Shape = tuple[int, ...]
Size = int | tuple[int, ...]
Value = int | float | bool | str | tuple[int, ...] | None

LARGEST = 2**40
"""No dimension, count or number of elements beyond this: a slip of the keyboard, not a network."""


class Misfit(Exception):  # noqa: N818  it is caught and given its place before a person sees it
    """An argument or an input that does not fit an operation; the graph adds the place where it stands."""

    def __init__(self, got: str, expected: str = "", hint: str = "") -> None:
        super().__init__(got, expected, hint)
        self.got, self.expected, self.hint = got, expected, hint


def spell(value: object) -> str:
    """A value as the notation writes it.

    Example:
        >>> spell((3, 3)), spell(True), spell(None), spell(1e-05)
        ('3x3', 'yes', 'none', '1e-05')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return "x".join(str(v) for v in value)
    return str(value)


def spell_shape(shape: Shape) -> str:
    """A shape for people: ``(16, 5, 5)`` is ``16x5x5``."""
    return spell(shape)


@dataclass(frozen=True)
class Kind:
    """What values an argument takes; ``check`` returns the value or raises :class:`Misfit`."""

    what: Literal["count", "size", "flag", "number", "word"]
    minimum: float = 1
    maximum: float = 2**31
    words: tuple[str, ...] = ()
    optional: bool = False

    def describe(self) -> str:
        """The values that fit, in words."""
        nouns = {
            "count": "a whole number",
            "size": "a whole number or a window such as 3x3",
            "number": "a number",
        }
        parts = [nouns[self.what]] if self.what in nouns else []
        if self.what in ("count", "size", "number"):
            parts[0] += f" of at least {self.minimum:g}" if self.maximum >= 2**31 else ""
            parts[0] += f" from {self.minimum:g} to {self.maximum:g}" if self.maximum < 2**31 else ""
        if self.what == "flag":
            parts.append("yes or no")
        return " or ".join([*parts, *self.words])

    def check(self, name: str, value: Any) -> Any:
        """``value`` if it fits, in its canonical type."""
        wrong = Misfit(f"{name}={spell(value)}", self.describe())
        if (value is None and self.optional) or (isinstance(value, str) and value in self.words):
            return value
        if isinstance(value, str):
            wrong.hint = did_you_mean(value, self.words) if self.words else ""
            raise wrong
        if self.what == "flag":
            if not isinstance(value, bool):
                raise wrong
            return value
        if self.what == "size" and isinstance(value, (tuple, list)) and value:
            if any(isinstance(v, bool) or not isinstance(v, int) or not self._fits(v) for v in value):
                raise wrong
            return tuple(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or self.what == "word":
            raise wrong
        if self.what != "number" and not isinstance(value, int):
            raise wrong
        if not self._fits(value):
            raise wrong
        return float(value) if self.what == "number" else value

    def _fits(self, value: float) -> bool:
        return self.minimum <= value <= self.maximum


def _argument(kind: Kind, default: Any) -> Any:
    if default is dataclasses.MISSING:
        return field(metadata={"kind": kind})
    return field(default=default, metadata={"kind": kind})


def count(default: Any = dataclasses.MISSING, minimum: int = 1) -> Any:
    """An argument that is a whole number."""
    return _argument(Kind("count", minimum), default)


def size(
    default: Any = dataclasses.MISSING, minimum: int = 1, words: tuple[str, ...] = (), optional: bool = False
) -> Any:
    """An argument that is a whole number or one a dimension, ``3x3``."""
    return _argument(Kind("size", minimum, words=words, optional=optional), default)


def flag(default: bool) -> Any:
    """An argument that is yes or no."""
    return _argument(Kind("flag"), default)


def number(default: float, minimum: float = 0.0, maximum: float = 2**31) -> Any:
    """An argument that is a real number."""
    return _argument(Kind("number", minimum, maximum), default)


def word(default: str, words: tuple[str, ...]) -> Any:
    """An argument that is one of some words."""
    return _argument(Kind("word", words=words), default)


@dataclass(frozen=True)
class Window:
    """The window an operation slides over its input, one entry a spatial dimension; padding is (before, after)."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Op:
    """One operation with its arguments; what it does to shapes follows from them.

    Class variables:
        word: its name in the notation.
        positional: the arguments that may be written without a name, in this order.
        keeps: what a training step must keep of it for the backward pass: ``input``, ``output``, ``mask`` (a byte
            an element) or ``indices`` (eight bytes an output element).
        summary: one line for people.
    """

    word: ClassVar[str] = ""
    positional: ClassVar[tuple[str, ...]] = ()
    keeps: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Literal["one", "several"]] = "one"
    summary: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for entry in dataclasses.fields(self):
            object.__setattr__(self, entry.name, entry.metadata["kind"].check(entry.name, getattr(self, entry.name)))

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """The output shape; raises :class:`Misfit` where the inputs do not fit."""
        return inputs[0]

    def parameters(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        """The trained tensors by name, e.g. ``{"weight": (6, 1, 5, 5), "bias": (6,)}``."""
        return {}

    def buffers(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        """The tensors that are kept but not trained: batch norm's running statistics."""
        return {}

    def macs(self, inputs: Sequence[Shape]) -> int:
        """Multiply-adds of convolution and linear products, for one example."""
        return 0

    def window(self, inputs: Sequence[Shape]) -> Window | None:
        """The sliding window, or None for operations without one."""
        return None

    def text(self) -> str:
        """The operation as the notation writes it, defaults left out.

        Example:
            >>> from convscope.network.ops import Conv
            >>> Conv(6, (5, 5), stride=2).text()
            'conv 6 5x5 stride=2'
        """
        parts = [self.word]
        for entry in dataclasses.fields(self):
            value = getattr(self, entry.name)
            if entry.name in self.positional and entry.default is dataclasses.MISSING:
                parts.append(spell(value))
            elif value != entry.default:
                parts.append(spell(value) if entry.name in self.positional else f"{entry.name}={spell(value)}")
        return " ".join(parts)


OPERATIONS: dict[str, type[Op]] = {}
"""Every operation by its word."""

_Operation = TypeVar("_Operation", bound=type[Op])


def operation(word: str, summary: str) -> Callable[[_Operation], _Operation]:
    """Enter an operation into the vocabulary."""

    def enter(cls: _Operation) -> _Operation:
        cls.word, cls.summary = word, summary
        OPERATIONS[word] = cls
        return cls

    return enter


def build(cls: type[Op], positional: Sequence[Any], named: Mapping[str, Any]) -> Op:
    """An operation from the values that a person wrote.

    Raises:
        Misfit: an argument too many, missing, unknown, given twice, or of the wrong kind.
    """
    names = [entry.name for entry in dataclasses.fields(cls)]
    if len(positional) > len(cls.positional):
        takes = " then ".join(cls.positional) or "no number"
        got = spell(positional[len(cls.positional)])
        raise Misfit(f"{cls.word} has no place for {got}", takes, usage(cls))
    if positional and cls.positional[0] in ("out_channels", "out_features") and isinstance(positional[0], tuple):
        raise Misfit(
            f"{cls.word} starts with the window {spell(positional[0])}",
            f"the number of {cls.positional[0].replace('_', ' ')} before it",
            f"for example: {cls.word} 16 {spell(positional[0])}",
        )
    values = dict(zip(cls.positional, positional, strict=False))
    for name, value in named.items():
        if name not in names:
            hint = did_you_mean(name, names) if names else f"{cls.word} takes no arguments"
            raise Misfit(f"{cls.word} has no argument {name!r}", ", ".join(names), hint)
        if name in values:
            raise Misfit(f"{name} is given twice", "each argument once")
        values[name] = value
    for entry in dataclasses.fields(cls):
        if entry.default is dataclasses.MISSING and entry.name not in values:
            raise Misfit(f"{cls.word} lacks {entry.name}", usage(cls))
    return cls(**values)


def usage(cls: type[Op]) -> str:
    """How an operation is written, e.g. ``conv OUT_CHANNELS KERNEL_SIZE [stride=1] ...``."""
    parts = [cls.word]
    for entry in dataclasses.fields(cls):
        if entry.default is dataclasses.MISSING:
            parts.append(entry.name.upper())
        else:
            parts.append(f"[{entry.name}={spell(entry.default)}]")
    return " ".join(parts)


def spatial(cls_word: str, shape: Shape) -> Shape:
    """The spatial part of a shape; :class:`Misfit` where there is none.

    Example:
        >>> spatial("conv", (3, 32, 32))
        (32, 32)
    """
    if len(shape) < 2:
        raise Misfit(
            f"{cls_word} needs a picture or a signal, its input is a vector of {spell_shape(shape)}",
            "an input with channels and at least one spatial dimension",
            f"put {cls_word} before flatten",
        )
    return shape[1:]


def per_dimension(name: str, value: Size, shape: Shape) -> tuple[int, ...]:
    """``value`` once for each spatial dimension of ``shape``."""
    rank = len(shape) - 1
    if isinstance(value, int):
        return (value,) * rank
    if len(value) != rank:
        raise Misfit(
            f"{name} {spell(value)} has {len(value)} dimensions, the input {spell_shape(shape)} has {rank}",
            f"{rank} number{'s' if rank > 1 else ''}",
        )
    return value


def same_padding(length: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Zeros (before, after) that make ``ceil(length / stride)`` places, the odd one after, as TensorFlow does.

    Example:
        >>> same_padding(5, 3, 2, 1), same_padding(4, 3, 2, 1)
        ((1, 1), (0, 1))
    """
    places = -(-length // stride)
    total = max(0, (places - 1) * stride + dilation * (kernel - 1) + 1 - length)
    return total // 2, total - total // 2


def places(length: int, kernel: int, stride: int, dilation: int, padding: tuple[int, int], ceil: bool = False) -> int:
    """How many places a window takes along one dimension (PyTorch's rule, its ``ceil_mode`` included).

    Example:
        >>> places(5, 3, 2, 1, (0, 0)), places(32, 5, 1, 1, (0, 0)), places(6, 3, 2, 1, (0, 0), ceil=True)
        (2, 28, 3)
    """
    room = length + sum(padding) - dilation * (kernel - 1) - 1
    if room < 0:
        return 0
    found = (-(-room // stride) if ceil else room // stride) + 1
    if ceil and (found - 1) * stride >= length + padding[0]:
        found -= 1  # the last window must start inside the input or its left padding
    return found


def slide(op_word: str, shape: Shape, window: Window, ceil: bool = False) -> tuple[int, ...]:
    """The spatial output of a sliding window; :class:`Misfit` names the padding that would make it fit."""
    out = []
    for length, kernel, stride, dilation, padding in zip(
        shape[1:], window.kernel, window.stride, window.dilation, window.padding, strict=True
    ):
        found = places(length, kernel, stride, dilation, padding, ceil)
        if found < 1:
            reach = dilation * (kernel - 1) + 1
            need = -(-(reach - length) // 2)
            field_text = spell(tuple(d * (k - 1) + 1 for k, d in zip(window.kernel, window.dilation, strict=True)))
            fits_in_pool = op_word == "conv" or need <= kernel // 2
            raise Misfit(
                f"window {field_text} does not fit {spell(shape[1:])}",
                f"an input of at least {field_text}",
                f"padding={need} would" if fits_in_pool else "a smaller window, or less pooling before it",
            )
        out.append(found)
    return tuple(out)


def elements(shape: Shape) -> int:
    """The number of values in a tensor of this shape."""
    return prod(shape)
