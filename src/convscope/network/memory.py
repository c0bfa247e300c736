"""How much memory a network takes: a pass over its plan that counts what is alive at every moment.

The model is the engine's own order of work (:mod:`convscope.network.plan`): what each operation keeps for its backward
pass, when a value's last reader has run, which value overwrites which, and when gradients come and go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Literal, TypeVar

from convscope import ops
from convscope.errors import UserError, did_you_mean
from convscope.network.allocator import Heap
from convscope.network.graph import INPUT, Graph, Node
from convscope.network.plan import PlanStep, plan, scores_path
from convscope.ops import elements

Dtype = Literal["float32", "bfloat16"]
Optimizer = Literal["adamw", "sgd", "muon"]

FLOAT = 4
"""Bytes of a float32, which weights, their gradients and the optimiser's values are in any case."""
SIZES: Mapping[Dtype, int] = {"float32": FLOAT, "bfloat16": 2}
MOMENTS: Mapping[Optimizer, int] = {"adamw": 2, "sgd": 1, "muon": 1}
"""Values that an optimiser keeps for each weight: AdamW's two moments, SGD's momentum."""
ROLES = {"weight": "product", "bias": "bias"}
"""The step of a split convolution that has the gradient of each parameter."""
PICTURE = 3
"""Dimensions of a picture, which is channels last in memory."""
PICTURE_WEIGHT = 4
"""Dimensions of a picture's convolution weights, which are channels last in memory."""
COMPILED, PREPARED = 512 * 1024, 16 * 1024
"""What the library of convolutions keeps for each shape: machine code, and notes on the heap around which gaps form."""
GAPS = 1.5
"""The gaps of a real process are larger than the model's by about this, over the networks of ``bench/memory.py``: small
requests, threads and alignment are not in it."""
PASSES = 3
"""Steps that are followed: the allocator has come to rest after the second."""
MOST_BATCH = 2**20
PRECISION = 128
"""Batches of more are searched for to this part of their size."""
INDEX = 8
"""Bytes of a maximum's place, which its backward pass needs."""


def dtype_named(name: str) -> Dtype:
    """The dtype of this name.

    Raises:
        UserError: there is none.
    """
    return _named("--dtype", name, SIZES)


def optimizer_named(name: str) -> Optimizer:
    """The optimiser of this name.

    Raises:
        UserError: there is none.
    """
    return _named("--optimizer", name, MOMENTS)


_Name = TypeVar("_Name", bound=str)


def _named(where: str, name: str, known: Mapping[_Name, int]) -> _Name:
    for entry in known:
        if entry == name:
            return entry
    raise UserError(where, repr(name), " or ".join(known), did_you_mean(name, known))


@dataclass(frozen=True)
class Memory:
    """Bytes for a batch.

    Args:
        batch: how many examples.
        dtype: of the activations; with bfloat16 the weights stay float32 and are cast for use.
        optimizer: whose values are counted in ``training``.
        weights: parameters and buffers.
        optimizer_state: the values it keeps for the weights.
        kept: activations, masks and indices that the backward pass needs, at the end of the forward pass.
        inference: the peak of a forward pass that drops what has no reader left.
        training: the peak of a training step.
        inference_held, training_held: the same as a processor's process holds it, the allocator's gaps included; a
            GPU's allocator counts what was asked for.
    """

    batch: int
    dtype: Dtype
    optimizer: Optimizer
    weights: int
    optimizer_state: int
    kept: int
    inference: int
    inference_held: int
    training: int
    training_held: int


def memory(graph: Graph, batch: int, dtype: Dtype = "float32", optimizer: Optimizer = "adamw") -> Memory:
    """Predicted bytes for a batch of ``batch`` examples; auxiliary heads count in training.

    Example:
        >>> from convscope.network.network import Network
        >>> graph = Network.parse("input 1x8x8 > conv 4 3x3 > flatten > linear 10").graph()
        >>> found = memory(graph, 32)
        >>> found.weights, found.optimizer_state
        (5960, 11920)
    """
    trained = graph.with_heads
    inference = _inference(graph, batch, dtype)
    training = _Training(trained, batch, dtype, optimizer)
    return Memory(
        batch,
        dtype,
        optimizer,
        weights=sum(_tensors(graph)) + sum(_buffers(graph)),
        optimizer_state=MOMENTS[optimizer] * sum(_tensors(trained)),
        kept=training.kept,
        inference=inference.peak,
        inference_held=inference.held_peak,
        training=training.alive.peak,
        training_held=training.alive.held_peak,
    )


