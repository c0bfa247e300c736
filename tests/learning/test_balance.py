"""Very unequal classes: it is said, weighed by default, and rare ones are found more often."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from convscope.api import train, training
from convscope.data.cache import prepare
from convscope.data.image.decode import ImagePreprocess
from convscope.data.sources import open_source
from convscope.learning.balance import balance_of
from convscope.learning.events import Decided, EpochEnded
from convscope.learning.run import Result

NAMES = ("rare", "usual", "frequent")
NET = "conv 8 3x3 padding=1 > batchnorm > relu > maxpool 2 > flatten > linear 10"


def _save(folder: Path, name: str, values: np.ndarray) -> None:
    head = struct.pack(">BBBB", 0, 0, 8, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape)
    (folder / name).write_bytes(head + values.astype(np.uint8).tobytes())


def _thinned(folder: Path, train_part: tuple[np.ndarray, ...], test_part: tuple[np.ndarray, ...], rare: int) -> Path:
    """IDX files of real pictures, of every other class only ``rare`` to train on."""
    folder.mkdir()
    images_NHW, labels_N = train_part
    kept = np.concatenate([np.flatnonzero(labels_N == label)[: rare if label % 2 else None] for label in range(10)])
    kept = np.random.default_rng(0).permutation(kept)
    _save(folder, "train-images-idx3-ubyte", images_NHW[kept])
    _save(folder, "train-labels-idx1-ubyte", labels_N[kept])
    _save(folder, "t10k-images-idx3-ubyte", test_part[0])
    _save(folder, "t10k-labels-idx1-ubyte", test_part[1])
    return folder


def _rare(result: Result) -> float:
    return float(np.mean([score.recall for score in result.evaluation.per_class[1::2] if score.recall is not None]))


@pytest.fixture(scope="module")
def unequal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Handwritten digits, of the odd ones six each."""
    whole = prepare(open_source("digits"), ImagePreprocess(1, 8, 8))
    parts = [(np.asarray(split.inputs_N)[..., 0], np.asarray(split.labels_N)) for split in (whole.train, whole.test)]
    return _thinned(tmp_path_factory.mktemp("data") / "unequal", parts[0], parts[1], 6)


@pytest.mark.parametrize(
    ("counts", "asked", "choice", "said"),
    [
        ((10, 50, 99), "auto", "none", False),
        ((10, 50, 100), "auto", "weights", True),
        ((10, 50, 100), "none", "none", True),
        ((90, 90, 100), "sampling", "sampling", True),
    ],
)
def test_what_is_done_follows_the_counts_unless_it_is_asked_for(
    counts: tuple[int, ...], asked: str, choice: str, said: bool
) -> None:
    found = balance_of(asked, np.repeat(np.arange(3), counts), NAMES)
    assert (found.choice, found.is_worth_saying) == (choice, said)
    assert f"{counts[0]} (rare) to {counts[2]} (frequent)" in found.words("pictures")
    assert ("--balance" in found.words("pictures")) == (choice == "none")


def test_rare_classes_are_found_more_often_by_weights_and_by_sampling(unequal: Path, tmp_path: Path) -> None:
    found = {
        balance: train(unequal, NET, out=tmp_path / balance, epochs=4, balance=balance, augment="none", report=False)
        for balance in ("none", "weights", "sampling")
    }
    assert _rare(found["weights"]) > _rare(found["none"]) + 0.1
    assert _rare(found["sampling"]) > _rare(found["none"]) + 0.1
    for balance in ("weights", "sampling"):
        assert found[balance].evaluation.balanced_accuracy > found["none"].evaluation.balanced_accuracy + 0.1
        assert found[balance].evaluation.top1 > 0.6


def test_it_is_said_before_training_and_measured_in_every_epoch(unequal: Path, tmp_path: Path) -> None:
    events = list(training(unequal, NET, out=tmp_path / "run", epochs=1))
    (said,) = (event for event in events if isinstance(event, Decided) and event.what == "balance")
    assert said.choice == "weights"
    assert "1 : " in said.reason
    (ended,) = (event for event in events if isinstance(event, EpochEnded))
    assert ended.val_recall is not None
    assert ended.val_accuracy is not None
    assert ended.val_recall != ended.val_accuracy


@pytest.mark.slow
@pytest.mark.shared
def test_fashion_one_to_forty(shared_sets: Callable[[str], Path], tmp_path: Path) -> None:
    whole = prepare(open_source(shared_sets("fashion-mnist")), ImagePreprocess(1, 28, 28))
    parts = [(np.asarray(split.inputs_N)[..., 0], np.asarray(split.labels_N)) for split in (whole.train, whole.test)]
    few = np.sort(np.concatenate([np.flatnonzero(parts[0][1] == label)[:1000] for label in range(10)]))
    data = _thinned(tmp_path / "data", (parts[0][0][few], parts[0][1][few]), parts[1], 25)
    found = {
        balance: train(data, out=tmp_path / balance, epochs=6, balance=balance, report=False)
        for balance in ("none", "auto")
    }
    assert found["auto"].balance.choice == "weights"
    assert _rare(found["auto"]) > _rare(found["none"]) + 0.03
    assert found["auto"].evaluation.balanced_accuracy > found["none"].evaluation.balanced_accuracy
