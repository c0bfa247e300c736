"""Standard streams that are closed, full or without a reader: status 2 and one message, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = f"exec {sys.executable} -m convscope"
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, check=False, timeout=300, env={**os.environ, **environment}
    )


@FULL
@pytest.mark.parametrize("words", ["describe lenet5 > /dev/full", "zoo --json > /dev/full", "--help > /dev/full"])
def test_a_full_standard_output_is_one_message(words: str) -> None:
    done = shell(f"{COMMAND} {words}")
    assert done.returncode == 2
    assert done.stderr.decode().splitlines()[0] == "error: standard output: writing failed: no space left on device"
    assert b"Traceback" not in done.stderr
    assert b"fault" not in done.stderr


def test_a_closed_standard_output_is_one_message() -> None:
    done = shell(f"{COMMAND} describe lenet5 --json >&-")
    assert done.returncode == 2
    assert done.stderr.decode().splitlines()[0] == "error: standard output: writing failed: bad file descriptor"


@FULL
def test_a_standard_error_that_cannot_be_written_loses_no_document() -> None:
    for place in ("2> /dev/full", "2>&-"):
        done = shell(f"{COMMAND} describe lenet6 --json {place}")
        assert done.returncode == 2
        assert json.loads(done.stdout)["error"]["hint"] == "did you mean lenet5?"


def test_nothing_opens_under_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    done = shell(f"{COMMAND} describe lenet5 --svg {tmp_path}/net.svg <&- >&- 2>&-")
    assert done.returncode == 2
    assert (tmp_path / "net.svg").read_text().endswith("</svg>\n")


def test_a_reader_that_has_seen_enough_is_no_failure() -> None:
    done = shell(f"set -o pipefail; ({COMMAND} zoo) | true")
    assert (done.returncode, done.stderr) == (0, b"")


def test_json_is_utf8_in_every_locale_and_text_never_fails() -> None:
    name = os.fsdecode(b"'caf\xe9-\xea\xb3\xa0.net'")
    for encoding in ("ascii", "euc-kr", "utf-8"):
        done = shell(f"{COMMAND} describe {name} --json", PYTHONIOENCODING=encoding, PYTHONUTF8="1")
        assert done.returncode == 2
        assert json.loads(done.stdout.decode("utf-8"))["error"]["where"] == "caf\\udce9-고.net"
        assert b"error: " in done.stderr


@pytest.mark.slow
@FULL
def test_a_training_is_kept_where_its_summary_cannot_be_printed(tmp_path: Path) -> None:
    """A real run, its standard output full, and its progress unseen."""
    run = tmp_path / "run"
    done = shell(f"{COMMAND} train digits --epochs 1 --no-report --out {run} > /dev/full")
    assert done.returncode == 2
    said = done.stderr.decode()
    assert "error: standard output: writing failed: no space left on device" in said
    assert said.endswith(f"  kept: the model is saved in {run / 'model'}\n")
    assert shell(f"{COMMAND} train digits --epochs 1 --out {tmp_path / 'other'} 2> /dev/full").returncode == 0
