"""``convscope calc``: one operation on numbers that a person types; words in, a calculation shown."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from convscope.calculation.build import build_calculation
from convscope.calculation.calculation import Calculation
from convscope.calculation.functions import Im2col
from convscope.calculation.numbers import Reading, Values, read_numbers
from convscope.errors import UserError
from convscope.ops import Misfit, spell_shape
from convscope.ops.walk import Step, Walk
from convscope.reference.backward import Gradients
from convscope.render.text.calc import calculation_text, gradient_text, heading, rule_lines, unit_lines
from convscope.render.text.calc_stage import Index, stage_lines
from convscope.render.text.walk import put_in


def calc_command(operation: str, values: Sequence[str], options: Mapping[str, Any]) -> None:
    """Run ``convscope calc``.

    Args:
        operation: its word.
        values: its operands as typed.
        options: all of the command line; those that were not given are None or False.
    """
    size = options["resize"]
    if size is not None and not re.fullmatch(r"[1-9]\d{0,4}x[1-9]\d{0,4}", size):
        raise UserError("--resize", f"{size!r}", "rows x columns, for example 28x28")
    resize = None if size is None else (int(size.split("x")[0]), int(size.split("x")[1]))
    seed = options["seed"] or 0
    reading = Reading(options["grey"], options["unit_range"], resize, seed, options["channels_last"])
    own = {name: value for name, value in options.items() if name not in COMMON and value is not None}
    calculation = build_calculation(
        operation, values, own | ({"seed": seed} if operation == "dropout" else {}), reading
    )
    outward, found = _gradients(calculation, options)
    at = options["at"]
    index = parse_place(at, calculation) if at is not None else first_place(calculation)
    if options["html"] is not None:
        from convscope.render.html.calc_page import write_calc_page

        backward = (outward, found) if found is not None else None
        write_calc_page(Path(options["html"]), calculation, options["lang"], backward)
        click.echo(f"wrote {options['html']}", err=True)
    unfolded = operation.lower() == "im2col"
    if options["as_json"]:
        indices = list(calculation.indices) if options["everything"] else [index]
        document = to_dict(calculation, indices, unfolded)
        if found is not None:
            document["gradients"] = {
                "output": _nested(outward),
                "inputs": [_nested(values) for values in found.inputs],
                "parameters": {name: _nested(values) for name, values in found.parameters.items()},
            }
        click.echo(json.dumps(document, ensure_ascii=False, allow_nan=False))
    elif options["stepwise"]:
        walk_through(calculation, index if at is not None else None)
    else:
        winners = bool(options["return_indices"])
        lines = calculation_text(calculation, index, options["everything"], unfolded, winners)
        lines += ["", *gradient_text(calculation, outward, found)] if found is not None else []
        click.echo(_emphasised(lines))


COMMON = {
    *("at", "everything", "stepwise", "backward", "gradient", "html", "lang", "as_json"),
    *("channels_last", "grey", "unit_range", "resize", "seed"),
}
"""Options that every operation takes."""


def _gradients(calculation: Calculation, options: Mapping[str, Any]) -> tuple[Values, Gradients | None]:
    """The gradient at the output and those that follow from it, if they are asked for."""
    if not options["backward"]:
        if options["gradient"] is not None:
            raise UserError("--gradient", "given without --backward", "both, or neither")
        return calculation.output, None
    from convscope.calculation.backward import default_gradient, gradients

    outward = default_gradient(calculation)
    if options["gradient"] is not None:
        typed = read_numbers(options["gradient"], "--gradient")
        if typed.size != outward.size:
            got, expected = spell_shape(typed.shape), spell_shape(outward.shape)
            raise UserError("--gradient", f"{typed.size} numbers ({got})", f"one an output: {expected}")
        outward = typed.reshape(outward.shape)
    try:
        return outward, gradients(calculation, outward)
    except Misfit as misfit:
        raise UserError("--backward", misfit.got, misfit.expected) from None


def first_place(calculation: Calculation) -> Index:
    """The place that is opened where none is asked for."""
    return (0,) * calculation.output.ndim


def parse_place(text: str, calculation: Calculation) -> Index:
    """The output that ``--at`` names: ``row,column`` or ``channel,row,column``; of im2col the window's place.

    Raises:
        UserError: no such place.
    """
    columns = calculation.columns if isinstance(calculation.op, Im2col) else None
    shape = calculation.output.shape
    if columns is not None:
        shape = tuple(last + 1 for last in columns.places[-1])
    found = re.fullmatch(r"\s*(?:output)?\s*\[?\s*(\d{1,9}(?:\s*[,x\s]\s*\d{1,9})*)\s*\]?\s*", text)
    names = {1: ["place"], 2: ["row", "column"], 3: ["channel", "row", "column"]}.get(
        len(shape), ["place"] * len(shape)
    )
    expected = f"{','.join(names)} in an output of {spell_shape(shape)}, counted from 0"
    if found is None:
        raise UserError("--at", f"{text!r}", expected)
    place = tuple(map(int, re.split(r"[,x\s]+", found[1].strip())))
    if len(place) == len(shape) - 1:
        place = (0, *place)
    if len(place) != len(shape) or not all(p < n for p, n in zip(place, shape, strict=True)):
        raise UserError("--at", f"no place {','.join(map(str, place))}", expected)
    return place if columns is None else (0, columns.places.index(place))


def _emphasised(lines: Sequence[str]) -> str:
    """The window in bold on a terminal; click leaves colours out elsewhere."""
    bold = [re.sub(r"\[[^\[\]]*\]", lambda window: click.style(window[0], bold=True), line) for line in lines]
    return "\n".join(bold)


# Step by step


def walk_through(calculation: Calculation, start: Index | None = None) -> None:
    """The window's places one after another: Enter goes on, b back, q ends; all at once where nobody can press keys."""
    order = list(calculation.indices)
    at = 0 if start is None else order.index(start)
    click.echo("\n".join([heading(calculation), "", *rule_lines(calculation.rules)]))
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        for number, index in enumerate(order):
            click.echo("\n".join(["", *_one_step(calculation, order, number, index)]))
        return
    while True:
        click.echo(_emphasised(["", *_one_step(calculation, order, at, order[at])]))
        last = at == len(order) - 1
        click.echo(f"\n  {'that was the last' if last else 'Enter next'}, b back, q quit ", nl=False)
        key = click.getchar().lower()
        click.echo()
        if key in ("q", "\x1b", "\x04", ""):
            return
        at = max(0, at - 1) if key in ("b", "\x7f", "\x1b[d", "\x1b[a") else at + 1
        if at == len(order):
            return


