"""The README's commands work as written."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from command_line import convscope, printed

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _blocks(page: Path, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", [page for page in PAGES if _blocks(page, "sh")], ids=lambda page: page.name)
def test_commands_run_as_written(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    commands = [line for block in _blocks(page, "sh") for line in block.splitlines() if line.startswith("convscope")]
    assert commands
    for program in _blocks(page, "python files"):  # what the commands below it read
        exec(compile(program, page.name, "exec"), {"__name__": "__main__"})
    for command in commands:
        assert printed(*shlex.split(command, comments=True)[1:]), command


def test_the_shown_mistake_is_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    (shown,) = [block for block in _blocks(ROOT / "README.md", "text") if block.startswith("$ convscope describe")]
    command, _, rest = shown.partition("\n")
    status, out, err = convscope(*shlex.split(command[2:])[1:], capsys=capsys)
    assert status == 2
    lines = (out + err.replace("error: ", "")).splitlines()
    for line in rest.strip().splitlines():
        assert line in lines, f"{line!r} is not among\n" + "\n".join(lines)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tests_that_are_named_are_there(page: Path) -> None:
    for named in re.findall(r"`(tests/[\w/.]+)`", page.read_text(encoding="utf-8")):
        assert (ROOT / named).exists(), named
