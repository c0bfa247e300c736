"""What a person wrote, as immutable values: steps in order, branches nested under their merge, comments kept.

Two texts with the same tree have the same canonical layout; positions do not take part in equality.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import TypeVar

from convscope.errors import UserError
from convscope.frozen import Frozen
from convscope.ops import Shape, spell

MERGES = ("add", "concat", "mul")
KEYWORDS = ("input", "expect", "block", "repeat", "as", "network", "aux", "from")
INPUT = "input"
"""The name of the network's input, for nodes and behind ``from``."""
WORDS = ("yes", "no", "none", "same", "valid")
"""Values that are words in every network; a block's parameter cannot take these names."""


class Position(Frozen):
    """Where something begins in the text, line and column from 1."""

    line: int
    column: int


NOWHERE = Position(0, 0)


def _position() -> Position:
    return field(default=NOWHERE, compare=False, repr=False)


class Name(Frozen):
    """A word in the place of a value: a block's parameter, ``channels``, or a word such as ``same``."""

    name: str
    at: Position = _position()


class Arithmetic(Frozen):
    """Integer arithmetic: ``+ - * / %``, where ``/`` must divide exactly."""

    operator: str
    left: Expression
    right: Expression
    at: Position = _position()

    @property
    def operators(self) -> int:
        """How many operators it holds."""
        return 1 + operators(self.left) + operators(self.right)


Expression = int | float | tuple[int, ...] | Name | Arithmetic


def operators(value: Expression) -> int:
    """How many operators an expression holds."""
    return value.operators if isinstance(value, Arithmetic) else 0


class Argument(Frozen):
    """A value with or without a name: ``6``, ``5x5``, ``stride=2``."""

    value: Expression
    name: str | None = None
    at: Position = _position()


class Call(Frozen):
    """An operation, ``project`` or a block by its word, with arguments; ``alias`` is its name after ``as``."""

    word: str
    arguments: tuple[Argument, ...] = ()
    alias: str | None = None
    at: Position = _position()


class Merge(Frozen):
    """Branches that start at one value and come together: ``add``, ``concat`` or ``mul``."""

    word: str
    branches: tuple[Body, ...]
    alias: str | None = None
    at: Position = _position()


class Repeat(Frozen):
    """A body written out several times."""

    count: Expression
    body: Body
    at: Position = _position()


class Aux(Frozen):
    """``aux 0.3 { ... }``: a side branch to scores of its own, trained with this weight and otherwise left out."""

    weight: Expression
    body: Body
    alias: str | None = None
    at: Position = _position()


class From(Frozen):
    """``from stem``: what follows reads the step that ``as`` gave this name; ``from input`` the network's input."""

    name: str
    at: Position = _position()


Step = Call | Merge | Repeat | Aux | From


class Line(Frozen):
    """Steps joined by ``>``; a new line means "then" as well. ``comment`` stands behind it."""

    steps: tuple[Step, ...]
    comment: str | None = None


class Comment(Frozen):
    """A line of its own: a comment without its ``#``, or a blank line where ``text`` is None."""

    text: str | None = None


Body = tuple[Line | Comment, ...]


class Input(Frozen):
    """``input 1x32x32``: channels first, then space."""

    shape: Shape
    comment: str | None = None
    at: Position = _position()


class Expect(Frozen):
    """``expect params=61706 macs=416520 output=10``: a paper's table as a test."""

    arguments: tuple[Argument, ...]
    comment: str | None = None
    at: Position = _position()


class Parameter(Frozen):
    """A block's parameter, with a default or without."""

    name: str
    default: Expression | None = None
    at: Position = _position()


class Block(Frozen):
    """``block basic(width, stride=1) { ... }``: steps under a name."""

    name: str
    parameters: tuple[Parameter, ...]
    body: Body
    comment: str | None = None
    at: Position = _position()


class Variant(Frozen):
    """``network resnet18 { ... }``: one of several networks in a file that share its blocks."""

    name: str
    statements: tuple[Line | Comment | Input | Expect, ...]
    comment: str | None = None
    at: Position = _position()


Statement = Line | Comment | Input | Expect | Block | Variant


class Source(Frozen):
    """The text a network was read from and what to call it in messages."""

    name: str
    text: str
    member: str = ""
    """Which of the text's networks is meant, where it holds several."""

    @property
    def title(self) -> str:
        """What to call the network: its own name, or its file's."""
        return self.member or self.name.removesuffix(".net").removesuffix(".json") or self.name

    def mistake(self, at: Position, got: str, expected: str = "", hint: str = "") -> UserError:
        """A mistake at a place of this text, with the line and a caret under the place."""
        lines = self.text.split("\n")
        if not 1 <= at.line <= len(lines):
            return UserError(self.name, got, expected, hint)
        line, start = lines[at.line - 1], max(0, at.column - 61)
        seen = line[start : at.column + 60].replace("\t", " ")
        shown = ("..." if start else "") + "".join(c if c.isprintable() else "\ufffd" for c in seen)
        caret = " " * (at.column - 1 - start + (3 if start else 0)) + "^"
        return UserError(f"{self.name}, line {at.line}, column {at.column}", got, expected, hint, f"{shown}\n{caret}")


_Item = TypeVar("_Item", bound="Statement")


def tidy(items: list[_Item]) -> tuple[_Item, ...]:
    """A body without blank lines at its ends, and never two in a row."""
    kept: list[_Item] = []
    for item in items:
        blank = item == Comment(None)
        if not (blank and (not kept or kept[-1] == Comment(None))):
            kept.append(item)
    while kept and kept[-1] == Comment(None):
        kept.pop()
    return tuple(kept)


def steps_of(body: tuple[Statement, ...]) -> Iterator[Step]:
    """The steps of a body in order, lines and comments aside."""
    for item in body:
        if isinstance(item, Line):
            yield from item.steps


def spell_expression(value: Expression, outer: int = 0) -> str:
    """An expression as the notation writes it, with the parentheses that it needs and no more.

    Example:
        >>> spell_expression(Arithmetic("*", Arithmetic("+", Name("a"), 1), 4))
        '(a+1)*4'
    """
    if isinstance(value, Name):
        return value.name
    if isinstance(value, Arithmetic):
        rank = 1 if value.operator in "+-" else 2
        left, right = spell_expression(value.left, rank), spell_expression(value.right, rank + 1)
        text = f"{left}{value.operator}{right}"
        return f"({text})" if rank < outer else text
    return spell(value)
