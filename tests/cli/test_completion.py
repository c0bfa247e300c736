"""What a shell completes: commands, options, networks, data, operations, the words of a setting, files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete

from convscope.cli.group import cli


def completed(*words: str) -> list[tuple[str, str]]:
    """Kind and value of what a shell is offered for the last of some words."""
    shell = ShellComplete(cli, {}, "convscope", "_CONVSCOPE_COMPLETE")
    return [(item.type, item.value) for item in shell.get_completions(list(words[:-1]), words[-1])]


def plain(*words: str) -> list[str]:
    return [value for kind, value in completed(*words) if kind == "plain"]


def test_commands_and_options() -> None:
    assert plain("des") == ["describe"]
    assert {"train", "zoo", "calc"} <= set(plain(""))
    assert plain("train", "--bat") == ["--batch-size"]
    assert plain("nonsense") == []


def test_networks() -> None:
    assert plain("describe", "lenet") == ["lenet5", "lenet5_1998"]
    assert {"resnet18", "resnet50"} <= set(plain("train", "digits", "--net", "resnet"))
    assert completed("describe", "./mine") == [("file", "./mine")]


def test_data_and_models() -> None:
    assert plain("train", "dig") == ["digits"]
    assert completed("train", "") == [("file", "")]
    assert completed("evaluate", "ru") == [("dir", "ru")]
    assert plain("evaluate", "runs/digits-1", "d") == ["digits"]


def test_operations() -> None:
    assert plain("calc", "max") == ["maxpool"]
    assert "softmax" in plain("calc", "s")


def test_words_of_settings() -> None:
    assert plain("train", "--optimizer", "") == ["adamw", "sgd", "muon"]
    assert plain("train", "--balance", "s") == ["sampling"]
    assert plain("train", "--fit", "l") == ["letterbox"]
    assert plain("code", "lenet5", "--framework", "k") == ["keras"]


def _asked(shell: str, **words: str) -> str:
    environment = {**os.environ, "_CONVSCOPE_COMPLETE": f"{shell}", **words}
    done = subprocess.run(
        [sys.executable, "-m", "convscope"], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_protocol_of_every_shell(shell: str) -> None:
    words = {"COMP_WORDS": "convscope describe lene", "COMP_CWORD": "lene" if shell == "fish" else "2"}
    assert "lenet5" in _asked(f"{shell}_complete", **words)
    if shell != "bash" or shutil.which("bash"):
        script = _asked(f"{shell}_source")
        assert "_CONVSCOPE_COMPLETE" in script
        assert "convscope" in script


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_takes_the_script(tmp_path: object) -> None:
    script = _asked("bash_source")
    lines = f"{script}\ncomplete -p convscope\n"
    done = subprocess.run(["bash", "--norc"], input=lines, capture_output=True, text=True, check=True)
    assert "_convscope_completion" in done.stdout
