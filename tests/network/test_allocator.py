"""The model of an allocator: nothing overlaps, nothing is lost, what is freed is used again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from convscope.network.allocator import FIRST, MOST, PAD, SLACK, Heap


def test_large_requests_go_back_and_raise_the_threshold() -> None:
    heap = Heap()
    large = heap.take(2 * FIRST)
    assert heap.held == 2 * FIRST
    heap.give_back(large)
    assert (heap.held, heap.threshold) == (0, 2 * FIRST)
    heap.give_back(heap.take(2 * MOST))
    assert heap.threshold == 2 * FIRST


def test_a_gap_is_filled_only_with_room_to_align() -> None:
    heap = Heap()
    first, _ = heap.take(6400), heap.take(64)
    heap.give_back(first)
    top = heap.top
    heap.take(6400)
    assert heap.top == top + 6400
    heap.take(6400 - SLACK - 64)
    assert heap.top == top + 6400


def test_neighbours_join_and_the_top_comes_down() -> None:
    heap = Heap()
    tickets = [heap.take(1024) for _ in range(5)]
    for ticket in (tickets[1], tickets[3], tickets[2]):
        heap.give_back(ticket)
    heap.take(3 * 1024 - 128)
    assert heap.top == 5 * 1024
    heap.give_back(tickets[4])
    assert heap.top == 4 * 1024 - 128  # the rest of the gap went with it


@given(st.lists(st.tuples(st.integers(1, 3 * FIRST), st.integers(0, 50)), max_size=60))
def test_what_is_held_covers_what_is_taken(script: list[tuple[int, int]]) -> None:
    heap, taken = Heap(), {}
    for size, victim in script:
        taken[heap.take(size)] = size
        assert heap.peak >= heap.held >= sum(taken.values())
        if victim < len(taken):
            ticket = list(taken)[victim]
            heap.give_back(ticket)
            del taken[ticket]
    for ticket in taken:
        heap.give_back(ticket)
    assert heap.held == 0
    assert heap.extent <= heap.peak + PAD
