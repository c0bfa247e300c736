"""Every operation has its line, every step and number of its arithmetic a name."""

import numpy as np
import pytest

from convscope import ops
from convscope.calculation.calculation import calculate
from convscope.calculation.functions import FUNCTIONS
from convscope.calculation.im2col import Im2col
from convscope.calculation.losses import BinaryCrossEntropy, CrossEntropy
from convscope.calculation.one_hot import OneHot
from convscope.calculation.probabilities import Logit, Odds
from convscope.ops import OPERATIONS
from convscope.ops.activation.calculate import RowSoftmax
from convscope.ops.registry import MissingFacetError
from convscope.ops.regularisation.calculate import DropoutDrawn
from convscope.ops.words import WORDS, said
from convscope.render.i18n import operation_words


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
    """Every step, and every number in it, of every operation and function: ``(class, kind, name)``."""
    found = set()
    for op, inputs in SAMPLES:
        shapes = [value.shape for value in inputs]
        drawn = ({name: given(shape, 0.1, 0.9) for name, shape in tensors.items()}
                 for tensors in (op.parameters(shapes), op.buffers(shapes)))  # fmt: skip
        calculation = calculate(op, inputs, *drawn)
        steps = {step for walk in calculation.walks() for step in walk.steps}
        steps |= {rule.step for rule in calculation.rules} | {*calculation.before, *calculation.after}
        found |= {(type(op), "step", step.name) for step in steps}
        found |= {(type(op), "operand", operand.name) for step in steps for operand in step.operands}
    return found


def test_every_step_and_every_number_in_it_has_a_name():
    assert {op.word for op, _ in SAMPLES} >= OPERATIONS.keys()
    found = spoken()
    assert {"with bias", "standardised", "exponential", "loss", "rows", "channels of 2"} <= {name for *_, name in found}
    for cls, kind, name in found:
        assert all(said(cls, kind, name))


def test_a_missing_word_is_an_error_that_names_the_operation():
    with pytest.raises(MissingFacetError, match="conv has no words of its step 'standardised'"):
        said(ops.Conv, "step", "standardised")


def test_a_name_means_one_thing():
    """A page finds a word by the name alone."""
    every = [(key, word) for cls in (*OPERATIONS.values(), *FUNCTIONS.values()) for key, word in WORDS.of(cls).items()]
    assert len({key for key, _ in every}) == len(set(every)) > 80
    assert {f"op: {word}" for word in FUNCTIONS} <= operation_words().keys()
