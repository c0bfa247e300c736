"""A calculation as text and as JSON: operands with the window in brackets, the rule of the shape, terms, costs."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import islice, product
from typing import Any

import numpy as np

from convscope.calculation.calculation import Calculation
from convscope.calculation.im2col import Columns
from convscope.ops.arrays import Gradients
from convscope.ops.shape_rules import ShapeRule
from convscope.ops.walk import number as json_number
from convscope.ops.walk import step_json
from convscope.ops.windows import padding_of
from convscope.render.text.matrix import WIDTH, Frame, Index, Tensor, Values, in_one_row
from convscope.render.text.walk import put_in, spell_number, step_text, walk_text
from convscope.tables import text_lines

MOST_TERMS, FEW_TERMS = 60, 12
"""Terms of a sum on the terminal; of a longer one a few are shown."""
MOST_UNITS = 100
"""Outputs whose terms ``--all`` writes out."""
MOST_KERNELS = 8
"""Matrices of all kernels together; beyond, only the chosen output's."""
MOST_UNFOLDED = (40, 12)
"""Rows and columns of an unfolded matrix."""


def rule_lines(rules: Sequence[ShapeRule]) -> list[str]:
    """Why the output has its shape: the rule in words, then with its numbers.

    Example:
        >>> from convscope import ops
        >>> from convscope.ops.calculate import shape_rules
        >>> print("\\n".join(rule_lines(shape_rules(ops.Conv(1, 3, padding=1), [(1, 5, 5)]))))
        output rows and columns = floor((rows + 2*padding - dilation*(kernel - 1) - 1) / stride) + 1
                                = floor((5 + 2*1 - 1*(3 - 1) - 1) / 1) + 1 = 5
    """
    lines: list[str] = []
    groups: dict[tuple[str, ...], list[ShapeRule]] = {}
    for rule in rules:
        numbers = put_in(rule.step.form, [operand.value for operand in rule.step.operands])
        groups.setdefault((numbers, spell_number(rule.step.value), str(rule.padding)), []).append(rule)
    for (numbers, value, _), same in groups.items():
        rule = same[0]
        name = "output " + " and ".join(each.step.name for each in same)
        note = ""
        if rule.padding is not None and rule.step.form.startswith("ceil({0} / "):
            before, behind = rule.padding
            note = f"   (same: zeros {before} before, {behind} behind)"
        elif rule.shortened:
            note = "   (the last window would start behind the input)"
        symbols = rule.step.symbols()
        if symbols != rule.step.operands[0].name and len(rule.step.operands) > 1:
            lines += [f"{name} = {symbols}", f"{' ' * len(name)} = {numbers} = {value}{note}"]
        else:
            lines.append(f"{name} = {symbols} = {value}")
    return lines


def unit_lines(calculation: Calculation, index: Index) -> list[str]:
    """One output's terms and steps under its name."""
    walk = calculation.walk(index)
    most = FEW_TERMS if len(walk.terms) > MOST_TERMS else None
    name = f"output[{','.join(map(str, index))}]"
    becomes = walk.terms.becomes
    if becomes.name == "indicator":
        numbers = [(becomes.value, walk.terms[0].value), *((o.name, o.value) for o in becomes.operands)]
        told = ", ".join(f"{what} {spell_number(value)}" for what, value in numbers)
        return [f"{name}: {told}: {spell_number(walk.value)}"]
    if calculation.use.symbols is not None:
        pairs = zip(calculation.use.symbols(calculation.op), walk.terms, strict=True)
        told = ", ".join(f"{what} = {spell_number(term.value)}" for what, term in pairs)
        return [f"{name}: {told}", *_indented(walk_text(walk))]
    lines = walk_text(walk, most=most, largest_first=most is not None)
    if walk.winner is not None:
        at = walk.terms[walk.winner].index
        lines[-1] += f", found at input[{','.join(map(str, at))}]"
    if len(lines) == 1 and len(name) + len(lines[0]) < WIDTH:
        # "value: x = ...", "odds: x = ..." and "value = ..." say twice what the name says.
        return [f"{name} = " + re.sub(r"^([a-z]+: |value = )", "", lines[0])]
    return [name if most is None else f"{name}, the largest terms first", *_indented(lines)]


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def cost_text(calculation: Calculation) -> str:
    """What it costs: multiply-adds, weights, biases; empty for a function without either."""
    weights, biases, macs = calculation.weights, calculation.biases, calculation.macs
    if not weights:
        return "no weights" if calculation.use.covers and not calculation.is_matrix else ""
    counted = f"{weights:,} weight{'s' * (weights != 1)}"
    counted += f" + {biases:,} bias{'es' * (biases != 1)}" if biases else ", no bias"
    return f"{macs:,} multiply-add{'s' * (macs != 1)}, {counted}" if macs else counted


