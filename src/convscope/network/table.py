"""A network's costs as something to read: text for the terminal, Markdown, HTML for notebooks, plain JSON values."""

from __future__ import annotations

from typing import Any

from convscope.network.costs import BYTES, RULE, Costs, Field, Row
from convscope.network.memory import MOMENTS, Memory
from convscope.ops import spell_shape
from convscope.quantities import millions
from convscope.tables import html_table, markdown_table, text_table

HEADINGS = ("node", "operation", "output", "parameters", "MACs", "field", "memory")
KEPT = "kept"
"""The heading of what backward needs: one more column where memory is asked for."""


def _sides(columns: int) -> str:
    return "<<" + ">" * (columns - 2)


def bytes_text(count: float) -> str:
    """A number of bytes for people.

    Example:
        >>> bytes_text(123456)
        '120.6 KiB'
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def _field_text(field: Field) -> str:
    return "all" if field is None else spell_shape(field)


def _number(value: int) -> str:
    return f"{value:,}" if value else "-"


def cells(row: Row, kept: bool = False) -> tuple[str, ...]:
    """One row's texts, in the order of :data:`HEADINGS`; with what backward needs behind them if ``kept``."""
    return (
        row.path,
        row.operation,
        spell_shape(row.shape),
        _number(row.parameters),
        _number(row.macs),
        _field_text(row.receptive_field),
        bytes_text(row.activation_bytes),
        *((bytes_text(row.kept_bytes) if row.kept_bytes else "-",) if kept else ()),
    )


MARKED = 5
"""Nodes that the table marks as the most expensive."""


