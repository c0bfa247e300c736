"""Kinds of values on the command line: what a person may write, what is wrong with it, how a shell completes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from convscope.errors import UserError
from convscope.quantities import parse_bytes

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class ShapeType(click.ParamType[Any]):
    """``1x28x28``."""

    name = "CxHxW"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """The value that a person meant."""
        if isinstance(value, tuple):
            return value
        parts = str(value).lower().replace("×", "x").split("x")
        if not all(part.isascii() and part.isdigit() and 0 < int(part[:12]) < 2**31 for part in parts):
            raise UserError(spelled(param), f"{value!r}", "channels x rows x columns, for example 1x28x28")
        return tuple(map(int, parts))


class BytesType(click.ParamType[Any]):
    """``8GB``, ``512MiB`` or plain bytes."""

    name = "BYTES"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The value that a person meant."""
        return value if isinstance(value, int) else parse_bytes(str(value), spelled(param))


class NumbersType(click.ParamType[Any]):
    """``0.485,0.456,0.406``."""

    name = "NUMBERS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """The value that a person meant."""
        try:
            return tuple(map(float, str(value).split(",")))
        except ValueError:
            expected = "numbers with commas between, such as 0.485,0.456,0.406"
            raise UserError(spelled(param), f"{value!r}", expected) from None


class Named(click.ParamType[Any]):
    """A word that whoever takes it checks; a shell offers the known ones, else files.

    Args:
        name: what help calls it.
        known: gives the known words; it is called only where a shell asks.
        otherwise: what a shell completes where no known word fits: ``file``, ``dir`` or nothing.
        at_once: whether a shell offers the known words before anything is typed.
    """

    def __init__(self, name: str, known: Any = tuple, otherwise: str = "", at_once: bool = True) -> None:
        self.name = name
        self.known = known
        self.otherwise = otherwise
        self.at_once = at_once

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The word as it is."""
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The known words that begin so, else what a shell finds itself."""
        from click.shell_completion import CompletionItem

        words: Iterable[str] = self.known() if incomplete or self.at_once else ()
        found = [CompletionItem(word) for word in words if word.startswith(incomplete)]
        return found or ([CompletionItem(incomplete, type=self.otherwise)] if self.otherwise else [])


class Choice(Named):
    """One of a few words; whoever takes it names the nearest."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__("WORD", lambda: words)
        self.words = tuple(words)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """The words."""
        return f"[{'|'.join(self.words)}]"


def _networks() -> list[str]:
    from convscope.network.zoo import names

    return names()


def _operations() -> list[str]:
    from convscope.calculation.build import USES

    return list(USES)


NET = Named("NET", _networks, "file")
DATA = Named("DATA", lambda: ("digits",), "file", at_once=False)
MODEL = Named("MODEL", otherwise="dir")
FILE = Named("FILE", otherwise="file")
OPERATION = Named("OPERATION", _operations)


def spelled(param: click.Parameter | None) -> str:
    """An option as its declaration spells it first: ``--batch-size``."""
    return "" if param is None else param.opts[0]