def kept_by_node(graph: Graph) -> dict[str, int]:
    """Bytes an example that each node's backward pass needs and nothing before it has kept already.

    Example:
        >>> from convscope.network.network import Network
        >>> kept_by_node(Network.parse("input 1x8x8 > conv 4 3x3 > relu > maxpool 2 > flatten > linear 10").graph())
        {'conv1': 256, 'relu1': 144, 'maxpool1': 864, 'flatten1': 0, 'linear1': 144}
    """
    followed = _Training(graph, 1, "float32", "sgd", passes=0)
    kept = dict.fromkeys(graph.by_path, 0)
    followed.begin()
    seen: set[int] = set()
    for step in followed.steps:
        for storage in followed.forward(step):
            if storage not in seen:
                seen.add(storage)
                kept[step.node.path] += followed.alive.size[storage]
    return kept


def largest_batch(
    graph: Graph, limit: int, dtype: Dtype = "float32", optimizer: Optimizer = "adamw"
) -> tuple[int, int]:
    """The largest batches that fit into ``limit`` bytes, of inference and of training; 0 where not one example does.

    Example:
        >>> from convscope.network.network import Network
        >>> graph = Network.parse("input 1x28x28 > conv 32 3x3 > relu > flatten > linear 10").graph()
        >>> largest_batch(graph, 2**30)[1] in range(3000, 8000)
        True
    """

    def inference(batch: int) -> int:
        return _inference(graph, batch, dtype).held_peak

    def training(batch: int) -> int:
        return _Training(graph.with_heads, batch, dtype, optimizer).alive.held_peak

    return _largest(cache(inference), limit), _largest(cache(training), limit)


