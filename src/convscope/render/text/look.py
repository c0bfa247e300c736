"""What a model does with one picture, as text and as plain JSON: the answer, its nodes, any unit's arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convscope.inspection.look import Look, Unit
from convscope.inspection.maps import maps_of
from convscope.network.graph import INPUT
from convscope.network.receptive_field import Field
from convscope.ops import spell_shape
from convscope.ops.terms import Term
from convscope.printable import printable
from convscope.render.text.walk import spell_number, walk_text
from convscope.tables import text_table


def answer_text(look: Look, most: int = 5) -> str:
    """What the model answers: the likeliest classes with their probabilities."""
    if look.number is not None:
        return f"{printable(str(look.model.task.to_dict()['target']))} {look.number:.6g}"
    found = look.probabilities
    order = np.argsort(-found, kind="stable")[:most]
    named = [
        f"{printable(look.model.classes[k])} {100 * found[k]:.1f} %"
        for k in order
        if found[k] >= 0.001 or k == order[0]
    ]
    return named[0] + (f"   ({'   '.join(named[1:])})" if named[1:] else "")


def nodes_text(look: Look) -> str:
    """A row a node: what its numbers are like on this picture."""
    rows = []
    for path, values in look.values.items():
        operation = look.model.modality.as_input if path == INPUT else look.model.module.graph.by_path[path].op.text()
        dead = dead_channels(path, values)
        rows.append(
            [
                path,
                operation,
                spell_shape(values.shape),
                spell_number(float(values.min()), 4),
                spell_number(float(values.mean()), 4),
                spell_number(float(values.max()), 4),
                f"{100 * float((values == 0).mean()):.0f} %",
                "" if values.ndim == 1 else _few(dead),
            ]
        )
    heads = ("node", "operation", "shape", "least", "mean", "largest", "zeros", "dead maps")
    return text_table([heads, *rows], "<<>>>>>>", rules=(1,))


def dead_channels(path: str, values: Any) -> list[int]:
    """The feature maps that are one value everywhere on this picture; none of a vector."""
    return [] if values.ndim == 1 else list(maps_of(path, "", values).dead)


def _few(numbers: Sequence[int], most: int = 4) -> str:
    if not numbers:
        return "-"
    listed = " ".join(map(str, numbers[:most]))
    return listed if len(numbers) <= most else f"{len(numbers)}: {listed} ..."


def unit_text(unit: Unit, most: int | None = 12) -> str:
    """A unit's arithmetic: what it reads, the terms with their places, every step, NumPy's number beside the engine's.

    Args:
        unit: opened.
        most: so many terms, the largest first; None: all, in the window's order.
    """
    terms = len(unit.walk.terms)
    all_of_them = most is None or terms <= most
    reads = f"   reads {', '.join(dict.fromkeys(unit.reads))}" if unit.reads else ""
    lines = [f"{unit.address}   {unit.operation}{reads}   sees {field_text(unit.field)}", ""]

    def source(term: Term) -> str:
        at, weight = unit.source(term), unit.weight(term)
        return "  ".join(["" if at is None else str(at), *([] if weight is None else [f"x {weight}"])])

    body = walk_text(unit.walk, source, None if all_of_them else most, largest_first=not all_of_them)
    lines += [f"  {line}" for line in body]
    lines += ["", *(f"  {line}" for line in agreement_text(unit))]
    leading = unit.leading
    if leading is not None and terms > 1:
        lines.append(f"  moved most by {leading}")
    return "\n".join(line.rstrip() for line in lines)


def agreement_text(unit: Unit) -> list[str]:
    """The reference's number beside the engine's."""
    allowed = unit.walk.tolerance(unit.eps)
    verdict = "rounding explains up to" if unit.agrees else "MORE THAN ROUNDING EXPLAINS, which is"
    return [
        f"NumPy (float64)  {spell_number(unit.value, 9)}",
        f"the model        {spell_number(unit.engine, 9)}   difference {unit.difference:.1e}; {verdict} {allowed:.1e}",
    ]


def field_text(field: Field) -> str:
    """Where in the picture a unit looks, ``rows 0 to 4, columns 12 to 16``."""
    if field.whole:
        return "the whole picture"
    if any(stop <= start for start, stop in field.spans):
        return "nothing but padding"
    names = ("row", "column") if len(field.spans) == 2 else ("place",) * len(field.spans)
    spans = zip(names, field.spans, strict=True)
    return ", ".join(f"{n} {a}" if b - a == 1 else f"{n}s {a} to {b - 1}" for n, (a, b) in spans)


def trail_text(trail: Sequence[Unit]) -> str:
    """The way from a unit back to the pixels, a line each: always on to the term that moves the number most."""
    rows = [[str(unit.address), unit.operation, spell_number(unit.engine), field_text(unit.field)] for unit in trail]
    return text_table([("unit", "operation", "value", "sees"), *rows], "<<><", rules=(1,))


def unit_dict(unit: Unit) -> dict[str, Any]:
    """A unit as plain JSON, all its terms included: the walk of ``docs/walk.md`` with addresses."""

    def addresses(term: Term) -> dict[str, str | None]:
        source, weight = unit.source(term), unit.weight(term)
        return {"from": None if source is None else str(source), "weight_at": None if weight is None else str(weight)}

    return {
        **unit.walk.to_json(addresses),
        "address": str(unit.address),
        "reads": list(unit.reads),
        "field": [list(span) for span in unit.field.spans],
        "engine": unit.engine,
        "difference": unit.difference,
        "tolerance": unit.walk.tolerance(unit.eps),
        "agrees": unit.agrees,
    }


def look_dict(look: Look, top: int = 5) -> dict[str, Any]:
    """The answer and the nodes as plain JSON."""
    nodes = [
        {
            "path": path,
            "shape": list(values.shape),
            "least": float(values.min()),
            "mean": float(values.mean()),
            "largest": float(values.max()),
            "zeros": float((values == 0).mean()),
            "dead": dead_channels(path, values),
        }
        for path, values in look.values.items()
    ]
    if look.number is not None:
        return {"target": look.model.task.to_dict()["target"], "value": look.number, "nodes": nodes}
    found = look.probabilities
    order = np.argsort(-found, kind="stable")[:top]
    answer = [{"class": look.model.classes[k], "probability": float(found[k])} for k in order]
    return {"class": answer[0]["class"], "probability": answer[0]["probability"], "top": answer, "nodes": nodes}
