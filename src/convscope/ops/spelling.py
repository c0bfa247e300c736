"""How frameworks spell an operation: source as text, and the facets that hold a spelling. Plain Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from convscope.ops.registry import Facet
from convscope.ops.spec import Misfit, Value
from convscope.ops.spec import Place as Place


@dataclass(frozen=True)
class Call:
    """A call or another bracket: its arguments with or without names, each a text or a further call."""

    function: str
    arguments: tuple[tuple[str, Code], ...] = ()
    open_: str = "("
    close: str = ")"
    always_open: bool = field(default=False)
    """Laid out one argument a line even where it would fit in one."""


Code = str | Call


def call(function: str, *positional: Code, **named: Code) -> Call:
    """A call.

    Example:
        >>> flat_text(call("nn.Conv2d", "3", "64", bias="False"))
        'nn.Conv2d(3, 64, bias=False)'
    """
    return Call(function, (*(("", value) for value in positional), *named.items()))


def factor(text: str) -> str:
    """A text that may stand beside ``*``.

    Example:
        >>> factor("0.5"), factor("width+1")
        ('0.5', '(width+1)')
    """
    return text if text.replace(".", "").replace("_", "").isalnum() else f"({text})"


def lead_of(code: Call, name: str) -> str:
    """What stands before an argument: its name, as the bracket writes it."""
    if not name:
        return ""
    return f"{name}: " if code.open_ == "{" else name if name == "**" else f"{name}="


def flat_text(code: Code) -> str:
    """The text in one line."""
    if isinstance(code, str):
        return code
    inside = ", ".join(f"{lead_of(code, name)}{flat_text(value)}" for name, value in code.arguments)
    return f"{code.function}{code.open_}{inside}{code.close}"


@dataclass(frozen=True)
class Helper:
    """A function or class that a written file holds where it needs it.

    Args:
        name: to tell helpers apart.
        text: its source.
        imports: the lines that it needs.
        order: its place among the helpers of a file: those that others call come first.
    """

    name: str
    text: str
    imports: tuple[str, ...] = ()
    order: int = 500


class NeedsNumbers(Exception):  # noqa: N818  it is caught where numbers can be written instead
    """What cannot be said of every use of a block or every turn of a loop at once."""


class Written(Protocol):
    """An operation as it is written in PyTorch: its arguments as Python texts, which may be names of a block's."""

    channels: str
    """Those that arrive."""
    everywhere: bool
    """Whether the text stands for more than one use, so that no number of this one may be in it."""
    helpers: set[Helper]
    """Is told which the file needs."""

    def text(self, name: str) -> str:
        """One argument."""

    def changed(self, *names: str, **defaults: Value) -> dict[str, Code]:
        """Those that differ from PyTorch's default, which is the operation's own where it is not told."""

    def is_number(self, name: str) -> bool:
        """Whether an argument is a number in every use."""


class WrittenKeras(Protocol):
    """An operation as it is written in Keras."""

    tensor: str
    """The variable that it reads."""
    name: str
    """Of the layer, a Python text."""

    def text(self, name: str) -> str:
        """One argument."""

    def given(self, *names: str) -> dict[str, Code]:
        """Those that are written, or differ from what the operation does untold."""


@dataclass(frozen=True)
class Layer:
    """A layer of Keras, or with ``applied`` a value that has taken the tensor already; ``helpers``: what it needs."""

    code: Code
    applied: bool = False
    helpers: tuple[Helper, ...] = ()


CHANNELS: Facet[tuple[tuple[str, str], ...]] = Facet("channels as its arguments say them", "export")
"""The channels of its output as a sum, ``(("+", argument), ...)``, where its arguments say them; an empty name stands
for those that arrive. None of an operation that keeps them."""

PYTORCH: Facet[Callable[[Any, Written, Place], Code]] = Facet("spelling in PyTorch", "export")
"""``(op, written, place)`` to the constructor of a module."""

KERAS: Facet[Callable[[Any, WrittenKeras, Place], Layer | None]] = Facet("spelling in Keras", "export")
"""``(op, written, place)`` to a layer; None for one that does nothing. Keras is channels last."""


def torch_rank(place: Place, name: str) -> str:
    """``nn.Conv2d`` for a picture.

    Raises:
        Misfit: PyTorch has no such operation in so many dimensions.
    """
    rank = len(place.input_shapes[0]) - 1
    if rank > 3:
        raise Misfit(f"{place.op.word} in {rank} dimensions", "at most 3 with PyTorch")
    return f"{name}{max(1, rank)}d"


def keras_rank(place: Place) -> int:
    """How many spatial dimensions.

    Raises:
        Misfit: more than a Keras file has layers for.
    """
    rank = len(place.input_shapes[0]) - 1
    if rank > 2:
        raise Misfit(f"{place.op.word} in {rank} dimensions", "one or two for a Keras file")
    return rank
