"""An opened number as JSON and back: the schema ``convscope/walk/1`` that ``docs/walk.md`` describes.

Where a term's value and weight stand is said by numbers here; whoever knows the network adds their addresses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np

from convscope.errors import UserError
from convscope.ops.step import Operand, Step
from convscope.ops.walk import Indices, Term, TermFunction, Terms, Vector, Walk

SCHEMA = "convscope/walk/1"
"""The schema's name and version: the number grows when a key changes its name or its meaning, not when one is added."""

Addresses = Callable[[Term], Mapping[str, str | None]]
"""The addresses of a term's value and weight: ``{"from": ..., "weight_at": ...}``."""


def walk_json(walk: Walk, addresses: Addresses | None = None) -> dict[str, Any]:
    """A walk as plain values.

    Args:
        walk: an opened number.
        addresses: adds to each term where its value and its weight stand in a network.

    Example:
        >>> from convscope.ops.walk import Terms, Walk
        >>> terms = Terms.of(np.array([2.0]), np.array([[0]]))
        >>> document = walk_json(Walk("relu", (0,), terms, "value", 2.0, (), 2.0))
        >>> document["schema"], document["terms"][0]["result"], document["value"]
        ('convscope/walk/1', 2.0, 2.0)
    """
    return {"schema": SCHEMA, **_walk(walk, addresses)}


def _walk(walk: Walk, addresses: Addresses | None) -> dict[str, Any]:
    becomes = walk.terms.becomes
    return {
        "name": walk.name,
        "operation": walk.operation,
        "index": list(walk.index),
        "becomes": {
            "name": becomes.name,
            "form": becomes.form,
            "value": becomes.value,
            "weight": becomes.weight,
            "operands": _operands(becomes.operands),
        },
        "weight_source": walk.terms.weight_source,
        "combine": walk.combine,
        "count": walk.count,
        "terms": [_term(term, addresses) for term in walk.terms],
        "combined": number(walk.combined),
        "parts": [_walk(part, addresses) for part in walk.parts],
        "steps": [step_json(step) for step in walk.steps],
        "value": number(walk.value),
        "scale": number(walk.scale),
    }


def _term(term: Term, addresses: Addresses | None) -> dict[str, Any]:
    return {
        **({} if addresses is None else addresses(term)),
        **({} if term.example is None else {"example": term.example}),
        "operand": term.operand,
        "index": None if term.index is None else list(term.index),
        "value": number(term.value),
        "weight": None if term.weight is None else number(term.weight),
        "weight_index": None if term.weight_index is None else list(term.weight_index),
        "result": number(term.result),
    }


def step_json(step: Step) -> dict[str, Any]:
    """A step as plain values.

    Example:
        >>> step_json(Step("mean", "{0} / {1}", (Operand("sum", 6.0), Operand("count", 4.0)), 1.5))
        {'name': 'mean', 'form': '{0} / {1}', 'operands': {'sum': 6.0, 'count': 4.0}, 'value': 1.5}
    """
    return {
        "name": step.name,
        "form": step.form,
        "operands": _operands(step.operands),
        "value": number(step.value),
    }


def _operands(operands: Sequence[Operand]) -> dict[str, float | str]:
    return {operand.name: number(operand.value) for operand in operands}


def number(value: float) -> float | str:
    """A number; JSON has no infinity, so ``"inf"``, ``"-inf"`` and ``"nan"`` are words."""
    return value if isfinite(value) else str(value)


# Back


def walk_from_json(document: Mapping[str, Any]) -> Walk:
    """The walk that a document tells; what surfaces add to it, such as addresses, is left.

    Raises:
        UserError: the document is none of this schema.
    """
    schema = document.get("schema") if isinstance(document, Mapping) else None
    if schema != SCHEMA:
        got = "no schema is named" if schema is None else f"the schema {schema!r}"
        raise UserError("walk", got, SCHEMA, "write it with this version of convscope")
    try:
        return _read_walk(document)
    except KeyError as error:
        raise UserError("walk", f"no key {error}", "every key of docs/walk.md") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError("walk", str(error), f"a document of {SCHEMA}, see docs/walk.md") from None


def _read_walk(document: Mapping[str, Any]) -> Walk:
    if document["combine"] not in ("sum", "product", "max", "value"):
        raise ValueError(f"no combination {document['combine']!r}")
    walk = Walk(
        operation=document["operation"],
        index=tuple(document["index"]),
        terms=_read_terms(document),
        combine=document["combine"],
        combined=float(document["combined"]),
        steps=tuple(map(step_from_json, document["steps"])),
        scale=float(document["scale"]),
        parts=tuple(map(_read_walk, document["parts"])),
        name=document["name"],
    )
    if walk.count != document["count"]:
        raise ValueError(f"{walk.count} terms where {document['count']} are counted")
    return walk


def _read_terms(document: Mapping[str, Any]) -> Terms:
    rows, told = document["terms"], document["becomes"]
    operands = _read_operands(told["operands"])
    form = _read_form(told["form"], 1 + (told["weight"] is not None) + len(operands))
    becomes = TermFunction(told["name"], form, told["value"], told["weight"], operands)
    examples = [row.get("example") for row in rows]
    weighted = any(row["weight"] is not None for row in rows) if rows else becomes.weight is not None
    placed = any(row["weight_index"] is not None for row in rows)
    return Terms(
        operand_N=np.array([row["operand"] for row in rows], np.int64),
        index_NR=_places([row["index"] for row in rows], len(document["index"]) or 1),
        value_N=_vector(rows, "value"),
        result_N=_vector(rows, "result"),
        weight_N=_vector(rows, "weight") if weighted else None,
        weight_index_NR=_places([row["weight_index"] for row in rows], 1) if placed else None,
        becomes=becomes,
        weight_source=document["weight_source"],
        example_N=np.array(examples, np.int64) if rows and None not in examples else None,
    )


def _vector(rows: Sequence[Mapping[str, Any]], key: str) -> Vector:
    return np.array([float(row[key]) for row in rows], np.float64)


def _places(places: Sequence[Sequence[int] | None], rank: int) -> Indices:
    rank = next((len(place) for place in places if place is not None), rank)
    filled = [[-1] * rank if place is None else place for place in places]
    return np.array(filled, np.int64).reshape(len(places), rank)


def step_from_json(document: Mapping[str, Any]) -> Step:
    """The step that :func:`step_json` wrote."""
    operands = _read_operands(document["operands"])
    return Step(document["name"], _read_form(document["form"], len(operands)), operands, float(document["value"]))


def _read_form(form: str, count: int) -> str:
    """A formula whose places are those of its operands; a file may hold anything."""
    places = re.sub(r"\{\d{1,4}\}", "", form)
    if "{" in places or "}" in places or any(int(at) >= count for at in re.findall(r"\{(\d+)\}", form)):
        raise ValueError(f"the formula {form!r} of {count} operands")
    return form


def _read_operands(operands: Mapping[str, Any]) -> tuple[Operand, ...]:
    return tuple(Operand(name, float(value)) for name, value in operands.items())
