"""What the steps of its arithmetic are called, in English and in Korean."""

from __future__ import annotations

from convscope.ops.convolution.spec import Conv
from convscope.ops.words import WORDS, named

WORDS.enter(Conv)(named())
