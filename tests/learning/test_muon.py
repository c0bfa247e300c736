"""Orthogonal momentum: against a singular value decomposition, and by hand."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.learning.muon import Muon, orthogonal


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 1000))
def test_directions_stay_and_lengths_come_near_one(rows: int, columns: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(rows, columns, generator=generator)
    u, singular, v = torch.linalg.svd(matrix, full_matrices=False)
    strong = singular > 0.1 * singular.max()
    found = orthogonal(matrix, turns=6).float()
    inner = torch.einsum("ri,rc,ic->i", u, found, v)[strong]  # of a matrix with the same directions, its values
    assert inner.min() > 0.5
    assert inner.max() < 1.4
    assert (u[:, strong].T @ found - inner[:, None] * v[strong]).abs().max() < 0.08  # bfloat16


def test_a_matrix_is_brought_to_its_length_and_turned() -> None:
    weight = torch.nn.Parameter(torch.full((4, 3, 1, 1), 7.0))
    optimizer = Muon([{"params": [weight], "lr": 0.5, "matrices": True}])
    weight.grad = torch.randn(4, 3, 1, 1, generator=torch.Generator().manual_seed(1))
    before = weight.detach().clone()
    optimizer.step()
    long = before * (2 / before.norm())
    moved = (long - weight.detach()) / 0.5
    assert moved.reshape(4, 3).norm() == pytest.approx(3**0.5, rel=0.35)  # three singular values near 1
    assert float((moved * weight.grad).sum()) > 0


def test_other_groups_are_torch_sgd_with_nesterov() -> None:
    torch.manual_seed(0)
    ours, theirs = (torch.nn.Parameter(torch.linspace(-1, 1, 5)) for _ in range(2))
    muon = Muon([{"params": [ours], "lr": 0.1, "momentum": 0.85, "weight_decay": 0.01}])
    sgd = torch.optim.SGD([theirs], lr=0.1, momentum=0.85, weight_decay=0.01, nesterov=True)
    for step in range(5):
        for parameter, optimizer in ((ours, muon), (theirs, sgd)):
            parameter.grad = parameter.detach() ** 2 + step
            optimizer.step()
    assert torch.allclose(ours, theirs, rtol=1e-6)
