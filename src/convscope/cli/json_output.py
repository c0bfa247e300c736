"""How a command prints its one JSON document, and how an error takes along what the document would have said."""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Mapping
from math import isfinite
from typing import Any, TypeVar

import click

from convscope.printable import json_printable

E = TypeVar("E", bound=Exception)


def echo_json(document: Mapping[str, Any], indent: int | None = 2) -> None:
    """Print a document as strict JSON in valid UTF-8, whatever the locale and the names in it.

    JSON has no infinity, so ``"inf"``, ``"-inf"`` and ``"nan"`` are words, as in a walk. Bytes of names that are not
    UTF-8 are written as they are shown, ``\\udce9``: JSON's own escape for half a character many readers refuse.
    """
    encoding = codecs.lookup(getattr(sys.stdout, "encoding", None) or "utf-8").name
    dumped = json.dumps(spelled(document), indent=indent, ensure_ascii=encoding != "utf-8", allow_nan=False)
    click.echo(json_printable(dumped))


def spelled(value: Any) -> Any:
    """A document whose numbers and names JSON can write.

    Example:
        >>> spelled({"value": float("-inf"), "steps": (1.5, float("nan"))})
        {'value': '-inf', 'steps': [1.5, 'nan']}
    """
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, float):
        if isfinite(value):
            return value
        from convscope.ops.walk import number  # loads NumPy, which a network's costs do without

        return number(value)
    if isinstance(value, Mapping):
        return {spelled(key): spelled(entry) for key, entry in value.items()}
    return [spelled(entry) for entry in value] if isinstance(value, list | tuple) else value


def with_document(error: E, document: Mapping[str, Any]) -> E:
    """An error whose document has these entries too, beside ``error``."""
    error.__dict__["document"] = document
    return error


def echo_error(error: Exception, told: Mapping[str, str]) -> None:
    """Print the document of a command that failed.

    Args:
        error: what it failed with; see :func:`with_document`.
        told: its fields.
    """
    echo_json({"error": told, **error.__dict__.get("document", {})})
