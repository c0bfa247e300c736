"""What the steps of its arithmetic are called, in English and in Korean."""

from __future__ import annotations

from convscope.ops.merge.spec import Add, Concat, Mul
from convscope.ops.words import WORDS, named

WORDS.enter(Add)(named())
WORDS.enter(Mul)(
    named(
        steps={"product of the others": ("product of the others", "나머지의 곱")},
        operands={"branch": ("branch {n}", "갈래 {n}")},
    )
)
WORDS.enter(Concat)(
    named(
        steps={"channels": ("channels", "채널 수")},
        operands={"channels of": ("channels of input {n}", "입력 {n}의 채널")},
    )
)
