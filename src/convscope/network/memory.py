"""How much memory a network takes: a pass over its plan that counts what is alive at every moment.

The model is the engine's own order of work (:mod:`convscope.network.plan`): what each operation keeps for its backward
pass, when a value's last reader has run, which value overwrites which, and when gradients come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeVar

from convscope.errors import UserError, did_you_mean
from convscope.network.allocator import Heap
from convscope.network.graph import INPUT, Graph
from convscope.network.operation_memory import (
    FLOAT,
    SIZES,
    Dtype,
    cast_bytes,
    kept_bytes,
    passing_bytes,
    shares_memory,
    written_elements,
)
from convscope.network.plan import PlanStep, plan, scores_path
from convscope.network.storages import Storages
from convscope.ops import elements

Optimizer = Literal["adamw", "sgd", "muon"]

MOMENTS: Mapping[Optimizer, int] = {"adamw": 2, "sgd": 1, "muon": 1}
"""Values that an optimiser keeps for each weight: AdamW's two moments, SGD's momentum."""
ROLES = {"weight": "product", "bias": "bias"}
"""The step of a split convolution that has the gradient of each parameter."""
PASSES = 3
"""Steps that are followed: the allocator has come to rest after the second."""
MOST_BATCH = 2**20
PRECISION = 128
"""Batches of more are searched for to this part of their size."""


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


def _tensors(graph: Graph) -> list[int]:
    """Bytes of each parameter."""
    return [elements(shape) * FLOAT for node in graph.nodes for shape in node.parameters.values()]


def _buffers(graph: Graph) -> list[int]:
    return [elements(shape) * FLOAT for node in graph.nodes for shape in node.buffers.values()]


def _inference(graph: Graph, batch: int, dtype: Dtype) -> Storages:
    alive, size = Storages(Heap()), SIZES[dtype]
    alive.place(graph)
    steps = plan(graph, [scores_path(graph)])
    for number in range(PASSES):
        # The pictures stay with the caller, as they came and as numbers.
        pictures = alive.make(batch * elements(graph.input))
        values = {INPUT: alive.make(batch * elements(graph.input) * FLOAT)}
        alive.hold(values[INPUT])
        caller = values[INPUT]
        for step in steps:
            if shares_memory(step) or step.node.op.traits.aliases == "evaluation":
                values[step.writes] = values[step.reads[0]]
                alive.hold(values[step.writes])
            else:
                values[step.writes] = alive.make(batch * written_elements(step) * size)
            if number == 0:
                alive.prepare(step)
            alive.passing(passing_bytes(step, batch, dtype))
            for path in step.frees:
                alive.drop(values.pop(path))
        for storage in [*values.values(), caller, pictures]:
            alive.drop(storage)
    return alive


class _Training:
    """Training steps: forward, backward, update; values and gradients as they come and go."""

    def __init__(self, graph: Graph, batch: int, dtype: Dtype, optimizer: Optimizer, passes: int = PASSES) -> None:
        self.graph, self.batch, self.dtype, self.optimizer = graph, batch, dtype, optimizer
        heads = [head.output.path for head in graph.heads if head.output.path in graph.by_path]
        self.outputs = [scores_path(graph), *heads]
        self.steps = plan(graph, self.outputs)
        # What one pass keeps asks for no allocator.
        self.alive = Storages(Heap() if passes else None)
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
        if shares_memory(step):
            self.values[step.writes] = reads[0]
            alive.hold(reads[0])
        else:
            self.values[step.writes] = alive.make(self.batch * written_elements(step) * SIZES[self.dtype])
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
            extra = self.batch * kept_bytes(step.node, self.dtype) + cast_bytes(step.node, self.dtype)
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
            if passes and not _is_stretched(step, path):
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


def _is_stretched(step: PlanStep, path: str) -> bool:
    """Whether a merge stretches an operand, whose gradient then is a sum of the output's."""
    node = step.node
    if node.op.inputs == "one" or node.op.traits.reads != "element":
        return False
    return node.shape not in {shape for name, shape in zip(node.inputs, node.input_shapes, strict=True) if name == path}
