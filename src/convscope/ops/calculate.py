"""How a person calculates an operation by hand: what may be typed, and the operands made of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import UserError
from convscope.ops.arrays import Array
from convscope.ops.registry import Facet
from convscope.ops.shape_rules import ShapeRule, window_rules
from convscope.ops.spec import OPERATIONS, Op, Shape, build
from convscope.ops.step import Step

Values = NDArray[np.float64]
KERNEL_LAYOUTS, WEIGHT_LAYOUTS = ("oihw", "hwio", "ohwi"), ("oi", "io")
"""Orders of the dimensions of a convolution's kernels and of a linear product's weight, a letter a dimension (out, in,
height, width): PyTorch's, then TensorFlow's, which channels last take."""
Options = Mapping[str, Any]
"""The options that were given, by PyTorch's names: ``stride``, ``ceil_mode``; words as they were typed."""


@dataclass(frozen=True)
class Given:
    """What a person gave: the operation, its operands, the options.

    Args:
        word: the operation.
        values: its operands, ``(C, H, W)`` each.
        options: as typed.
        read: numbers of a typed word, and the option that messages name.
    """

    word: str
    values: tuple[Values, ...]
    options: Options
    read: Callable[[Any, str], Values]

    @property
    def where(self) -> str:
        """The place that messages name."""
        return f"calc {self.word}"

    @property
    def first(self) -> Values:
        """The first operand, ``(C, H, W)``."""
        return self.values[0]


@dataclass(frozen=True)
class Prepared:
    """An operation with its operands, as :func:`convscope.calculation.calculation.calculate` takes them."""

    op: Op
    inputs: Sequence[Values]
    parameters: Mapping[str, Values] = field(default_factory=dict)
    buffers: Mapping[str, Values] = field(default_factory=dict)
    before: Sequence[Step] = ()


@dataclass(frozen=True)
class Curve:
    """A function of one number, whose graph may be drawn.

    Args:
        slope: ``(op, x)`` to its derivative at ``x``, in any shape.
        probability: whether the number is a probability, towards whose ends the function runs away.
    """

    slope: Callable[[Any, Values], Array]
    probability: bool = False


@dataclass(frozen=True)
class Use:
    """How an operation is called.

    Args:
        values: its operands, for people: ``INPUT SIZE``.
        make: the operation with its operands.
        options: those it takes.
        example: a command that works, without ``convscope calc``.
        least, most: how many operands.
        operands: what they are called, the last for all that follow; after the input, ``weight`` and ``kernel`` are
            the parameter of that name.
        sign: what stands between the operands, where the output is all of them joined by it.
        rules: why the output's dimensions are as long as they are.
        covers: the input's channels under the window of a channel of the output; None where no window of several
            values slides.
        winners: of a maximum: where each output was found, counted through row by row within the channel, in the
            shape of the output.
        unfolds: whether its windows as the columns of a matrix say what it computes.
        losses: whether an output is the loss of an example: training takes their mean, and the last operand are
            labels, which have no gradient.
        curve: of a function of one number.
        layouts: of kernels or of a weight: :data:`KERNEL_LAYOUTS`, :data:`WEIGHT_LAYOUTS`; empty where there are none.
        symbols: ``op`` to what its operands are called where an output is told by them; None where its terms tell it.
    """

    values: str
    make: Callable[[Given], Prepared]
    options: tuple[str, ...]
    example: str
    least: int = 1
    most: int = 1
    operands: tuple[str, ...] = ("input",)
    sign: str = ""
    rules: Callable[[Any, Sequence[Shape]], tuple[ShapeRule, ...]] = window_rules
    covers: Callable[[Any, Sequence[Shape], int], Sequence[int]] | None = None
    winners: Callable[[Any, Values], NDArray[np.int64]] | None = None
    unfolds: bool = False
    losses: bool = False
    curve: Curve | None = None
    layouts: tuple[str, ...] = ()
    symbols: Callable[[Any], tuple[str, ...]] | None = None

    @property
    def size(self) -> str:
        """The argument that may stand behind the input; empty where none may."""
        names = [name for name in ("kernel_size", "output_size") if name in self.options]
        return names[0] if names and self.values == "INPUT SIZE" else ""


