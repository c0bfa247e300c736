"""``convscope calc`` as a page: the window slides over the input, and every output opens into its terms."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from convscope import ops
from convscope.calculation.calculation import Calculation, Values
from convscope.calculation.functions import Im2col
from convscope.files import write_atomically
from convscope.ops import elements, spell_shape
from convscope.ops.arrays import Gradients
from convscope.ops.windows import padding_of
from convscope.render.html import calc_sections as sections
from convscope.render.html.curve import curve, slopes
from convscope.render.html.markup import text
from convscope.render.html.matrix import UNPADDED, Padding, plane, plane_shape, planes
from convscope.render.html.numerals import shown
from convscope.render.html.packed import pack, pack_walks
from convscope.render.html.page import attribute, both, render, section
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
        >>> from convscope.calculation.calculation import calculate
        >>> pooled = calculate(ops.MaxPool(2), [np.arange(16.0).reshape(1, 4, 4)])
        >>> render_calc_page(pooled)[:15]
        '<!doctype html>'
    """
    op, page_lang = calculation.op, lang or "en"
    title = op.text()
    head = f"""<p class="overline">{both("made by calc")}</p>
<h1><bdi>{text(title)}</bdi></h1>
<p class="lede">{_explained(op)}</p>
{_costs(calculation)}"""
    parts = [
        _stage(calculation, page_lang),
        sections.unfolded(calculation),
        sections.before(calculation),
        sections.gradients(calculation, *backward) if backward is not None else "",
        sections.shape(calculation),
    ]
    return render(
        f"{title}: {page_words(page_lang)['output']} {spell_shape(calculation.output.shape)}",
        head,
        "\n".join(part for part in parts if part),
        _data(calculation),
        ("page.js", "unit.js", "calc.js"),
        ("page.css", "calc.css"),
        lang,
    )


def _explained(op: ops.Op) -> str:
    key = f"op: {op.word}"
    return both(key) if key in page_words("en") else text(op.summary)


def _costs(calculation: Calculation) -> str:
    if not calculation.macs:
        return ""
    counts = {"weights": calculation.weights, "biases": calculation.biases, "macs": calculation.macs}
    key = "costs" if calculation.biases else "costs without bias"
    return f'<p class="note">{both(key, **{name: f"{count:,}" for name, count in counts.items()})}</p>'


# The operands, the kernel and the output


def _padding(calculation: Calculation) -> Padding:
    """The zeros around a matrix of the input: rows, then columns."""
    window, shape = calculation.window, calculation.shapes[0]
    if window is None or len(window.kernel) > 2:
        return UNPADDED
    ceil = bool(getattr(calculation.op, "ceil_mode", False))
    sides = padding_of(shape, window, ceil)
    return (sides[0], sides[1]) if len(sides) == 2 else ((0, 0), sides[0])


def _stage(calculation: Calculation, lang: Lang) -> str:
    kernels = _kernels(calculation)
    rows = []
    for operand, values in enumerate(calculation.inputs):
        for number, values_RC in enumerate(planes(values)[:MOST_PLANES]):
            caption = _caption("input", values.shape, number, operand if len(calculation.inputs) > 1 else None)
            marks: dict[str, str | int] = {"of": "input", "operand": operand, "plane": number}
            padding = _padding(calculation) if operand == 0 else UNPADDED
            drawn = plane(values_RC, caption, marks, padding=padding, largest=sections.largest(values))
            beside = kernels[min(number, len(kernels) - 1)] if kernels and operand == 0 else ""
            rows.append(f'<div class="lane" data-operand="{operand}" data-row="{number}">{drawn}{beside}</div>')
        rows.append(_omitted(plane_shape(values.shape)[0] - MOST_PLANES))
    outputs = [
        plane(values_RC, _caption("output", calculation.output.shape, number), {"of": "output", "plane": number},
              largest=sections.largest(calculation.output), kind="result")
        for number, values_RC in enumerate(planes(calculation.output)[:MOST_PLANES])
    ]  # fmt: skip
    count = plane_shape(calculation.output.shape)[0]
    result = (
        f'<span class="sign">=</span><div class="outputs">{_tabs(min(count, MOST_PLANES), lang)}{"".join(outputs)}'
        f"{_omitted(count - MOST_PLANES)}</div>"
    )
    if isinstance(calculation.op, Im2col):
        # The matrix below is the output, and a column of it is what one opens.
        return section(
            "stage",
            "window",
            f'<p class="live-only">{both("how to")}</p>',
            _controls(lang),
            f'<div class="board"><div class="lanes">{"".join(rows)}</div></div>',
        )
    board = f'<div class="board"><div class="lanes">{"".join(rows)}</div>{result}</div>'
    first = "\n".join(walk_text(calculation.walk((0,) * calculation.output.ndim)))
    return section(
        "stage",
        "window" if calculation.window is not None else "every output",
        f'<p class="live-only">{both("how to")}</p>',
        _controls(lang),
        board,
        curve(calculation),
        f'<h3 id="arithmetic-title">{both("arithmetic")}</h3>',
        f'<div id="arithmetic" aria-live="polite"><pre>{text(first)}</pre></div>',
    )