def most_expensive(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """The nodes with the most MACs, the first where some are equal; none where hardly more have any."""
    counted = [row for row in rows if row.macs]
    if len(counted) <= 2 * MARKED:
        return ()
    return tuple(sorted(counted, key=lambda row: -row.macs)[:MARKED])


def _most_expensive_text(costs: Costs) -> str:
    marked = most_expensive(costs.rows)
    fraction = sum(row.macs for row in marked) / max(1, costs.macs)
    return f"* the {MARKED} nodes with the most MACs: {100 * fraction:.0f} % of all" if marked else ""


def _total(costs: Costs) -> tuple[str, ...]:
    output = spell_shape(costs.rows[-1].shape)
    memory = bytes_text(costs.activation_bytes)
    kept = (bytes_text(costs.kept_bytes),) if costs.memory else ()
    return ("total", "", output, f"{costs.parameters:,}", f"{costs.macs:,}", "", memory, *kept)


NAMES = {"adamw": "AdamW", "sgd": "SGD with momentum"}


def _memory_text(memory: Memory) -> str:
    """The peaks, and what they are made of."""
    gradients = memory.optimizer_state // MOMENTS[memory.optimizer]
    parts = (
        f"weights {bytes_text(memory.weights)}, gradients {bytes_text(gradients)}, {NAMES[memory.optimizer]} "
        f"{bytes_text(memory.optimizer_state)}, kept for backward {bytes_text(memory.kept)}"
    )
    return (
        f"batch {memory.batch:,} in {memory.dtype}: {bytes_text(memory.inference)} for inference, "
        f"{bytes_text(memory.training)} for training ({parts}); with the gaps of a processor's allocator "
        f"{bytes_text(memory.inference_held)} and {bytes_text(memory.training_held)}"
    )


def fit_text(limit: int, inference: int, training: int, memory: Memory) -> str:
    """The largest batches that fit."""
    said = [f"{count:,}" if count else "none" for count in (training, inference)]
    how = f"{memory.dtype}, {NAMES[memory.optimizer]}"
    return f"{limit / 1e9:,.3g} GB hold a batch of {said[0]} for training ({how}), of {said[1]} for inference"


def _marked(texts: tuple[str, ...], marked: bool) -> tuple[str, ...]:
    """A node's operation with the mark behind it."""
    return (texts[0], f"{texts[1]} *", *texts[2:]) if marked else texts


def _headings(kept: bool) -> tuple[str, ...]:
    return (*HEADINGS, KEPT) if kept else HEADINGS


def rows_text(rows: tuple[Row, ...], total: tuple[str, ...] | None = None) -> str:
    """Rows as aligned columns."""
    marked = {row.path for row in most_expensive(rows)} if total else set()
    kept = total is not None and len(total) > len(HEADINGS)
    lines = [_headings(kept), *(_marked(cells(row, kept), row.path in marked) for row in rows)]
    lines += [total] if total else []
    rules = (1, len(lines) - 1) if total else (1,)
    return text_table(lines, _sides(len(lines[0])), rules)


def to_text(costs: Costs) -> str:
    """The table for a terminal, with totals, memory and the counting rule."""
    lines = [f"input {spell_shape(costs.input)}", rows_text(costs.rows, _total(costs))]
    lines += [text for text in (_most_expensive_text(costs),) if text]
    if costs.memory is not None:
        lines.append(_memory_text(costs.memory))
    buffers = f"; {costs.buffers:,} buffers" if costs.buffers else ""
    lines.append(f"{millions(costs.macs)} MACs, {millions(2 * costs.macs)} FLOPs{buffers}")
    if costs.heads:
        lines.append(f"auxiliary heads: {costs.heads:,} parameters more while training, in no count above")
    return "\n".join([*lines, f"Counted: {RULE}."])


def to_markdown(costs: Costs) -> str:
    """The table in Markdown."""
    kept = costs.memory is not None
    headings = _headings(kept)
    marked = {row.path for row in most_expensive(costs.rows)}
    rows = [_marked(cells(row, kept), row.path in marked) for row in costs.rows]
    rows.append(tuple(f"**{cell}**" if cell else "" for cell in _total(costs)))
    table = markdown_table(headings, rows, _sides(len(headings)))
    text = [f"Input {spell_shape(costs.input)}.", "", table, ""]
    text += [f"{said}.".replace("*", "\\*", 1), ""] if (said := _most_expensive_text(costs)) else []
    if costs.memory is not None:
        text += [_memory_text(costs.memory) + ".", ""]
    return "\n".join([*text, f"Counted: {RULE}."])


def to_html(costs: Costs) -> str:
    """The table for a notebook."""
    kept = costs.memory is not None
    headings = _headings(kept)
    table = html_table(
        headings,
        [cells(row, kept) for row in costs.rows],
        _sides(len(headings)),
        total=_total(costs),
        caption=f"input {spell_shape(costs.input)}",
    )
    from html import escape

    return f"{table}<small>{escape(RULE)}</small>"


def to_dict(costs: Costs) -> dict[str, Any]:
    """The costs as plain JSON values; a receptive field of null is the whole input."""
    memory = costs.memory
    return {
        "input": list(costs.input),
        "output": list(costs.rows[-1].shape),
        "parameters": costs.parameters,
        "macs": costs.macs,
        "flops": 2 * costs.macs,
        "buffers": costs.buffers,
        "auxiliary_parameters": costs.heads,
        "activation_bytes": costs.activation_bytes,
        "kept_bytes": costs.kept_bytes,
        "memory": None if memory is None else dict(vars(memory)),
        "rule": RULE,
        "most_expensive": [row.path for row in most_expensive(costs.rows)],
        "nodes": [row_dict(row) for row in costs.rows],
    }


def row_dict(row: Row) -> dict[str, Any]:
    """One row as plain JSON values."""
    field = row.receptive_field
    return {
        "path": row.path,
        "operation": row.operation,
        "shape": list(row.shape),
        "parameters": row.parameters,
        "parameter_bytes": row.parameters * BYTES,
        "macs": row.macs,
        "receptive_field": None if field is None else list(field),
        "activation_bytes": row.activation_bytes,
        "kept_bytes": row.kept_bytes,
        "line": row.line,
    }
