"""torchvision beside a torch without CUDA: ``from plain_torchvision import datasets, transforms``.

The wheel of the package index is built for CUDA: its compiled operators (for boxes) do not load beside torch's CPU
wheel, and its import stops at the first of them. Transforms, data sets and models are plain Python and need none, so
the two names are declared that the import asks for.
"""

import contextlib

import torch

library = torch.library.Library("torchvision", "FRAGMENT")
for name in ("nms", "qnms"):
    with contextlib.suppress(RuntimeError):  # declared already: the operators did load
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from torchvision import datasets, transforms  # noqa: E402, F401
