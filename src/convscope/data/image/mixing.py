"""Pictures mixed with other pictures of their batch, and labels with theirs: a function of (seed, epoch, step)."""

from __future__ import annotations

import numpy as np
import torch

from convscope.data.image.policy import Augment
from convscope.data.modality import Mixed
from convscope.seeds import stream_seed


def mix(
    images_NHWC: torch.Tensor, labels_N: torch.Tensor, policy: Augment, seed: int, epoch: int = 0, step: int = 0
) -> Mixed | None:
    """Mix a batch by the policy's ``mixup`` and ``cutmix``; None where the draw leaves this one as it is.

    A picture's partner is its neighbour in the batch, which is shuffled anyway. Mixup averages the two with weights
    from Beta(0.2, 0.2) (Zhang et al. 2017); CutMix puts a rectangle of the partner over the picture, of an area that is
    even from nothing to all (Yun et al. 2019).

    Example:
        >>> pictures, labels = torch.tensor([0, 100], dtype=torch.uint8).reshape(2, 1, 1, 1), torch.tensor([3, 5])
        >>> mixed = mix(pictures, labels, Augment(mixup=1.0), seed=0)
        >>> mixed.labels_N2.tolist(), round(100 * (1 - mixed.fraction)) == int(mixed.inputs_N[0])
        ([[3, 5], [5, 3]], True)
        >>> mix(pictures, labels, Augment(), seed=0) is None
        True
    """
    if not (policy.mixup or policy.cutmix) or len(labels_N) < 2:
        return None
    rng = np.random.Generator(np.random.PCG64(stream_seed(seed, "mix", epoch, step)))
    which, place_2, drawn, weight = rng.random(), rng.random(2), rng.random(), float(rng.beta(0.2, 0.2))
    if which >= policy.mixup + policy.cutmix:
        return None
    labels_N2 = torch.stack([labels_N, labels_N.roll(-1, 0)], 1)
    partners = images_NHWC.roll(-1, 0)
    if which < policy.mixup:
        mixed = torch.lerp(partners.float(), images_NHWC.float(), weight).round().to(torch.uint8)
        return Mixed(mixed, labels_N2, weight)
    _, height, width, _ = images_NHWC.shape
    side = (1 - drawn) ** 0.5
    high, wide = round(side * height), round(side * width)
    top, left = (int(p * (s - o + 1)) for p, s, o in zip(place_2, (height, width), (high, wide), strict=True))
    mixed = images_NHWC.clone()
    mixed[:, top : top + high, left : left + wide] = partners[:, top : top + high, left : left + wide]
    return Mixed(mixed, labels_N2, 1 - high * wide / (height * width))
