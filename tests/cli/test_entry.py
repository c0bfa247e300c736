"""Every failure of every command: the right status, one message, and with --json one document."""

from __future__ import annotations

import errno
import json
import os
import shlex
from pathlib import Path

import click
import pytest
from command_line import convscope

from convscope.cli import entry
from convscope.cli.group import cli, names
from convscope.cli.options import Command

NET = "input 1x8x8\nconv 4 3x3 > relu > flatten > linear 10"
OUT_OF_MEMORY = RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory")


def command_named(name: str) -> Command:
    found = cli.get_command(click.Context(cli), name)
    assert isinstance(found, Command)
    return found


def example(name: str) -> list[str]:
    """Words of a command that can be parsed, with --json where it has that."""
    command = command_named(name)
    words = shlex.split(command.examples[0])[1:]
    return [*words, "--json"] if any("--json" in param.opts for param in command.params) else words


def fails(name: str, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(command_named(name), "callback", fail)


REFUSED = [
    (OSError(errno.ENOSPC, "No space left on device", "out/x"), "out/x", "no space left on device"),
    (OSError(errno.EROFS, "Read-only file system", "/ro/x"), "/ro/x", "read-only file system"),
    (OSError(errno.ENAMETOOLONG, "File name too long", "a" * 300), "a" * 300, "file name too long"),
    (PermissionError(errno.EACCES, "Permission denied", "secret"), "secret", "permission denied"),
    (FileNotFoundError(errno.ENOENT, "No such file or directory", b"gone\xe9"), "gone\\udce9", "no such file"),
    (OSError(errno.EIO, "Input/output error"), "convscope", "input/output error"),
    (MemoryError(), "memory", "there is not enough of it"),
    (OUT_OF_MEMORY, "memory", "there is not enough of it"),
]


@pytest.mark.parametrize("name", names())
def test_what_the_machine_refuses_is_a_mistake_that_can_be_mended(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, where, got in REFUSED:
        fails(name, error, monkeypatch)
        words = example(name)
        status, out, err = convscope(*words, capsys=capsys)
        assert status == 2, err
        assert err.startswith(f"error: {where}: {got}")
        assert "Traceback" not in err
        assert "fault" not in err
        if "--json" in words:
            assert json.loads(out)["error"]["where"] == where
        else:
            assert out == ""


@pytest.mark.parametrize("name", names())
def test_a_bug_is_ours_and_a_document_too(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fails(name, ZeroDivisionError("x\x1b[31m"), monkeypatch)
    words = example(name)
    status, out, err = convscope(*words, capsys=capsys)
    assert status == 1
    assert "Traceback" in err
    assert "this is our fault, not yours: ZeroDivisionError: x\\x1b[31m" in err
    if "--json" in words:
        assert "our fault" in json.loads(out)["error"]["got"]


@pytest.mark.parametrize("name", names())
def test_a_usage_error_has_a_document(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([name, "--no-such-option", "--json"], [name, "--json", "--lang"]):
        status, out, _ = convscope(*words, capsys=capsys)
        assert status == 2
        assert set(json.loads(out)["error"]) == {"where", "got", "expected", "hint"}
    status, out, _ = convscope(name, "--no-such-option", "--", "--json", capsys=capsys)
    assert (status, out) == (2, "")


def test_an_interruption_has_a_document(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(entry, "_run", interrupted)
    status, out, err = convscope("describe", "lenet5", "--json", capsys=capsys)
    assert (status, err) == (130, "interrupted\n")
    assert json.loads(out)["error"]["got"] == "interrupted"


def test_an_error_without_errno_is_no_refusal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fails("zoo", OSError("of a library"), monkeypatch)
    assert convscope("zoo", capsys=capsys)[0] == 1


# A training that fails says what is kept


def train(out: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict[str, str], str]:
    words = ["train", "digits", "--net", NET, "--epochs", "1", "--out", str(out), "--json", *more]
    status, printed, err = convscope(*words, capsys=capsys)
    return status, json.loads(printed)["error"], err


def test_a_report_that_fails_loses_no_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "report.html")

    monkeypatch.setattr("convscope.render.html.run_report.write_run_report", full)
    run = tmp_path / os.fsdecode(b"caf\xe9")
    status, error, err = train(run, capsys)
    assert status == 2
    assert error["got"] == "the report could not be written: no space left on device"
    assert error["kept"] == f"the model is saved in {tmp_path}/caf\\udce9/model"
    assert f"\n  kept: {error['kept']}\n" in err
    assert convscope("predict", str(run), "none.png", capsys=capsys)[0] == 2
    assert "there is no such file" in convscope("predict", str(run), "none.png", capsys=capsys)[2]


def test_a_bug_in_the_report_says_that_the_model_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convscope.render.html.run_report.write_run_report", lambda *_: 1 / 0)
    status, error, err = train(tmp_path / "run", capsys)
    assert status == 1
    assert error["kept"] == f"the model is saved in {tmp_path / 'run' / 'model'}"
    assert error["kept"] in err


def test_memory_that_runs_out_after_a_checkpoint_keeps_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def empty(*_: object, **__: object) -> None:
        raise OUT_OF_MEMORY

    monkeypatch.setattr("convscope.learning.run.final_evaluation", empty)
    status, error, err = train(tmp_path / "run", capsys)
    assert (status, error["where"]) == (2, "memory")
    assert error["kept"] == f"the run up to its last checkpoint: convscope train --resume --out {tmp_path / 'run'}"
    monkeypatch.undo()
    path = tmp_path / "run" / "metrics.jsonl"
    good = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"\xff\xfe\n[1]\n" + good[0] + b'{"step": "x"}\nnull\n' + b"".join(good[1:]) + b'{"half')
    status, _, err = convscope("train", "--resume", "--out", str(tmp_path / "run"), "--no-report", capsys=capsys)
    assert status == 0, err
    assert "dropped: 4 damaged lines of metrics.jsonl" in err
    assert all(json.loads(line)["event"] for line in path.read_text().splitlines())


def test_a_mistake_before_the_training_keeps_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "settings.json").write_text("{}")
    (tmp_path / "checkpoint.safetensors").write_bytes(b"")
    status, error, _ = train(tmp_path, capsys)
    assert status == 2
    assert "kept" not in error


def test_names_that_are_too_long(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, error, _ = train(tmp_path / ("x" * 300), capsys)
    assert (status, error["got"]) == (2, "file name too long")
    for words in (["predict", "y" * 300, "a.png"], ["evaluate", "y" * 5000, "digits"], ["check", "y" * 300]):
        status, out, err = convscope(*words, "--json", capsys=capsys)
        assert status == 2, err
        assert json.loads(out)["error"]["got"]


def test_one_document_where_nothing_could_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from untrained_models import untrained_model

    untrained_model(NET).save(tmp_path / "model")
    (tmp_path / "a.png").write_bytes(b"no picture")
    status, out, _ = convscope("predict", str(tmp_path / "model"), str(tmp_path / "a.png"), "--json", capsys=capsys)
    document = json.loads(out)
    assert status == 2
    assert document["error"]["got"] == "none of 1 files could be read"
    assert len(document["skipped"]) == 1


@pytest.mark.slow
def test_a_disk_that_is_full_at_any_write_of_a_run_is_a_mistake_and_the_model_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file that a run puts in place fails in turn: status 2, nothing half written, what is there is named."""
    real, left = os.replace, [0]

    def replace(one: str, other: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(one, other)

    monkeypatch.setattr(os, "replace", replace)
    statuses = []
    for number in range(1, 40):
        run, left[0] = tmp_path / str(number), number
        words = ["train", "digits", "--net", NET, "--epochs", "1", "--out", str(run), "--json"]
        status, out, err = convscope(*words, capsys=capsys)
        statuses.append(status)
        assert not list(run.rglob("*.part"))
        if status == 0:
            break
        assert status == 2, err
        error = json.loads(out)["error"]
        assert "no space left on device" in error["got"]
        whole = (run / "model" / "model.json").exists()
        assert error.get("kept", "").startswith("the model is saved") == whole
        if (run / "checkpoint.safetensors").exists() and not whole:
            assert error["kept"].startswith("the run up to its last checkpoint")
    assert len(statuses) > 8
    assert statuses[-1] == 0
