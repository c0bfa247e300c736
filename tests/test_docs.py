"""The README's commands work as written."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _blocks(page: Path, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", [page for page in PAGES if _blocks(page, "sh")], ids=lambda page: page.name)
def test_commands_run_as_written(page: Path, tmp_path: Path) -> None:
    commands = [line for block in _blocks(page, "sh") for line in block.splitlines() if line.startswith("convscope")]
    assert commands
    for program in _blocks(page, "python files"):  # what the commands below it read
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    for command in commands:
        words = [sys.executable, "-m", "convscope", *shlex.split(command, comments=True)[1:]]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, env=dict(os.environ), check=False)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert done.stdout


def test_the_shown_mistake_is_what_is_printed() -> None:
    (shown,) = [block for block in _blocks(ROOT / "README.md", "text") if block.startswith("$ convscope describe")]
    command, _, rest = shown.partition("\n")
    words = [sys.executable, "-m", "convscope", *shlex.split(command[2:])[1:]]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    printed = (done.stdout + done.stderr.replace("error: ", "")).splitlines()
    for line in rest.strip().splitlines():
        assert line in printed, f"{line!r} is not among\n" + "\n".join(printed)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tests_that_are_named_are_there(page: Path) -> None:
    for named in re.findall(r"`(tests/[\w/.]+)`", page.read_text(encoding="utf-8")):
        assert (ROOT / named).exists(), named
