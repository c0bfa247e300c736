"""A calculation as text: operands with the window in brackets, the rule of the shape, the terms of an output, costs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

import numpy as np

from convscope import ops
from convscope.calculation.build import operand_names
from convscope.calculation.calculation import Calculation, Columns, ShapeRule
from convscope.calculation.functions import BinaryCrossEntropy, CrossEntropy, Im2col, OneHot
from convscope.ops.arrays import Gradients
from convscope.render.text.calc_stage import MOST_KERNELS, Index, Tensor, covered, frame_of, in_one_row, stage_lines
from convscope.render.text.matrix import WIDTH, Values
from convscope.render.text.walk import put_in, spell_number, step_text, walk_text
from convscope.tables import text_lines

MOST_TERMS, FEW_TERMS = 60, 12
"""Terms of a sum on the terminal; of a longer one a few are shown."""
MOST_UNITS = 100
"""Outputs whose terms ``--all`` writes out."""
MOST_UNFOLDED = (40, 12)
"""Rows and columns of an unfolded matrix."""


def rule_lines(rules: Sequence[ShapeRule]) -> list[str]:
    """Why the output has its shape: the rule in words, then with its numbers.

    Example:
        >>> from convscope.calculation.calculation import shape_rules
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
    if isinstance(calculation.op, OneHot):
        return [f"{name}: label {spell_number(walk.terms[0].value)}, class {index[1]}: {spell_number(walk.value)}"]
    if isinstance(calculation.op, BinaryCrossEntropy):
        p, label = walk.terms
        what = "logit" if calculation.op.logits else "p"
        return [
            f"{name}: {what} = {spell_number(p.value)}, y = {spell_number(label.value)}",
            *_indented(walk_text(walk)),
        ]
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
    if isinstance(calculation.op, ops.MaxPool | ops.AvgPool):
        return "no weights"
    if not weights:
        return ""
    counted = f"{weights:,} weight{'s' * (weights != 1)}"
    counted += f" + {biases:,} bias{'es' * (biases != 1)}" if biases else ", no bias"
    return f"{macs:,} multiply-add{'s' * (macs != 1)}, {counted}" if macs else counted


def heading(calculation: Calculation) -> str:
    """The operation as the notation writes it, and what it does."""
    return f"{calculation.op.text()}: {calculation.op.summary}"


def named_lines(calculation: Calculation) -> list[str]:
    """The tensors that are no kernel: biases, scales, statistics, the mask."""
    shown_above = {"weight"} if isinstance(calculation.op, ops.Conv | ops.Linear) else set()
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


# The whole


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
    parts = [[heading(calculation)]]
    if not isinstance(calculation.op, Im2col):
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
        place = index[1:] if isinstance(calculation.op, ops.Conv) else columns.places[index[1]]
        parts.append(column_lines(columns, columns.places.index(place)))
    if not isinstance(calculation.op, Im2col):
        shown = list(islice(calculation.indices, MOST_UNITS)) if everything else [index]
        units = [line for at in shown for line in unit_lines(calculation, at)]
        left = calculation.output.size - len(shown) if everything else 0
        parts.append([*units, *([f"... {left:,} more outputs; --at opens any of them"] if left else [])])
        parts.append([step_text(step) for step in calculation.after])
    parts.append([cost_text(calculation)] if cost_text(calculation) else [])
    return [line for part in parts if part for line in ("", *part)][1:]


def gradient_text(calculation: Calculation, outward: Values, found: Gradients) -> list[str]:
    """The gradients of a calculation's operands: what a small change of each does to the loss."""
    names = operand_names(calculation.op.word)
    labels = isinstance(calculation.op, CrossEntropy | BinaryCrossEntropy)
    tensors = [Tensor("output", outward)]
    for operand, values in enumerate(found.inputs[: 1 if labels else None]):
        several = len(found.inputs) > len(names)
        name = names[min(operand, len(names) - 1)]
        tensors.append(Tensor(f"{name} {operand + 1}" if several else name, np.asarray(values, np.float64)))
    for name, values in found.parameters.items():
        kernels = name == "weight" and isinstance(calculation.op, ops.Conv)
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
