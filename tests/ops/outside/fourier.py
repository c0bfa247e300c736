"""FNet's mixing: the real part of the discrete Fourier transform over all places (Lee-Thorp et al. 2021), one file."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, ClassVar

import numpy as np
import torch

from convscope.ops.arrays import BACKWARD, FORWARD, Array, Gradients, Operands, gradient_of
from convscope.ops.calculate import CALCULATE, Given, Prepared, Use, signal
from convscope.ops.opening import OPEN, UnitOperands, finish, grid, terms_at
from convscope.ops.spec import Misfit, Op, Shape, operation
from convscope.ops.spelling import PYTORCH, Code, Helper, Place, Written, call
from convscope.ops.step import Step, make_step
from convscope.ops.tensors import COMPUTE, Compute
from convscope.ops.terms import Vector
from convscope.ops.traits import Traits
from convscope.ops.uses import STEPS, USES, Index, Uses, at_places
from convscope.ops.walk import Walk
from convscope.ops.words import WORDS, named


@operation("fouriermix", "the real part of the Fourier transform over all places of a channel")
class FourierMix(Op):
    """``fouriermix``: every place of a channel becomes a sum over all of its places, weighted by cosines."""

    explained = (
        "Every value becomes a sum over all places of its channel, weighted by cosines: the real part of the "
        "discrete Fourier transform.",
        "채널의 모든 위치를 코사인으로 가중하여 더합니다. 이산 푸리에 변환의 실수부입니다.",
    )
    traits: ClassVar[Traits] = Traits(
        reads="channels",
        monotone="no",
        linearity="affine",
        nonlinearity="none",
        keeps=(),
        aliases="never",
        gradient="made",
        pools="no",
        product=False,
        overwritable=False,
        precise=True,
        random=False,
    )

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if len(inputs[0]) < 2:
            raise Misfit("fouriermix needs places", "an input with at least one spatial dimension")
        return inputs[0]

    def macs(self, inputs: Sequence[Shape]) -> int:
        """As the product with a matrix of cosines that it is."""
        return inputs[0][0] * prod(inputs[0][1:]) ** 2


def _mix(x: Array) -> Array:
    return np.fft.fftn(x, axes=range(2, x.ndim)).real.astype(x.dtype)


@FORWARD.enter(FourierMix)
def _forward(op: FourierMix, given: Operands) -> Array:
    return _mix(given.x)


@BACKWARD.enter(FourierMix)
def _backward(op: FourierMix, given: Operands, gradient: Array) -> Gradients:
    return gradient_of(_mix(gradient))  # the matrix of cosines is symmetric


def _cosines(at: Sequence[int], places: np.ndarray, lengths: Sequence[int]) -> Vector:
    turns = (places * np.array(at) / np.array(lengths)).sum(1)
    found: Vector = np.cos(2 * np.pi * turns)
    return found


@OPEN.enter(FourierMix)
def _open(op: FourierMix, given: UnitOperands) -> Walk:
    places = grid([given.index[0]], *map(range, given.x.shape[1:]))
    weights = _cosines(given.index[1:], places[:, 1:], given.x.shape[1:])
    return finish(op, given, terms_at(given, places).times(weights, weight="cosine"), "sum")


@USES.enter(FourierMix)
def _uses(op: FourierMix, given: Operands, operand: int, example: int, index: Index) -> Uses:
    lengths = given.shapes[0][1:]
    places = grid([index[0]], *map(range, lengths))
    return at_places(example, places, _cosines(index[1:], places[:, 1:], lengths), "slope")


@STEPS.enter(FourierMix)
def _steps(op: FourierMix, given: Operands, operand: int, read: Index, reader: Index) -> tuple[Step, ...]:
    lengths = given.shapes[0][1:]
    turns = sum(a * b / n for a, b, n in zip(read[2:], reader[2:], lengths, strict=True))
    return (make_step("cosine", "cos(2 * 3.141592653589793 * {0})", float(np.cos(2 * np.pi * turns)), turns=turns),)


WORDS.enter(FourierMix)(named(steps={"cosine": ("cosine", "코사인")}, operands={"turns": ("turns", "회전 수")}))


@COMPUTE.enter(FourierMix)
def _compute(op: FourierMix, place: Any) -> Compute:
    places = tuple(range(2, 1 + len(place.input_shapes[0])))

    def compute(part: Any, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        wide = inputs[0].to(torch.promote_types(inputs[0].dtype, torch.float32))  # no transform in bfloat16
        return torch.fft.fftn(wide, dim=places).real.contiguous().to(inputs[0].dtype)

    return compute


_MODULE = '''class FourierMix(nn.Module):
    """The real part of the Fourier transform over all places."""

    def forward(self, x):
        return torch.fft.fftn(x, dim=tuple(range(2, x.dim()))).real'''


@PYTORCH.enter(FourierMix)
def _pytorch(op: FourierMix, a: Written, place: Place) -> Code:
    a.helpers.add(Helper("fouriermix", _MODULE, ("import torch",)))
    return call("FourierMix")


def _typed(given: Given) -> Prepared:
    return Prepared(FourierMix(), [signal(given.first)])


CALCULATE.enter(FourierMix)(Use("INPUT", _typed, (), "fouriermix '1 2 3 4'"))
