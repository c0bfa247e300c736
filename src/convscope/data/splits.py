"""Which pictures train, which choose the best epoch (val), which measure (test): seeded, stratified, by name.

Every picture's side is decided by a hash of (seed, name) within its class, so it depends neither on the platform
nor on the order in which a file system lists files, and hardly ever changes when pictures are added: what was
tested on stays tested on. scikit-learn's splitters refuse a class of one picture and know no given splits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from convscope.errors import UserError

#: However large the training set, a validation set drawn from it holds no more pictures than this.
MAX_VAL = 1500

Indices = NDArray[np.int64]


def split(
    labels_N: Indices,
    given: Mapping[str, Indices],
    names: Sequence[str],
    seed: int = 0,
    val_fraction: float = 0.1,
    test_fraction: float = 0.2,
    where: str = "data",
) -> dict[str, Indices]:
    """Split labelled pictures into ``{"train", "val", "test"}``, each sorted indices; no picture is in two.

    - nothing given: stratified 70 / 10 / 20;
    - train and test given: val is drawn from train, ``val_fraction`` of it and at most 1,500;
    - train and val given: the given val **is the test set**, and a new val is drawn from train. The best epoch is
      chosen by val, so a number measured there would flatter; no model has seen what this one is measured on;
    - all given: kept.

    Every class of three pictures or more is on every side that is drawn; a class of one stays in train.

    Args:
        labels_N: class indices.
        given: given splits as indices, of ``train``, ``val``, ``test``; empty where the data is unsplit.
        names: a name for every picture, different from all others.
        seed: another seed, another split.
        val_fraction: of all pictures, or of the given train.
        test_fraction: of all pictures.
        where: the data, for messages.

    Raises:
        UserError: too few pictures for three sides.

    Example:
        >>> sides = split(np.repeat([0, 1], 10), {}, [f"{i}.png" for i in range(20)])
        >>> {side: len(indices) for side, indices in sides.items()}
        {'train': 14, 'val': 2, 'test': 4}
    """
    sides = {side: np.sort(indices) for side, indices in given.items() if len(indices)}
    everything = np.arange(len(labels_N), dtype=np.int64)
    if measured_part(sides) == "val":
        sides = {"train": sides["train"], "test": sides["val"]}
    if set(sides) <= {"train"}:
        train = sides.get("train", everything)
        test = _draw(train, labels_N, names, f"{seed}/test", test_fraction * len(train), keep=1)
        train = np.setdiff1d(train, test)
        # A fraction of all, drawn from what is left.
        val = _draw(train, labels_N, names, f"{seed}/val", val_fraction * (len(train) + len(test)), keep=1, least=2)
        sides = {"train": np.setdiff1d(train, val), "val": val, "test": test}
    elif set(sides) == {"train", "test"}:
        train = sides["train"]
        wanted = min(val_fraction * len(train), MAX_VAL)
        val = _draw(train, labels_N, names, f"{seed}/val", wanted, keep=1)
        sides = {"train": np.setdiff1d(train, val), "val": val, "test": sides["test"]}
    elif set(sides) != {"train", "val", "test"}:
        raise UserError(where, f"{' and '.join(sides)} examples, but none to train on", "a train split beside them")
    if not all(len(indices) for indices in sides.values()):
        counts = np.unique(labels_N, return_counts=True)[1]
        got = f"{len(labels_N)} examples in {len(counts)} classes: too few to train on some and measure on others"
        raise UserError(where, got, "at least three examples in a class, better twenty in each", "add examples")
    return {side: sides[side] for side in ("train", "val", "test")}


def measured_part(given: Mapping[str, Indices]) -> str:
    """What a person calls the examples that a model is measured on: their ``val``, where that is all they gave.

    Example:
        >>> some = np.arange(3)
        >>> measured_part({"train": some, "val": some}), measured_part({"train": some, "test": some})
        ('val', 'test')
    """
    return "val" if {side for side, indices in given.items() if len(indices)} == {"train", "val"} else "test"


def _draw(
    pool: Indices, labels_N: Indices, names: Sequence[str], salt: str, wanted: float, keep: int, least: int = 3
) -> Indices:
    """About ``wanted`` pictures of the pool, a like share of every class; at least one.

    ``keep`` pictures of every class stay, and a class of ``least`` gives at least one.
    """
    _, class_N, counts = np.unique(labels_N[pool], return_inverse=True, return_counts=True)
    share = counts * (wanted / max(1, len(pool)))
    quota = np.floor(share).astype(np.int64)
    # The largest remainders make up the total; among equal ones the first class wins, on every platform.
    missing = max(0, max(1, round(wanted)) - int(quota.sum()))
    quota[np.argsort(quota - share, kind="stable")[:missing]] += 1
    quota = np.minimum(np.where(counts >= least, np.maximum(quota, 1), quota), np.maximum(counts - keep, 0))
    if not quota.sum() and counts.max(initial=0) > keep:
        quota[int(np.argmax(counts))] = 1
    order = np.lexsort((_ranks(salt, [names[i] for i in pool.tolist()]), class_N))
    starts = np.cumsum(counts) - counts
    places = np.arange(len(pool)) - np.repeat(starts, counts)
    drawn: Indices = np.sort(pool[order[places < np.repeat(quota, counts)]])
    return drawn


def _ranks(salt: str, names: Sequence[str]) -> NDArray[np.uint64]:
    """A number for every name that looks random, and is the same everywhere."""
    texts = (f"{salt}/{name}".encode("utf-8", "surrogatepass") for name in names)
    digests = b"".join([hashlib.sha256(text).digest()[:8] for text in texts])
    return np.frombuffer(digests, ">u8").astype(np.uint64)
