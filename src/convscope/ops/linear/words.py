"""What the steps of its arithmetic are called, in English and in Korean."""

from __future__ import annotations

from convscope.ops.linear.spec import Linear
from convscope.ops.words import WORDS, named

WORDS.enter(Linear)(named())
