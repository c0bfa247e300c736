"""What outside judges found: padding never wins a maximum, no examples have no answers, emptiness is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from convscope import ops
from convscope.calculation.calculation import calculate
from convscope.errors import UserError
from convscope.ops import OPERATIONS, Misfit, Op
from convscope.ops.arrays import Operands
from convscope.reference.backward import backward
from convscope.reference.forward import forward
from convscope.reference.uses import uses_of_unit
from convscope.reference.walk import walk

LEAST = np.full((1, 1, 3, 4), -np.inf)


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_padding_never_wins_a_maximum(ceil_mode: bool) -> None:
    """Of minus infinities the first value under the window is the largest, as in torch."""
    op = ops.MaxPool(3, stride=2, padding=1, ceil_mode=ceil_mode)
    x = torch.from_numpy(LEAST).requires_grad_()
    out, indices = F.max_pool2d(x, 3, 2, 1, ceil_mode=ceil_mode, return_indices=True)
    inward = torch.arange(1.0, out.numel() + 1, dtype=x.dtype).reshape(out.shape)
    (expected,) = torch.autograd.grad(out, x, inward)
    found = backward(op, [LEAST], {}, {}, inward.numpy()).inputs[0]
    np.testing.assert_array_equal(found, expected.numpy())
    calculation = calculate(op, [LEAST[0]])
    winners = calculation.winners()
    assert winners is not None
    np.testing.assert_array_equal(winners, indices[0].numpy())
    given = Operands([LEAST], {}, {}, False)
    for index in np.ndindex(3, 4):
        uses = uses_of_unit(op, given, 0, 0, (0, *index))
        read = sum(inward[0][tuple(at)].item() * f for at, f in zip(uses.index_NR, uses.factor_N, strict=True))
        assert read == expected[0, 0][index]
    opened = walk(op, [LEAST[0]], {}, {}, (0, 0, 0))
    assert opened.value == -np.inf
    assert all(term.index is not None for term in opened.terms)


def _example(cls: type[Op]) -> tuple[Op, tuple[int, ...]]:
    """An operation and what it takes."""
    needed = {
        ops.Conv: (2, 1), ops.MaxPool: (1,), ops.AvgPool: (1,), ops.AdaptiveAvgPool: (1,), ops.AdaptiveMaxPool: (1,),
        ops.GroupNorm: (1,), ops.LocalResponseNorm: (1,), ops.PadChannels: (1, 1),
        ops.Pad: (1, 1), ops.ChannelSplit: (0, 1), ops.ChannelShuffle: (1,),
    }  # fmt: skip
    if cls is ops.Linear:
        return ops.Linear(2), (3,)
    return cls(*needed.get(cls, ())), (2, 3, 3)


@pytest.mark.parametrize("cls", OPERATIONS.values(), ids=OPERATIONS)
def test_emptiness_is_refused_and_no_examples_are_none(cls: type[Op]) -> None:
    op, shape = _example(cls)
    tensors = {name: np.ones(value) for name, value in op.parameters([shape]).items()}
    buffers = {name: np.ones(value) for name, value in op.buffers([shape]).items()}
    nobody = forward(op, [np.zeros((0, *shape))], tensors, buffers)
    assert nobody.shape == (0, *op.shape([shape]))
    assert backward(op, [np.zeros((0, *shape))], tensors, buffers, nobody).inputs[0].shape == (0, *shape)
    for wrong in ((0, *shape[1:]), (*shape[:-1], 0), ()):
        with pytest.raises(Misfit, match=r"channels|at least 1"):
            op.shape([wrong])
        for run in (forward, lambda *given: backward(*given, np.zeros((1,)))):
            with pytest.raises(UserError, match="at least 1"):
                run(op, [np.zeros((1, *wrong))], tensors, buffers)
        with pytest.raises(UserError, match="at least 1"):
            walk(op, [np.zeros(wrong)], tensors, buffers, (0,))
    with pytest.raises(Misfit, match="without inputs"):
        op.shape([])


def test_what_is_no_number_stays_it() -> None:
    for op in (ops.ReLU(), ops.ReLU6(), ops.LeakyReLU(), ops.Hardswish(), ops.Hardsigmoid()):
        x = np.array([[np.nan]])
        assert np.isnan(forward(op, [x], {}, {})).all()
        assert np.isnan(walk(op, [x[0]], {}, {}, (0,)).value), op.word
