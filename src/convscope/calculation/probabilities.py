"""Odds and logit: functions of a probability."""

from __future__ import annotations

from typing import ClassVar

from convscope.calculation.function import Function, opened
from convscope.ops.arrays import BACKWARD, FORWARD, Array, Gradients, Operands, gradient_of
from convscope.ops.calculate import CALCULATE, Curve, Given, Prepared, Use, flat
from convscope.ops.opening import OPEN, UnitOperands, own_term
from convscope.ops.step import make_step
from convscope.ops.walk import Walk
from convscope.ops.words import WORDS, named
from convscope.reference import losses


class Odds(Function):
    """``p / (1 - p)``: how many times likelier than not."""

    word: ClassVar[str] = "odds"
    summary: ClassVar[str] = "p / (1 - p)"
    explained = (
        "How many times likelier than not: p / (1 − p).",
        "일어날 확률이 일어나지 않을 확률의 몇 배인지 나타냅니다: p / (1 − p).",
    )


class Logit(Function):
    """``log(p / (1 - p))``: the logarithm of the odds, whose inverse is the sigmoid."""

    word: ClassVar[str] = "logit"
    summary: ClassVar[str] = "log(p / (1 - p)), the inverse of sigmoid"
    explained = (
        "The logarithm of the odds; the sigmoid is its inverse.",
        "오즈의 로그입니다. 시그모이드는 로짓의 역함수입니다.",
    )


@FORWARD.enter(Odds)
def _forward_odds(op: Odds, given: Operands) -> Array:
    return losses.odds(given.x)


@FORWARD.enter(Logit)
def _forward_logit(op: Logit, given: Operands) -> Array:
    return losses.logit(given.x)


@BACKWARD.enter(Odds)
def _backward_odds(op: Odds, given: Operands, gradient: Array) -> Gradients:
    return gradient_of(gradient * losses.odds_slope(given.x))


@BACKWARD.enter(Logit)
def _backward_logit(op: Logit, given: Operands, gradient: Array) -> Gradients:
    return gradient_of(gradient * losses.logit_slope(given.x))


@OPEN.enter(Odds)
def _open_odds(op: Odds, given: UnitOperands) -> Walk:
    p = given.own
    step = make_step("odds", "{0} / (1 - {0})", float(losses.odds(given.x[given.index])), p=p)
    return opened(op, given, own_term(given), [step])


@OPEN.enter(Logit)
def _open_logit(op: Logit, given: UnitOperands) -> Walk:
    p, own = given.own, given.x[given.index]
    odds, logit = float(losses.odds(own)), float(losses.logit(own))
    steps = [make_step("odds", "{0} / (1 - {0})", odds, p=p), make_step("logit", "log({0})", logit, odds=odds)]
    return opened(op, given, own_term(given), steps)


def make_odds(given: Given) -> Prepared:
    """Odds of probabilities."""
    return Prepared(Odds(), [flat(given.first)])


def make_logit(given: Given) -> Prepared:
    """Logits of probabilities."""
    return Prepared(Logit(), [flat(given.first)])


WORDS.enter(Odds, Logit)(named({"odds": ("odds", "오즈")}, steps={"logit": ("logit", "로짓")}))
CALCULATE.enter(Odds)(
    Use(
        "PROBABILITIES",
        make_odds,
        (),
        "odds '0.5 0.8'",
        operands=("probabilities",),
        curve=Curve(lambda op, x: losses.odds_slope(x), probability=True),
    )
)
CALCULATE.enter(Logit)(
    Use(
        "PROBABILITIES",
        make_logit,
        (),
        "logit '0.5 0.8'",
        operands=("probabilities",),
        curve=Curve(lambda op, x: losses.logit_slope(x), probability=True),
    )
)
