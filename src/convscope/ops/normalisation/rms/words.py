"""What the steps of its arithmetic are called, in English and in Korean."""

from __future__ import annotations

from convscope.ops.normalisation.rms.spec import RMSNorm
from convscope.ops.words import WORDS, named

WORDS.enter(RMSNorm)(
    named(
        {
            "mean of squares": ("mean of squares", "제곱의 평균"),
            "its own": ("its own", "자기 값"),
            "of the read": ("of what it reads", "읽은 값"),
        },
        steps={"normalised": ("normalised", "정규화"), "scaled": ("scaled", "스케일")},
        operands={
            "normalised": ("normalised", "정규화된 값"),
            "root mean square": ("root mean square", "제곱 평균의 제곱근"),
            "eps": ("eps", "엡실론"),
        },
    )
)
