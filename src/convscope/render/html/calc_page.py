"""``convscope calc`` as a page: the window slides over the input, and every output opens into its terms."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from markupsafe import Markup

from convscope.calculation.calculation import Calculation
from convscope.files import write_atomically
from convscope.ops import elements, spell_shape
from convscope.ops.arrays import Gradients
from convscope.ops.calculate import Values
from convscope.ops.windows import padding_of
from convscope.render.html import calc_sections as sections
from convscope.render.html.curve import curve, slopes
from convscope.render.html.formula import steps_list
from convscope.render.html.languages import spoken
from convscope.render.html.markup import text_lines
from convscope.render.html.matrix import UNPADDED, Padding, plane, plane_shape, planes
from convscope.render.html.packed import pack, pack_walks
from convscope.render.html.page import page
from convscope.render.html.report_sections import Values as Shown
from convscope.render.i18n import Lang, page_words
from convscope.render.text.walk import walk_text

MOST_PLANES = 64
"""Matrices of the input and of the output."""
MOST_KERNELS = 4000
"""Numbers of the kernels that are shown."""
MOST_UNITS = 20_000
"""Outputs that open."""


Backward = tuple[Values, Gradients]
"""The gradient at the output, and those of the operands that follow from it."""


def write_calc_page(
    path: Path, calculation: Calculation, lang: Lang | None = None, backward: Backward | None = None
) -> None:
    """Write the page that :func:`render_calc_page` renders; the old file or the whole new one is there at any time.

    Raises:
        UserError: the file cannot be written.
    """
    write_atomically(path, render_calc_page(calculation, lang, backward).encode("utf-8"))


def render_calc_page(calculation: Calculation, lang: Lang | None = None, backward: Backward | None = None) -> str:
    """A calculation as one HTML page that loads nothing.

    Args:
        calculation: of any operation or function.
        lang: the language it opens in, ``"en"`` or ``"ko"``; None for the reader's browser's.
        backward: to show the gradients too.

    Example:
        >>> import numpy as np
        >>> from convscope import ops
        >>> from convscope.calculation.calculation import calculate
        >>> pooled = calculate(ops.MaxPool(2), [np.arange(16.0).reshape(1, 4, 4)])
        >>> render_calc_page(pooled)[:15]
        '<!doctype html>'
    """
    op = calculation.op
    output = page_words(lang or "en")["output"]
    return page(
        "calc.html",
        f"{op.text()}: {output} {spell_shape(calculation.output.shape)}",
        _data(calculation),
        ("page.js", "unit.js", "calc.js"),
        ("page.css", "calc.css"),
        lang,
        operation=op.text(),
        explained=spoken(f"op: {op.word}") if f"op: {op.word}" in page_words("en") else op.summary,
        costs={"weights": calculation.weights, "biases": calculation.biases, "macs": calculation.macs},
        stage=_stage(calculation),
        unfolded=sections.unfolded(calculation),
        before=steps_list(calculation.before) if calculation.before else None,
        gradients=sections.gradients(calculation, *backward) if backward is not None else None,
        shape=sections.shape(calculation),
    )


# The operands, the kernel and the output


def _padding(calculation: Calculation) -> Padding:
    """The zeros around a matrix of the input: rows, then columns."""
    window, shape = calculation.window, calculation.shapes[0]
    if window is None or len(window.kernel) > 2:
        return UNPADDED
    ceil = bool(getattr(calculation.op, "ceil_mode", False))
    sides = padding_of(shape, window, ceil)
    return (sides[0], sides[1]) if len(sides) == 2 else ((0, 0), sides[0])


def _stage(calculation: Calculation) -> Shown:
    """The operands with the kernels beside them, the output, its graph and its first number's arithmetic."""
    kernels = _kernels(calculation)
    operands = []
    for operand, values in enumerate(calculation.inputs):
        lanes = []
        for number, values_RC in enumerate(planes(values)[:MOST_PLANES]):
            caption = _caption("input", values.shape, number, operand if len(calculation.inputs) > 1 else None)
            marks: dict[str, str | int] = {"of": "input", "operand": operand, "plane": number}
            padding = _padding(calculation) if operand == 0 else UNPADDED
            drawn = plane(values_RC, caption, marks, padding=padding, largest=sections.largest(values))
            beside = kernels[min(number, len(kernels) - 1)] if kernels and operand == 0 else None
            lanes.append({"plane": drawn, "kernels": beside})
        omitted = plane_shape(values.shape)[0] - MOST_PLANES
        operands.append({"number": operand, "lanes": lanes, "omitted": omitted})
    output = calculation.output
    peak = sections.largest(output)
    outputs = [
        plane(values_RC, _caption("output", output.shape, number), {"of": "output", "plane": number},
              largest=peak, kind="result")
        for number, values_RC in enumerate(planes(output)[:MOST_PLANES])
    ]  # fmt: skip
    # Of im2col the matrix below is the output, and a column of it is what one opens.
    unfolds = calculation.is_matrix
    return {
        "title": "window" if calculation.window is not None or unfolds else "every output",
        "operands": operands,
        "outputs": outputs,
        "omitted": plane_shape(output.shape)[0] - MOST_PLANES,
        "unfolds": unfolds,
        "curve": "" if unfolds else curve(calculation),
        "first": "" if unfolds else text_lines("\n".join(walk_text(calculation.walk((0,) * output.ndim)))),
    }


