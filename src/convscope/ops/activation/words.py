"""What the steps of its arithmetic are called, in English and in Korean."""

from __future__ import annotations

from convscope.ops.activation.spec import Activation, LogSoftmax, Softmax
from convscope.ops.words import WORDS, Words, named

FAMILY = named({"sigmoid": ("sigmoid", "시그모이드"), "tanh": ("tanh", "쌍곡 탄젠트")})
"""What several activations say."""


@WORDS.enter_for(Activation)
def words_of(cls: type[Activation]) -> Words:
    """The family's, and those that the class states."""
    return {**FAMILY, **cls.words}


WORDS.enter(Softmax, LogSoftmax)(
    named({"logarithm": ("logarithm", "로그")}, operands={"that of the other": ("that of the other", "상대의 확률")})
)
