"""How a command prints its one JSON document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

import click


def echo_json(document: Mapping[str, Any]) -> None:
    """Print a document; JSON has no infinity, so ``"inf"``, ``"-inf"`` and ``"nan"`` are words, as in a walk."""
    click.echo(json.dumps(spelled(document), indent=2, ensure_ascii=False, allow_nan=False))


def spelled(value: Any) -> Any:
    """A document whose numbers JSON can write.

    Example:
        >>> spelled({"value": float("-inf"), "steps": (1.5, float("nan"))})
        {'value': '-inf', 'steps': [1.5, 'nan']}
    """
    if isinstance(value, float):
        if isfinite(value):
            return value
        from convscope.ops.walk import number  # loads NumPy, which a network's costs do without

        return number(value)
    if isinstance(value, Mapping):
        return {key: spelled(entry) for key, entry in value.items()}
    return [spelled(entry) for entry in value] if isinstance(value, list | tuple) else value
