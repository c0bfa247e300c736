"""One batch, computed by several cores: each takes a part of it and works for itself but where batch norm asks for all.

How many parts there are decides in which order gradients are added up, hence their last bits; how busy the cores are,
and which of them are free, does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from convscope.engine.module import GraphModule
from convscope.engine.module_operations import NodeModule
from convscope.engine.workers import Workers
from convscope.learning.gradients import Objective
from convscope.learning.loader import Batch
from convscope.network.graph import Graph
from convscope.ops import elements
from convscope.ops.tensors import Floats
from convscope.seeds import stream_seed

_Found = TypeVar("_Found")
WORTH, MACS_A_VALUE = 1_000_000, 200
"""What a part must have to compute: values that nodes put out, and one more for so many multiply-adds. Chosen between
networks that were timed whole and in two parts on two cores: LeNet-5 in batches of 128 gains, in batches of 64 and the
default network for digits (32) it does not."""
LEAST = 16
"""Examples of a part, at least."""


def parts_worth(graph: Graph, batch: int, cores: int) -> int:
    """In how many parts a step is computed: at most as many as there are cores, each with enough to do.

    A function of network, batch and number of cores alone, for it decides the bits.

    Example:
        >>> from convscope.network import zoo
        >>> [parts_worth(zoo.known("lenet5").graph(), batch, cores=8) for batch in (32, 128, 1024)]
        [1, 2, 8]
    """
    values = sum(elements(node.shape) for node in graph.with_heads.nodes) + graph.with_heads.macs // MACS_A_VALUE
    return max(1, min(cores, batch // LEAST, batch * values // WORTH))


@dataclass(frozen=True)
class _Seat:
    """The place of one part among those of a batch; see :class:`convscope.ops.tensors.Seat`."""

    table: _Table
    index: int

    @property
    def first(self) -> bool:
        return self.index == 0

    @property
    def sizes(self) -> tuple[int, ...]:
        return self.table.sizes

    def gather(self, values: Tensor, combine: Callable[[Floats], Floats]) -> Tensor:
        return self.table.gather(self.index, values, combine)


class _Table:
    """Where the parts of a batch meet: each brings its values, the last to come combines them for all."""

    def __init__(self, seats: int) -> None:
        self.sizes: tuple[int, ...] = ()
        self._seats = range(seats)
        self._mutex = Lock()
        self.begin(())

    def begin(self, sizes: tuple[int, ...]) -> None:
        """Another batch, of parts of these sizes."""
        self.sizes, self._broken = sizes, False
        self._brought: list[NDArray[np.float32]] = [np.zeros(0, np.float32)] * len(self._seats)
        self._combined, self._here = torch.zeros(0), 0
        # A lock each, closed; who waits at it goes on when another opens it.
        self._doors = [Lock() for _ in self._seats]
        for door in self._doors:
            door.acquire()

    def gather(self, index: int, values: Tensor, combine: Callable[[Floats], Floats]) -> Tensor:
        """See :meth:`convscope.ops.tensors.Seat.gather`."""
        self._brought[index] = values.numpy()
        with self._mutex:
            self._here += 1
            last = self._here == len(self._seats)
            if last:
                self._here = 0
        if last:
            combined = combine(np.stack(self._brought).astype(np.float64))
            self._combined = torch.from_numpy(combined.astype(np.float32))
            found = self._combined
            self._open(index)
        else:
            self._doors[index].acquire()
            # Nobody can combine anew before this part has come again.
            found = self._combined
        if self._broken:
            raise _OtherPartFailedError
        return found

    def leave(self) -> None:
        """A part has failed: the others wait no longer."""
        self._broken = True
        self._open()

    def _open(self, but: int = -1) -> None:
        with self._mutex:
            for index, door in enumerate(self._doors):
                if index != but and door.locked():
                    door.release()


class _OtherPartFailedError(Exception):
    """The part whose values were waited for has failed."""


class Parts:
    """A module as often as there are parts of a batch, with the very same tensors, to be computed at the same time.

    Args:
        module: is trained.
        workers: one a part.
    """

    def __init__(self, module: GraphModule, workers: Workers) -> None:
        self.module, self.workers = module, workers
        self._table = _Table(workers.count)
        self._generators = [torch.Generator() for _ in range(workers.count)]
        self._seated = [self._replica(index) for index in range(workers.count)]
        self._pairs = list(zip(module.modules(), *(replica.modules() for replica in self._seated), strict=True))

    def _replica(self, index: int) -> GraphModule:
        replica = GraphModule(self.module.graph)
        replica.share(self.module)
        for part in replica.modules():
            if isinstance(part, NodeModule):
                part.seat = _Seat(self._table, index)
                part.generator = self._generators[index]
        return replica

    def gradients(self, batch: Batch, objective: Objective, seed: int) -> tuple[Tensor, Tensor]:
        """Put the batch's gradients into the module's parameters; the same as those of all at once, but for rounding.

        Args:
            batch: at least one example a part.
            objective: the loss.
            seed: of what dropout draws, which each part draws for itself.

        Returns:
            loss (scalar) and hits (count).
        """
        named = [p for p in self.module.parameters() if p.requires_grad]
        parts = batch.parts(len(self._seated))
        self._table.begin(tuple(len(part.labels) for part in parts))
        for part, *replicas in self._pairs:
            for own in replicas:
                own.training = part.training

        def one(index: int) -> tuple[Tensor, Tensor, tuple[Tensor | None, ...]]:
            replica = self._seated[index]
            try:
                self._generators[index].manual_seed(stream_seed(seed, "part", index))
                loss, hits = objective.loss_and_hits(replica, parts[index])
                loss = loss * (len(parts[index].labels) / len(batch.labels))
                return loss.detach(), hits, torch.autograd.grad(loss, named, allow_unused=True)
            except BaseException:
                self._table.leave()
                raise

        found = _all(one, self.workers)
        sums: dict[Tensor, list[Tensor]] = {}
        for parameter, *of_parts in zip(named, *(gradients for _, _, gradients in found), strict=True):
            sums[parameter] = [gradient for gradient in of_parts if gradient is not None]
        for parameter, (first, *others) in ((p, those) for p, those in sums.items() if those):
            for other in others:
                first += other
            parameter.grad = first
        losses, hits, _ = zip(*found, strict=True)
        return torch.stack(losses).sum(), torch.stack(hits).sum()


def _all(one: Callable[[int], _Found], workers: Workers) -> list[_Found]:
    """What each part gives. Where one fails, the others fail of waiting for it: the first cause is raised."""
    failed: list[BaseException] = []

    def caught(index: int) -> _Found | None:
        try:
            return one(index)
        except BaseException as error:
            failed.append(error)
            return None

    found = workers.together(caught)
    for error in sorted(failed, key=lambda error: isinstance(error, _OtherPartFailedError)):
        raise error
    return [each for each in found if each is not None]
