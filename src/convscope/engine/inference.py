"""From stored inputs to scores: memory layout and batches, the same in training and prediction."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.engine.fusion import fold
from convscope.engine.module import GraphModule
from convscope.engine.precision import native_bfloat16
from convscope.engine.workers import in_order, one_thread_each
from convscope.network.graph import INPUT, Graph
from convscope.network.memory import memory
from convscope.network.plan import needed_nodes, scores_path
from convscope.ops import elements

ToTensor = Callable[[torch.Tensor], torch.Tensor]
"""Makes the network's input of inputs as they are stored, on whatever device they are: (N, *stored) of any type to
float32 (N, *graph.input). A modality has its own; see :mod:`convscope.data.modality`."""
Inputs = NDArray[Any]


FEW = 16
"""Inputs below which it takes longer to fold the weights than it saves."""
CHUNK = 2**24
"""Bytes that the largest value of a chunk of inputs may take: more leaves the caches, less has too little work."""


@dataclass(frozen=True)
class NodeFunction:
    """A node's output as a function of stored inputs; made by :func:`prepare`. Threads may share it.

    Args:
        run: stored inputs (N, *stored) on any device to float32 (N, *shape).
        shape: of the output.
        chunk: how many inputs are best computed at once by one core.
        parallel: whether several threads at once are faster than one.
    """

    run: Callable[[torch.Tensor], torch.Tensor]
    shape: tuple[int, ...]
    chunk: int
    parallel: bool

    def __call__(self, inputs_N: Inputs) -> torch.Tensor:
        """The output for inputs that are computed at once: float32 (N, *shape) on the CPU."""
        with torch.inference_mode():
            # A copy: caches are read-only.
            return self.run(torch.from_numpy(np.array(inputs_N))).float().cpu()

    def all(self, inputs_N: Inputs) -> torch.Tensor:
        """The output for any number of inputs, chunk by chunk on all cores: float32 (N, *shape) on the CPU."""
        count = len(inputs_N)
        out = torch.empty(count, *self.shape)
        if not count:
            return out
        with one_thread_each() if self.parallel else nullcontext(1) as cores:
            chunk = max(1, min(self.chunk, -(-count // cores)))

            def fill(start: int) -> None:
                out[start : start + chunk] = self(inputs_N[start : start + chunk])

            for _ in in_order(fill, range(0, count, chunk), cores):
                pass
        return out


def prepare(
    module: GraphModule,
    normalise: ToTensor,
    path: str | None = None,
    precision: torch.dtype | None = torch.float32,
) -> NodeFunction:
    """Fold a network's weights of this moment, so that many inputs are computed fast in evaluation mode.

    On a processor that is :func:`convscope.engine.fusion.fold`; on a GPU the module itself.

    Args:
        module: the network; it is left as it is, its mode included.
        normalise: makes the network's input of them.
        path: the node whose output is asked for; None for the scores, before any last softmax.
        precision: of the arithmetic. None takes bfloat16 where the device computes in it, else float32.

    Raises:
        UserError: the network has no such node.
    """
    graph, device = module.graph, _device(module)
    path = scores_path(graph) if path is None else path
    if precision is None:
        precision = torch.bfloat16 if native_bfloat16(device) else torch.float32
    needed_nodes(graph, [path])
    shape = graph.input if path == INPUT else graph.by_path[path].shape
    if device.type == "cpu":
        folded = fold(module, [path], precision)
        return NodeFunction(lambda inputs: folded(normalise(inputs))[path], shape, _chunk(graph, path, precision), True)

    def run(inputs_N: torch.Tensor) -> torch.Tensor:
        was_training = module.training
        module.eval()
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
            values = module.forward_all(normalise(inputs_N.to(device)), [path])
        module.train(was_training)
        return values[path]

    return NodeFunction(run, shape, inference_batch(graph), False)


def compute(
    module: GraphModule,
    inputs_N: Inputs,
    normalise: ToTensor,
    batch: int | None = None,
    precision: torch.dtype | None = torch.float32,
) -> torch.Tensor:
    """Scores (N, K), before any softmax, in evaluation mode; float32 on the CPU.

    Args:
        module: the network with its weights.
        inputs_N: as they are stored.
        normalise: makes the network's input of them.
        batch: how many at once; None: what suits the caches of a processor, or what keeps the values alive on a GPU
            near 256 MiB.
        precision: of the arithmetic, see :func:`prepare`.
    """
    if len(inputs_N) >= FEW:
        prepared = prepare(module, normalise, None, precision)
        return (prepared if batch is None else replace(prepared, chunk=batch)).all(inputs_N)
    device, was_training = _device(module), module.training
    if not len(inputs_N):
        return torch.empty(0, module.graph.output.shape[0])
    module.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(inputs_N), batch or FEW):
            # A copy: caches are read-only.
            part = torch.from_numpy(np.array(inputs_N[start : start + (batch or FEW)])).to(device)
            found.append(module.scores(normalise(part)).float().cpu())
    module.train(was_training)
    return torch.cat(found)


def features(
    module: GraphModule,
    inputs_N: Inputs,
    normalise: ToTensor,
    path: str,
    precision: torch.dtype | None = None,
) -> torch.Tensor:
    """A node's output for inputs, in evaluation mode: (N, *shape), float32 on the CPU.

    Args:
        module: the network with its weights.
        inputs_N: as they are stored.
        normalise: makes the network's input of them.
        path: the node; nothing behind it is computed.
        precision: of the arithmetic; None takes bfloat16 where the device computes in it, else float32.

    Raises:
        UserError: the network has no such node, or the inputs are of another size.
    """
    return prepare(module, normalise, path, precision).all(inputs_N)


def _device(module: GraphModule) -> torch.device:
    return next((p.device for p in module.parameters()), torch.device("cpu"))


def _chunk(graph: Graph, path: str, precision: torch.dtype) -> int:
    """So many inputs that the largest value of the network stays near :data:`CHUNK`, at most 256."""
    needed = needed_nodes(graph, [path])
    largest = max(elements(node.shape) for node in graph.nodes if node.path in needed or path == INPUT)
    return max(1, min(256, CHUNK // (largest * precision.itemsize)))


def inference_batch(graph: Graph) -> int:
    """How many inputs keep the values alive at one time near 256 MiB, at most 512.

    Example:
        >>> from convscope.network import zoo
        >>> inference_batch(zoo.known("lenet5").graph()), inference_batch(zoo.known("vgg16").graph())
        (512, 10)
    """
    one, two = (memory(graph, size).inference for size in (1, 2))
    return max(1, min(512, 2**28 // (two - one)))


def laid_out(module: GraphModule, device: torch.device | None = None) -> GraphModule:
    """The module on a device, pictures' weights channels last in memory, where convolutions run best."""
    if len(module.graph.input) == 3:
        module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return module if device is None else module.to(device)