def _caption(what: str, shape: tuple[int, ...], number: int, operand: int | None = None) -> Markup:
    named = spoken(what) if operand is None else spoken("input n", n=operand + 1)
    if number == 0 and plane_shape(shape)[0] == 1:
        return spoken("of shape", what=named, shape=Markup('<span class="muted">{}</span>').format(spell_shape(shape)))
    if operand is not None:
        return named + ", " + spoken("channel n", n=number)
    return spoken(f"{what} channel", n=number)


def _kernels(calculation: Calculation) -> list[Shown]:
    """Beside each input channel: of every filter, its kernel for that channel; or the weights and the biases."""
    weight, shapes = calculation.parameters.get("weight"), calculation.shapes
    per_channel = _per_channel(calculation)
    if weight is None or weight.ndim < 2:
        return [{"sign": "", "planes": [], "parameters": per_channel}] if per_channel else []
    largest = sections.largest(weight)
    if calculation.use.operands[-1] == "weight":
        drawn = plane(weight, spoken("weights"), {"of": "weight", "plane": 0}, largest=largest, kind="weight")
        return [{"sign": "×", "planes": [drawn], "parameters": per_channel}]
    filters = planes(weight)[: max(1, MOST_KERNELS // elements(weight.shape[2:]))]
    of_filter = elements(weight.shape[1:-2])  # matrices
    groups = getattr(calculation.op, "groups", 1)
    of_group = weight.shape[0] // groups
    beside: list[list[Markup]] = [[] for _ in range(plane_shape(shapes[0])[0])]
    for number, values_RC in enumerate(filters):
        filter_, channel = divmod(number, of_filter)
        # A signal's channels are the rows of a single matrix; a volume's are not drawn beside each other.
        row = filter_ // of_group * of_filter + channel if weight.ndim == 4 else 0
        marks: dict[str, str | int] = {"of": "weight", "filter": filter_, "plane": number}
        caption = spoken("kernels", n=filter_) if channel == 0 else spoken("kernel channel", n=channel)
        beside[row].append(plane(values_RC, caption, marks, largest=largest, kind="weight"))
    return [
        {"sign": "∗", "planes": drawn, "parameters": per_channel if row == 0 else None}
        for row, drawn in enumerate(beside)
    ]


def _per_channel(calculation: Calculation) -> Shown | None:
    """Bias, mean, variance, scale: a table with a row a channel."""
    tensors = {**calculation.buffers, **calculation.parameters}
    vectors = {name: values for name, values in tensors.items() if values.ndim == 1}
    if not vectors:
        return None
    count = min(MOST_PLANES, max(len(values) for values in vectors.values()))
    rows = [[float(values[n]) for values in vectors.values()] for n in range(count)]
    # A tensor of someone's own operation has no word but its name.
    names = [spoken(name) if name in page_words("en") else name for name in vectors]
    return {"names": names, "rows": rows}


# What the script draws


def _data(calculation: Calculation) -> dict[str, Any]:
    output = calculation.output
    window = calculation.window if calculation.window and len(calculation.window.kernel) <= 2 else None
    kept = elements(output.shape) // plane_shape(output.shape)[0] * MOST_PLANES
    columns = calculation.columns
    count = min(output.size, MOST_UNITS, kept)
    if calculation.is_matrix and columns is not None:
        count = len(columns.places)
    walks = list(islice(calculation.walks(), count))
    parameters = calculation.parameters
    shapes = {name: values.shape for name, values in parameters.items()}
    node = pack_walks(walks, calculation.shapes, output.shape, weights=shapes, window=window)
    sources = {one.terms.weight_source for unit in walks[:1] for one in unit.within()}
    unfolded: Mapping[str, Any] | None = None
    if columns is not None and columns.weight_FR is not None and columns.matrix_RP.size <= sections.MOST_UNFOLDED:
        unfolded = {"weight": pack(columns.weight_FR), "rows": len(columns.rows), "places": len(columns.places)}
    steep = slopes(calculation)
    return {
        "node": node,
        "slopes": None if steep is None else pack(steep),
        "count": count,
        "inputs": [pack(values) for values in calculation.inputs],
        "weights": {name: pack(values) for name, values in parameters.items() if name in sources},
        "output": pack(output),
        "unfolded": unfolded,
        "places": [list(place) for place in columns.places] if calculation.is_matrix and columns else None,
    }