def _one_step(calculation: Calculation, order: Sequence[Index], number: int, index: Index) -> list[str]:
    if isinstance(calculation.op, Im2col):
        return [f"{number + 1} of {len(order)}", *unit_lines(calculation, index)]
    stage = stage_lines(calculation, index, set(order[: number + 1]))
    return [f"{number + 1} of {len(order)}", *stage, "", *unit_lines(calculation, index)]


# JSON


def to_dict(calculation: Calculation, indices: Sequence[Index], unfolded: bool = False) -> dict[str, Any]:
    """A calculation as plain JSON: operands, output, rule of the shape, cost, and some outputs with all their terms.

    Args:
        calculation: what is told.
        indices: the outputs that are opened.
        unfolded: the windows as a matrix as well, which is many times the input.
    """
    columns = calculation.columns if unfolded else None
    winners = calculation.winners()
    document: dict[str, Any] = {
        "operation": calculation.op.text(),
        "summary": calculation.op.summary,
        "inputs": [_nested(values) for values in calculation.inputs],
        "parameters": {name: _nested(values) for name, values in calculation.parameters.items()},
        "buffers": {name: _nested(values) for name, values in calculation.buffers.items()},
        "output": _nested(calculation.output),
        "shape": {
            "inputs": [list(shape) for shape in calculation.shapes],
            "output": list(calculation.output.shape),
            "rules": [
                {**_step(rule.step), "padding": rule.padding, "shortened": rule.shortened} for rule in calculation.rules
            ],
        },
        "cost": {"macs": calculation.macs, "weights": calculation.weights, "biases": calculation.biases},
        "before": [_step(step) for step in calculation.before],
        "after": [_step(step) for step in calculation.after],
        "units": [_unit(calculation.walk(index)) for index in indices],
    }
    if winners is not None:
        document["indices"] = winners.tolist()
    if columns is not None:
        document["im2col"] = {
            "matrix": _nested(columns.matrix_RP),
            "rows": [list(row) for row in columns.rows],
            "columns": [
                {
                    "output": list(place),
                    "input": [p if min(p) >= 0 else None for p in columns.index_RPI[:, at].tolist()],
                }
                for at, place in enumerate(columns.places)
            ],
            "weight": None if columns.weight_FR is None else _nested(columns.weight_FR),
        }
    return document


def _nested(values: Any) -> Any:
    """Nested lists; JSON has no infinity, so it is a word."""
    if np.isfinite(values).all():
        return values.tolist()
    return [_nested(part) for part in values] if np.ndim(values) else _number(float(values))


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _step(step: Step) -> dict[str, Any]:
    return {
        "name": step.name,
        "formula": step.symbols(),
        "numbers": put_in(step.form, [operand.value for operand in step.operands]),
        "value": _number(step.value),
    }


def _unit(walk: Walk) -> dict[str, Any]:
    return {
        "at": list(walk.index),
        "value": _number(walk.value),
        "combine": walk.combine,
        "combined": _number(walk.combined),
        "terms": [
            {
                "operand": term.operand,
                "index": term.index,
                "value": term.value,
                "weight": term.weight,
                "weight_index": term.weight_index,
                "result": _number(term.result),
            }
            for term in walk.terms
        ],
        "steps": [_step(step) for step in walk.steps],
    }
