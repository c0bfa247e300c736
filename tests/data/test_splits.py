"""Splits: whole, disjoint, stratified, the same everywhere, and honest about given ones."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.data.splits import MAX_VAL, split
from convscope.errors import UserError


def _names(count: int) -> list[str]:
    return [f"picture {i}.jpg" for i in range(count)]


def _labels(*counts: int) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts)


@settings(max_examples=examples(80), deadline=None)
@given(st.lists(st.integers(1, 40), min_size=2, max_size=8), st.integers(0, 99), st.randoms(use_true_random=False))
def test_sides_are_whole_disjoint_and_stratified(counts, seed, random):
    labels_N = _labels(*counts)
    random.shuffle(order := list(range(len(labels_N))))
    labels_N = labels_N[order]
    try:
        sides = split(labels_N, {}, _names(len(labels_N)), seed)
    except UserError:
        assert max(counts) < 3
        return
    assert sorted(np.concatenate(list(sides.values())).tolist()) == list(range(len(labels_N)))
    for indices in sides.values():
        assert (np.diff(indices) > 0).all()
        assert indices.dtype == np.int64
    for label, count in enumerate(counts):
        train, val, test = (int((labels_N[sides[side]] == label).sum()) for side in ("train", "val", "test"))
        assert train >= 1
        if count == 1:
            assert (val, test) == (0, 0)
        if count >= 3:
            assert val >= 1
            assert test >= 1
        assert abs(test - 0.2 * count) <= 1
        assert abs(val - 0.1 * count) <= 1


def test_unsplit_is_70_10_20():
    sides = split(_labels(500, 300, 200), {}, _names(1000))
    assert {side: len(indices) for side, indices in sides.items()} == {"train": 700, "val": 100, "test": 200}


def test_the_split_of_today_is_the_split_of_tomorrow():
    """A recorded value: another platform, NumPy or Python must draw the same pictures."""
    sides = split(_labels(60, 30, 10), {}, _names(100), seed=7)
    text = " ".join(f"{side}:{','.join(map(str, indices))}" for side, indices in sides.items())
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "32309455753bb799"


def test_seeds_differ_and_repeat():
    labels_N, names = _labels(50, 50), _names(100)
    first, again, other = (split(labels_N, {}, names, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first["test"], again["test"])
    assert set(first["test"].tolist()) != set(other["test"].tolist())
    # Two independent draws of a fifth share a fifth of it.
    assert len(set(first["test"].tolist()) & set(other["test"].tolist())) < 12
    assert set(first["val"].tolist()) != set(other["val"].tolist())


def test_the_order_of_the_files_does_not_matter():
    labels_N, names = _labels(30, 20), _names(50)
    order = np.random.default_rng(0).permutation(50)
    sides = split(labels_N, {}, names)
    shuffled = split(labels_N[order], {}, [names[i] for i in order])
    for side in sides:
        assert {names[i] for i in sides[side]} == {names[order[i]] for i in shuffled[side]}


def test_a_new_picture_leaves_the_others_on_their_sides():
    names = _names(200)
    before, after = (
        split(_labels(n // 2, n // 2), {}, names[: n // 2] + names[100 : 100 + n // 2]) for n in (196, 200)
    )
    kept = {name for side in before for i in before[side] for name in [f"{side} {(names[:98] + names[100:198])[i]}"]}
    now = {name for side in after for i in after[side] for name in [f"{side} {names[i]}"]}
    assert len(kept & now) >= 188


def test_train_and_test_given():
    labels_N = _labels(100, 100)
    given_sides = {"train": np.arange(20, 200), "test": np.arange(20)}
    sides = split(labels_N, given_sides, _names(200))
    np.testing.assert_array_equal(sides["test"], np.arange(20))
    assert len(sides["val"]) == 18
    np.testing.assert_array_equal(np.union1d(sides["train"], sides["val"]), np.arange(20, 200))


def test_a_drawn_validation_set_is_capped():
    labels_N = np.arange(80_000) % 10
    sides = split(labels_N, {"train": np.arange(70_000), "test": np.arange(70_000, 80_000)}, range(80_000))
    assert len(sides["val"]) == MAX_VAL
    assert np.bincount(labels_N[sides["val"]]).tolist() == [MAX_VAL // 10] * 10


def test_train_and_val_given_measures_on_val_and_chooses_on_a_new_one():
    labels_N = _labels(50, 50)
    given_val = np.arange(0, 100, 5)
    sides = split(labels_N, {"train": np.setdiff1d(np.arange(100), given_val), "val": given_val}, _names(100))
    np.testing.assert_array_equal(sides["test"], given_val)
    assert len(sides["val"]) == 8
    assert not set(sides["val"].tolist()) & set(given_val.tolist())


def test_all_given_is_kept():
    given_sides = {"train": np.array([0, 3]), "val": np.array([1]), "test": np.array([2])}
    sides = split(np.array([0, 1, 0, 1]), given_sides, _names(4))
    assert {side: indices.tolist() for side, indices in sides.items()} == {"train": [0, 3], "val": [1], "test": [2]}


def test_train_alone_is_unsplit():
    sides = split(_labels(10, 10), {"train": np.arange(20)}, _names(20))
    assert [len(sides[side]) for side in ("train", "val", "test")] == [14, 2, 4]


def test_small_classes_do_not_end_the_run():
    sides = split(_labels(100, 1, 2, 3), {}, _names(106))
    assert np.bincount(_labels(100, 1, 2, 3)[sides["train"]], minlength=4).min() >= 1


@pytest.mark.parametrize(("counts", "given_sides"), [((1, 2), {}), ((1, 1), {"train": np.arange(2)}), ((2, 0), {})])
def test_too_few_pictures(counts, given_sides):
    with pytest.raises(UserError, match="too few to train on some and measure on others"):
        split(_labels(*counts), given_sides, _names(sum(counts)))


def test_nothing_to_train_on():
    with pytest.raises(UserError, match="test examples, but none to train on"):
        split(_labels(3, 3), {"test": np.arange(6)}, _names(6), where="pets")
