"""What the steps of its arithmetic are called, in English and in Korean."""

from __future__ import annotations

from convscope.ops.regularisation.spec import Dropout
from convscope.ops.words import WORDS, named

WORDS.enter(Dropout)(named(operands={"mask": ("mask", "마스크")}))
