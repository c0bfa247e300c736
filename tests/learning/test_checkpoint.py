"""Checkpoints that were damaged are noticed, and the one before the last is as good."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from convscope.api import train, training
from convscope.errors import UserError
from convscope.learning import checkpoint, events

TENSORS = {"a": torch.arange(300.0), "b": torch.ones(3, dtype=torch.int64)}
TEXT = {"state": '{"step": 3}', "zeros": "0" * 64, "sha": '"sha256":"' + "0" * 64 + '"'}


def test_it_is_read_as_it_was_saved(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path) is None
    checkpoint.save(tmp_path, TENSORS, TEXT)
    found = checkpoint.load(tmp_path)
    assert found is not None
    assert (found.text, found.fallback) == (TEXT, "")
    assert all(torch.equal(found.tensors[name], value) for name, value in TENSORS.items())


def test_one_without_a_hash_is_read(tmp_path: Path) -> None:
    import safetensors.torch

    safetensors.torch.save_file(TENSORS, tmp_path / checkpoint.NAME, metadata=TEXT)
    found = checkpoint.load(tmp_path)
    assert found is not None
    assert found.text == TEXT


def test_flipped_bits_are_noticed_or_harmless(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, TENSORS, TEXT)
    whole, rng, noticed = path.read_bytes(), random.Random(0), 0
    for _ in range(200):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        try:
            found = checkpoint.load(tmp_path)
        except UserError:
            noticed += 1
            continue
        assert found is not None
        assert TEXT.items() <= found.text.items()
        assert all(torch.equal(found.tensors[name], value) for name, value in TENSORS.items())
    assert noticed > 190


def test_the_one_before_is_kept_until_it_is_no_longer(tmp_path: Path) -> None:
    for step in range(3):
        checkpoint.save(tmp_path, TENSORS, {"step": str(step)})
    (tmp_path / checkpoint.NAME).write_bytes(b"half")
    found = checkpoint.load(tmp_path)
    assert found is not None
    assert found.text == {"step": "1"}
    assert checkpoint.NAME in found.fallback
    (tmp_path / checkpoint.NAME).unlink()
    found = checkpoint.load(tmp_path)
    assert found is not None
    assert found.text == {"step": "1"}
    (tmp_path / checkpoint.NAME).write_bytes(b"half")
    (tmp_path / checkpoint.BEFORE).write_bytes(b"half")
    with pytest.raises(UserError, match="cannot be read") as caught:
        checkpoint.load(tmp_path)
    assert caught.value.where == str(tmp_path / checkpoint.NAME)


def test_resumed_from_the_one_before_it_ends_in_the_same_bits(
    tmp_path: Path, tiny: str, digest: Callable[[Path], str]
) -> None:
    train("digits", tiny, out=tmp_path / "whole", epochs=2, report=False)
    run = tmp_path / "run"
    going = training("digits", tiny, out=run, epochs=2, checkpoint_seconds=0)
    for event in going:
        if isinstance(event, events.Saved) and event.step >= 7:
            with pytest.raises(UserError, match="another process trains here"):
                list(training("digits", out=run, resume=True))
            going.close()
    path = run / checkpoint.NAME
    data = bytearray(path.read_bytes())
    data[-100] ^= 4
    path.write_bytes(data)
    resumed = list(training("digits", out=run, resume=True))
    assert digest(run) == digest(tmp_path / "whole")
    (event,) = [event for event in resumed if isinstance(event, events.Resumed)]
    assert checkpoint.NAME in event.fallback
    assert not (run / ".lock").exists()
