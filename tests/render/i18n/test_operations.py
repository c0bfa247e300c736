"""Every operation has its line, every step and number of its arithmetic a name."""

import re

import numpy as np

from convscope import ops
from convscope.calculation.calculation import calculate
from convscope.calculation.im2col import Im2col
from convscope.calculation.losses import BinaryCrossEntropy, CrossEntropy
from convscope.calculation.one_hot import OneHot
from convscope.calculation.probabilities import Logit, Odds
from convscope.ops import OPERATIONS
from convscope.ops.activation.calculate import RowSoftmax
from convscope.ops.regularisation.calculate import DropoutDrawn
from convscope.render.i18n import operation_words
from convscope.render.i18n.operations import OPERANDS, STEPS


def test_every_operation_is_explained():
    assert {f"op: {word}" for word in OPERATIONS} <= operation_words().keys()


def given(shape, low=-1.0, high=1.0):
    return np.random.default_rng(0).uniform(low, high, shape)


SAMPLES = [
    *([cls(), [given((2, 4, 4))]] for cls in OPERATIONS.values() if not cls.positional and cls.inputs == "one"),
    *([cls(), [given((2, 4, 4)), given((2, 4, 4))]] for cls in OPERATIONS.values() if cls.inputs == "several"),
    *([ops.GELU(approximate="tanh"), [given((3,))]], [ops.LeakyReLU(), [given((1,), -2)]]),
    *([op, [given((3,), -2)]] for op in (ops.ELU(), ops.Softplus(), ops.PReLU(), ops.Hardsigmoid(alpha=0.2))),
    *([pool, [given((2, 4, 4))]] for pool in (ops.MaxPool(2), ops.AvgPool(2), ops.AdaptiveAvgPool(2))),
    *([norm, [given((4, 3, 3))]] for norm in (ops.GroupNorm(2), ops.LayerNorm(over="all"), ops.LocalResponseNorm(3))),
    *([ops.AdaptiveMaxPool(2), [given((2, 4, 4))]], [ops.PadChannels(1, 1), [given((2, 4, 4))]]),
    *([op, [given((4, 3, 3))]] for op in (ops.Pad(0, 1), ops.ChannelSplit(1, 3), ops.ChannelShuffle(2))),
    *([ops.Conv(2, 3, padding=1), [given((2, 4, 4))]], [ops.Linear(2), [given((4,))]]),
    *([Odds(), [given(3, 0.1, 0.9)]], [Logit(), [given(3, 0.1, 0.9)]], [RowSoftmax(), [given((2, 3))]]),
    *([CrossEntropy(), [given((2, 3)), np.array([0.0, 2.0])]], [OneHot(3), [np.array([0.0, 2.0])]]),
    *([BinaryCrossEntropy(), [given(3, 0.1, 0.9), y]] for y in (np.array([0.0, 1.0, 0.5]),)),
    *([BinaryCrossEntropy(logits=True), [x, np.array([0.0, 1.0, 0.5])]] for x in (given(3), 900 * given(3))),
    *([Im2col(2), [given((1, 3, 3))]], [DropoutDrawn(), [given((2, 3, 3))]]),
]


def spoken():
    """The names of all steps and of all numbers in them, of every operation and function."""
    steps = set()
    for op, inputs in SAMPLES:
        shapes = [value.shape for value in inputs]
        drawn = ({name: given(shape, 0.1, 0.9) for name, shape in tensors.items()}
                 for tensors in (op.parameters(shapes), op.buffers(shapes)))  # fmt: skip
        calculation = calculate(op, inputs, *drawn)
        steps |= {step for walk in calculation.walks() for step in walk.steps}
        steps |= {rule.step for rule in calculation.rules}
    return {step.name for step in steps}, {operand.name for step in steps for operand in step.operands}


def test_every_step_and_every_number_in_it_has_a_name():
    assert {op.word for op, _ in SAMPLES} >= OPERATIONS.keys()
    steps, operands = spoken()
    assert {"with bias", "standardised", "exponential", "loss", "rows"} <= steps
    numbered = {name for name in operands if re.fullmatch(r"channels of \d+", name)}
    assert steps - STEPS.keys() == set()
    assert operands - OPERANDS.keys() == numbered != set()