def _caption(what: str, shape: tuple[int, ...], number: int, operand: int | None = None) -> str:
    named = both(what) if operand is None else both("input n", n=str(operand + 1))
    if number == 0 and plane_shape(shape)[0] == 1:
        return both("of shape", what=named, shape=f'<span class="muted">{spell_shape(shape)}</span>')
    if operand is not None:
        return named + ", " + both("channel n", n=str(number))
    return both(f"{what} channel", n=str(number))


def _omitted(count: int) -> str:
    return f'<p class="note">{both("and more", n=f"{count:,}")}</p>' if count > 0 else ""


def _tabs(count: int, lang: Lang) -> str:
    if count == 1:
        return ""
    buttons = "".join(f'<button type="button" data-tab="{n}">{n}</button>' for n in range(count))
    said = attribute("aria-label", "output channels", lang)
    return f'<div class="tabs live-only" role="group" {said}>{buttons}</div>'


def _controls(lang: Lang) -> str:
    def button(key: str, sign: str) -> str:
        return f'<button type="button" id="{key}" {attribute("aria-label", key, lang)}>{sign}</button>'

    slider = f'<input type="range" id="slider" min="0" value="0" step="1" {attribute("aria-label", "position", lang)}>'
    return (
        '<div class="controls live-only">'
        + button("previous", _ICON.format("M15 5l-8 7 8 7z"))
        + button("play", _ICON.format("M7 4.5l12 7.5-12 7.5z"))
        + button("next", _ICON.format("M9 5l8 7-8 7z"))
        + slider
        + '<output id="where" for="slider"></output></div>'
    )


_ICON = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{}"/></svg>'


def _kernels(calculation: Calculation) -> list[str]:
    """HTML beside each input channel: of every filter, its kernel for that channel; or the weights and the biases."""
    weight, shapes = calculation.parameters.get("weight"), calculation.shapes
    per_channel = _per_channel(calculation)
    if weight is None or weight.ndim < 2:
        return [per_channel] if per_channel else []
    largest = sections.largest(weight)
    if isinstance(calculation.op, ops.Linear):
        drawn = plane(weight, both("weights"), {"of": "weight", "plane": 0}, largest=largest, kind="weight")
        return [f'<span class="sign">×</span><div class="kernels">{drawn}{per_channel}</div>']
    filters = planes(weight)[: max(1, MOST_KERNELS // elements(weight.shape[2:]))]
    share = elements(weight.shape[1:-2])  # matrices of a filter
    groups = getattr(calculation.op, "groups", 1)
    of_group = weight.shape[0] // groups
    beside: list[list[str]] = [[] for _ in range(plane_shape(shapes[0])[0])]
    for number, values_RC in enumerate(filters):
        filter_, channel = divmod(number, share)
        # A signal's channels are the rows of a single matrix; a volume's are not drawn beside each other.
        row = filter_ // of_group * share + channel if weight.ndim == 4 else 0
        marks: dict[str, str | int] = {"of": "weight", "filter": filter_, "plane": number}
        caption = both("kernels", n=str(filter_)) if channel == 0 else both("kernel channel", n=str(channel))
        beside[row].append(plane(values_RC, caption, marks, largest=largest, kind="weight"))
    return [
        f'<span class="sign">∗</span><div class="kernels">{"".join(drawn)}{per_channel if row == 0 else ""}</div>'
        for row, drawn in enumerate(beside)
    ]


def _per_channel(calculation: Calculation) -> str:
    """Bias, mean, variance, scale: a table with a row a channel."""
    vectors = {
        name: values
        for name, values in {**calculation.buffers, **calculation.parameters}.items()
        if values.ndim == 1
    }  # fmt: skip
    if not vectors:
        return ""
    heads = "".join(f'<th scope="col">{both(name)}</th>' for name in vectors)
    count = min(MOST_PLANES, max(len(values) for values in vectors.values()))
    rows = "".join(
        f'<tr data-channel="{n}"><th scope="row">{n}</th>'
        + "".join(f'<td class="number">{shown(float(values[n]), 5)}</td>' for values in vectors.values())
        + "</tr>"
        for n in range(count)
    )
    head = f"<thead><tr><th></th>{heads}</tr></thead>"
    return f'<div class="scroll"><table class="parameters">{head}<tbody>{rows}</tbody></table></div>'


# What the script draws


def _data(calculation: Calculation) -> dict[str, Any]:
    output = calculation.output
    window = calculation.window if calculation.window and len(calculation.window.kernel) <= 2 else None
    kept = elements(output.shape) // plane_shape(output.shape)[0] * MOST_PLANES
    columns = calculation.columns
    count = min(output.size, MOST_UNITS, kept)
    if isinstance(calculation.op, Im2col) and columns is not None:
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
        "places": [list(place) for place in columns.places] if isinstance(calculation.op, Im2col) and columns else None,
    }
