"""A checked data set as one HTML page with the pictures that were found."""

from __future__ import annotations

from pathlib import Path

from convscope.data.audit import KINDS, PROBLEMS, Checked, Finding
from convscope.data.image.decode import ImagePreprocess
from convscope.data.sources import Source
from convscope.files import write_atomically
from convscope.render.html.markup import name, picture
from convscope.render.html.report import Row, Section, document
from convscope.render.html.report_sections import Values
from convscope.render.i18n import ENGLISH
from convscope.render.images.audit_sheet import See, seeing
from convscope.render.text.audit import verdict

SHOWN, COPIES = 24, 4
"""Findings of a kind, and copies of a picture, that are shown."""
LISTED = 200
"""Findings of a kind without pictures."""
WITH_PICTURES = frozenset(KINDS) - {"unreadable", "rare", "imbalance"}


def write_page(source: Source, checked: Checked, file: Path) -> None:
    """Write the page.

    Raises:
        UserError: the file cannot be written.
    """
    sections = [Section("classes", "Classes", "audit/classes.html", _classes(checked))]
    if checked.kinds:
        kinds = [(kind, checked.said(kind), f"{count:,}") for kind, count in checked.kinds.items()]
        sections.insert(0, Section("found", "What was found", "audit/found.html", {"rows": kinds}))
    with seeing(source) as see:
        for kind in checked.kinds:
            findings = checked.of(kind)
            template, values = (
                ("audit/pictures.html", _pictures(see, kind, findings))
                if kind in WITH_PICTURES
                else ("audit/list.html", {"rows": [(name(", ".join(f.files)), f.detail) for f in findings[:LISTED]]})
            )
            sections.append(Section(kind, checked.said(kind).capitalize(), template, values))
    page = document(
        "document.html",
        f"{checked.name}: before training",
        [Row([section]) for section in sections],
        ENGLISH,
        made_by="convscope check",
        lede=verdict(checked),
    )
    write_atomically(file, page.encode("utf-8", "replace"))


def _classes(checked: Checked) -> Values:
    """The pictures of every class, the commonest first."""
    counts = sorted(zip(checked.counts, checked.classes, strict=True), key=lambda pair: -pair[0])
    most = max(checked.counts, default=1) or 1
    return {
        "baseline": f"{100 * checked.baseline:.1f}",
        "rows": [(name(label), f"{count:,}") for count, label in counts],
        "bars": [count / most for count, _ in counts],
    }


def _pictures(see: See, kind: str, findings: tuple[Finding, ...]) -> Values:
    """The pictures of a kind of finding."""
    shots = []
    for finding in findings[:SHOWN]:
        for file in finding.files[:COPIES]:
            image_HWC = see(file, ImagePreprocess(3, 128, 128, "letterbox"))
            if image_HWC is not None:
                shots.append({"picture": picture(image_HWC, file), "detail": finding.detail, "file": file})
    return {"problem": kind in PROBLEMS, "shots": shots, "more": max(0, len(findings) - SHOWN)}
