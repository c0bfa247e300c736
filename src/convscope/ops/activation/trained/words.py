"""What the steps of its arithmetic are called, in English and in Korean."""

from __future__ import annotations

from convscope.ops.activation.trained.spec import PReLU
from convscope.ops.words import WORDS, named

WORDS.enter(PReLU)(named())
