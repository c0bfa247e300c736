"""What a C library's allocator makes of a sequence of requests: memory that is free but not given back.

A model of glibc's malloc, which is what a processor's tensors come from on Linux. Requests at or above a threshold are
mapped by themselves and go back when freed; the threshold grows to the largest such request that was freed, at most
32 MiB. Smaller ones lie on one heap, where the smallest gap that is large enough is taken and free neighbours join.
"""

from __future__ import annotations

from bisect import bisect_left, insort

FIRST, MOST = 128 * 1024, 32 * 1024 * 1024
"""Of the threshold: at the start, and the most it grows to."""
GRAIN = 64
SLACK = 96
"""Aligned requests are looked for with room to move them, so that a gap of their own size is not taken."""
PAD = 128 * 1024
"""What the heap is extended by beyond a request."""


class Heap:
    """Bytes that a process holds while it asks for memory and gives it back.

    Example:
        >>> heap = Heap()
        >>> first, second = heap.take(1000), heap.take(1000)
        >>> heap.give_back(first)
        >>> heap.held
        2048
    """

    def __init__(self) -> None:
        self.threshold = FIRST
        self.mapped = 0
        self.top = 0
        """Where the heap's used part ends."""
        self.extent = 0
        """What the heap has of the machine."""
        self.peak = 0
        self._free_by_size: list[tuple[int, int]] = []
        self._free_from: dict[int, int] = {}
        self._free_to: dict[int, int] = {}
        self._taken: dict[int, tuple[int, int]] = {}
        self._next = 0

    @property
    def held(self) -> int:
        """Bytes that the process has now."""
        return self.mapped + self.top

    def take(self, size: int) -> int:
        """Ask for bytes; returns what :meth:`give_back` takes."""
        size = -(-size // GRAIN) * GRAIN
        self._next += 1
        if size >= self.threshold:
            self.mapped += size
            self._taken[self._next] = (-1, size)
        else:
            self._taken[self._next] = (self._place(size), size)
        self.peak = max(self.peak, self.mapped + max(self.top, self.extent))
        return self._next

    def map(self, size: int) -> None:
        """Bytes beside the heap that stay."""
        self.mapped += size

    def give_back(self, ticket: int) -> None:
        """Free what was taken."""
        start, size = self._taken.pop(ticket)
        if start < 0:
            self.mapped -= size
            if self.threshold < size <= MOST:
                self.threshold = size
            return
        end = start + size
        if (before := self._free_to.get(start)) is not None:
            self._forget(before, start)
            start = before
        if (after := self._free_from.get(end)) is not None:
            self._forget(end, after)
            end = after
        if end == self.top:
            self.top = start
            if self.extent - self.top >= 2 * self.threshold:
                self.extent = self.top + PAD
        else:
            self._remember(start, end)

    def _place(self, size: int) -> int:
        at = bisect_left(self._free_by_size, (size + SLACK, 0))
        if at < len(self._free_by_size):
            length, start = self._free_by_size[at]
            self._forget(start, start + length)
            if length > size:
                self._remember(start + size, start + length)
            return start
        start = self.top
        self.top += size
        if self.top > self.extent:
            self.extent = self.top + PAD
        return start

    def _remember(self, start: int, end: int) -> None:
        insort(self._free_by_size, (end - start, start))
        self._free_from[start], self._free_to[end] = end, start

    def _forget(self, start: int, end: int) -> None:
        del self._free_by_size[bisect_left(self._free_by_size, (end - start, start))]
        del self._free_from[start], self._free_to[end]
