"""Losses in torch, as :mod:`convscope.reference.losses` has them in NumPy."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

IGNORE = -100
"""A label that counts for nothing, as torch has it."""


def cross_entropy(
    scores_NK: Tensor,
    labels_N: Tensor,
    weights_K: Tensor | None = None,
    label_smoothing: float = 0.0,
    ignore_index: int = IGNORE,
) -> Tensor:
    """Mean cross entropy of scores before softmax; with weights over the number of examples, not the weights' sum.

    A batch of rare classes shall count for more.

    Args:
        scores_NK: before softmax.
        labels_N: classes; ``ignore_index`` is left out of the sum and of the count.
        weights_K: of the classes.
        label_smoothing: fraction of a label given to all classes alike (Szegedy et al. 2015).
        ignore_index: a label that counts for nothing.

    Example:
        >>> scores_NK = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
        >>> round(float(cross_entropy(scores_NK, torch.tensor([0, IGNORE]))), 4)
        0.1269
    """
    if weights_K is None:
        return functional.cross_entropy(scores_NK, labels_N, label_smoothing=label_smoothing, ignore_index=ignore_index)
    summed = functional.cross_entropy(
        scores_NK, labels_N, weights_K, ignore_index=ignore_index, reduction="sum", label_smoothing=label_smoothing
    )
    return (
        summed / (labels_N != ignore_index).sum().clamp(min=1)
        if (labels_N == ignore_index).any()
        else (summed / len(labels_N))
    )


def binary_cross_entropy(
    logits_N: Tensor,
    labels_N: Tensor,
    weights_K: Tensor | None = None,
    label_smoothing: float = 0.0,
    pos_weight: float | None = None,
) -> Tensor:
    """Mean binary cross entropy of scores before a sigmoid.

    Args:
        logits_N: scores of the second class.
        labels_N: 0 or 1.
        weights_K: of both classes.
        label_smoothing: fraction of a label given to both classes alike.
        pos_weight: what an example of the second class counts, in one of the first; as torch has it.

    Example:
        >>> round(float(binary_cross_entropy(torch.tensor([0.0, 2.0]), torch.tensor([1, 1]))), 4)
        0.41
    """
    target_N = labels_N.to(logits_N.dtype) * (1 - label_smoothing) + label_smoothing / 2
    weight_N = None if weights_K is None else weights_K[labels_N]
    weight = None if pos_weight is None else torch.tensor(pos_weight, dtype=logits_N.dtype, device=logits_N.device)
    return functional.binary_cross_entropy_with_logits(logits_N, target_N, weight_N, pos_weight=weight)


def squared_error(values_N: Tensor, target_N: Tensor) -> Tensor:
    """Mean squared error.

    Example:
        >>> float(squared_error(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 1.0])))
        2.0
    """
    return functional.mse_loss(values_N, target_N)


def example_losses(kind: str, scores_NO: Tensor, targets_N: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """What each example loses by the task, (N): the mean is the loss that a network is trained with.

    Args:
        kind: of the task: ``"classification"``, ``"binary"`` or ``"regression"``.
        scores_NO: the network's outputs before softmax or sigmoid; of the last two (N, 1).
        targets_N: classes, or numbers on the scale of the scores.
        label_smoothing: of classes: fraction of a label given to all classes alike.

    Example:
        >>> example_losses("binary", torch.tensor([[0.0], [2.0]]), torch.tensor([1, 1]))
        tensor([0.6931, 0.1269])
    """
    if kind == "classification":
        return functional.cross_entropy(scores_NO, targets_N, label_smoothing=label_smoothing, reduction="none")
    if kind == "binary":
        target_N = targets_N.to(scores_NO.dtype) * (1 - label_smoothing) + label_smoothing / 2
        return functional.binary_cross_entropy_with_logits(scores_NO[:, 0], target_N, reduction="none")
    return functional.mse_loss(scores_NO[:, 0], targets_N.to(scores_NO.dtype), reduction="none")
