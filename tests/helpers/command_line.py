"""The command line as tests call it."""

from __future__ import annotations

import pytest

from convscope.cli.entry import main


def convscope(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of ``convscope WORDS``."""
    with pytest.raises(SystemExit) as left:
        main(list(words))
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err