def heading(calculation: Calculation) -> str:
    """The operation as the notation writes it, and what it does."""
    return f"{calculation.op.text()}: {calculation.op.summary}"


def named_lines(calculation: Calculation) -> list[str]:
    """The tensors that are no kernel: biases, scales, statistics, the mask."""
    shown_above = {"weight"} if weight_name(calculation) else set()
    tensors = {**calculation.parameters, **calculation.buffers}
    rows = {name.replace("_", " "): value.reshape(-1) for name, value in tensors.items() if name not in shown_above}
    return text_lines([(name, _few(value)) for name, value in rows.items()], "<<")


def _few(values: Values, most: int = 8) -> str:
    told = " ".join(spell_number(float(value), 5) for value in values[:most])
    return told if len(values) <= most else f"{told} ... ({len(values)} in all)"


def before_lines(calculation: Calculation, index: Index) -> list[str]:
    """Where the statistics of a batch normalisation come from, of the chosen output's channel."""
    if not calculation.before:
        return []
    own = calculation.before[2 * index[0] : 2 * index[0] + 2]
    return ["statistics of the input itself, as in training:", *_indented([step_text(step) for step in own])]


def column_lines(columns: Columns, chosen: int) -> list[str]:
    """The unfolded matrix: a row a place in the kernel with the weights it meets, a column a place of the window."""
    most_rows, most_columns = MOST_UNFOLDED
    count_rows, count_columns = columns.matrix_RP.shape
    start = min(max(0, chosen - most_columns // 2), max(0, count_columns - most_columns))
    shown = range(start, min(count_columns, start + most_columns))
    rows = range(min(count_rows, most_rows))
    filters = range(min(len(columns.weight_FR), 4)) if columns.weight_FR is not None else range(0)
    heads = ["", *([f"kernel {f}" if len(filters) > 1 else "kernel" for f in filters])]
    heads += [("-> " if at == shown[0] and filters else "") + _place(columns.places[at]) for at in shown]
    table = [heads]
    for row in rows:
        weights = []
        for filter_ in filters:
            met = columns.weight_index(filter_, row)
            weights.append("" if met is None else spell_number(float(columns.weight_FR[filter_, row]), 4))  # type: ignore[index]
        values = [spell_number(float(columns.matrix_RP[row, at]), 4) for at in shown]
        table.append([_place(columns.rows[row]), *weights, *values])
    if columns.weight_FR is not None:
        product_FP = columns.weight_FR @ columns.matrix_RP
        for filter_ in filters:
            name = f"product {filter_}" if len(filters) > 1 else "product"
            table.append(
                [name, *[""] * len(filters), *(spell_number(float(product_FP[filter_, at]), 4) for at in shown)]
            )
    lines = text_lines(table, ">" * len(heads))
    note = f"{count_rows} rows x {count_columns} columns: a row a place in the kernel (channel, then its place),"
    left = [f"... {count_rows - len(rows)} more rows"] * (count_rows > len(rows))
    if count_columns > len(shown):
        left.append(f"... columns {shown[0]} to {shown[-1]} of {count_columns} are shown")
    sources = [
        "padding" if place[0] < 0 else f"[{','.join(map(str, place))}]"
        for place in columns.index_RPI[rows, chosen].tolist()
    ]
    where = f"column {chosen}, output place {_place(columns.places[chosen])}, is the input at"
    return [note, "a column a place of the window", "", *lines, *left, "", *_wrapped([where, *sources])]


def _place(place: Sequence[int]) -> str:
    return ",".join(map(str, place))


def _wrapped(words: Sequence[str], width: int = WIDTH) -> list[str]:
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("  " + word)
        else:
            lines[-1] += (" " if lines[-1] else "") + word
    return lines


# The operands and the output


def covered(calculation: Calculation, index: Index) -> list[set[Index]]:
    """The places of each input under the window of an output; those in the padding lie outside the input.

    Example:
        >>> from convscope import ops
        >>> from convscope.calculation.calculation import calculate
        >>> done = calculate(ops.AvgPool(2, padding=1), [np.ones((1, 2, 2))])
        >>> sorted(covered(done, (0, 0, 0))[0])
        [(0, -1, -1), (0, -1, 0), (0, 0, -1), (0, 0, 0)]
    """
    window, covers = calculation.window, calculation.use.covers
    found = [set[Index]() for _ in calculation.inputs]
    if window is not None and covers is not None:
        place = calculation.columns.places[index[1]] if calculation.is_matrix and calculation.columns else ()
        sides = [
            [at * stride - before + dilation * k for k in range(kernel)]
            for at, kernel, stride, dilation, (before, _) in zip(
                place or index[1:], window.kernel, window.stride, window.dilation, window.padding, strict=True
            )
        ]
        found[0] = set(product(covers(calculation.op, calculation.shapes, index[0]), *sides))
        return found
    for term in calculation.walk(index).terms:
        if term.index is not None:
            found[term.operand].add(term.index)
    if calculation.use.losses:
        found[1].add(index)
    return found


def frame_of(calculation: Calculation) -> Frame:
    """The padding around the input's matrices, with what windows of ``ceil_mode`` cover beyond."""
    window, shape = calculation.window, calculation.shapes[0]
    if window is None or len(window.kernel) > 2:
        return Frame()
    ceil = bool(getattr(calculation.op, "ceil_mode", False))
    reached = padding_of(shape, window, ceil)
    sides = [
        (before, behind, most - behind) for (before, behind), (_, most) in zip(window.padding, reached, strict=True)
    ]
    rows, columns = sides if len(sides) == 2 else [(0, 0, 0), sides[0]]
    return Frame(*zip(rows, columns, strict=True))


# The operands and the output


def stage_lines(calculation: Calculation, index: Index, known: Collection[Index] | None = None) -> list[str]:
    """Operands and output, the window of one output in brackets.

    Args:
        calculation: what is shown.
        index: the output whose window is marked.
        known: the outputs that are shown already; None for all.
    """
    marks, names, sign = covered(calculation, index), calculation.use.operands, calculation.use.sign
    parts: list[Tensor | str] = []
    for operand, values in enumerate(calculation.inputs):
        name = names[min(operand, len(names) - 1)]
        several = len(calculation.inputs) > len(names)
        frame = frame_of(calculation) if operand == 0 else Frame()
        parts += [sign] if operand and sign else []
        parts.append(Tensor(f"{name} {operand + 1}" if several else name, values, marks[operand], frame))
    kernels = _kernels(calculation, index)
    parts += ["*", *kernels] if kernels else []
    parts.append("=" if kernels or sign else "->")
    output = Tensor("output", calculation.output, {index}, known=known)
    parts.append(output)
    if not calculation.is_matrix:
        row = in_one_row(parts)
        if row is not None:
            return row
    lines: list[str] = []
    for part in parts:
        if isinstance(part, Tensor):
            lines += [*([""] if lines else []), *part.lines()]
    return lines


def _kernels(calculation: Calculation, index: Index) -> list[Tensor]:
    """The kernels: all of them, or the chosen output's where they are many."""
    weight, name = calculation.parameters.get("weight"), weight_name(calculation)
    if weight is None or not name:
        return []
    if name == "weight":
        return [Tensor("weight", weight, {(index[0], at) for at in range(weight.shape[1])})]
    planes = weight[0].size // int(np.prod(weight.shape[-2:])) if weight.ndim > 3 else 1
    if len(weight) == 1:
        return [Tensor("kernel", weight[0])]
    if planes * len(weight) <= MOST_KERNELS:
        return [Tensor(f"kernel {number}", kernel) for number, kernel in enumerate(weight)]
    return [Tensor(f"kernel {index[0]} of {len(weight)}", weight[index[0]])]


def weight_name(calculation: Calculation) -> str:
    """What the weight is called that is typed behind the input; empty where it is none or an option."""
    return calculation.use.operands[-1] if calculation.use.operands[1:] in (("kernel",), ("weight",)) else ""


# The whole


def _read_lines(calculation: Calculation) -> list[str]:
    """In which layout the operands were read; empty where there was no choice."""
    return [f"read as {calculation.read[0]}", *_shifted(calculation.read[1:])] if calculation.read else []


def _shifted(lines: Sequence[str]) -> list[str]:
    return [f"        {line}" for line in lines]


def calculation_text(
    calculation: Calculation, index: Index, everything: bool = False, unfolded: bool = False, winners: bool = False
) -> list[str]:
    """Everything about a calculation that fits a terminal.

    Args:
        calculation: what is shown.
        index: the output whose terms are written out.
        everything: the terms of all outputs.
        unfolded: the windows as the columns of a matrix as well.
        winners: where each maximum was found, as PyTorch counts.
    """
    parts = [[heading(calculation)], _read_lines(calculation)]
    if not calculation.is_matrix:
        parts.append(stage_lines(calculation, index))
    else:
        tensor = Tensor("input", calculation.inputs[0], covered(calculation, index)[0], frame_of(calculation))
        parts.append(tensor.lines())
    found = calculation.winners() if winners else None
    if found is not None:
        indices = Tensor("indices", found.astype(np.float64))
        title, *lines = indices.lines()
        parts.append([f"{title}, counted row by row", *lines])
    parts += [named_lines(calculation), rule_lines(calculation.rules), before_lines(calculation, index)]
    columns = calculation.columns if unfolded else None
    if columns is not None:
        place = columns.places[index[1]] if calculation.is_matrix else index[1:]
        parts.append(column_lines(columns, columns.places.index(place)))
    if not calculation.is_matrix:
        shown = list(islice(calculation.indices, MOST_UNITS)) if everything else [index]
        units = [line for at in shown for line in unit_lines(calculation, at)]
        left = calculation.output.size - len(shown) if everything else 0
        parts.append([*units, *([f"... {left:,} more outputs; --at opens any of them"] if left else [])])
        parts.append([step_text(step) for step in calculation.after])
    parts.append([cost_text(calculation)] if cost_text(calculation) else [])
    return [line for part in parts if part for line in ("", *part)][1:]


def gradient_text(calculation: Calculation, outward: Values, found: Gradients) -> list[str]:
    """The gradients of a calculation's operands: what a small change of each does to the loss."""
    names, labels = calculation.use.operands, calculation.use.losses
    tensors = [Tensor("output", outward)]
    for operand, values in enumerate(found.inputs[: 1 if labels else None]):
        several = len(found.inputs) > len(names)
        name = names[min(operand, len(names) - 1)]
        tensors.append(Tensor(f"{name} {operand + 1}" if several else name, np.asarray(values, np.float64)))
    for name, values in found.parameters.items():
        kernels = name == "weight" and weight_name(calculation) == "kernel"
        whole = np.asarray(values, np.float64)
        parts = list(whole) if kernels else [whole]
        for number, part in enumerate(parts[:MOST_KERNELS]):
            tensors.append(Tensor(f"kernel {number}" if len(parts) > 1 else "kernel" if kernels else name, part))
    row = in_one_row(tensors)
    lines = ["gradients: what the loss gains for each unit by which a number grows, near its value"]
    if row is not None:
        return [*lines, "", *row]
    for tensor in tensors:
        lines += ["", *tensor.lines()]
    return lines


# As JSON


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
        "read": list(calculation.read),
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
    return [_nested(part) for part in values] if np.ndim(values) else json_number(float(values))


def gradients_dict(outward: Any, gradients: Gradients) -> dict[str, Any]:
    """The gradient at the output, and those that follow from it, as plain JSON."""
    return {
        "output": _nested(outward),
        "inputs": [_nested(values) for values in gradients.inputs],
        "parameters": {name: _nested(values) for name, values in gradients.parameters.items()},
    }
