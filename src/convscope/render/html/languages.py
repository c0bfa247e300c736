"""Texts of a page in every language, of which it shows one."""

from __future__ import annotations

from markupsafe import Markup

from convscope.render.html.markup import text
from convscope.render.i18n import LANGUAGES, Lang, page_words


def both(key: str, **fields: str) -> str:
    """A text in every language; the page shows one of them.

    Args:
        key: of the words.
        fields: what stands in its braces, as HTML.

    Example:
        >>> both("input")
        '<span class="en" lang="en">input</span><span class="ko" lang="ko">입력</span>'
    """
    return str(in_both({lang: text(page_words(lang)[key]).format(**fields) for lang in LANGUAGES}))


def spoken(key: str, **fields: object) -> Markup:
    """The same for templates, which know it as ``both``: fields are escaped unless they are Markup.

    Example:
        >>> spoken("channel n", n="<b>")
        Markup('<span class="en" lang="en">channel &lt;b&gt;</span><span class="ko" lang="ko">채널 &lt;b&gt;</span>')
    """
    put_in = {name: value if isinstance(value, Markup) else text(str(value)) for name, value in fields.items()}
    return Markup(both(key, **put_in))


def in_both(said: dict[Lang, str]) -> Markup:
    """HTML in every language."""
    return Markup("".join(f'<span class="{lang}" lang="{lang}">{html}</span>' for lang, html in said.items()))


def attribute(name: str, key: str, lang: Lang, **fields: str) -> Markup:
    """An attribute that a person may read or hear, in every language; the script exchanges it.

    Example:
        >>> attribute("aria-label", "input", "en")
        Markup('aria-label="input" data-aria-label-en="input" data-aria-label-ko="입력"')
    """
    said = {code: text(page_words(code)[key].format(**fields)) for code in LANGUAGES}
    every = " ".join(f'data-{name}-{code}="{value}"' for code, value in said.items())
    return Markup(f'{name}="{said[lang]}" {every}')
