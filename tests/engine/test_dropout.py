"""Dropout from 16 random bits a value: its statistics, its generator, and where it leaves the values alone."""

from __future__ import annotations

import pytest
import torch
from sample_graphs import build

from convscope import ops
from convscope.engine.module import GraphModule
from convscope.ops.regularisation.engine import dropout


@pytest.mark.parametrize("p", [0.01, 0.1, 0.5, 0.9])
def test_dropout_statistics(p: float) -> None:
    torch.manual_seed(0)
    n = 1_000_001  # no multiple of the four numbers in a word
    x = torch.ones(n, requires_grad=True)
    out = dropout(x, p)
    kept = out != 0
    assert abs(kept.double().mean().item() - (1 - p)) < 4 * (p * (1 - p) / n) ** 0.5 + 2**-17
    assert out[kept].unique().tolist() == pytest.approx([1 / (1 - p)], rel=2**-15 / (1 - p))
    neighbours = (kept[1:] == kept[:-1]).double().mean().item()
    assert abs(neighbours - (p * p + (1 - p) ** 2)) < 0.003
    out.sum().backward()
    assert torch.equal(x.grad, out.detach())


def test_dropout_follows_torchs_generator() -> None:
    x = torch.ones(64, 33)
    torch.manual_seed(5)
    first, second = dropout(x, 0.5), dropout(x, 0.5)
    torch.manual_seed(5)
    assert torch.equal(dropout(x, 0.5), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dropout_takes_any_layout_and_precision(dtype: torch.dtype) -> None:
    for x in (
        torch.ones(3, 5, 4, 7, dtype=dtype).to(memory_format=torch.channels_last),
        torch.ones(6, 8, dtype=dtype).T,
        torch.ones(6, 9, dtype=dtype)[:, ::2],
        torch.ones(1, dtype=dtype).expand(50, 40),
        torch.ones(0, 4, dtype=dtype),
    ):
        out = dropout(x, 0.5)
        assert out.shape == x.shape
        assert out.dtype == dtype
        assert set(out.unique().tolist()) <= {0.0, 2.0}
    assert len(dropout(torch.ones(1, dtype=dtype).expand(50, 40), 0.5).unique()) == 2


def test_dropout_is_the_identity_in_evaluation_and_at_zero() -> None:
    graph = build((9,), ("dropout1", ops.Dropout(0.5)))
    x = torch.randn(4, 9)
    assert torch.equal(GraphModule(graph).eval()(x), x)
    assert not torch.equal(GraphModule(graph).train()(x), x)
    assert dropout(x, 0.0) is x
