"""What every operation is: arguments, output shape, parameters, multiply-adds, window.

Shapes leave the batch out: ``(C, H, W)`` for pictures, ``(C, L)`` for 1-D signals, ``(F,)`` for vectors. The
spatial rank is ``len(shape) - 1`` and is never fixed here: an operation works in as many dimensions as it is given.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, ClassVar, Literal, Protocol, TypeVar

from convscope.errors import nearest
from convscope.frozen import Frozen
from convscope.ops.traits import Traits

Shape = tuple[int, ...]
Size = int | tuple[int, ...]
Box = tuple[tuple[int, int], ...]
"""Places from the first to before the last, in each spatial dimension."""
Value = int | float | bool | str | tuple[int, ...] | None

LARGEST = 2**40
"""No dimension, count or number of elements beyond this: a slip of the keyboard, not a network."""


class Misfit(Exception):  # noqa: N818  it is caught and given its place before a person sees it
    """An argument or an input that does not fit an operation; the graph adds the place where it stands.

    ``argument`` is the name of the argument to blame, or the number (from 0) of one without a name.
    """

    def __init__(self, got: str, expected: str = "", hint: str = "", argument: str | int | None = None) -> None:
        super().__init__(got, expected, hint)
        self.got, self.expected, self.hint, self.argument = got, expected, hint, argument


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
        """The values that fit, in words.

        Example:
            >>> Kind("size", 0, words=("same", "valid")).describe()
            'a whole number of at least 0, one for each dimension such as 3x3, same or valid'
        """
        parts = []
        if self.what in ("count", "size", "number"):
            bounds = f" of at least {self.minimum:g}" if self.maximum >= 2**31 else ""
            bounds = bounds or f" from {self.minimum:g} to {self.maximum:g}"
            bounds = "" if self.minimum <= -(2**31) else bounds
            parts.append(f"a {'number' if self.what == 'number' else 'whole number'}{bounds}")
        if self.what == "size":
            parts.append("one for each dimension such as 3x3")
        if self.what == "flag":
            parts += ["yes", "no"]
        parts += [*self.words, *(["none"] if self.optional and "none" not in self.words else [])]
        return " or ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]

    def check(self, name: str, value: Any) -> Any:
        """``value`` if it fits, in its canonical type."""
        if value is None and "none" in self.words:
            return "none"
        wrong = Misfit(f"{name}={spell(value)}", self.describe(), self._hint(value), name)
        if (value is None and self.optional) or (isinstance(value, str) and value in self.words):
            return value
        if isinstance(value, str):
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

    def _hint(self, value: object) -> str:
        if isinstance(value, str):
            near = nearest(value, self.words)
            return f"did you mean {near}?" if near else ""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return ""
        if self.what == "flag":
            return "yes for 1, no for 0" if value in (0, 1) else ""
        if value > self.maximum >= 2**31:
            return f"at most {int(self.maximum):,}"
        if self.maximum <= 1 and 1 < value <= 100:
            return f"a fraction, not a percentage: {value / 100:g}"
        return ""

    def _fits(self, value: float) -> bool:
        return self.minimum <= value <= self.maximum


def _argument(kind: Kind, default: Any) -> Any:
    if default is dataclasses.MISSING:
        return field(metadata={"kind": kind})
    return field(default=default, metadata={"kind": kind})


def count(default: Any = dataclasses.MISSING, minimum: int = 1, optional: bool = False) -> Any:
    """An argument that is a whole number."""
    return _argument(Kind("count", minimum, optional=optional), default)


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


class Op(Frozen):
    """One operation with its arguments; what it does to shapes follows from them.

    A subclass states its arguments as annotated attributes; they are checked when a value is made.

    Class variables:
        word: its name in the notation.
        positional: the arguments that may be written without a name, in this order.
        inputs: whether it reads one operand or the branches of a merge.
        summary: one line for people.
        explained: what it does, in a sentence for a person, in English and in Korean.
        traits: what it states of itself; of an instance, where it depends on the arguments.
    """

    word: ClassVar[str] = ""
    positional: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Literal["one", "several"]] = "one"
    summary: ClassVar[str] = ""
    explained: ClassVar[tuple[str, str]]
    traits: ClassVar[Traits]

    def __post_init__(self) -> None:
        for name, entry in self._fields.items():
            self.__dict__[name] = entry.metadata["kind"].check(name, self.__dict__[name])

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """The output shape; raises :class:`Misfit` where the inputs do not fit."""
        return inputs[0]

    def parameters(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        """The trained tensors by name, e.g. ``{"weight": (6, 1, 5, 5), "bias": (6,)}``."""
        return {}

    def buffers(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        """The tensors that are kept but not trained: batch norm's running statistics."""
        return {}

    def initial(self, name: str) -> float:
        """Where a parameter or buffer starts that no scheme of initialisation draws."""
        raise NotImplementedError(f"{self.word} does not state where its {name} starts")

    def macs(self, inputs: Sequence[Shape]) -> int:
        """Multiply-adds of convolution and linear products, for one example."""
        raise NotImplementedError(f"{self.word} does not state its macs")

    def window(self, inputs: Sequence[Shape]) -> Window | None:
        """The sliding window, or None for operations without one."""
        return None

    def box(self, box: Box, inputs: Sequence[Shape]) -> Box:
        """Of an operation whose trait ``reads`` is ``box``: the places of its operand that some of its output read."""
        raise NotImplementedError(f"{self.word} does not state its box")

    def widest_box(self, inputs: Sequence[Shape]) -> tuple[int, ...]:
        """How many rows, columns ... the largest :meth:`box` of a single place has; of any place that is asked."""
        own = [(0, 1)] * len(self.shape(inputs)[1:])
        found = []
        for dimension, places in enumerate(self.shape(inputs)[1:]):
            boxes = (self.box((*own[:dimension], (at, at + 1), *own[dimension + 1 :]), inputs) for at in range(places))
            found.append(max(stop - start for start, stop in (box[dimension] for box in boxes)))
        return tuple(found)

    def text(self) -> str:
        """The operation as the notation writes it, defaults left out.

        Example:
            >>> from convscope.ops import Conv
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


class Place(Protocol):
    """Where an operation stands; :class:`convscope.network.graph.Node` is one."""

    @property
    def op(self) -> Op:
        """The operation."""

    @property
    def input_shapes(self) -> tuple[Shape, ...]:
        """Of its operands, without the batch."""

    @property
    def shape(self) -> Shape:
        """Of its output, without the batch."""


def no_products(self: Op, inputs: Sequence[Shape]) -> int:
    """The :meth:`Op.macs` of an operation without a convolution or linear product."""
    return 0


OPERATIONS: dict[str, type[Op]] = {}
"""Every operation by its word."""

_Operation = TypeVar("_Operation", bound=type[Op])


def _of_something(shape: Callable[[Any, Sequence[Shape]], Shape]) -> Callable[[Any, Sequence[Shape]], Shape]:
    """A rule of shapes behind what all have in common: there is an input, and it holds at least one value."""

    @functools.wraps(shape)
    def checked(op: Op, inputs: Sequence[Shape]) -> Shape:
        if not inputs:
            raise Misfit(f"{op.word} without inputs", "at least one")
        for given in inputs:
            if not given or any(length < 1 for length in given):
                got = f"an input of {spell_shape(given)}" if given else "an input without channels"
                raise Misfit(got, "channels first, then what there is of rows and columns, each at least 1")
        return shape(op, inputs)

    return checked


def operation(word: str, summary: str) -> Callable[[_Operation], _Operation]:
    """Enter an operation into the vocabulary.

    Raises:
        TypeError: it does not state its traits, its macs or what it does, or the word is taken.

    Example:
        >>> @operation("twice", "x + x")
        ... class Twice(Op):
        ...     pass
        Traceback (most recent call last):
        TypeError: operation twice does not state its traits, see convscope.ops.traits.Traits
    """

    def enter(cls: _Operation) -> _Operation:
        cls.word, cls.summary = word, summary
        if not hasattr(cls, "traits"):
            raise TypeError(f"operation {word} does not state its traits, see convscope.ops.traits.Traits")
        if not hasattr(cls, "explained"):
            raise TypeError(f"operation {word} does not state explained: what it does, in English and Korean")
        if cls.macs is Op.macs:
            raise TypeError(f"operation {word} does not state its macs; no_products where it has no product")
        if word in OPERATIONS:
            raise TypeError(f"the word {word} is taken by {OPERATIONS[word].__module__}")
        cls.shape = _of_something(cls.shape)  # type: ignore[assignment, method-assign]
        OPERATIONS[word] = cls
        return cls

    return enter


def build(cls: type[Op], positional: Sequence[Any], named: Mapping[str, Any]) -> Op:
    """An operation from the values that a person wrote.

    Raises:
        Misfit: an argument too many, missing, unknown, given twice, or of the wrong kind.
    """
    if len(positional) > len(cls.positional):
        raise _no_place(cls, len(cls.positional), positional[len(cls.positional)])
    if positional and cls.positional[0] == "out_channels" and isinstance(positional[0], tuple):
        channels = positional[1] if len(positional) > 1 and isinstance(positional[1], int) else 16
        raise Misfit(
            f"{cls.word} starts with the window {spell(positional[0])}",
            "the number of output channels before it",
            f"for example: {cls.word} {channels} {spell(positional[0])}",
            "out_channels",
        )
    values = dict(zip(cls.positional, positional, strict=False))
    names = [entry.name for entry in dataclasses.fields(cls)]
    for name, value in named.items():
        if name not in names:
            near = nearest(name, names)
            hint = f"did you mean {near}?" if near else ""
            expected = ", ".join(names) or f"{cls.word} alone, it takes no arguments"
            raise Misfit(f"{cls.word} has no argument {name!r}", expected, hint, name)
        if name in values:
            raise Misfit(f"{name} is given twice", "each argument once", argument=name)
        values[name] = value
    for entry in dataclasses.fields(cls):
        if entry.default is dataclasses.MISSING and entry.name not in values:
            raise Misfit(f"{cls.word} lacks {entry.name}", usage(cls), f"for example: {_example(cls, values)}")
    return cls(**values)


def _no_place(cls: type[Op], index: int, value: Any) -> Misfit:
    """The complaint about a value without a name that is one too many."""
    by_name = [entry.name for entry in dataclasses.fields(cls) if entry.name not in cls.positional]
    expected = " then ".join(cls.positional)
    if by_name:
        expected += f"{', the rest' if expected else 'arguments'} by name: {', '.join(by_name)}"
    hint = ""
    if isinstance(value, str):
        fields = (entry for entry in dataclasses.fields(cls) if value in entry.metadata["kind"].words)
        hint = next((f"{entry.name}={value} is meant?" for entry in fields), "")
    elif cls.positional and "stride" in by_name:
        hint = f"if it is the stride: stride={spell(value)}"
    got = f"{cls.word} has no place for {spell(value)}"
    return Misfit(got, expected or f"{cls.word} alone, it takes no arguments", hint, index)


def _example(cls: type[Op], given: Mapping[str, Any]) -> str:
    usual = {"out_channels": 16, "kernel_size": (3, 3) if "out_channels" in cls.positional else 2, "out_features": 10}
    usual |= {"num_groups": 8, "size": 5, "output_size": 1}
    needed = [entry.name for entry in dataclasses.fields(cls) if entry.default is dataclasses.MISSING]
    return " ".join([cls.word, *(spell(given.get(name, usual.get(name, 1))) for name in needed)])


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
            "an input with channels and at least one spatial dimension, such as 1x28x28",
            f"put {cls_word} before flatten and linear",
        )
    return shape[1:]


def per_dimension(name: str, value: Size, shape: Shape) -> tuple[int, ...]:
    """``value`` once for each spatial dimension of ``shape``."""
    rank = len(shape) - 1
    if isinstance(value, int):
        return (value,) * rank
    if len(value) != rank:
        picture = len(value) == len(shape) == 2
        plural = "" if len(value) == 1 else "s"
        raise Misfit(
            f"{name} {spell(value)} has {len(value)} dimension{plural}, the input {spell_shape(shape)} has {rank}"
            " beside its channels",
            f"{rank} number{'s' if rank > 1 else ''}",
            f"channels come first: a grey picture is 1x{spell_shape(shape)}" if picture else "",
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
    found = (-(-room // stride) if ceil else room // stride) + 1
    if ceil and (found - 1) * stride >= length + padding[0]:
        found -= 1  # the last window must start inside the input or its left padding
    return max(0, found)


def padded_behind(window: Window, lengths: Sequence[int], out: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Padding with which a window takes just the places of ``out``, where ``ceil_mode`` gave it others than it fits.

    Example:
        >>> padded_behind(Window((2,), (2,), (1,), ((0, 1),)), (6,), (4,)), padded_behind(
        ...     Window((3,), (2,), (1,), ((0, 1),)), (6,), (3,))
        (((0, 2),), ((0, 1),))
    """
    found = []
    along = zip(lengths, window.kernel, window.stride, window.dilation, window.padding, out, strict=True)
    for length, kernel, stride, dilation, (before, after), count in along:
        if places(length, kernel, stride, dilation, (before, after)) != count:
            after = (count - 1) * stride + dilation * (kernel - 1) + 1 - length - before
        found.append((before, after))
    return tuple(found)


