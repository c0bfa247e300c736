"""A calculation as plain JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convscope.calculation.calculation import Calculation
from convscope.calculation.place import Index
from convscope.ops.arrays import Gradients
from convscope.ops.walk import number, step_json


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
                {**step_json(rule.step), "padding": rule.padding, "shortened": rule.shortened}
                for rule in calculation.rules
            ],
        },
        "cost": {"macs": calculation.macs, "weights": calculation.weights, "biases": calculation.biases},
        "before": [step_json(step) for step in calculation.before],
        "after": [step_json(step) for step in calculation.after],
        "units": [calculation.walk(index).to_json() for index in indices],
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
    return [_nested(part) for part in values] if np.ndim(values) else number(float(values))


def gradients_dict(outward: Any, gradients: Gradients) -> dict[str, Any]:
    """The gradient at the output, and those that follow from it, as plain JSON."""
    return {
        "output": _nested(outward),
        "inputs": [_nested(values) for values in gradients.inputs],
        "parameters": {name: _nested(values) for name, values in gradients.parameters.items()},
    }
