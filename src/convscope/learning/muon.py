"""Muon: momentum made orthogonal, for the weights of convolutions that a normalisation follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from convscope.cores import Each

TURNS = 3
"""Iterations that make a matrix nearly orthogonal; singular values then lie between about 0.5 and 1.2."""


def orthogonal(matrix_RC: Tensor, turns: int = TURNS) -> Tensor:
    """The nearest orthogonal matrix, roughly: every singular value is brought near 1, the directions stay.

    Five multiply-adds of the matrix with itself (a Newton-Schulz iteration with a steep quintic) in bfloat16, in
    place of a singular value decomposition (Jordan et al. 2024, Muon; Bernstein and Newhouse 2024).

    Args:
        matrix_RC: any matrix.
        turns: iterations.

    Example:
        >>> values = torch.linalg.svdvals(orthogonal(torch.diag(torch.tensor([1.0, 0.3, 0.2])), 5).float())
        >>> bool(values.min() > 0.6), bool(values.max() < 1.3)
        (True, True)
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrix_RC.shape[0] > matrix_RC.shape[1]
    x_RC = (matrix_RC.T if tall else matrix_RC).bfloat16()
    x_RC = x_RC / (x_RC.norm() + 1e-7)
    for _ in range(turns):
        gram_RR = x_RC @ x_RC.T
        x_RC = torch.addmm(x_RC, torch.addmm(gram_RR, gram_RR, gram_RR, beta=b, alpha=c), x_RC, beta=a)
    return x_RC.T if tall else x_RC


class Muon(torch.optim.Optimizer):
    """Muon for the groups that say ``matrices=True``, SGD with Nesterov momentum for all others.

    A matrix (a convolution's weight with its input side flattened) is first brought to the length ``sqrt(rows)``,
    which changes nothing where a normalisation follows, and then moved by its orthogonalised momentum: the learning
    rate is an angle, the same for every layer (Keller Jordan, airbench, 2024).

    Args:
        groups: with ``params``, ``lr``, ``momentum``, ``weight_decay`` (of the groups that are not matrices) and
            ``matrices``.
    """

    each: Each = staticmethod(map)
    """Calls a function for every parameter, as ``map`` does."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        super().__init__(groups, {"lr": 0.1, "momentum": 0.6, "weight_decay": 0.0, "matrices": False})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        moved = [(p, group) for group in self.param_groups for p in group["params"] if p.grad is not None]
        for parameter, _ in moved:
            if "momentum_buffer" not in self.state[parameter]:
                self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        for _ in self.each(lambda one: self._move(one[0], one[0].grad, one[1]), moved):
            pass

    @torch.no_grad()
    def _move(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        if not group["matrices"] and group["weight_decay"]:
            gradient = gradient.add(parameter, alpha=group["weight_decay"])
        momentum = self.state[parameter]["momentum_buffer"].mul_(group["momentum"]).add_(gradient)
        update = gradient.add(momentum, alpha=group["momentum"])  # Nesterov's
        if group["matrices"]:
            rows = len(parameter)
            parameter.mul_(rows**0.5 / (parameter.norm() + 1e-12))
            update = orthogonal(update.reshape(rows, -1)).view(update.shape).to(parameter.dtype)
        parameter.add_(update, alpha=-group["lr"])
