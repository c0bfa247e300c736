"""What the steps of its arithmetic are called, in English and in Korean."""

from __future__ import annotations

from convscope.ops.normalisation.spec import BatchNorm, GroupNorm, LayerNorm, LocalResponseNorm, Scale
from convscope.ops.words import WORDS, named

STATISTICS = named(
    {
        "variance": ("variance", "분산"),
        "its own": ("its own", "자기 값"),
        "of the read": ("of what it reads", "읽은 값"),
    },
    steps={
        "standardised": ("standardised", "정규화"),
        "scaled and shifted": ("scaled and shifted", "스케일과 이동"),
        "mean of channel": ("mean of channel {n}", "채널 {n}의 평균"),
        "variance of channel": ("variance of channel {n}", "채널 {n}의 분산"),
    },
    operands={
        "standardised": ("standardised", "정규화된 값"),
        "sum of squared differences": ("sum of squared differences", "편차 제곱의 합"),
        "deviation": ("standard deviation", "표준 편차"),
        "eps": ("eps", "엡실론"),
    },
)
"""What every normalisation by mean and variance says."""

WORDS.enter(BatchNorm, LayerNorm)(STATISTICS)
WORDS.enter(GroupNorm)(STATISTICS)
WORDS.enter(LocalResponseNorm)(
    named(
        {"divisor": ("divisor", "나누는 수")},
        steps={"through the divisor": ("through the divisor", "나누는 수를 통해")},
        operands={
            "through the divisor": ("through the divisor", "나누는 수를 통한 값"),
            "its own": ("its own", "자기 값"),
            "the read": ("what it reads", "읽은 값"),
            "k": ("k", "k"),
            "size": ("size", "크기"),
            "sum of squares": ("sum of squares", "제곱의 합"),
        },
    )
)
WORDS.enter(Scale)(named())
