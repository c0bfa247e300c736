"""docs/operations.md: every line of the course with its command, and every command shows what the page says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from convscope.cli.entry import main

DOCS = Path(__file__).resolve().parents[1] / "docs"
ENGLISH, KOREAN = (DOCS / name for name in ("operations.md", "operations.ko.md"))

Row = tuple[str, str, tuple[str, ...]]


def rows(page: Path) -> list[Row]:
    """What each row is about, its command, what the command shows."""
    found = []
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("| ") and "`" in line:
            what, command, shown = (cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
            spans = tuple(span.replace("\\|", "|") for span in re.findall(r"`([^`]+)`", shown))
            found.append((what, command.strip("`").replace("\\|", "|"), spans))
    return found


def plain(text: str) -> str:
    """One blank between two words."""
    return " ".join(text.split())


def printed(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as left:
        main(shlex.split(command)[1:])
    out, err = capsys.readouterr()
    assert left.value.code == 0, err
    return out


ROWS = rows(ENGLISH)


@pytest.mark.parametrize("row", ROWS, ids=[f"{n} {row[0]}"[:60] for n, row in enumerate(ROWS)])
def test_every_command_shows_what_the_page_says(
    row: Row, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, command, shown = row
    assert shown
    out = plain(printed(command, capsys))
    for part in shown:
        assert plain(part) in out, out


def test_the_page_has_its_rows() -> None:
    assert len(ROWS) >= 50
    assert len({command for _, command, _ in ROWS}) == len(ROWS)


def test_the_korean_page_has_the_same_commands() -> None:
    assert [row[1:] for row in rows(KOREAN)] == [row[1:] for row in ROWS]
    assert all(re.search(r"[가-힣]", what) or what.isascii() for what, *_ in rows(KOREAN))


@pytest.mark.parametrize("page", [ENGLISH, KOREAN], ids=lambda page: page.name)
def test_the_example_is_what_is_printed(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```text\n\$ (.*?)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert printed(block[0], capsys) == block[1]


@pytest.mark.shared
def test_every_operation_of_the_notes_is_there(shared: Path) -> None:
    notes = (shared / "notes.md").read_text(encoding="utf-8")
    operations = notes[notes.index("## The operations") : notes.index("## The networks")]
    bold = [words for words in re.findall(r"\*\*([^*\n]+)\*\*", operations) if re.search("[a-z]", words)]
    named = [name.lower() for words in bold for name in words.split(", ")]
    assert len(named) > 10
    page = ENGLISH.read_text(encoding="utf-8").lower()
    assert [name for name in named if name not in page] == []
