"""What the steps of its arithmetic are called, in English and in Korean."""

from __future__ import annotations

from convscope.ops.pooling.spec import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from convscope.ops.words import WORDS, named

WORDS.enter(MaxPool, AdaptiveMaxPool, GlobalMaxPool)(named())
WORDS.enter(AvgPool, AdaptiveAvgPool, GlobalAvgPool)(
    named(steps={"share": ("share", "몫")}, operands={"divisor": ("divisor", "나누는 수")})
)
