"""What is no file is refused by what it is, wherever a path is read, and never waited for."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import convscope
from untrained_models import untrained_model

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")

KINDS = {"fifo": "a FIFO", "socket": "a socket", "device": "a device", "proc": "a file of /proc"}
PLACES = [
    "check X",
    "train X --out runs/one",
    "train digits --net X --out runs/one",
    "train digits --weights X --out runs/one",
    "evaluate model X",
    "compare model model X",
    "predict model X",
    "predict X digits:3",
    "look model X",
    "look model X:0",
    "look X digits:0",
    "look model X --excite conv1[0]",
    "describe X",
    "describe X.net:a",
    "format X",
    "code X",
    "load lenet5 --weights X --out loaded",
    "load lenet5 --weights weights.pth --names X --out loaded",
    "calc relu X",
    "zoo --reference X",
]


@pytest.fixture(autouse=True)
def _never_waiting() -> Iterator[None]:
    """A test that waits for a FIFO fails, instead of standing still."""

    def give_up(*_: object) -> None:
        raise AssertionError("it waits for what will never come")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def make(kind: str, path: Path) -> None:
    path.unlink(missing_ok=True)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path.name)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else "/proc/self/environ")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model in the folder where the commands are given."""
    monkeypatch.chdir(tmp_path)
    untrained_model("input 1x8x8\nconv 2 3x3 > relu > flatten > linear 10", tuple("0123456789")).save("model")
    Path("weights.pth").write_bytes(b"")
    return tmp_path / "model"


@pytest.mark.parametrize("words", PLACES)
@pytest.mark.parametrize("kind", ["fifo", "device", "proc"])
def test_every_command_says_what_it_is(words: str, kind: str, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(kind, Path("X"))
    make(kind, Path("X.net"))
    code, out, err = convscope(*words.split(), capsys=capsys)
    assert code == 2, out + err
    assert KINDS[kind] in err
    assert "our fault" not in err


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file", ["model.json", "network.net", "weights.safetensors"])
def test_a_model_folder_is_read_from_files_alone(
    file: str, kind: str, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(model)
    make(kind, Path(file))
    code, _, err = convscope("evaluate", str(model), "digits", capsys=capsys)
    assert code == 2
    assert KINDS[kind] in err


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_is_resumed_from_files_alone(kind: str, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(kind, Path("settings.json"))
    code, _, err = convscope("train", "--resume", "--out", ".", capsys=capsys)
    assert code == 2
    assert KINDS[kind] in err


def test_in_a_folder_of_data_they_are_skipped_and_named(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    for name in ("cat", "dog"):
        Path("data", name).mkdir(parents=True)
        for number in range(4):
            Image.new("L", (8, 8), number * 50 + 5 * (name == "cat")).save(Path("data", name, f"{number}.png"))
    for kind in ("fifo", "device", "proc"):
        make(kind, Path("data", "dog", f"{kind}.png"))
    Path("data", "dog", "procfolder").symlink_to("/proc/self")
    code, out, err = convscope("check", "data", "--json", capsys=capsys)
    assert code == 0, err
    for said in ("a FIFO, not a regular file", "a device, not a regular file", "a file of /proc, not a regular"):
        assert said in out
    assert '"a folder of /proc"' in out


def test_the_folder_of_processes_is_no_data(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = convscope("check", "/proc/self", capsys=capsys)
    assert code == 2
    assert "a folder of /proc" in err
