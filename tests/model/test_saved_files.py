"""A model folder that was damaged or whose saving was cut off answers as a whole model, or is refused."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from convscope.errors import UserError
from convscope.lock import held
from convscope.model.folder import Model

COUNTED = ("os.open", "os.replace", "os.rename", "os.unlink", "os.write", "os.fsync", "os.chmod", "os.ftruncate")


class Killed(BaseException):
    """In place of SIGKILL where the process has to live on."""


class Operations:
    """Count the operations on files, and end at one of them: before it is done."""

    def __init__(self, last: int, really: bool = False) -> None:
        self.last, self.really, self.done = last, really, 0

    def count(self) -> None:
        if self.done >= self.last:
            if self.really:
                os.kill(os.getpid(), signal.SIGKILL)
            raise Killed
        self.done += 1

    def patch(self, patch: pytest.MonkeyPatch) -> None:
        for word in COUNTED:
            name = word.removeprefix("os.")
            patch.setattr(os, name, self._counted(getattr(os, name)))
        patch.setattr(os, "fdopen", self._half_written(os.fdopen))

    def _counted(self, function):  # type: ignore[no-untyped-def]
        def counted(*args, **options):  # type: ignore[no-untyped-def]
            self.count()
            return function(*args, **options)

        return counted

    def _half_written(self, fdopen):  # type: ignore[no-untyped-def]
        def opened(descriptor, *args):  # type: ignore[no-untyped-def]
            file, operations = fdopen(descriptor, *args), self

            class Writer:
                def __enter__(self):  # type: ignore[no-untyped-def]
                    return self

                def __exit__(self, *error):  # type: ignore[no-untyped-def]
                    file.close()

                def __getattr__(self, name):  # type: ignore[no-untyped-def]
                    return getattr(file, name)

                def writelines(self, parts):  # type: ignore[no-untyped-def]
                    data = b"".join(parts)
                    for at in range(0, len(data), len(data) // 4 + 1):
                        operations.count()
                        file.write(data[at : at + len(data) // 4 + 1])
                        file.flush()

            return Writer()

        return opened


@pytest.fixture
def two(run: Path, tmp_path: Path) -> tuple[Path, Path]:
    """An old model's folder, and a new one of which weights and text are others."""
    old, new = tmp_path / "old", tmp_path / "new"
    shutil.copytree(run / "model", old)
    model = Model.load(old)
    with torch.no_grad():
        for weight in model.module.parameters():
            weight.mul_(-0.5)
    replace(model, facts={**model.facts, "temperature": 2.0}).save(new)
    return old, new


def answers(folder: Path) -> bytes:
    pictures = np.random.default_rng(3).integers(0, 256, (5, 8, 8, 1), np.uint8)
    return Model.load(folder).probabilities(pictures).tobytes()


def test_killed_at_any_operation_it_is_the_old_or_the_new(two: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = two
    model, either = Model.load(new), (answers(old), answers(new))
    assert either[0] != either[1]
    seen, last = [], 0
    while True:
        folder = tmp_path / f"at-{last}"
        shutil.copytree(old, folder)
        (folder / "report.html").write_text("a page")
        operations = Operations(last)
        with pytest.MonkeyPatch.context() as patch:
            operations.patch(patch)
            try:
                model.save(folder)
                ended = True
            except Killed:
                ended = False
        seen.append(either.index(answers(folder)))
        assert (folder / "report.html").read_text() == "a page"
        # Whatever was left lying about, saving again works, the old one included.
        Model.load(old).save(folder)
        assert answers(folder) == either[0]
        shutil.rmtree(folder)
        if ended:
            break
        last += 1
    assert last > 30
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, 1)


def _killed_while_saving(new: Path, folder: Path, last: int) -> None:
    model = Model.load(new)
    with pytest.MonkeyPatch.context() as patch:
        Operations(last, really=True).patch(patch)
        model.save(folder)


@pytest.mark.slow
@pytest.mark.parametrize("hashed", [True, False], ids=["over this version", "over a model without hashes"])
def test_really_killed_it_is_the_old_or_the_new(two: tuple[Path, Path], tmp_path: Path, hashed: bool) -> None:
    old, new = two
    if not hashed:
        document = json.loads((old / "model.json").read_text())
        del document["sha256"]
        (old / "model.json").write_text(json.dumps(document))
    either = (answers(old), answers(new))
    forked = multiprocessing.get_context("forkserver")
    folder, kills = tmp_path / "folder", 0
    for last in range(200):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(old, folder)
        process = forked.Process(target=_killed_while_saving, args=(new, folder, last))
        process.start()
        process.join(300)
        assert answers(folder) in either
        kills += process.exitcode == -signal.SIGKILL
        if process.exitcode == 0:
            break
    print(f"{kills} kills")
    assert kills > 30
    assert answers(folder) == either[1]


@pytest.mark.parametrize("name", ["weights.safetensors", "network.net"])
def test_a_flipped_bit_is_noticed(run: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(run / "model", tmp_path / "model")
    path = tmp_path / "model" / name
    whole, rng = path.read_bytes(), random.Random(0)
    for _ in range(200):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        with pytest.raises(UserError, match="not what was saved") as caught:
            Model.load(tmp_path / "model")
        assert caught.value.where == str(path)


def test_a_folder_without_hashes_loads(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run / "model", tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    document = json.loads(path.read_text())
    assert set(document.pop("sha256")) == {"network.net", "weights.safetensors"}
    path.write_text(json.dumps(document))
    assert answers(tmp_path / "model") == answers(run)
    for wrong in ([], {}, {"network.net": 3}):
        path.write_text(json.dumps({**document, "sha256": wrong}))
        with pytest.raises(UserError, match="sha256 is wrong"):
            Model.load(tmp_path / "model")


def test_two_cannot_save_at_once(run: Path) -> None:
    model = Model.load(run)
    with held(run / "model", "saves a model"), pytest.raises(UserError, match=f"{os.getpid()}"):
        model.save(run / "model")
