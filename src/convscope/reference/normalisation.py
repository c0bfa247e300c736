"""Normalisations in plain NumPy: of the batch, the layer, groups of channels, neighbouring channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convscope.reference.windows import Array


def along_channels(vector: Array, rank: int) -> Array:
    """A value a channel, ``(C,)``, as ``(C, 1, ...)`` so that it meets ``(N, C, *spatial)`` channel by channel."""
    return vector.reshape(-1, *(1 for _ in range(rank)))


def standardise(x: Array, axes: Sequence[int], eps: float) -> Array:
    """``x`` with mean 0 and variance 1 over ``axes``; the variance is divided by n, not n - 1.

    Example:
        >>> standardise(np.array([[1.0, 3.0]]), (1,), eps=0.0)
        array([[-1.,  1.]])
    """
    mean = x.mean(axis=tuple(axes), keepdims=True)
    variance = np.square(x - mean).mean(axis=tuple(axes), keepdims=True)
    out: Array = (x - mean) / np.sqrt(variance + eps)
    return out


def scale_and_shift(x: Array, weight: Array | None, bias: Array | None) -> Array:
    """``x * weight + bias``, where they are given; both already in a shape that meets ``x``."""
    out = x if weight is None else x * weight
    return out if bias is None else out + bias


def batch_norm(x_NC_spatial: Array, running_mean: Array, running_var: Array, eps: float, training: bool) -> Array:
    """Each channel to mean 0 and variance 1 (Ioffe and Szegedy 2015): ``(N, C, *spatial)``, unchanged in shape.

    In training by the batch's own mean and (biased) variance, else by the running ones. A single value a channel
    has no variance: then the running statistics serve in training too, as the torch module does.

    Example:
        >>> batch_norm(np.array([[3.0]]), np.array([1.0]), np.array([4.0]), eps=0.0, training=False)
        array([[1.]])
    """
    rank = x_NC_spatial.ndim - 2
    if training and x_NC_spatial.size > x_NC_spatial.shape[1]:
        return standardise(x_NC_spatial, (0, *range(2, 2 + rank)), eps)
    out: Array = (x_NC_spatial - along_channels(running_mean, rank)) / np.sqrt(along_channels(running_var, rank) + eps)
    return out


def group_norm(x_NC_spatial: Array, num_groups: int, eps: float) -> Array:
    """Each example's groups of channels to mean 0 and variance 1 (Wu and He 2018).

    Example:
        >>> group_norm(np.array([[1.0, 3.0, 10.0, 30.0]]), num_groups=2, eps=0.0)
        array([[-1.,  1., -1.,  1.]])
    """
    grouped = x_NC_spatial.reshape(x_NC_spatial.shape[0], num_groups, -1)
    return standardise(grouped, (2,), eps).reshape(x_NC_spatial.shape)


def local_response_norm(x_NC_spatial: Array, size: int, alpha: float, beta: float, k: float) -> Array:
    """Each value over ``(k + alpha / size * sum of squares)^beta`` of its channel's neighbours.

    Krizhevsky et al. 2012, as ``torch.nn.LocalResponseNorm`` writes it: alpha is divided by the size, and of an
    even size one channel more lies before than after.

    Example:
        >>> local_response_norm(np.array([[[3.0]]]), size=1, alpha=1.0, beta=0.5, k=0.0)
        array([[[1.]]])
    """
    before, after = size // 2, (size - 1) // 2
    spatial = ((0, 0),) * (x_NC_spatial.ndim - 2)
    squares = np.pad(np.square(x_NC_spatial), ((0, 0), (before, after), *spatial))
    channels = x_NC_spatial.shape[1]
    total = np.zeros_like(x_NC_spatial)
    for offset in range(size):
        total += squares[:, offset : offset + channels]
    out: Array = x_NC_spatial / (k + alpha / size * total) ** beta
    return out
