"""The values of arguments: numbers, names that stand for values, whole-number arithmetic."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from convscope.errors import UserError, nearest
from convscope.network.tree import WORDS, Argument, Arithmetic, Expression, Name, Source
from convscope.ops import LARGEST, OPERATIONS, Op, Shape, spell
from convscope.ops.spec import Kind, Value

MOST_SUMS = 200_000
"""Operators worked out in one network; with this no short text can keep a machine busy."""

_FOREIGN_VALUES = {"true": "yes", "on": "yes", "false": "no", "off": "no", "null": "none", "nil": "none"}
_VALUES: dict[str, Value] = {"yes": True, "no": False, "none": None, "same": "same", "valid": "valid"}


class Values:
    """Works out the values of one network's text; mistakes are placed in it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.sums = 0

    def arguments(
        self, arguments: tuple[Argument, ...], shape: Shape, names: Mapping[str, Value], cls: type[Op] | None = None
    ) -> tuple[list[Value], dict[str, Value]]:
        """The arguments of a step: those without a name, and those with one."""
        positional: list[Value] = []
        named: dict[str, Value] = {}
        for index, argument in enumerate(arguments):
            value = self._argument(index, argument, shape, names, cls)
            if argument.name is None:
                positional.append(value)
            elif argument.name in named:
                raise self.source.mistake(argument.at, f"{argument.name} is given twice", "each argument once")
            else:
                named[argument.name] = value
        return positional, named

    def _argument(
        self, index: int, argument: Argument, shape: Shape, names: Mapping[str, Value], cls: type[Op] | None
    ) -> Value:
        """The value of an argument; of an operation's, the kind is known and an unknown word gets its choices."""
        kinds = {} if cls is None else {entry.name: entry.metadata["kind"] for entry in dataclasses.fields(cls)}
        positional = "" if cls is None else next(iter(cls.positional[index : index + 1]), "")
        kind: Kind | None = kinds.get(argument.name or positional)
        written = argument.value
        word = written.name if isinstance(written, Name) else ""
        if kind is not None and word in kind.words and word not in names:
            return word
        if not isinstance(written, Name) or cls is None or word in {*names, *_VALUES, "in_channels"}:
            return self.evaluate(written, shape, names)
        hint = ""
        if word in kinds:
            hint = f"an argument is written {word}=VALUE"
        elif word == "x" and argument.name is None:
            hint = "a window is written without spaces: 3x3"
        choices = [] if kind is None else [*kind.words, *(["yes", "no"] if kind.what == "flag" else [])]
        expected = "" if kind is None else kind.describe()
        got = f"{argument.name}={word}" if argument.name else ""
        raise self._unknown(written, [*names, "in_channels", *choices], got, expected, hint)

    def _unknown(
        self, value: Name, known: Sequence[str], got: str = "", expected: str = "", hint: str = ""
    ) -> UserError:
        """A word in the place of a value that means nothing there."""
        foreign = _FOREIGN_VALUES.get(value.name.lower())
        near = nearest(value.name, known)
        hint = hint or (f"here it is written {foreign}" if foreign else f"did you mean {near}?" if near else "")
        return self.source.mistake(
            value.at, got or f"unknown value {value.name!r}", expected or "a number or a parameter", hint
        )

    def evaluate(self, value: Expression, shape: Shape, names: Mapping[str, Value]) -> Value:
        """A value worked out, where ``shape`` arrives and ``names`` stand for values."""
        if isinstance(value, Name):
            if value.name in names:
                return names[value.name]
            if value.name == "in_channels":
                return shape[0]
            if value.name in _VALUES:
                return _VALUES[value.name]
            if value.name in _words(len(OPERATIONS)):
                return value.name
            raise self._unknown(value, [*names, "in_channels", *WORDS])
        if isinstance(value, Arithmetic):
            left = self.evaluate(value.left, shape, names)
            right = self.evaluate(value.right, shape, names)
            return self._calculate(value, left, right)
        return value

    def _calculate(self, value: Arithmetic, left: Any, right: Any) -> int:
        self.sums += 1
        if self.sums > MOST_SUMS:
            raise self.source.mistake(value.at, f"more than {MOST_SUMS:,} sums to work out", "a simpler network")
        for side in (left, right):
            if isinstance(side, bool) or not isinstance(side, int):
                got = f"{spell(left)}{value.operator}{spell(right)}"
                raise self.source.mistake(value.at, got, "whole numbers on both sides")
        if value.operator in "/%" and right == 0:
            raise self.source.mistake(value.at, f"{left}{value.operator}0", "a divisor that is not 0")
        if value.operator == "/" and left % right:
            raise self.source.mistake(value.at, f"{left}/{right} is not a whole number", f"a multiple of {right}")
        results = {
            "+": lambda: left + right,
            "-": lambda: left - right,
            "*": lambda: left * right,
            "/": lambda: left // right,
            "%": lambda: left % right,
        }
        result: int = results[value.operator]()
        if not 0 <= result <= LARGEST:
            got = f"{left}{value.operator}{right} is {result:,}"
            raise self.source.mistake(value.at, got, f"a result from 0 to {LARGEST:,}")
        return result


@cache
def _words(count: int) -> frozenset[str]:
    """The words that arguments of the operations take, of which there are ``count`` now."""
    kinds = (entry.metadata["kind"] for cls in OPERATIONS.values() for entry in dataclasses.fields(cls))
    return frozenset(word for kind in kinds for word in kind.words)
