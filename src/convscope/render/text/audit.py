"""A checked data set as plain text: the verdict, the classes, the kinds with their counts, some files of each."""

from __future__ import annotations

from convscope.data.audit import PROBLEMS, Checked, Finding
from convscope.printable import printable
from convscope.tables import text_table

SHOWN = 6
"""Files of a kind that are named; all are in --json."""
CLASSES = 20
COPIES = 4


def to_text(checked: Checked) -> str:
    """The check for a terminal."""
    blocks = [verdict(checked), checked.remark, _classes(checked), _kinds(checked)]
    blocks += [_files(kind, checked.of(kind)) for kind in checked.kinds]
    return "\n\n".join(block for block in blocks if block)


def verdict(checked: Checked) -> str:
    """One or two sentences."""
    in_classes = f" in {len(checked.classes)} classes" if checked.classes else ""
    pictures = f"{len(checked.files):,} {checked.many}{in_classes}"
    how = "as they are given" if checked.given else "as training would draw them"
    sides = ", ".join(f"{count:,} {side}" for side, count in checked.sides.items() if count)
    problems = sum(count for kind, count in checked.kinds.items() if kind in PROBLEMS)
    said = f"{problems:,} problems to look at before training." if problems else "nothing that would spoil training."
    return f"{printable(checked.name)}: {pictures} ({sides}; {how}): {said}"


def _classes(checked: Checked) -> str:
    order = sorted(zip(checked.counts, checked.classes, strict=True), key=lambda pair: (-pair[0], pair[1]))
    shown = order if len(order) <= CLASSES else [*order[: CLASSES // 2], *order[-CLASSES // 2 :]]
    most = max(checked.counts, default=1) or 1
    rows = [(printable(name), f"{count:,}", "#" * round(30 * count / most)) for count, name in shown]
    note = f"baseline, always the most frequent class: {100 * checked.baseline:.1f} %"
    return f"{text_table(rows, '<><')}\n{note}" if rows else ""


def _kinds(checked: Checked) -> str:
    rows = [
        ("!" if kind in PROBLEMS else " ", f"{count:,}", kind, checked.said(kind))
        for kind, count in checked.kinds.items()
    ]
    return text_table(rows, "<><<") if rows else ""


def _files(kind: str, findings: tuple[Finding, ...]) -> str:
    lines = [f"{kind}:"]
    for finding in findings[:SHOWN]:
        names = " = ".join(printable(name) for name in finding.files[:COPIES])
        more = f" and {len(finding.files) - COPIES} more" if len(finding.files) > COPIES else ""
        lines.append(f"  {names}{more}" + (f": {printable(finding.detail)}" if finding.detail else ""))
    if len(findings) > SHOWN:
        lines.append(f"  and {len(findings) - SHOWN:,} more: --json names all")
    return "\n".join(lines)
