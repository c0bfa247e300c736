"""The sections of a calculation's page below the window: im2col, the shape rule, what came before, the gradients."""

from __future__ import annotations

import numpy as np

from convscope.calculation.calculation import Calculation, Columns, Values
from convscope.calculation.functions import BinaryCrossEntropy, CrossEntropy
from convscope.ops import spell_shape
from convscope.ops.arrays import Gradients
from convscope.render.html.formula import names, numbers, steps_list
from convscope.render.html.matrix import plane, planes
from convscope.render.html.numerals import shown
from convscope.render.html.page import both, paragraph, section

MOST_UNFOLDED = 6000
"""Cells of the im2col matrix that is shown."""
MOST_GRADIENTS = 16
"""Matrices of one operand's gradient."""


def largest(values: Values) -> float:
    """The size that is shaded fully."""
    finite = values[np.isfinite(values)]
    return float(np.abs(finite).max()) if finite.size else 1.0


def unfolded(calculation: Calculation) -> str:
    """The im2col matrix: the filter unfolded on the left, the outputs below."""
    columns = calculation.columns
    if columns is None or columns.matrix_RP.size > MOST_UNFOLDED:
        return ""
    alone = columns.weight_FR is None
    peak = largest(columns.matrix_RP) or 1.0
    lines = [_column_heads(columns, alone)]
    for row, values in enumerate(columns.matrix_RP):
        name = ",".join(map(str, columns.rows[row]))
        weight = "" if alone else f'<td class="weight" data-row="{row}"></td>'
        cells = []
        for place, x in enumerate(values):
            inside = (columns.index_RPI[row, place] >= 0).all()
            shade = round(100 * min(1.0, abs(float(x)) / peak) ** 0.7)
            mark = f' style="--s:{shade}%"' if inside and shade else "" if inside else ' class="pad"'
            cells.append(f"<td{mark}>{shown(float(x))}</td>")
        lines.append(f'<tr><th scope="row">{name}</th>{weight}{"".join(cells)}</tr>')
    foot = ""
    if not alone:
        places = "".join(f'<td class="result" data-place="{n}"></td>' for n in range(len(columns.places)))
        foot = f'<tfoot><tr><th scope="row">{both("output")}</th><td></td>{places}</tr></tfoot>'
    table = (
        f'<div class="scroll unfolded-scroll"><table class="matrix value" id="unfolded"><thead>{lines[0]}</thead>'
        f"<tbody>{''.join(lines[1:])}</tbody>{foot}</table></div>"
    )
    return section("im2col", "im2col", paragraph("im2col text alone" if alone else "im2col text"), table)


def _column_heads(columns: Columns, alone: bool) -> str:
    heads = "".join(
        f'<th scope="col" data-place="{n}">{",".join(map(str, place))}</th>' for n, place in enumerate(columns.places)
    )
    weight = "" if alone else f'<th scope="col" class="weight">{both("weight")}</th>'
    return f"<tr><th></th>{weight}{heads}</tr>"


def shape(calculation: Calculation) -> str:
    """The rule of the output's shape with its numbers put in."""
    rules = calculation.rules
    if not rules:
        key = "same shape" if calculation.output.shape == calculation.shapes[0] else "output shape"
        return section("shape", "shape", paragraph(key, shape=spell_shape(calculation.output.shape)))
    items = []
    for rule in rules:
        notes = []
        if rule.padding is not None and any(rule.padding):
            before, after = map(str, rule.padding)
            notes.append(both("padding of", before=before, after=after))
        if rule.shortened:
            notes.append(both("shortened"))
        said = " = ".join([names(rule.step), numbers(rule.step), f"<b>{shown(rule.step.value)}</b>"])
        note = f'<small class="note">{" ".join(notes)}</small>' if notes else ""
        name = both(f"step: {rule.step.name}")
        items.append(f'<li><span class="step-name">{name}</span><span class="formula">{said}</span>{note}</li>')
    return section("shape", "shape", f'<ol class="steps">{"".join(items)}</ol>')


def before(calculation: Calculation) -> str:
    """The steps that came before the window: a batch's mean and variance."""
    return section("before", "before", steps_list(calculation.before)) if calculation.before else ""


def gradients(calculation: Calculation, outward: Values, found: Gradients) -> str:
    """What a small change of each number does to the loss: at the output, the inputs, the weights."""
    labels = isinstance(calculation.op, CrossEntropy | BinaryCrossEntropy)
    inputs = found.inputs[: 1 if labels else None]  # labels do not change by a little
    blocks = [_gradient(both("output"), outward, "result")]
    for operand, values in enumerate(inputs):
        name = both("input n", n=str(operand + 1)) if len(inputs) > 1 else both("input")
        blocks.append(_gradient(name, np.asarray(values, np.float64), "value"))
    for name, values in found.parameters.items():
        blocks.append(_gradient(both(name), np.asarray(values, np.float64), "weight"))
    return section(
        "gradients", "gradients", paragraph("gradients text"), f'<div class="gradients">{"".join(blocks)}</div>'
    )


def _gradient(name: str, values: Values, kind: str) -> str:
    drawn = planes(values)
    peak = largest(values)
    matrices = "".join(
        plane(values_RC, "", {"of": "gradient", "plane": number}, largest=peak, kind=kind)
        for number, values_RC in enumerate(drawn[:MOST_GRADIENTS])
    )
    more = len(drawn) - MOST_GRADIENTS
    omitted = f'<p class="note">{both("and more", n=f"{more:,}")}</p>' if more > 0 else ""
    shape = f'<span class="muted">{spell_shape(values.shape)}</span>'
    return (
        f'<div><h3>{both("of shape", what=name, shape=shape)}</h3><div class="several">{matrices}</div>{omitted}</div>'
    )
