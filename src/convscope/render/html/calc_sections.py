"""The sections of a calculation's page below the window: im2col, the shape rule, what came before, the gradients."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from convscope.calculation.calculation import Calculation
from convscope.ops import spell_shape
from convscope.ops.arrays import Gradients
from convscope.ops.calculate import Values
from convscope.render.html.formula import names, numbers
from convscope.render.html.languages import spoken
from convscope.render.html.markup import text
from convscope.render.html.matrix import plane, planes
from convscope.render.html.numerals import shown
from convscope.render.html.report_sections import Values as Shown
from convscope.render.i18n import page_words

MOST_UNFOLDED = 6000
"""Cells of the im2col matrix that is shown."""
MOST_GRADIENTS = 16
"""Matrices of one operand's gradient."""


def largest(values: Values) -> float:
    """The size that is shaded fully."""
    finite = values[np.isfinite(values)]
    return float(np.abs(finite).max()) if finite.size else 1.0


def unfolded(calculation: Calculation) -> Shown | None:
    """The im2col matrix: the filter unfolded on the left, the outputs below."""
    columns = calculation.columns
    if columns is None or columns.matrix_RP.size > MOST_UNFOLDED:
        return None
    peak = largest(columns.matrix_RP) or 1.0
    rows = []
    for row, values in enumerate(columns.matrix_RP):
        cells = [
            {
                "inside": bool((columns.index_RPI[row, place] >= 0).all()),
                "shade": round(100 * min(1.0, abs(float(x)) / peak) ** 0.7),
                "text": shown(float(x)),
            }
            for place, x in enumerate(values)
        ]
        rows.append({"name": ",".join(map(str, columns.rows[row])), "cells": cells})
    return {
        "weighted": columns.weight_FR is not None,
        "places": [",".join(map(str, place)) for place in columns.places],
        "rows": rows,
    }


def shape(calculation: Calculation) -> Shown:
    """The rule of the output's shape with its numbers put in."""
    rules = [
        {
            "name": spoken(f"step: {rule.step.name}"),
            "names": names(rule.step),
            "numbers": numbers(rule.step),
            "value": rule.step.value,
            "padding": rule.padding if rule.padding is not None and any(rule.padding) else None,
            "shortened": rule.shortened,
        }
        for rule in calculation.rules
    ]
    output = calculation.output.shape
    return {"rules": rules, "same": output == calculation.shapes[0], "output": spell_shape(output)}


def gradients(calculation: Calculation, outward: Values, of: Gradients) -> list[Shown]:
    """What a small change of each number does to the loss: at the output, the inputs, the weights."""
    inputs = of.inputs[: 1 if calculation.use.losses else None]  # labels do not change by a little
    blocks = [_gradient(spoken("output"), outward, "result")]
    for operand, values in enumerate(inputs):
        name = spoken("input n", n=operand + 1) if len(inputs) > 1 else spoken("input")
        blocks.append(_gradient(name, np.asarray(values, np.float64), "value"))
    for parameter, values in of.parameters.items():
        name = spoken(parameter) if parameter in page_words("en") else Markup(text(parameter))
        blocks.append(_gradient(name, np.asarray(values, np.float64), "weight"))
    return blocks


def _gradient(name: Markup, values: Values, kind: str) -> Shown:
    drawn = planes(values)
    peak = largest(values)
    matrices = [
        plane(values_RC, "", {"of": "gradient", "plane": number}, largest=peak, kind=kind)
        for number, values_RC in enumerate(drawn[:MOST_GRADIENTS])
    ]
    muted = Markup('<span class="muted">{}</span>').format(spell_shape(values.shape))
    title = spoken("of shape", what=name, shape=muted)
    return {"title": title, "planes": matrices, "omitted": len(drawn) - MOST_GRADIENTS}
