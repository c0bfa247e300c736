"""From uint8 pictures to scores: normalisation, memory layout and batches, the same in training and prediction."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace

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


@dataclass(frozen=True)
class Normalise:
    """Channel means and standard deviations, of pixels from 0 to 1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, images_NHWC: torch.Tensor) -> torch.Tensor:
        """uint8 (N, H, W, C) to float32 (N, C, H, W), channels last in memory."""
        scale = torch.tensor([1 / (255 * s) for s in self.std], device=images_NHWC.device)
        shift = torch.tensor([-m / s for m, s in zip(self.mean, self.std, strict=True)], device=images_NHWC.device)
        return torch.addcmul(shift, images_NHWC.float(), scale).permute(0, 3, 1, 2)


def measure(images_NHWC: NDArray[np.uint8], most: int = 4096) -> Normalise:
    """Means and standard deviations of the channels, from at most ``most`` pictures spread evenly.

    Example:
        >>> measure(np.full((2, 4, 4, 1), 255, np.uint8))
        Normalise(mean=(1.0,), std=(1.0,))
    """
    every = max(1, -(-len(images_NHWC) // most))
    sample = np.asarray(images_NHWC[::every], np.float32) / 255
    mean, std = sample.mean((0, 1, 2)), sample.std((0, 1, 2))
    # A constant channel has no spread to divide by.
    return Normalise(
        tuple(round(float(m), 6) for m in mean), tuple(round(float(s), 6) if s > 1e-4 else 1.0 for s in std)
    )


FEW = 16
"""Pictures below which it takes longer to fold the weights than it saves."""
CHUNK = 2**24
"""Bytes that the largest value of a chunk of pictures may take: more leaves the caches, less has too little work."""


@dataclass(frozen=True)
class Prepared:
    """A node's output as a function of uint8 pictures; made by :func:`prepare`. Threads may share it.

    Args:
        run: uint8 (N, H, W, C) on any device to float32 (N, *shape).
        shape: of the output.
        chunk: how many pictures are best computed at once by one core.
        parallel: whether several threads at once are faster than one.
    """

    run: Callable[[torch.Tensor], torch.Tensor]
    shape: tuple[int, ...]
    chunk: int
    parallel: bool

    def __call__(self, images_NHWC: NDArray[np.uint8]) -> torch.Tensor:
        """The output for pictures that are computed at once: float32 (N, *shape) on the CPU."""
        with torch.inference_mode():
            # A copy: caches are read-only.
            return self.run(torch.from_numpy(np.array(images_NHWC))).float().cpu()

    def all(self, images_NHWC: NDArray[np.uint8]) -> torch.Tensor:
        """The output for any number of pictures, chunk by chunk on all cores: float32 (N, *shape) on the CPU."""
        count = len(images_NHWC)
        out = torch.empty(count, *self.shape)
        if not count:
            return out
        with one_thread_each() if self.parallel else nullcontext(1) as cores:
            chunk = max(1, min(self.chunk, -(-count // cores)))

            def fill(start: int) -> None:
                out[start : start + chunk] = self(images_NHWC[start : start + chunk])

            for _ in in_order(fill, range(0, count, chunk), cores):
                pass
        return out


def prepare(
    module: GraphModule,
    normalise: Normalise,
    path: str | None = None,
    precision: torch.dtype | None = torch.float32,
) -> Prepared:
    """Fold a network's weights of this moment, so that many pictures are computed fast in evaluation mode.

    On a processor that is :func:`convscope.engine.fusion.fold`; on a GPU the module itself.

    Args:
        module: the network; it is left as it is, its mode included.
        normalise: of the pixels.
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
        return Prepared(lambda images: folded(normalise(images))[path], shape, _chunk(graph, path, precision), True)

    def run(images_NHWC: torch.Tensor) -> torch.Tensor:
        was_training = module.training
        module.eval()
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
            values = module.forward_all(normalise(images_NHWC.to(device)), [path])
        module.train(was_training)
        return values[path]

    return Prepared(run, shape, inference_batch(graph), False)


def compute(
    module: GraphModule,
    images_NHWC: NDArray[np.uint8],
    normalise: Normalise,
    batch: int | None = None,
    precision: torch.dtype | None = torch.float32,
) -> torch.Tensor:
    """Scores (N, K), before any softmax, in evaluation mode; float32 on the CPU.

    Args:
        module: the network with its weights.
        images_NHWC: uint8 pictures of the input's size.
        normalise: of their pixels.
        batch: how many at once; None: what suits the caches of a processor, or what keeps the values alive on a GPU
            near 256 MiB.
        precision: of the arithmetic, see :func:`prepare`.
    """
    if len(images_NHWC) >= FEW:
        prepared = prepare(module, normalise, None, precision)
        return (prepared if batch is None else replace(prepared, chunk=batch)).all(images_NHWC)
    device, was_training = _device(module), module.training
    if not len(images_NHWC):
        return torch.empty(0, module.graph.output.shape[0])
    module.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(images_NHWC), batch or FEW):
            # A copy: caches are read-only.
            part = torch.from_numpy(np.array(images_NHWC[start : start + (batch or FEW)])).to(device)
            found.append(module.scores(normalise(part)).float().cpu())
    module.train(was_training)
    return torch.cat(found)


def features(
    module: GraphModule,
    images_NHWC: NDArray[np.uint8],
    normalise: Normalise,
    path: str,
    precision: torch.dtype | None = None,
) -> torch.Tensor:
    """A node's output for pictures, in evaluation mode: (N, *shape), float32 on the CPU.

    Args:
        module: the network with its weights.
        images_NHWC: uint8 pictures of the input's size.
        normalise: of their pixels.
        path: the node; nothing behind it is computed.
        precision: of the arithmetic; None takes bfloat16 where the device computes in it, else float32.

    Raises:
        UserError: the network has no such node, or the pictures are of another size.
    """
    return prepare(module, normalise, path, precision).all(images_NHWC)


def _device(module: GraphModule) -> torch.device:
    return next((p.device for p in module.parameters()), torch.device("cpu"))


def _chunk(graph: Graph, path: str, precision: torch.dtype) -> int:
    """So many pictures that the largest value of the network stays near :data:`CHUNK`, at most 256."""
    needed = needed_nodes(graph, [path])
    largest = max(elements(node.shape) for node in graph.nodes if node.path in needed or path == INPUT)
    return max(1, min(256, CHUNK // (largest * precision.itemsize)))


def inference_batch(graph: Graph) -> int:
    """How many pictures keep the values alive at one time near 256 MiB, at most 512.

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


def shrunk(images_NHWC: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Pictures at the size of ``shape`` (C, H, W), as :func:`resized` makes them, in whole numbers.

    Example:
        >>> shrunk(np.full((2, 8, 8, 3), 7, dtype=np.uint8), (3, 6, 6)).shape
        (2, 6, 6, 3)
    """
    image_NCHW = torch.from_numpy(np.array(images_NHWC)).permute(0, 3, 1, 2).float()
    found: NDArray[np.uint8] = resized(image_NCHW, shape).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return found


def resized(image_NCHW: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Pictures at the size of ``shape`` (C, H, W), averaged where they shrink; as they are where they fit."""
    if tuple(image_NCHW.shape[2:]) == tuple(shape[1:]):
        return image_NCHW
    return torch.nn.functional.interpolate(image_NCHW, size=list(shape[1:]), mode="bilinear", antialias=True)
