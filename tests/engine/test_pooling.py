"""Averages over windows that lie side by side: torch's own bits, forward and backward, in either memory layout."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from convscope.engine.module_operations import NodeModule, compute_of
from convscope.network.network import Network


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("window", "shape"), [("2", (8, 8)), ("3", (9, 6)), ("2x3", (8, 9)), ("7", (7, 7))])
def test_tiles_have_torchs_bits(
    window: str, shape: tuple[int, int], layout: torch.memory_format, dtype: torch.dtype
) -> None:
    high, wide = shape
    (node,) = Network.parse(f"input 6x{high}x{wide} > avgpool {window}").graph().nodes
    kernel = tuple(int(k) for k in window.split("x"))
    rng = torch.Generator().manual_seed(0)
    x_NCHW = torch.randn(4, 6, high, wide, generator=rng).to(dtype).to(memory_format=layout).requires_grad_()
    ours = compute_of(node)(NodeModule(), [x_NCHW])
    theirs = functional.avg_pool2d(x_NCHW, kernel)
    gradient = torch.randn(ours.shape, generator=rng).to(dtype)
    assert "TileMean" in str(ours.grad_fn), "the quick way was not taken"
    assert torch.equal(ours, theirs)
    (slope,), (expected,) = (torch.autograd.grad(y, x_NCHW, gradient) for y in (ours, theirs))
    assert torch.equal(slope, expected)


@pytest.mark.parametrize("text", ["avgpool 3 stride=2", "avgpool 2 padding=1", "avgpool 3"])
def test_other_windows_are_torchs_own(text: str) -> None:
    (node,) = Network.parse(f"input 2x8x8 > {text}").graph().nodes
    x_NCHW = torch.ones(1, 2, 8, 8, requires_grad=True)
    assert "TileMean" not in str(compute_of(node)(NodeModule(), [x_NCHW]).grad_fn)
