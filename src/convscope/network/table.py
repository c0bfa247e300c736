"""A summary as something to read: text for the terminal, Markdown, HTML for notebooks, plain JSON values."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from convscope.network.memory import MOMENTS, Memory
from convscope.network.summary import BYTES, RULE, Field, Row, Summary
from convscope.ops import spell_shape
from convscope.tables import html_table, markdown_table, text_lines, text_table

if TYPE_CHECKING:
    from convscope.network.published import Comparison
    from convscope.network.zoo import Entry

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


def _most_expensive_text(summary: Summary) -> str:
    marked = most_expensive(summary.rows)
    share = sum(row.macs for row in marked) / max(1, summary.macs)
    return f"* the {MARKED} nodes with the most MACs: {100 * share:.0f} % of all" if marked else ""


def _total(summary: Summary) -> tuple[str, ...]:
    output = spell_shape(summary.rows[-1].shape)
    memory = bytes_text(summary.activation_bytes)
    kept = (bytes_text(summary.kept_bytes),) if summary.memory else ()
    return ("total", "", output, f"{summary.parameters:,}", f"{summary.macs:,}", "", memory, *kept)


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


def to_text(summary: Summary) -> str:
    """The table for a terminal, with totals, memory and the counting rule."""
    lines = [f"input {spell_shape(summary.input)}", rows_text(summary.rows, _total(summary))]
    lines += [text for text in (_most_expensive_text(summary),) if text]
    if summary.memory is not None:
        lines.append(_memory_text(summary.memory))
    buffers = f"; {summary.buffers:,} buffers" if summary.buffers else ""
    lines.append(f"{summary.macs / 1e6:,.2f} M MACs, {2 * summary.macs / 1e6:,.2f} MFLOPs{buffers}")
    if summary.heads:
        lines.append(f"auxiliary heads: {summary.heads:,} parameters more while training, in no count above")
    return "\n".join([*lines, f"Counted: {RULE}."])


def to_markdown(summary: Summary) -> str:
    """The table in Markdown."""
    kept = summary.memory is not None
    headings = _headings(kept)
    marked = {row.path for row in most_expensive(summary.rows)}
    rows = [_marked(cells(row, kept), row.path in marked) for row in summary.rows]
    rows.append(tuple(f"**{cell}**" if cell else "" for cell in _total(summary)))
    table = markdown_table(headings, rows, _sides(len(headings)))
    text = [f"Input {spell_shape(summary.input)}.", "", table, ""]
    text += [f"{said}.".replace("*", "\\*", 1), ""] if (said := _most_expensive_text(summary)) else []
    if summary.memory is not None:
        text += [_memory_text(summary.memory) + ".", ""]
    return "\n".join([*text, f"Counted: {RULE}."])


def to_html(summary: Summary) -> str:
    """The table for a notebook."""
    kept = summary.memory is not None
    headings = _headings(kept)
    table = html_table(
        headings,
        [cells(row, kept) for row in summary.rows],
        _sides(len(headings)),
        total=_total(summary),
        caption=f"input {spell_shape(summary.input)}",
    )
    return f"{table}<small>{html.escape(RULE)}</small>"


def to_dict(summary: Summary) -> dict[str, Any]:
    """The summary as plain JSON values; a receptive field of null is the whole input."""
    memory = summary.memory
    return {
        "input": list(summary.input),
        "output": list(summary.rows[-1].shape),
        "parameters": summary.parameters,
        "macs": summary.macs,
        "flops": 2 * summary.macs,
        "buffers": summary.buffers,
        "auxiliary_parameters": summary.heads,
        "activation_bytes": summary.activation_bytes,
        "kept_bytes": summary.kept_bytes,
        "memory": None if memory is None else dict(vars(memory)),
        "rule": RULE,
        "most_expensive": [row.path for row in most_expensive(summary.rows)],
        "nodes": [row_dict(row) for row in summary.rows],
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


def zoo_text(entries: Sequence[Entry]) -> str:
    """The known networks, under the papers of their families."""
    heads = ("", "input", "classes", "parameters", "MACs")
    lines = [
        (f"  {e.name}", spell_shape(e.input), f"{e.output:,}", f"{e.parameters:,}", f"{e.macs:,}") for e in entries
    ]
    heading, *texts = text_lines([heads, *lines], "<>>>>")
    out, family = [heading], ""
    for entry, line in zip(entries, texts, strict=True):
        if entry.family != family:
            family = entry.family
            out += ["", *textwrap.wrap(entry.source, 100)]
        out.append(line)
    return "\n".join([*out, "", f"Counted: {RULE}."])


def zoo_dict(entries: Sequence[Entry]) -> dict[str, Any]:
    """The known networks as plain JSON values."""
    return {"networks": [{**vars(entry), "input": list(entry.input)} for entry in entries], "rule": RULE}


def published_text(comparisons: Sequence[Comparison]) -> str:
    """Published counts beside ours, a table a source, those that count as we do first."""
    out: list[str] = []
    sources = sorted(dict.fromkeys((not c.published.ours, c.published.source) for c in comparisons))
    for other, source in sources:
        rows = [c for c in comparisons if c.published.source == source and c.published.ours != other]
        heads = ("", "input", "parameters", "published", "MACs", "published", "")
        out += ["", *textwrap.wrap(f"{source} ({rows[0].published.rule})", 100)]
        out += text_lines([heads, *map(_published_cells, rows)], "<>>>>><")
    same = [c for c in comparisons if c.published.ours]
    equal = sum(c.parameters_equal and c.macs_equal for c in same)
    others = [c for c in comparisons if not c.published.ours]
    out += [
        "",
        f"{equal} of {len(same)} rows that count as we do are equal: parameters exactly, MACs to the last digit.",
    ]
    if others:
        alike = sum(c.parameters_equal for c in others)
        out.append(
            f"{len(others)} rows follow other rules (normalisation and pooling counted, or parameters in units of "
            f"2^20); {alike} of them have our parameters."
        )
    return "\n".join([*out[1:], f"Counted: {RULE}."])


def _published_cells(c: Comparison) -> tuple[str, ...]:
    row = c.published
    printed = f"{row.macs / 2 if '2/MAC' in row.rule else row.macs} G"
    ours = f"{Decimal(c.macs) / 10**9:.{row.digits + 1 if '2/MAC' in row.rule else row.digits}f} G"
    theirs = row.parameters if row.parameters.endswith("M") else f"{int(row.parameters):,}"
    verdict = "=" if c.parameters_equal and c.macs_equal else "DIFFERS" if row.ours else f"{100 * c.deviation:+.1f} %"
    return (f"  {row.name}", str(row.side), f"{c.parameters:,}", theirs, ours, printed, verdict)


def published_dict(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """Published counts beside ours as plain JSON values."""
    return {
        "rows": [
            {
                "name": c.published.name,
                "input": c.published.side,
                "parameters": c.parameters,
                "published_parameters": c.published.parameters,
                "macs": c.macs,
                "published_value": float(c.published.macs),
                "published_unit": c.published.rule,
                "same_rule": c.published.ours,
                "equal": c.parameters_equal and c.macs_equal,
                "source": c.published.source,
            }
            for c in comparisons
        ],
        "rule": RULE,
    }
