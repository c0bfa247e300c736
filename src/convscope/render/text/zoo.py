"""The known networks as something to read: their table, and others' counts beside ours."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from convscope.network.costs import RULE
from convscope.network.published import PublishedComparison
from convscope.network.zoo import ZooEntry
from convscope.ops import spell_shape
from convscope.tables import text_lines


def zoo_text(entries: Sequence[ZooEntry]) -> str:
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


def zoo_dict(entries: Sequence[ZooEntry]) -> dict[str, Any]:
    """The known networks as plain JSON values."""
    return {"networks": [{**vars(entry), "input": list(entry.input)} for entry in entries], "rule": RULE}


def published_text(comparisons: Sequence[PublishedComparison]) -> str:
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


def _published_cells(c: PublishedComparison) -> tuple[str, ...]:
    row = c.published
    printed = f"{row.macs / 2 if '2/MAC' in row.rule else row.macs} G"
    ours = f"{Decimal(c.macs) / 10**9:.{row.digits + 1 if '2/MAC' in row.rule else row.digits}f} G"
    theirs = row.parameters if row.parameters.endswith("M") else f"{int(row.parameters):,}"
    verdict = "=" if c.parameters_equal and c.macs_equal else "DIFFERS" if row.ours else f"{100 * c.deviation:+.1f} %"
    return (f"  {row.name}", str(row.side), f"{c.parameters:,}", theirs, ours, printed, verdict)


def published_dict(comparisons: Sequence[PublishedComparison]) -> dict[str, Any]:
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
