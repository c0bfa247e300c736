"""docs/adding-an-operation.md: each diff is all that an operation needs; without it, the word is unknown."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "adding-an-operation.md"


def diff(word: str) -> str:
    linked = PAGE.parent / "adding" / f"{word}.diff"
    if linked.is_file():
        return linked.read_text(encoding="utf-8")
    (shown,) = re.findall(r"```diff\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return str(shown)


IN_TURN = """
import json, sys
from convscope.cli.entry import main
found = []
for words in json.loads(sys.argv[1]):
    try:
        main(words)
    except SystemExit as left:
        found.append(left.code or 0)
print(json.dumps(found))
"""


def works(copy: Path, word: str, argument: str) -> list[bool]:
    net = f"input 4x8x8 > conv 4 3x3 > {word}{argument} > flatten > linear 2"
    typed = ["'1 2 | 3 4'", "--num-groups", "2"] if argument else ["-2 0 2"]
    commands = [
        ["describe", net],
        ["code", net],
        ["code", net, "--framework", "keras"],
        ["calc", word, *(part.strip("'") for part in typed), "--backward"],
    ]
    done = subprocess.run(
        [sys.executable, "-c", IN_TURN, json.dumps(commands)],
        env={**os.environ, "PYTHONPATH": str(copy / "src")}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return [status == 0 for status in json.loads(done.stdout.splitlines()[-1])]


@pytest.mark.parametrize(("word", "argument"), [("hardswish", ""), ("groupnorm", " 2")])
def test_one_diff_is_all_an_operation_needs(word: str, argument: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "one.diff").write_text(diff(word), encoding="utf-8")
    apply = ["git", "apply", "-C1", "one.diff"]
    subprocess.run([*apply, "--reverse"], cwd=tmp_path, check=True)
    for file in (tmp_path / "src").rglob("*.py"):
        assert not re.search(rf"\b{word}\b", file.read_text(encoding="utf-8"), re.IGNORECASE), file
    assert works(tmp_path, word, argument) == [False] * 4
    subprocess.run(apply, cwd=tmp_path, check=True)
    assert works(tmp_path, word, argument) == [True] * 4
