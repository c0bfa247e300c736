"""From uint8 pictures to scores: normalisation, memory layout and batches, the same in training and prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.arithmetic.module import GraphModule
from convscope.arithmetic.precision import native_bfloat16
from convscope.network.graph import Graph
from convscope.network.memory import memory


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


def compute(
    module: GraphModule, images_NHWC: NDArray[np.uint8], normalise: Normalise, batch: int | None = None
) -> torch.Tensor:
    """Scores (N, K), before any softmax, in evaluation mode; float32 on the CPU.

    ``batch`` is chosen so that the values alive at one time stay near 256 MiB where none is given.
    """
    if batch is None:
        batch = inference_batch(module.graph)
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    was_training = module.training
    module.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(images_NHWC), batch):
            part = torch.from_numpy(np.array(images_NHWC[start : start + batch])).to(
                device
            )  # a copy: caches are read-only
            found.append(module.scores(normalise(part)).float().cpu())
    module.train(was_training)
    return torch.cat(found) if found else torch.empty(0, module.graph.output.shape[0])


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
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    if precision is None:
        precision = torch.bfloat16 if native_bfloat16(device) else torch.float32
    was_training = module.training
    module.eval()
    batch = inference_batch(module.graph)
    found = []
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
        for start in range(0, len(images_NHWC), batch):
            part = torch.from_numpy(np.array(images_NHWC[start : start + batch])).to(device)
            found.append(module.forward_all(normalise(part), [path])[path].float().cpu())
    module.train(was_training)
    return torch.cat(found) if found else torch.empty(0, *module.graph.by_path[path].shape)


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
