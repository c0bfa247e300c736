"""Two models on the same pictures, as text."""

from __future__ import annotations

from convscope.evaluation.comparison import PairedComparison
from convscope.printable import printable
from convscope.render.wording import percent
from convscope.tables import text_table

SHOWN = 8
"""Pictures on which they differ that are named; all are in --json."""


def to_text(comparison: PairedComparison, p: float | None = None) -> str:
    """A comparison for a terminal.

    Args:
        comparison: of two models.
        p: corrected for several comparisons; None: its own.
    """
    p = comparison.p if p is None else p
    rows = [
        (f"A  {comparison.one}", percent(comparison.top1[0])),
        (f"B  {comparison.other}", percent(comparison.top1[1])),
    ]
    counts = [
        ("both right", f"{comparison.both:,}"),
        ("only A right", f"{comparison.only_one:,}"),
        ("only B right", f"{comparison.only_other:,}"),
        ("neither", f"{comparison.neither:,}"),
    ]
    blocks = [
        f"{comparison.count:,} {comparison.many}, {printable(comparison.of)}",
        text_table(rows, "<>"),
        text_table(counts, "<>"),
        verdict(comparison, p),
    ]
    for names, who in ((comparison.names_one, "A"), (comparison.names_other, "B")):
        if names:
            more = f"\n  and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
            blocks.append(f"only {who} right:\n  " + "\n  ".join(map(printable, names[:SHOWN])) + more)
    return "\n\n".join(blocks)


def verdict(comparison: PairedComparison, p: float) -> str:
    """What to make of it, in words."""
    low, high = (100 * end for end in comparison.interval)
    difference = 100 * (comparison.top1[1] - comparison.top1[0])
    interval = f"{low:+.2f} to {high:+.2f} with 95 % confidence"
    said = f"The accuracy of B minus that of A is {difference:+.2f} points ({interval}). "
    if not comparison.only_one + comparison.only_other:
        return said + f"They are right and wrong on the same {comparison.many}."
    one, other = comparison.only_one, comparison.only_other
    told = (
        f"A is right {one:,} times where B is wrong, B {other:,} times where A is wrong: "
        f"p = {p:.2g} by McNemar's exact test"
    )
    if p >= 0.05:
        return said + told + ". That is not significant: do not choose by this."
    return said + told + f": {'B' if other > one else 'A'} is better."
