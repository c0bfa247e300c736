"""Two models on the same pictures, as text."""

from __future__ import annotations

from convscope.evaluation.comparison import PairedComparison
from convscope.render.wording import percent, printable
from convscope.tables import text_table

SHOWN = 8
"""Pictures on which they differ that are named; all are in --json."""


def to_text(found: PairedComparison, p: float | None = None) -> str:
    """A comparison for a terminal.

    Args:
        found: the comparison.
        p: corrected for several comparisons; None: its own.
    """
    p = found.p if p is None else p
    rows = [
        (f"A  {found.one}", percent(found.top1[0])),
        (f"B  {found.other}", percent(found.top1[1])),
    ]
    counts = [
        ("both right", f"{found.both:,}"),
        ("only A right", f"{found.only_one:,}"),
        ("only B right", f"{found.only_other:,}"),
        ("neither", f"{found.neither:,}"),
    ]
    blocks = [
        f"{found.count:,} pictures, {found.of}",
        text_table(rows, "<>"),
        text_table(counts, "<>"),
        verdict(found, p),
    ]
    for names, who in ((found.names_one, "A"), (found.names_other, "B")):
        if names:
            more = f"\n  and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
            blocks.append(f"only {who} right:\n  " + "\n  ".join(map(printable, names[:SHOWN])) + more)
    return "\n\n".join(blocks)


def verdict(found: PairedComparison, p: float) -> str:
    """What to make of it, in words."""
    low, high = (100 * end for end in found.interval)
    difference = 100 * (found.top1[1] - found.top1[0])
    said = f"B is {difference:+.2f} points against A ({low:+.2f} to {high:+.2f} with 95 % confidence). "
    if not found.only_one + found.only_other:
        return said + "They are right and wrong on the same pictures."
    chance = f"{100 * p:.2g} %" if p >= 1e-4 else "less than 0.01 %"
    told = (
        f"A is right {found.only_one:,} times where B is wrong, B {found.only_other:,} times where A is wrong: "
        f"chance alone makes such a difference in {chance} of cases"
    )
    if p >= 0.05:
        return said + told + ". Do not choose by this."
    return said + told + f": {'B' if found.only_other > found.only_one else 'A'} is better."
