"""The arithmetic of normalisation in plain NumPy, forward and backward."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from convscope.ops.arrays import Array, along_channels


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


def _grouped(shape: Sequence[int], num_groups: int) -> tuple[int, int, int]:
    """Examples, groups, values a group; of no examples too."""
    return shape[0], num_groups, prod(shape[1:]) // num_groups


def group_norm(x_NC_spatial: Array, num_groups: int, eps: float) -> Array:
    """Each example's groups of channels to mean 0 and variance 1 (Wu and He 2018).

    Example:
        >>> group_norm(np.array([[1.0, 3.0, 10.0, 30.0]]), num_groups=2, eps=0.0)
        array([[-1.,  1., -1.,  1.]])
    """
    grouped = x_NC_spatial.reshape(_grouped(x_NC_spatial.shape, num_groups))
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


def standardise_backward(x: Array, gradient: Array, axes: Sequence[int], eps: float) -> Array:
    """The gradient of what was brought to mean 0 and variance 1 over ``axes``.

    ``dx = (g - mean(g) - n * mean(g * n)) / sqrt(variance + eps)``, n the standardised value (Ioffe and Szegedy 2015).

    Args:
        x: what was standardised, of any shape.
        gradient: of the standardised values, of the same shape.
        axes: over which.
        eps: as in the forward pass.

    Example:
        >>> standardise_backward(np.array([[1.0, 2.0, 6.0]]), np.array([[1.0, 1.0, 1.0]]), (1,), eps=0.0)
        array([[0., 0., 0.]])
    """
    axes = tuple(axes)
    normal = standardise(x, axes, eps)
    deviation = np.sqrt(x.var(axis=axes, keepdims=True) + eps)
    through_mean = gradient.mean(axis=axes, keepdims=True)
    through_variance = normal * (gradient * normal).mean(axis=axes, keepdims=True)
    out: Array = (gradient - through_mean - through_variance) / deviation
    return out


def by_the_batch(x_NC_spatial: Array, training: bool) -> bool:
    """Whether batch norm takes the batch's own mean and variance: in training, where there is more than one value."""
    return training and x_NC_spatial.size > x_NC_spatial.shape[1]


def batch_norm_backward(x_NC_spatial: Array, gradient: Array, running_var: Array, eps: float, training: bool) -> Array:
    """The gradient of batch norm's input, before weight and bias: ``(N, C, *spatial)``.

    Example:
        >>> batch_norm_backward(np.array([[3.0]]), np.array([[1.0]]), np.array([4.0]), eps=0.0, training=False)
        array([[0.5]])
    """
    rank = x_NC_spatial.ndim - 2
    if by_the_batch(x_NC_spatial, training):
        return standardise_backward(x_NC_spatial, gradient, (0, *range(2, 2 + rank)), eps)
    out: Array = gradient / np.sqrt(along_channels(running_var, rank) + eps)
    return out


def group_norm_backward(x_NC_spatial: Array, gradient: Array, num_groups: int, eps: float) -> Array:
    """The gradient of group norm's input, before weight and bias."""
    shape = _grouped(x_NC_spatial.shape, num_groups)
    inward = standardise_backward(x_NC_spatial.reshape(shape), gradient.reshape(shape), (2,), eps)
    return inward.reshape(x_NC_spatial.shape)


def local_response_norm_backward(
    x_NC_spatial: Array, gradient: Array, size: int, alpha: float, beta: float, k: float
) -> Array:
    """The gradient of local response norm's input: its own share, less what its square does to its neighbours.

    Example:
        >>> x, one = np.array([[[3.0]]]), np.ones((1, 1, 1))
        >>> local_response_norm_backward(x, one, size=1, alpha=1.0, beta=0.5, k=0.0)
        array([[[0.]]])
    """
    divisor = response_divisor(x_NC_spatial, size, alpha, k)
    passed = gradient * x_NC_spatial * divisor ** (-beta - 1)
    # A channel is a neighbour of those that it is read by: the sides change places.
    after, before = size // 2, (size - 1) // 2
    padded = np.pad(passed, ((0, 0), (before, after), *((0, 0),) * (x_NC_spatial.ndim - 2)))
    total = _sliding_sum(padded, size)
    out: Array = gradient * divisor**-beta - 2 * alpha * beta / size * x_NC_spatial * total
    return out


def response_divisor(x_NC_spatial: Array, size: int, alpha: float, k: float) -> Array:
    """``k + alpha / size * sum of squares`` of each value's neighbouring channels: local response norm's, before beta.

    Example:
        >>> response_divisor(np.array([[1.0, 2.0]]), size=3, alpha=3.0, k=1.0)
        array([[6., 6.]])
    """
    before, after = size // 2, (size - 1) // 2
    padded = np.pad(np.square(x_NC_spatial), ((0, 0), (before, after), *((0, 0),) * (x_NC_spatial.ndim - 2)))
    out: Array = k + alpha / size * _sliding_sum(padded, size)
    return out


def _sliding_sum(padded_NC_spatial: Array, size: int) -> Array:
    channels = padded_NC_spatial.shape[1] - size + 1
    total = padded_NC_spatial[:, :channels].copy()
    for offset in range(1, size):
        total += padded_NC_spatial[:, offset : offset + channels]
    return total
