"""Threads that share the cores: results in order, and torch's number of threads as it was."""

import threading

import pytest
import torch

from convscope.engine import workers
from convscope.engine.workers import Workers, cores, in_order, one_thread_each


@pytest.fixture(autouse=True)
def four_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_workers_keep_the_order_and_share_the_cores(count):
    with Workers(count) as several:
        found = list(several.in_order(lambda x: (2 * x, torch.get_num_threads(), threading.get_ident()), range(20)))
    assert [value for value, _, _ in found] == list(range(0, 40, 2))
    assert {threads for _, threads, _ in found} == {4 if count == 1 else 1}
    assert (threading.get_ident() in {thread for _, _, thread in found}) == (count == 1)
    assert torch.get_num_threads() == 4


def test_one_thread_each_is_for_threads_that_begin_inside():
    with one_thread_each() as cores:
        assert cores == 4
        assert set(in_order(lambda _: torch.get_num_threads(), range(9), cores)) == {1}
    assert torch.get_num_threads() == 4


def test_a_mistake_comes_out_and_the_workers_end():
    def fails(x):
        raise ValueError(x)

    before = threading.active_count()
    with pytest.raises(ValueError, match="3"), Workers(2) as workers:
        list(workers.in_order(fails, [3]))
    assert threading.active_count() == before


def test_one_thread_each_within_another_gives_as_many_cores():
    with one_thread_each() as outer, one_thread_each() as inner:
        assert (outer, inner, cores(), torch.get_num_threads()) == (4, 4, 4, 1)
    assert (cores(), torch.get_num_threads()) == (4, 4)


def test_a_container_has_no_more_cores_than_its_quota(monkeypatch):
    monkeypatch.setattr(workers, "quota", lambda: 2)
    assert cores() == 2
