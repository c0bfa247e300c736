r"""Names from anywhere as they are shown: what would steer a terminal, a page or a spreadsheet is written as an escape.

Names of classes, files and networks are strangers' text. One table says which characters steer (Unicode 15, chapter 23
and UTS 39): control characters, halves of characters (bytes of a file's name that are not UTF-8), marks that change the
direction of writing, separators of lines, and characters that nobody sees. Letters of every script stay, and with them
the invisible characters where they are spelling: joiners between letters of scripts that join and between emoji,
selectors after a symbol or an ideograph, the tags of a flag.
"""

from __future__ import annotations

import functools
import re

_STEERS = (
    r"\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\u3164\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
) + "".join(rf"\U{plane:04x}fffe\U{plane:04x}ffff" for plane in range(1, 17))
_JOINS = (
    # Hebrew to Tibetan and Myanmar, Khmer and Mongolian, the later Brahmic scripts; symbols, emoji and their selector.
    r"\u0590-\u109f\u1780-\u17b3\u17b6-\u180a\u1810-\u1cff\ua800-\ua95f\ua980-\uabff\U00010a00-\U00011fff"
    r"\u20e3\u2190-\u2bff\ufe0f\U0001f000-\U0001faff"
)
_HAN = r"\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_SYMBOLS = r"\xa9\xae\u1000-\u109f\u203c-\u205f\u2070-\u3163\u3165-\u3299\U0001f000-\U0001faff"


@functools.cache
def _pattern() -> re.Pattern[str]:
    """What is looked at: first the invisible characters that are spelling, then everything that steers."""
    spelling = (
        rf"(?<=[{_JOINS}])[\u200c\u200d](?=[{_JOINS}])",
        rf"(?<=[{_SYMBOLS}{_HAN}])[\ufe00-\ufe0f]",
        r"(?<=[0-9#*])\ufe0f(?=\u20e3)",
        rf"(?<=[{_HAN}])[\U000e0100-\U000e01ef]",
        r"(?<=[\u1820-\u18aa])[\u180b-\u180d\u180f]",
        r"(?<=\U0001f3f4)[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,6}\U000e007f",
    )
    return re.compile(rf"(?P<spelling>{'|'.join(spelling)})|[{_STEERS}]")


def printable(text: str) -> str:
    r"""A name on one line, without anything that steers.

    Example:
        >>> print(printable("cat\x1b[31m\n\u202egpj"), printable("\N{FAMILY}\u200d\N{BOY} 고양이"))
        cat\x1b[31m\n\u202egpj 👪‍👦 고양이
    """
    return _shown(text, "")


def printable_lines(text: str) -> str:
    r"""The same of a text whose lines, and tabs, are meant.

    Example:
        >>> print(printable_lines("conv 3\n\x9b2J relu"))
        conv 3
        \x9b2J relu
    """
    return _shown(text, "\n\t")


def json_printable(dumped: str) -> str:
    r"""A text that :func:`json.dumps` made, its meaning untouched: valid UTF-8, and a terminal may show it.

    Example:
        >>> import json
        >>> print(json_printable(json.dumps({"name": "\u202e고\udce9"}, ensure_ascii=False)))
        {"name": "\u202e고\udce9"}
    """
    if dumped.isascii() and "\x7f" not in dumped:
        return dumped
    return _pattern().sub(lambda found: found[0] if found.lastgroup or found[0] == "\n" else _json(found[0]), dumped)


def markdown(text: str) -> str:
    r"""A name in a line of Markdown: no link, picture, HTML, code or emphasis of its own.

    Example:
        >>> print(markdown("cat | [x](https://a.example) <b> `c`"))
        cat \| \[x\](https\://a.example) \<b\> \`c\`
    """
    return re.sub(r"[\\`*_\[\]<>|&~$@]|:(?=//)|(?<=www)\.|^[#+=-]", r"\\\g<0>", printable(text), flags=re.IGNORECASE)


def _shown(text: str, kept: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return _pattern().sub(
        lambda found: found[0] if found.lastgroup or found[0] in kept else found[0].encode("unicode_escape").decode(),
        text,
    )


def _json(character: str) -> str:
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\u{0xD800 + (code - 0x10000 >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