CALCULATE: Facet[Use] = Facet("way to calculate it", "calculate")
"""How it is called after ``convscope calc``, and what of it is shown."""


def shape_rules(op: Op, shapes: Sequence[Shape]) -> tuple[ShapeRule, ...]:
    """Why each dimension of an operation's output is as long as it is.

    Example:
        >>> from convscope.ops import MaxPool
        >>> shape_rules(MaxPool(2), [(64, 28, 28)])[0].step.value
        14.0
    """
    return CALCULATE.of(type(op)).rules(op, shapes)


def _size(text: str | int | tuple[int, ...], where: str) -> int | tuple[int, ...]:
    """``3``, ``3x3`` or ``3,3``; from Python also 3 or (3, 3)."""
    if not isinstance(text, str):
        return text
    words = re.split(r"[x,×\s]+", text.strip().lower())
    if not all(word.isascii() and word.isdigit() and len(word) < 10 for word in words):
        raise UserError(where, f"{text!r}", "a whole number, or one a dimension such as 3x3")
    return int(words[0]) if len(words) == 1 else tuple(map(int, words))


SIZES = ("stride", "padding", "dilation", "kernel_size", "output_size", "before", "after")
"""Arguments of one number or one a dimension."""


def arguments_of(given: Given, *names: str) -> dict[str, Any]:
    """Some options as an operation takes them."""
    found: dict[str, Any] = {}
    for name in names:
        if name not in given.options:
            continue
        value = given.options[name]
        if name in SIZES and value not in ("same", "valid", "causal"):
            value = _size(value, f"--{name.replace('_', '-')}")
        found[name] = value
    return found


def vector(given: Given, name: str) -> Values:
    """An option as a vector of numbers."""
    return given.read(given.options[name], f"--{name.replace('_', '-')}").reshape(-1)


def tensors_of(given: Given, *names: str) -> dict[str, Values]:
    """Options that are numbers, by their names."""
    return {name: vector(given, name) for name in names if name in given.options}


def flat(values: Values) -> Values:
    """One row of one channel as a vector."""
    return values[0, 0] if values.shape[:2] == (1, 1) else signal(values)


def signal(values: Values) -> Values:
    """One row a channel as signals ``(C, L)``."""
    return values[:, 0] if values.shape[1] == 1 else values


def rank_of(given: Given, arrays: Sequence[Values], *sizes: Any) -> int:
    """1 where everything has one row, else 2."""
    wanted = given.options.get("dimensions")
    flat = all(values.shape[1] == 1 for values in arrays)
    if wanted == 1 and not flat:
        raise UserError("--dimensions 1", "several rows", "one row a channel: '1 2 3 | 4 5 6'")
    return wanted or (1 if flat and all(not isinstance(size, tuple) or len(size) == 1 for size in sizes) else 2)


def channels_of(count: int) -> str:
    """How many, in words."""
    return f"{count} channel{'s' * (count != 1)}"


def weight_and_bias(given: Given, shape: tuple[int, ...]) -> dict[str, Values]:
    """``--weight`` and ``--bias``; where one is given, the other is 1 or 0."""
    tensors = tensors_of(given, "weight", "bias")
    if tensors:
        tensors = {"weight": np.ones(shape), "bias": np.zeros(shape), **tensors}
    return {
        name: value.reshape(shape) if value.size == int(np.prod(shape)) else value for name, value in tensors.items()
    }


def pointwise(given: Given) -> Prepared:
    """An operation of one input, its arguments given as options."""
    cls = OPERATIONS[given.word]
    return Prepared(build(cls, (), arguments_of(given, *given.options)), [flat(given.first)])


def several(given: Given) -> Prepared:
    """An operation of several inputs without arguments."""
    return Prepared(OPERATIONS[given.word](), [flat(values) for values in given.values])
