"""A checked data set as one HTML page with the pictures that were found."""

from __future__ import annotations

from pathlib import Path

from convscope.data.audit import KINDS, PROBLEMS, Checked, Finding
from convscope.data.image.decode import ImagePreprocess
from convscope.data.sources import Source
from convscope.files import write_atomically
from convscope.render.html.markup import name, paragraph, picture, section, table, text
from convscope.render.html.report import document, paragraph_of
from convscope.render.i18n import ENGLISH
from convscope.render.images.audit_sheet import See, seeing
from convscope.render.text.audit import verdict

SHOWN, COPIES = 24, 4
"""Findings of a kind, and copies of a picture, that are shown."""
WITH_PICTURES = frozenset(KINDS) - {"unreadable", "rare", "imbalance"}


def write_page(source: Source, found: Checked, file: Path) -> None:
    """Write the page.

    Raises:
        UserError: the file cannot be written.
    """
    rows = [(text(kind), text(KINDS[kind]), f"{count:,}") for kind, count in found.kinds.items()]
    counts = sorted(zip(found.counts, found.classes, strict=True), key=lambda pair: -pair[0])
    most = max(found.counts, default=1) or 1
    bars = [
        (name(label), f'<i class="bar" style="--share:{100 * count / most:.1f}%"></i>{count:,}')
        for count, label in counts
    ]
    with seeing(source) as see:
        kinds = [_kind(see, kind, found.of(kind)) for kind in found.kinds]
    parts = [
        section("found", "What was found", table(("kind", "what it is", "findings"), rows, left=2)) if rows else "",
        section(
            "classes",
            "Classes",
            paragraph(
                f"Always naming the commonest class would be right in {100 * found.baseline:.1f} % of the cases."
            ),
            table(("class", "pictures"), bars),
        ),
        *kinds,
    ]
    words = {**ENGLISH, "made by": "convscope check"}
    page = document(
        f"{found.name}: before training", paragraph_of(verdict(found)), "\n".join(part for part in parts if part), words
    )
    write_atomically(file, page.encode("utf-8", "replace"))


def _kind(see: See, kind: str, findings: tuple[Finding, ...]) -> str:
    if kind not in WITH_PICTURES:
        rows = [(name(", ".join(finding.files)), text(finding.detail)) for finding in findings[:200]]
        return section(kind, KINDS[kind].capitalize(), table(("file or class", "what"), rows, left=2))
    shots = "".join(_shots(see, finding) for finding in findings[:SHOWN])
    more = f"and {len(findings) - SHOWN:,} more" if len(findings) > SHOWN else ""
    urgent = "" if kind in PROBLEMS else "No mistake, but good to know."
    return section(
        kind, KINDS[kind].capitalize(), paragraph(urgent), f'<div class="shots wide">{shots}</div>', paragraph(more)
    )


def _shots(see: See, finding: Finding) -> str:
    parts = []
    for file in finding.files[:COPIES]:
        image_HWC = see(file, ImagePreprocess(3, 128, 128, "letterbox"))
        if image_HWC is not None:
            caption = f"<span>{text(finding.detail)}</span><small>{name(file)}</small>"
            parts.append(f'<figure class="shot">{picture(image_HWC, file)}<figcaption>{caption}</figcaption></figure>')
    return "".join(parts)