def slide(op_word: str, shape: Shape, window: Window, ceil: bool = False) -> tuple[int, ...]:
    """The spatial output of a sliding window; :class:`Misfit` names the padding that would make it fit."""
    along = zip(shape[1:], window.kernel, window.stride, window.dilation, window.padding, strict=True)
    out = tuple(places(*dimension, ceil) for dimension in along)
    if all(out):
        return out
    reach = tuple(d * (k - 1) + 1 for k, d in zip(window.kernel, window.dilation, strict=True))
    needs = tuple(max(0, -(-(r - n) // 2)) for r, n in zip(reach, shape[1:], strict=True))
    need = spell(max(needs) if len(set(window.kernel)) == 1 else needs)
    if all(n == 1 for n in shape[1:]):
        hint = f"nothing is left to slide over: leave this {op_word} or an earlier pooling out"
    elif op_word == "conv" or all(n <= k // 2 for n, k in zip(needs, window.kernel, strict=True)):
        hint = f"padding={need} would"
    else:
        hint = "a smaller window, or less pooling before it"
    wide = f" (dilation spreads {spell(window.kernel)})" if reach != window.kernel else ""
    padded = " with its padding" if any(map(any, window.padding)) else ""
    raise Misfit(
        f"window {spell(reach)}{wide} does not fit {spell(shape[1:])}{padded}",
        f"an input of at least {spell(reach)}",
        hint,
    )


def elements(shape: Shape) -> int:
    """The number of values in a tensor of this shape."""
    return prod(shape)
