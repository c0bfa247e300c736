"""A calculation as plain JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from convscope.calculation.calculation import Calculation
from convscope.calculation.place import Index
from convscope.ops.arrays import Gradients
from convscope.ops.step import Step
from convscope.ops.walk import Walk
from convscope.render.text.walk import put_in


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


def gradients_dict(outward: Any, gradients: Gradients) -> dict[str, Any]:
    """The gradient at the output, and those that follow from it, as plain JSON."""
    return {
        "output": _nested(outward),
        "inputs": [_nested(values) for values in gradients.inputs],
        "parameters": {name: _nested(values) for name, values in gradients.parameters.items()},
    }