def _largest(bytes_of: Callable[[int], int], limit: int) -> int:
    if bytes_of(1) > limit:
        return 0
    # Nearly a straight line in the batch: two points say where to look.
    few, more = bytes_of(4), bytes_of(16)
    guess = 4 + 12 * (limit - few) // max(1, more - few)
    low, high = 1, min(MOST_BATCH, max(2, guess + guess // 8 + 1))
    start = guess - guess // 8
    if low < start < high and bytes_of(high) > limit:
        low, high = (start, high) if bytes_of(start) <= limit else (low, start)
    while True:
        low = _last_that_fits(bytes_of, limit, low, high)
        # Where a tensor grows so large that the allocator holds it aside, the gaps shrink: more may fit again.
        more = min(MOST_BATCH, low + max(1, low // 20))
        if more == low or bytes_of(more) > limit:
            return low
        low, high = more, more + more // 4 + 1


def _last_that_fits(bytes_of: Callable[[int], int], limit: int, low: int, high: int) -> int:
    """A batch from ``low``, which fits, on, after which one more (of large ones: a little more) does not."""
    while high < MOST_BATCH and bytes_of(high) <= limit:
        low, high = high, high + high // 4 + 1
    high = min(high, MOST_BATCH)
    while high - low > max(1, low // PRECISION):
        middle = (low + high) // 2
        low, high = (middle, high) if bytes_of(middle) <= limit else (low, middle)
    return low


def kept_bytes(node: Node, dtype: Dtype = "float32") -> int:
    """Bytes an example that a node makes for its backward pass beside values that the network reads: masks, places
    of maxima, values in between, and an operand that was padded unevenly beforehand.
    """
    places, size = elements(node.shape), SIZES[dtype]
    keeps = Counter(node.op.traits.keeps)
    made = places * (size * (keeps["mask"] + keeps["value"]) + INDEX * keeps["indices"])
    return made + (keeps["partial"] * _partial(node.input_shapes) + _padded(node)) * size


def _partial(shapes: Sequence[ops.Shape]) -> int:
    """Elements of the results of the first two operands, the first three ..., all of them aside; ones are stretched."""
    return sum(prod(map(max, *shapes[:count])) for count in range(2, len(shapes)))


def _padded(node: Node) -> int:
    """Elements of the padded copy that torch needs where padding is uneven, or more than half of the window of a
    pooling; else 0.
    """
    window = node.op.window(node.input_shapes)
    # What keeps nothing of its operand keeps no copy of it either.
    if window is None or "input" not in node.op.traits.keeps:
        return 0
    most = [
        max(pair) if node.op.traits.product else kernel // 2
        for kernel, pair in zip(window.kernel, window.padding, strict=True)
    ]
    if all(before == after <= n for (before, after), n in zip(window.padding, most, strict=True)):
        return 0
    channels, *lengths = node.input_shapes[0]
    return channels * prod(n + sum(pair) for n, pair in zip(lengths, window.padding, strict=True))


def _cast(node: Node, dtype: Dtype) -> int:
    """Bytes of the weights that autocast makes a copy of."""
    if dtype == "float32" or not node.op.traits.product:
        return 0
    return sum(map(elements, node.parameters.values())) * SIZES[dtype]


class _Alive:
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
        return self.peak + round(GAPS * max(0, (self.heap.peak if self.heap is not None else 0) - self.peak))

    def make(self, size: int) -> int:
        storage = len(self.size)
        self.size[storage] = size
        if self.heap is not None:
            self.tickets[storage] = self.heap.take(size)
        self.held[storage] = 1
        self.now += size
        self.peak = max(self.peak, self.now)
        return storage

    def hold(self, storage: int) -> None:
        self.held[storage] += 1

    def drop(self, storage: int) -> None:
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


def _shares(step: PlanStep) -> bool:
    """Whether the result lies in the memory of the operand."""
    op, shape = step.node.op, step.node.input_shapes[0]
    # A picture is channels last in memory, so making it flat copies it, unless its layout is both.
    aliases, one = op.traits.aliases, shape[0] == 1 or prod(shape[1:]) == 1
    view = aliases == "always" or (aliases == "vector" and (one or len(shape) != PICTURE))
    return step.in_place or view or (op.inputs == "several" and len(step.reads) == 1)


def _tensors(graph: Graph) -> list[int]:
    """Bytes of each parameter."""
    return [elements(shape) * FLOAT for node in graph.nodes for shape in node.parameters.values()]


def _buffers(graph: Graph) -> list[int]:
    return [elements(shape) * FLOAT for node in graph.nodes for shape in node.buffers.values()]


def _passing(step: PlanStep, batch: int, dtype: Dtype) -> int:
    """Bytes that an operation needs only while it runs: weights in the order it wants, places of maxima."""
    op = step.node.op
    if isinstance(op, ops.Conv) and step.role != "bias":
        return (elements(step.node.parameters["weight"]) + batch * _padded(step.node)) * SIZES[dtype]
    if "indices" in op.traits.keeps:
        return batch * elements(step.node.shape) * INDEX
    return _cast(step.node, dtype)


def _inference(graph: Graph, batch: int, dtype: Dtype) -> _Alive:
    alive, size = _Alive(Heap()), SIZES[dtype]
    alive.place(graph)
    steps = plan(graph, [scores_path(graph)])
    for number in range(PASSES):
        # The pictures stay with the caller, as they came and as numbers.
        pictures = alive.make(batch * elements(graph.input))
        values = {INPUT: alive.make(batch * elements(graph.input) * FLOAT)}
        alive.hold(values[INPUT])
        caller = values[INPUT]
        for step in steps:
            if _shares(step) or step.node.op.traits.aliases == "evaluation":
                values[step.writes] = values[step.reads[0]]
                alive.hold(values[step.writes])
            else:
                values[step.writes] = alive.make(batch * _written(step) * size)
            if number == 0:
                alive.prepare(step)
            alive.passing(_passing(step, batch, dtype))
            for path in step.frees:
                alive.drop(values.pop(path))
        for storage in [*values.values(), caller, pictures]:
            alive.drop(storage)
    return alive


def _written(step: PlanStep) -> int:
    """Elements of what a step writes.

    Only an operation that keeps its operand's shape changes places with a pool, and then it mostly overwrites it.
    """
    return elements(step.node.shape)


class _Training:
    """Training steps: forward, backward, update; values and gradients as they come and go."""

    def __init__(self, graph: Graph, batch: int, dtype: Dtype, optimizer: Optimizer, passes: int = PASSES) -> None:
        self.graph, self.batch, self.dtype, self.optimizer = graph, batch, dtype, optimizer
        heads = [head.output.path for head in graph.heads if head.output.path in graph.by_path]
        self.outputs = [scores_path(graph), *heads]
        self.steps = plan(graph, self.outputs)
        # What one pass keeps asks for no allocator.
        self.alive = _Alive(Heap() if passes else None)
        self.kept, self.first = 0, False
        if passes:
            self.alive.place(graph)
        for number in range(passes):
            self._step(first=number == 0)

    def _step(self, first: bool) -> None:
        alive, graph = self.alive, self.graph
        before = alive.now
        self.first = first
        pictures = self.begin()
        saved = [self.forward(step) for step in self.steps]
        self.kept = alive.now - before
        arriving = {path: alive.make(alive.size[self.values[path]]) for path in self.outputs}
        for path in self.outputs:
            alive.drop(self.values[path])
        for step, storages in zip(reversed(self.steps), reversed(saved), strict=True):
            self._backward(step, storages, arriving)
        if first:
            for tensor in _tensors(graph) * MOMENTS[self.optimizer]:
                alive.make(tensor)
        for storage in [*self.gradients, pictures]:
            alive.drop(storage)

    def begin(self) -> int:
        """The pictures, as they came and as numbers; returns the former's storage."""
        pictures = self.alive.make(self.batch * elements(self.graph.input))
        self.values = {INPUT: self.alive.make(self.batch * elements(self.graph.input) * FLOAT)}
        self.gradients: list[int] = []
        return pictures

    def forward(self, step: PlanStep) -> list[int]:
        """Compute a node; returns the storages that its backward pass needs."""
        alive, op = self.alive, step.node.op
        reads = [self.values[path] for path in step.reads]
        if _shares(step):
            self.values[step.writes] = reads[0]
            alive.hold(reads[0])
        else:
            self.values[step.writes] = alive.make(self.batch * _written(step) * SIZES[self.dtype])
        if self.first:
            alive.prepare(step)
        saved = []
        if step.role != "bias":
            if "input" in op.traits.keeps:
                saved += reads
            if "output" in op.traits.keeps:
                saved.append(self.values[step.writes])
            for storage in saved:
                alive.hold(storage)
            extra = self.batch * kept_bytes(step.node, self.dtype) + _cast(step.node, self.dtype)
            if extra:
                saved.append(alive.make(extra))
        for path in step.frees:
            alive.drop(self.values[path])
        return saved

    def _backward(self, step: PlanStep, saved: Iterable[int], arriving: dict[str, int]) -> None:
        alive = self.alive
        arrived = arriving.pop(step.writes)
        alone = step.node.op.inputs == "several" and len(step.reads) == 1
        passes = alone or step.node.op.traits.gradient == "passed" or step.role == "bias"
        for path in step.reads:
            if path == INPUT:
                continue
            size = alive.size[self.values[path]]
            if passes:
                made = arrived
                alive.hold(made)
            else:
                made = alive.make(size)
            if path in arriving:
                # Two readers' gradients become one sum.
                total = alive.make(size)
                alive.drop(arriving[path])
                alive.drop(made)
                made = total
            arriving[path] = made
        if self.first:
            alive.prepare(step)
        for name, shape in step.node.parameters.items():
            if step.role in ("all", ROLES[name]):
                self.gradients.append(alive.make(elements(shape) * FLOAT))
        alive.drop(arrived)
        for storage in saved:
            alive.drop(storage)
