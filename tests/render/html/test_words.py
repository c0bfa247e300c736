import re

import numpy as np

from convscope import ops
from convscope.calculation.calculation import calculate
from convscope.calculation.functions import (
    BinaryCrossEntropy,
    CrossEntropy,
    DropoutDrawn,
    Im2col,
    Logit,
    Odds,
    OneHot,
    RowSoftmax,
)
from convscope.ops import OPERATIONS
from convscope.render.html.words import LANGUAGES
from convscope.render.html.words_operations import OPERANDS, STEPS

FIELD = {
    "convscope", "calc", "look", "NumPy", "float32", "float64", "bfloat16", "im2col", "ReLU", "GELU", "max", "min", "x",
    "y", "p", "k", "n", "MB", "NaN", "Grad-CAM", "HiResCAM", "LayerCAM",
    "occlusion", "integrated", "gradients",
}  # fmt: skip
"""Names that a Korean text on networks writes in Latin letters too."""


def braces(said):
    return sorted(re.findall(r"\{([a-z_]+)\}", said))


def test_every_language_says_everything():
    assert LANGUAGES["en"].keys() == LANGUAGES["ko"].keys()
    for key, said in LANGUAGES["en"].items():
        assert said, key
        assert LANGUAGES["ko"][key], key
        assert braces(said) == braces(LANGUAGES["ko"][key]), key


def test_no_english_is_left_in_korean():
    for key, whole in LANGUAGES["ko"].items():
        said = re.sub(r"\{[a-z_]+\}", "", whole)
        latin = re.findall(r"[A-Za-z][A-Za-z0-9-]*", said)
        assert set(latin) <= FIELD, key
        assert whole != LANGUAGES["en"][key] or not set(latin) - FIELD, key


def test_every_operation_is_explained():
    assert {f"op: {word}" for word in OPERATIONS} <= LANGUAGES["en"].keys()


def given(shape, low=-1.0, high=1.0):
    return np.random.default_rng(0).uniform(low, high, shape)


SAMPLES = [
    *([cls(), [given((2, 4, 4))]] for cls in OPERATIONS.values() if not cls.positional and cls.inputs == "one"),
    *([cls(), [given((2, 4, 4)), given((2, 4, 4))]] for cls in OPERATIONS.values() if cls.inputs == "several"),
    *([ops.GELU(approximate="tanh"), [given((3,))]], [ops.LeakyReLU(), [given((1,), -2)]]),
    *([pool, [given((2, 4, 4))]] for pool in (ops.MaxPool(2), ops.AvgPool(2), ops.AdaptiveAvgPool(2))),
    *([norm, [given((4, 3, 3))]] for norm in (ops.GroupNorm(2), ops.LayerNorm(over="all"), ops.LocalResponseNorm(3))),
    *([ops.AdaptiveMaxPool(2), [given((2, 4, 4))]], [ops.PadChannels(1, 1), [given((2, 4, 4))]]),
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
