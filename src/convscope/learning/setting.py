"""What is known of one setting: its type, limits, unit, group and help; command line, Python and docs are made of it.

A setting is a field of a frozen dataclass, its type the annotation, everything else :func:`setting`::

    warmup: float | None = setting(None, "Part of the plan ...", "recipe", unit="fraction", below=1)
"""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from types import NoneType
from typing import Any, Literal

from convscope.errors import UserError, did_you_mean
from convscope.quantities import parse_bytes, parse_fraction, parse_time

Group = Literal["data", "network", "recipe", "machine", "output"]
GROUPS: tuple[Group, ...] = typing.get_args(Group)
Unit = Literal["", "time", "fraction", "bytes"]
_KEY = "convscope.setting"
_EXAMPLES: Mapping[Unit, str] = {"time": ", such as 90s, 2m or 1h", "fraction": ", such as 0.9 or 90%", "": ""}


@dataclass(frozen=True)
class Setting:
    """One setting.

    Args:
        name: of the field.
        kind: ``float``, ``int`` or ``str``.
        default: None where it is chosen for the run; ``chosen`` says how.
        help: one line.
        group: what it is about.
        choices: all values of a word.
        chosen: how None is read.
        unit: in which numbers are written: a time, a fraction, bytes.
        minimum, above: the least value, or a number below all values.
        maximum, below: the largest value, or a number above all values.
        check: of a text: raises a :class:`~convscope.errors.UserError` of its own.
    """

    name: str
    kind: type
    default: Any
    help: str
    group: Group
    choices: tuple[str, ...] = ()
    chosen: str = ""
    unit: Unit = ""
    minimum: float | None = None
    above: float | None = None
    maximum: float | None = None
    below: float | None = None
    check: Callable[[str], object] | None = None

    @property
    def option(self) -> str:
        """As the command line spells it: ``--batch-size``."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def values(self) -> str:
        """What it may be, in words."""
        if self.choices:
            return ", ".join(self.choices)
        if self.kind is str:
            return "a text"
        what = {"time": "seconds", "fraction": "a fraction", "bytes": "memory such as 8GB or 512MiB, at least 1MB"}
        words = what.get(self.unit, "a whole number" if self.kind is int else "a number")
        if self.unit == "bytes":
            return words
        low = f"above {self.above:g}" if self.above is not None else f"from {self.minimum:g}"
        if self.below is not None:
            high = f", below {self.below:g}"
        elif self.maximum is None:
            high = ""
        else:
            high = f" to {self.maximum:,}" if self.above is None else f", at most {self.maximum:,}"
        return f"{words} {low}{high}"

    @property
    def usually(self) -> str:
        """What it is where nothing is said."""
        return self.chosen if self.default is None else f"{self.default:g}" if self._is_number else str(self.default)

    def parse(self, text: str) -> Any:
        """The value that a text stands for.

        Raises:
            UserError: it is none, or outside the limits.
        """
        expected = self.values + _EXAMPLES.get(self.unit, "")
        value: Any = text
        if self.unit == "time":
            value = parse_time(text, self.option, expected)
        elif self.unit == "fraction":
            value = parse_fraction(text, self.option, expected)
        elif self.unit == "bytes":
            value = parse_bytes(text, self.option, expected)
        elif self._is_number:
            try:
                value = self.kind(text)
            except ValueError:
                raise UserError(self.option, f"{text!r}", expected) from None
        self.verify(value)
        return value

    def verify(self, value: Any) -> None:
        """Refuse what is no value of it.

        Raises:
            UserError: names the setting, what was got and what would fit.
        """
        if value is None and self.default is None:
            return
        if self._is_number:
            right = isinstance(value, Integral if self.kind is int else Real) and not isinstance(value, bool)
            if not right or not self._within(value):
                got = f"{value}" if right else f"{value!r}"
                raise UserError(self.option, got, self.values + _EXAMPLES.get(self.unit, ""))
        elif not isinstance(value, str) or (self.choices and value not in self.choices):
            raise UserError(self.option, f"{value!r}", self.values, did_you_mean(str(value), self.choices))
        elif self.check is not None:
            self.check(value)

    @property
    def _is_number(self) -> bool:
        return self.kind is not str

    def _within(self, value: float) -> bool:
        # Written so that what is not a number lies outside.
        return (
            (self.minimum is None or value >= self.minimum)
            and (self.above is None or value > self.above)
            and (self.maximum is None or value <= self.maximum)
            and (self.below is None or value < self.below)
        )


def setting(default: Any, help: str, group: Group, **known: Any) -> Any:  # noqa: A002  as Click calls it
    """A field of a dataclass of settings.

    Args:
        default: None where it is chosen for the run.
        help: one line.
        group: what it is about.
        known: further fields of :class:`Setting`.
    """
    return dataclasses.field(default=default, metadata={_KEY: {"help": help, "group": group, **known}})


@functools.cache
def settings_of(cls: type) -> Mapping[str, Setting]:
    """Every setting of a dataclass by its name, in order.

    Raises:
        TypeError: a field says nothing of itself, or is neither a number nor a text.
    """
    hints = typing.get_type_hints(cls)
    found = {}
    for field in dataclasses.fields(cls):
        if _KEY not in field.metadata:
            raise TypeError(f"{cls.__name__}.{field.name} is no setting(...)")
        kinds = [kind for kind in typing.get_args(hints[field.name]) or (hints[field.name],) if kind is not NoneType]
        choices: tuple[str, ...] = ()
        if typing.get_origin(hints[field.name]) is Literal:
            kinds, choices = [str], typing.get_args(hints[field.name])
        elif typing.get_origin(kinds[0]) is Literal:
            kinds, choices = [str], typing.get_args(kinds[0])
        if len(kinds) != 1 or kinds[0] not in (int, float, str):
            raise TypeError(f"{cls.__name__}.{field.name} is of no type that a setting may have: {field.type}")
        found[field.name] = Setting(field.name, kinds[0], field.default, choices=choices, **field.metadata[_KEY])
    return found
