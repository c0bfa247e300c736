"""The shell of a page: one file, two languages, no request; what it says is escaped here."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from markupsafe import Markup

from convscope.printable import printable_lines
from convscope.render.html.template import fill, own_file
from convscope.render.i18n import LANGUAGES, Lang, page_words

POLICY = (
    "default-src 'none'; script-src {script}; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)
"""What a page allows itself, enforced by the browser: its own script by checksum, its own styles and pictures."""

Name = Literal[
    "page.js", "unit.js", "calc.js", "look.js", "plain.js", "page.css", "calc.css", "look.css", "signal.css"
]  # fmt: skip


def page(
    template: str,
    title: str,
    data: Mapping[str, Any],
    scripts: Sequence[Name],
    styles: Sequence[Name],
    lang: Lang | None,
    foot: str = "one file",
    **values: object,
) -> str:
    """A whole page.

    Args:
        template: one that extends ``page.html``.
        title: of the window, plain text.
        data: what the scripts draw, JSON; the words are added.
        scripts: in the order of their imports.
        styles: after the report's.
        lang: the language it opens in; None for the browser's.
        foot: the key of what stands at the page's foot.
        values: what the template shows.
    """
    script = f"\n{_joined(scripts)}\n"
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    document = {**data, "words": {code: dict(page_words(code)) for code in LANGUAGES}}
    shell = {
        "title": title,
        "lang": lang or "en",
        "browsers_language": lang is None,
        "policy": Markup(POLICY.format(script=f"'sha256-{digest}'")),
        "style": Markup("").join(own_file(name) for name in ("report.css", *styles)),
        "foot": foot,
        "data": Markup(json_text(document)),
        "script": Markup(script),
    }
    # Names are escaped where they are put in; nothing that was forgotten steers a reader, or stops the writer.
    return printable_lines(str(fill(template, **shell, **values)))


def json_text(document: Mapping[str, Any]) -> str:
    """JSON that can stand in a page: nothing in it closes the element or opens another.

    Example:
        >>> json_text({"name": "</script><!--"})
        '{"name":"\\\\u003c/script\\\\u003e\\\\u003c!--"}'
    """
    dumped = json.dumps(_shown(document), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return dumped.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _shown(value: Any) -> Any:
    """A document whose texts steer neither the page nor its reader."""
    if isinstance(value, str):
        return printable_lines(value)
    if isinstance(value, Mapping):
        return {printable_lines(str(key)): _shown(entry) for key, entry in value.items()}
    return [_shown(entry) for entry in value] if isinstance(value, list | tuple) else value


def _joined(scripts: Sequence[Name]) -> str:
    """Modules as one: what they import from each other is there already."""
    return "\n".join(_IMPORT.sub("", _EXPORT.sub("", own_file(name))) for name in scripts)


_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)
