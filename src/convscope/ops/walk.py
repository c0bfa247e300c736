"""One number, opened: every value it reads and where from, every weight, what each becomes, every step to the result.

The same value says how a unit of a network, a function's output or a gradient is put together. An operation's opening
makes it with :mod:`convscope.ops.opening`; text and pages read its fields and know no operation. Written as JSON it has
one schema, ``convscope/walk/1``, which ``docs/walk.md`` describes. It needs numpy, so that the operations' own
specifications do not import it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal

import numpy as np

from convscope.errors import UserError
from convscope.ops.step import Operand, Step
from convscope.ops.terms import Indices, Term, TermFunction, Terms, Vector

Combine = Literal["sum", "product", "max", "value"]
"""How the terms' results become one number: added, multiplied, the largest of them, or the only one."""

SCHEMA = "convscope/walk/1"
"""The schema's name and version: the number grows when a key changes its name or its meaning, not when one is added."""

Addresses = Callable[[Term], Mapping[str, str | None]]
"""The addresses of a term's value and weight: ``{"from": ..., "weight_at": ...}``."""


@dataclass(frozen=True, eq=False)
class Walk:
    """How one number is put together.

    Its terms become results (:attr:`Terms.becomes`) that are combined into one number; its parts are numbers opened
    in the same way, such as the gates of a recurrent unit; its steps make the value of these.

    Args:
        operation: as the notation writes it; empty of a gradient.
        index: the number's place in the output, ``(C, *spatial)`` or ``(features,)``.
        terms: what it reads; none where steps put parts together.
        combine: how the terms' results become :attr:`combined`.
        combined: their sum, product, maximum or only value.
        steps: from there to the value; none where that is it.
        scale: the size of what is added up on the way: rounding is measured by it, not by a result that may be
            near zero because large terms cancel.
        parts: numbers that stand in the steps, opened themselves, each under its name.
        name: of a part, by which a step's operand refers to it; empty of the number that was asked for.

    Raises:
        ValueError: a part without a name, two of one name, or one that no step's operand stands for.
    """

    operation: str
    index: tuple[int, ...]
    terms: Terms
    combine: Combine
    combined: float
    steps: tuple[Step, ...]
    scale: float
    parts: tuple[Walk, ...] = ()
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if not self.parts:
            return
        named = [(operand.name, operand.value) for step in self.steps for operand in step.operands]
        names = [part.name for part in self.parts]
        if not all(names) or len(set(names)) < len(names):
            raise ValueError(f"parts need names of their own, not {names}")
        for part in self.parts:
            values = [value for name, value in named if name == part.name]
            if not values:
                raise ValueError(f"no step's operand is the part {part.name!r}")
            if not all(np.array_equal(value, part.value, equal_nan=True) for value in values):
                raise ValueError(f"{part.name} is {part.value} and stands in a step as {values}")

    @property
    def value(self) -> float:
        """The number, in float64 from the operands as they were given."""
        return self.steps[-1].value if self.steps else self.combined

    @property
    def winner(self) -> int | None:
        """Of a maximum: the term that won, the first of equals."""
        return int(np.argmax(self.terms.result_N)) if self.combine == "max" else None

    @property
    def count(self) -> int:
        """How many terms, those of all parts included."""
        return len(self.terms) + sum(part.count for part in self.parts)

    def within(self) -> Iterator[Walk]:
        """The walk itself and all walks in it."""
        yield self
        for part in self.parts:
            yield from part.within()

    def largest_first(self, most: int | None = None) -> list[Term]:
        """The terms of the walk and its parts by the size of their results."""
        if not self.parts:
            return self.terms.largest_first(most)
        found = [term for one in self.within() for term in one.terms.largest_first(most)]
        return sorted(found, key=lambda term: -abs(term.result))[:most]

    def part(self, name: str) -> Walk:
        """The part of this name.

        Raises:
            KeyError: there is none.
        """
        return {part.name: part for part in self.parts}[name]

    def tolerance(self, eps: float = 2.0**-23) -> float:
        """How far an engine may be off by rounding alone.

        Args:
            eps: the engine's precision: ``2**-23`` for float32, ``2**-8`` for bfloat16, ``2**-52`` for float64.
        """
        return 8 * eps * max(self.scale, abs(self.value))

    def to_json(self, addresses: Addresses | None = None) -> dict[str, Any]:
        """As plain JSON of the schema ``convscope/walk/1``; :meth:`from_json` gives it back.

        Where a term's value and weight stand is said by numbers; whoever knows the network adds their addresses.

        Args:
            addresses: adds to each term where its value and its weight stand in a network.

        Example:
            >>> terms = Terms.of(np.array([2.0]), np.array([[0]]))
            >>> document = Walk("relu", (0,), terms, "value", 2.0, (), 2.0).to_json()
            >>> document["schema"], document["terms"][0]["result"], document["value"]
            ('convscope/walk/1', 2.0, 2.0)
        """
        return {"schema": SCHEMA, **_walk_json(self, addresses)}

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> Walk:
        """The walk that :meth:`to_json` wrote, every number to the bit; what surfaces add, such as addresses, is left.

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


# As JSON


def _walk_json(walk: Walk, addresses: Addresses | None) -> dict[str, Any]:
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
        "terms": [_term_json(term, addresses) for term in walk.terms],
        "combined": number(walk.combined),
        "parts": [_walk_json(part, addresses) for part in walk.parts],
        "steps": [step_json(step) for step in walk.steps],
        "value": number(walk.value),
        "scale": number(walk.scale),
    }


def _term_json(term: Term, addresses: Addresses | None) -> dict[str, Any]:
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


# From JSON


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
