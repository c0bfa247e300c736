"""The shell of a page: one file, two languages, no request; what it says is escaped here."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Literal

from convscope.render.html.markup import text
from convscope.render.i18n import LANGUAGES, Lang, page_words

POLICY = (
    "default-src 'none'; script-src {script}; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)
"""What a page allows itself, enforced by the browser: its own script by checksum, its own styles and pictures."""

_SWITCH = (
    '<button id="language" type="button" hidden><span class="en" lang="ko">한국어</span>'
    '<span class="ko" lang="en">English</span></button>'
)

Name = Literal[
    "page.js", "unit.js", "calc.js", "look.js", "plain.js", "page.css", "calc.css", "look.css", "signal.css"
]  # fmt: skip


def both(key: str, **fields: str) -> str:
    """A text in every language; the page shows one of them.

    Args:
        key: of the words.
        fields: what stands in its braces, as HTML.

    Example:
        >>> both("input")
        '<span class="en" lang="en">input</span><span class="ko" lang="ko">입력</span>'
    """
    return "".join(
        f'<span class="{lang}" lang="{lang}">{text(page_words(lang)[key]).format(**fields)}</span>'
        for lang in LANGUAGES
    )


def attribute(name: str, key: str, lang: Lang, **fields: str) -> str:
    """An attribute that a person may read or hear, in every language; the script exchanges it.

    Example:
        >>> attribute("aria-label", "input", "en")
        'aria-label="input" data-aria-label-en="input" data-aria-label-ko="입력"'
    """
    said = {code: text(page_words(code)[key].format(**fields)) for code in LANGUAGES}
    every = " ".join(f'data-{name}-{code}="{value}"' for code, value in said.items())
    return f'{name}="{said[lang]}" {every}'


def section(key: str, title: str, *parts: str) -> str:
    """A section; ``key`` is what links to it name, ``title`` a key of the words."""
    inside = "\n".join(part for part in parts if part)
    heading = f'<h2 id="{key}-title">{both(title)}</h2>'
    return f'<section id="{key}" aria-labelledby="{key}-title">\n{heading}\n{inside}\n</section>'


def paragraph(key: str, **fields: str) -> str:
    """A paragraph of the words."""
    return f"<p>{both(key, **fields)}</p>"


def render(
    title: str,
    head: str,
    main: str,
    data: Mapping[str, Any],
    scripts: Sequence[Name],
    styles: Sequence[Name],
    lang: Lang | None,
    foot: str = "one file",
) -> str:
    """A whole page.

    Args:
        title: of the window, plain text.
        head: HTML below the language switch.
        main: HTML.
        data: what the scripts draw, JSON; the words are added.
        scripts: in the order of their imports.
        styles: after the report's.
        lang: the language it opens in; None for the browser's.
        foot: the key of what stands at the page's foot.
    """
    script = f"\n{_joined(scripts)}\n"
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    policy = POLICY.format(script=f"'sha256-{digest}'")
    style = _read("convscope.render.html", "report.css") + "".join(_own(name) for name in styles)
    document = {**data, "words": {code: dict(page_words(code)) for code in LANGUAGES}}
    return f"""<!doctype html>
<html lang="{lang or "en"}"{"" if lang else ' data-lang="browser"'}>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{text(title)}</title>
<style>
{style}</style>
</head>
<body>
<header>
{_SWITCH}
{head}
</header>
<main>
{main}
</main>
<footer><p>{both(foot)}</p></footer>
<script type="application/json" id="data">{json_text(document)}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def json_text(document: Mapping[str, Any]) -> str:
    """JSON that can stand in a page: nothing in it closes the element or opens another.

    Example:
        >>> json_text({"name": "</script><!--"})
        '{"name":"\\\\u003c/script\\\\u003e\\\\u003c!--"}'
    """
    dumped = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    escaped = dumped.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return escaped.encode("utf-8", "replace").decode("utf-8")  # half characters in a file's name


def _joined(scripts: Sequence[Name]) -> str:
    """Modules as one: what they import from each other is there already."""
    return "\n".join(_IMPORT.sub("", _EXPORT.sub("", _own(name))) for name in scripts)


_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


def _own(name: Name) -> str:
    return _read("convscope.render.html", name)


def _read(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")
