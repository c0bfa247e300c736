"""Kinds of values on the command line, with their own words for what is wrong: shapes, times, amounts of memory."""

from __future__ import annotations

import re
from typing import Any

import click

from convscope.errors import UserError


class ShapeType(click.ParamType[Any]):
    """``1x28x28``."""

    name = "CxHxW"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """The value that a person meant."""
        if isinstance(value, tuple):
            return value
        parts = str(value).lower().replace("×", "x").split("x")
        if not all(part.isascii() and part.isdigit() and 0 < int(part[:12]) < 2**31 for part in parts):
            raise UserError("--input", f"{value!r}", "channels x rows x columns, for example 1x28x28")
        return tuple(map(int, parts))


class TimeType(click.ParamType[Any]):
    """``90s``, ``2m``, ``1h`` or plain seconds."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The value that a person meant."""
        if isinstance(value, float):
            return value
        text = str(value).strip().lower()
        unit = {"s": 1.0, "m": 60.0, "h": 3600.0}.get(text[-1:], 0.0)
        try:
            seconds = float(text[:-1] if unit else text) * (unit or 1.0)
        except ValueError:
            raise UserError("--time", f"{value!r}", "a time such as 90s, 2m or 1h") from None
        if not 0 < seconds < 1e8:
            raise UserError("--time", f"{value!r}", "a time above 0, such as 90s, 2m or 1h")
        return seconds


class ShareType(click.ParamType[Any]):
    """``99%`` or ``0.99``."""

    name = "SHARE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The value that a person meant."""
        if isinstance(value, float):
            return value
        text, where = str(value).strip(), f"--{param.name}" if param is not None else ""
        expected = "a share such as 99% or 0.99, below 100 %"
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            raise UserError(where, f"{value!r}", expected) from None
        if not 0 < share < 1:
            hint = f"did you mean {text}%?" if 1 <= share < 100 else ""
            raise UserError(where, f"{value!r}", expected, hint)
        return share


class BytesType(click.ParamType[Any]):
    """``8GB``, ``512MiB`` or plain bytes."""

    name = "BYTES"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The value that a person meant."""
        if isinstance(value, int):
            return value
        expected = "an amount of memory such as 8GB, 512MiB or 16G"
        where = f"--{param.name}" if param is not None and param.name != "limit" else "--fit"
        match = re.fullmatch(r"([0-9]*\.?[0-9]+)\s*([kmgt]?)(i?)b?", str(value).strip().lower())
        if match is None or (match[3] and not match[2]):
            raise UserError(where, f"{value!r}", expected)
        base = 1024 if match[3] else 1000
        found = int(float(match[1]) * base ** " kmgt".index(match[2] or " "))
        if not 0 < found < 2**60:
            raise UserError(where, f"{value!r}", expected)
        return found


class NumbersType(click.ParamType[Any]):
    """``0.485,0.456,0.406``."""

    name = "NUMBERS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """The value that a person meant."""
        try:
            return tuple(map(float, str(value).split(",")))
        except ValueError:
            where = f"--{param.name}" if param is not None else ""
            raise UserError(where, f"{value!r}", "numbers with commas between, such as 0.485,0.456,0.406") from None
