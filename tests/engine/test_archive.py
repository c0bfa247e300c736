"""A stranger's checkpoint takes about as much memory as its file holds."""

from __future__ import annotations

import pickle
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from convscope.engine.weights import read_state
from convscope.errors import UserError


def compressed(path: Path, numbers: int) -> None:
    """A checkpoint of zeros, its archive compressed."""
    plain = path.with_suffix(".plain")
    torch.save({"conv1.weight": torch.zeros(numbers)}, plain)
    with zipfile.ZipFile(plain) as archive, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as small:
        for entry in archive.infolist():
            small.writestr(entry.filename, archive.read(entry))
    plain.unlink()


def test_a_compressed_bomb_takes_no_memory(tmp_path: Path) -> None:
    compressed(tmp_path / "bomb.pth", 2**26)
    code = (
        "import resource, sys; from pathlib import Path; from convscope.engine.weights import read_state\n"
        "from convscope.errors import UserError\n"
        "base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: read_state(Path(sys.argv[1]))\n"
        "except UserError as error: print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "bomb.pth")], capture_output=True, text=True, check=True
    )
    *said, above = done.stdout.splitlines()
    assert "of memory" in said[0]
    assert int(above) < 50_000  # KiB


@pytest.mark.parametrize("archive", [True, False])
def test_one_number_shown_a_billion_times(tmp_path: Path, archive: bool) -> None:
    path = tmp_path / "bomb.pth"
    torch.save({"w": torch.zeros(1).expand(10**9)}, path, _use_new_zipfile_serialization=archive)
    with pytest.raises(UserError, match="would take"):
        read_state(path)


class Buffer:
    def __reduce__(self) -> tuple[type, tuple[int]]:
        return bytearray, (2**33,)


@pytest.mark.parametrize("archive", [True, False])
def test_an_empty_buffer_of_any_size(tmp_path: Path, archive: bool) -> None:
    path = tmp_path / "bomb.pth"
    torch.save({"w": torch.zeros(1), "x": Buffer()}, path, _use_new_zipfile_serialization=archive)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match="empty memory"):
        read_state(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_shared_and_plain_weights_are_read(tmp_path: Path) -> None:
    path, shared = tmp_path / "good.pth", torch.rand(1000, 1000)
    torch.save({"a": shared, "b": shared}, path)
    assert torch.equal(read_state(path)["b"], shared)
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(UserError):
        read_state(path)
