"""Storages of a step, each alive while something holds it, and what a process holds for them."""

from __future__ import annotations

from collections import Counter

from convscope import ops
from convscope.network.allocator import Heap
from convscope.network.graph import Graph
from convscope.network.operation_memory import FLOAT
from convscope.network.plan import PlanStep
from convscope.ops import elements

PICTURE_WEIGHT = 4
"""Dimensions of a picture's convolution weights, which are channels last in memory."""
COMPILED, PREPARED = 512 * 1024, 16 * 1024
"""What the library of convolutions keeps for each shape: machine code, and notes on the heap around which gaps form."""
GAPS = 1.5
"""The gaps of a real process are larger than the model's by about this, over the networks of ``bench/memory.py``: small
requests, threads and alignment are not in it."""


class Storages:
    """Storages, each alive while something holds it; what lives is the bytes asked for, the heap what they take."""

    def __init__(self, heap: Heap | None = None) -> None:
        self.heap = heap
        self.size: dict[int, int] = {}
        self.tickets: dict[int, int] = {}
        self.held: Counter[int] = Counter()
        self.prepared: set[tuple[ops.Op, tuple[ops.Shape, ...]]] = set()
        self.now = self.peak = 0

    @property
    def held_peak(self) -> int:
        """The peak as a process holds it, the allocator's gaps included."""
        return self.peak + round(GAPS * max(0, (self.heap.peak if self.heap is not None else 0) - self.peak))

    def make(self, size: int) -> int:
        """A new storage of so many bytes, held once; returns its number."""
        storage = len(self.size)
        self.size[storage] = size
        if self.heap is not None:
            self.tickets[storage] = self.heap.take(size)
        self.held[storage] = 1
        self.now += size
        self.peak = max(self.peak, self.now)
        return storage

    def hold(self, storage: int) -> None:
        """Hold a storage once more."""
        self.held[storage] += 1

    def drop(self, storage: int) -> None:
        """Let go of a storage; it is given back where nothing else holds it."""
        self.held[storage] -= 1
        if not self.held[storage]:
            self.now -= self.size[storage]
            if self.heap is not None:
                self.heap.give_back(self.tickets[storage])

    def place(self, graph: Graph) -> None:
        """The network's tensors: drawn, copied into their places, brought to the layout of convolutions."""
        shapes = [shape for node in graph.nodes for shape in (*node.parameters.values(), *node.buffers.values())]
        places = [(shape, self.make(elements(shape) * FLOAT)) for shape in shapes]
        drawn = [self.make(elements(shape) * FLOAT) for shape in shapes]
        for storage in drawn:
            self.drop(storage)
        for shape, storage in places:
            if len(shape) == PICTURE_WEIGHT:
                self.make(elements(shape) * FLOAT)
                self.drop(storage)
        self.peak = self.now
        if self.heap is not None:
            self.heap.peak = self.heap.held

    def prepare(self, step: PlanStep) -> None:
        """What the library of convolutions compiles once for each shape, and keeps."""
        what = (step.node.op, step.node.input_shapes)
        if self.heap is not None and isinstance(step.node.op, ops.Conv) and what not in self.prepared:
            self.prepared.add(what)
            self.heap.map(COMPILED)
            self.heap.take(PREPARED)

    def passing(self, size: int) -> None:
        """Something that is made and gone within an operation."""
        self.drop(self.make(size))
