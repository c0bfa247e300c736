"""The functions that are no layer of a network, each a room of its own, by their words."""

from __future__ import annotations

from collections.abc import Mapping

from convscope.calculation.function import Function
from convscope.calculation.im2col import Im2col
from convscope.calculation.losses import BinaryCrossEntropy, CrossEntropy
from convscope.calculation.one_hot import OneHot
from convscope.calculation.probabilities import Logit, Odds

FUNCTIONS: Mapping[str, type[Function]] = {
    cls.word: cls for cls in (Im2col, Odds, Logit, CrossEntropy, BinaryCrossEntropy, OneHot)
}
"""A new one is its room and its name here."""
