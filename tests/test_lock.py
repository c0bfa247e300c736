"""One process at a time in a folder; the lock of the dead is free."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from convscope.errors import UserError
from convscope.lock import LOCK, held


def _hold(folder: Path, ready: object) -> None:
    with held(folder, "trains"):
        ready.set()  # type: ignore[attr-defined]
        signal.pause()


def test_who_holds_it_is_said_and_the_dead_hold_nothing(tmp_path: Path) -> None:
    spawned = multiprocessing.get_context("spawn")
    ready = spawned.Event()
    process = spawned.Process(target=_hold, args=(tmp_path, ready))
    process.start()
    assert ready.wait(120)
    with pytest.raises(UserError) as caught, held(tmp_path, "trains"):
        pass
    assert f"another process trains here: {process.pid} on " in caught.value.got
    assert "since" in caught.value.got
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert (tmp_path / LOCK).exists()
    with held(tmp_path, "trains"):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    assert not (tmp_path / LOCK).exists()


def test_a_lock_file_with_anything_in_it_is_free(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_bytes(b"\xff half a")
    with held(tmp_path, "trains"), pytest.raises(UserError, match=str(os.getpid())), held(tmp_path, "trains"):
        pass
