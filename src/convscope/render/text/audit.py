"""A checked data set as plain text: the verdict, the classes, the kinds with their counts, some files of each."""

from __future__ import annotations

from convscope.data.audit import KINDS, PROBLEMS, Checked, Finding
from convscope.render.wording import printable
from convscope.tables import text_table

SHOWN = 6
"""Files of a kind that are named; all are in --json."""
CLASSES = 20
COPIES = 4


def to_text(found: Checked) -> str:
    """The check for a terminal."""
    blocks = [verdict(found), _classes(found), _kinds(found)]
    blocks += [_files(kind, found.of(kind)) for kind in found.kinds]
    return "\n\n".join(block for block in blocks if block)


def verdict(found: Checked) -> str:
    """One or two sentences."""
    pictures = f"{len(found.files):,} {found.many}" + (f" in {len(found.classes)} classes" if found.classes else "")
    how = "as they are given" if found.given else "as training would draw them"
    sides = ", ".join(f"{count:,} {side}" for side, count in found.sides.items() if count)
    problems = sum(count for kind, count in found.kinds.items() if kind in PROBLEMS)
    said = f"{problems:,} things to look at before training." if problems else "nothing that would spoil training."
    return f"{found.name}: {pictures} ({sides}; {how}): {said}"


def _classes(found: Checked) -> str:
    order = sorted(zip(found.counts, found.classes, strict=True), key=lambda pair: (-pair[0], pair[1]))
    shown = order if len(order) <= CLASSES else [*order[: CLASSES // 2], *order[-CLASSES // 2 :]]
    most = max(found.counts, default=1) or 1
    rows = [(printable(name), f"{count:,}", "#" * round(30 * count / most)) for count, name in shown]
    note = f"always naming the commonest class would be right in {100 * found.baseline:.1f} %"
    return f"{text_table(rows, '<><')}\n{note}" if rows else ""


def _kinds(found: Checked) -> str:
    rows = [("!" if kind in PROBLEMS else " ", f"{count:,}", kind, KINDS[kind]) for kind, count in found.kinds.items()]
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
