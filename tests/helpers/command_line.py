"""The command line as tests call it: in this process where the process itself is not what is tested."""

from __future__ import annotations

import contextlib
import io
import json
from typing import Any

import pytest

from convscope.cli.entry import main


def convscope(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of ``convscope WORDS``."""
    with pytest.raises(SystemExit) as left:
        main(list(words))
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def printed(*words: str) -> str:
    """Standard output of ``convscope WORDS``, which has to succeed; for fixtures of more than one test."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as left:
        main(list(words))
    assert not left.value.code, f"convscope {' '.join(words)}\n{err.getvalue()}"
    return out.getvalue()


def document(*words: str) -> Any:
    """What ``convscope WORDS --json`` prints, read."""
    return json.loads(printed(*words, "--json"))
