"""What is shown of strangers' text: nothing that steers a terminal; every letter, and the emoji, as they are."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.printable import json_printable, markdown, printable, printable_lines

STEERING = [
    *("\x00", "\x07", "\b", "\t", "\n", "\r", "\x1b", "\x7f", "\x80", "\x85", "\x9b", "\xad"),
    *("\u200b", "\u200c", "\u200d", "\u200e", "\u200f", "\u2028", "\u2029", "\u202a", "\u202e", "\u2060", "\u2066"),
    *("\u2069", "\u061c", "\u3164", "\ufeff", "\ufe0f", "\ufffe", "\ud800", "\udce9", "\udfff", "\U000e0041"),
]


@pytest.mark.parametrize("character", STEERING, ids=ascii)
def test_what_steers_is_an_escape(character: str) -> None:
    escape = character.encode("unicode_escape").decode()
    assert printable(f"cat{character}dog") == f"cat{escape}dog"
    assert printable(f"고양이{character}개") == f"고양이{escape}개"


@pytest.mark.parametrize(
    "name",
    [
        "고양이", "Kettensäge", "日本語", "עברית", "العربية", "می\u200cخواهم", "ක්\u200dෂ", "क्\u200dष", "ไทย",
        "👨\u200d👩\u200d👧", "❤\ufe0f\u200d🔥", "👩🏽\u200d⚕\ufe0f", "1\ufe0f\u20e3", "葛\U000e0100", "⛽", "a\xa0b",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "née", "e\u0301",
    ],
)  # fmt: skip
def test_what_people_write_stays(name: str) -> None:
    assert printable(name) == name


def test_no_control_and_no_format_character_is_forgotten() -> None:
    visible = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)}
    for code in range(0x110000):
        if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp") and code not in visible:
            assert printable(f"a{chr(code)}b").isascii(), hex(code)


@given(st.text(st.characters(), max_size=20))
def test_it_is_shown_once_and_can_be_encoded(text: str) -> None:
    shown = printable(text)
    assert printable(shown) == shown
    assert len(shown.encode().splitlines()) <= 1
    assert printable_lines(text).split("\n") == [printable_lines(line) for line in text.split("\n")]


@given(st.dictionaries(st.text(max_size=5), st.text(st.characters(), max_size=20), max_size=3))
def test_json_keeps_its_meaning(document: dict[str, str]) -> None:
    dumped = json_printable(json.dumps(document, indent=1, ensure_ascii=False))
    assert json.loads(dumped) == json.loads(json.dumps(document))
    assert printable_lines(dumped.encode().decode()) == dumped


def test_markdown_is_only_text() -> None:
    said = markdown("# <img src=x> ![a](http://b) `c` | *d*\r\n> www.e.org")
    assert said == "\\# \\<img src=x\\> !\\[a\\](http\\://b) \\`c\\` \\| \\*d\\*\\\\r\\\\n\\> www\\.e.org"
    assert markdown("고양이 (2), gas pump") == "고양이 (2), gas pump"
