"""Thirds by area: every picture of known size in one, equal areas together."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.evaluation.by_size import by_size


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9), st.booleans()), min_size=30, max_size=200))
def test_groups_are_ordered_whole_and_do_not_cut_equal_areas(pictures: list[tuple[int, int, bool]]) -> None:
    sizes_N2 = np.array([(height, width) for height, width, _ in pictures])
    right_N = np.array([right for _, _, right in pictures])
    found = by_size(sizes_N2, right_N)
    area_N = sizes_N2.prod(1)
    if not found:
        assert np.quantile(area_N, 2 / 3, method="inverted_cdf") in (area_N.min(), area_N.max())
        return
    assert 2 <= len(found) <= 3
    assert sum(group.count for group in found) == len(pictures)
    assert sum(group.right for group in found) == right_N.sum()
    for group in found:
        low, high = np.prod(group.smallest), np.prod(group.largest)
        inside_N = (low <= area_N) & (area_N <= high)
        assert inside_N.sum() == group.count
        assert right_N[inside_N].sum() == group.right
        assert group.interval[0] <= group.share <= group.interval[1]


def test_pictures_of_one_size_few_pictures_and_unknown_sizes_are_not_grouped() -> None:
    right_N = np.ones(60, bool)
    assert by_size(None, right_N) == ()
    assert by_size(np.full((60, 2), 28), right_N) == ()
    spread_N2 = np.stack([np.arange(1, 61), np.full(60, 10)], 1)
    assert by_size(spread_N2[:29], right_N[:29]) == ()
    spread_N2[20:] = -1
    assert by_size(spread_N2, right_N) == ()


def test_unknown_sizes_are_left_out() -> None:
    sizes_N2 = np.stack([np.repeat([10, 20, 40], 20), np.repeat([10, 20, 40], 20)], 1)
    sizes_N2[::20] = -1
    found = by_size(sizes_N2, np.ones(60, bool))
    assert [group.count for group in found] == [19, 19, 19]
    assert found[0].to_dict()["largest"] == [10, 10]
