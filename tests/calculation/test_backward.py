"""The chain rule through a calculation: PyTorch's gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from convscope import ops
from convscope.calculation.calculation import calculate, gradients
from convscope.calculation.im2col import Im2col
from convscope.calculation.losses import BinaryCrossEntropy, CrossEntropy
from convscope.calculation.one_hot import OneHot
from convscope.calculation.probabilities import Logit, Odds
from convscope.ops import Misfit, Op
from convscope.ops.activation.calculate import RowSoftmax
from convscope.ops.normalisation.calculate import batch_statistics
from convscope.ops.regularisation.calculate import DropoutDrawn

NUMBERS = np.random.default_rng(8)
MATRIX, IMAGE = NUMBERS.normal(size=(3, 4)), NUMBERS.normal(size=(2, 5, 4))
SHARES = NUMBERS.uniform(0.1, 0.9, size=5)
LABELS, HALVES = torch.tensor([0, 3, 1]), torch.tensor([0, 1, 1, 0.5, 0], dtype=torch.float64)

CASES: list[tuple[Op, list[Any], Callable[..., torch.Tensor]]] = [
    (RowSoftmax(), [MATRIX], lambda x: functional.softmax(x, 1)),
    (Odds(), [SHARES], lambda p: p / (1 - p)),
    (Logit(), [SHARES], torch.logit),
    (CrossEntropy(), [MATRIX, LABELS.numpy().astype(float)],
     lambda x: functional.cross_entropy(x, LABELS, reduction="none")),
    (BinaryCrossEntropy(), [SHARES, HALVES.numpy()],
     lambda p: functional.binary_cross_entropy(p, HALVES, reduction="none")),
    (BinaryCrossEntropy(logits=True), [SHARES, HALVES.numpy()],
     lambda x: functional.binary_cross_entropy_with_logits(x, HALVES, reduction="none")),
    (Im2col((2, 3), padding=1, stride=2), [IMAGE],
     lambda x: functional.unfold(x[None], (2, 3), padding=1, stride=2)[0]),
    (ops.AvgPool(2), [IMAGE], lambda x: functional.avg_pool2d(x, 2)),
    (ops.GELU(), [MATRIX[0]], functional.gelu),
]  # fmt: skip


@pytest.mark.parametrize(("op", "inputs", "function"), CASES, ids=[case[0].text() for case in CASES])
def test_gradients_are_autograds(op: Op, inputs: list[Any], function: Callable[..., torch.Tensor]) -> None:
    done = calculate(op, inputs)
    outward = NUMBERS.normal(size=done.output.shape)
    x = torch.from_numpy(inputs[0].copy()).requires_grad_()
    function(x).backward(torch.from_numpy(outward))
    found = gradients(done, outward)
    assert np.allclose(found.inputs[0], x.grad.numpy(), atol=1e-10)
    assert all(not inward.any() for inward in found.inputs[1:])  # labels
    with pytest.raises(Misfit, match="a gradient of"):
        gradients(done, np.ones((1, 1, 1, 1)))


def test_the_weights_of_a_convolution_have_theirs() -> None:
    weight, bias = NUMBERS.normal(size=(3, 2, 2, 2)), NUMBERS.normal(size=3)
    done = calculate(ops.Conv(3, 2, stride=2), [IMAGE], {"weight": weight, "bias": bias})
    x, w, b = (torch.from_numpy(value.copy()).requires_grad_() for value in (IMAGE, weight, bias))
    functional.conv2d(x[None], w, b, stride=2).sum().backward()
    found = gradients(done)
    assert np.allclose(found.inputs[0], x.grad.numpy(), atol=1e-10)
    assert np.allclose(found.parameters["weight"], w.grad.numpy(), atol=1e-10)
    assert np.allclose(found.parameters["bias"], b.grad.numpy(), atol=1e-10)


def test_statistics_of_the_input_itself_are_differentiated_too() -> None:
    buffers, steps = batch_statistics(IMAGE)
    outward = NUMBERS.normal(size=IMAGE.shape)
    x = torch.from_numpy(IMAGE.copy()).requires_grad_()
    functional.batch_norm(x[None], None, None, training=True).backward(torch.from_numpy(outward)[None])
    op = ops.BatchNorm(affine=False)
    trained = gradients(calculate(op, [IMAGE], {}, buffers, steps), outward).inputs[0]
    assert np.allclose(trained, x.grad.numpy(), atol=1e-10)
    kept = gradients(calculate(op, [IMAGE], {}, buffers), outward).inputs[0]
    assert not np.allclose(kept, trained)


def test_what_dropout_drops_has_no_gradient() -> None:
    mask = np.array([1.0, 0, 1])
    done = calculate(DropoutDrawn(0.5), [np.ones(3)], {}, {"mask": mask})
    assert gradients(done).inputs[0].tolist() == [2, 0, 2]


def test_several_losses_are_averaged() -> None:
    done = calculate(CrossEntropy(), [MATRIX, LABELS.numpy().astype(float)])
    x = torch.from_numpy(MATRIX.copy()).requires_grad_()
    functional.cross_entropy(x, LABELS).backward()
    assert np.allclose(gradients(done).inputs[0], x.grad.numpy(), atol=1e-12)


def test_one_hot_has_none() -> None:
    with pytest.raises(Misfit):
        gradients(calculate(OneHot(3), [np.array([1.0])]))
