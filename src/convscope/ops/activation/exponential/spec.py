"""Activations that bend by an exponential where ReLU has its kink: ELU, SELU, softplus, Mish."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from convscope.ops.activation.spec import Activation, pointwise, sigmoid_step, slope_piece, smooth_slope
from convscope.ops.spec import number, operation
from convscope.ops.step import Step, make_step
from convscope.ops.traits import Traits
from convscope.ops.words import named

__all__ = ["ELU", "SELU", "Mish", "Softplus"]


@operation("elu", "x, or alpha * (e^x - 1) below zero")
class ELU(Activation):
    """``elu``: x where x > 0, else alpha * (e^x - 1) (Clevert et al. 2015).

    Example:
        >>> ELU(0.5).text()
        'elu 0.5'
    """

    positional: ClassVar[tuple[str, ...]] = ("alpha",)
    traits: ClassVar[Traits] = pointwise(monotone="rounded", nonlinearity="rectifier", keeps=("input",))
    torch, module, keras, onednn = "elu", "ELU", "keras.ops.elu", ""
    explained = (
        "As ReLU, but negative values bend smoothly towards −alpha.",
        "ReLU와 같지만 음수는 −알파를 향해 부드럽게 휘어집니다.",
    )
    slope_size = smooth_slope

    alpha: float = number(1.0)

    @property
    def largest_slope(self) -> float:  # type: ignore[override]
        """1 above zero, alpha just below it."""
        return max(1.0, self.alpha)

    def value(self, x: Any, xp: Any) -> Any:
        """``x`` or the exponential less 1."""
        return xp.where(x > 0, x, self.alpha * xp.expm1(xp.minimum(x, 0)))

    def slope(self, x: Any, xp: Any) -> Any:
        """1 above 0, else the exponential."""
        return xp.where(x <= 0, self.alpha * xp.exp(xp.minimum(x, 0)), xp.asarray(1, x.dtype))

    def steps(self, x: float) -> tuple[Step, ...]:
        """One."""
        if x > 0:
            return (make_step("value", "{0}", x, x=x),)
        return (make_step("value", "{0} * (exp({1}) - 1)", self.alpha * math.expm1(x), alpha=self.alpha, x=x),)

    def slope_steps(self, x: float) -> tuple[Step, ...]:
        """The piece, or the exponential."""
        if x > 0:
            return slope_piece(x, 0, None, 1.0)
        return (make_step("slope", "{0} * exp({1})", self.alpha * math.exp(x), alpha=self.alpha, x=x),)


_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
"""The two numbers with which mean 0 and variance 1 stay as they are from layer to layer (Klambauer et al. 2017)."""


@operation("selu", "ELU times a number, so that mean 0 and variance 1 stay")
class SELU(Activation):
    """``selu``: 1.0507 * elu(x) of alpha 1.6733 (Klambauer et al. 2017)."""

    traits: ClassVar[Traits] = pointwise(monotone="rounded", nonlinearity="rectifier", keeps=("input",))
    torch, module, keras, onednn = "selu", "SELU", "keras.ops.selu", ""
    largest_slope = 1.8
    explained = (
        "As ELU, with two numbers that bring a layer's outputs towards mean 0 and variance 1.",
        "음수를 지수로 굽히되, 정해진 두 상수로 층의 출력을 평균 0, 분산 1에 가깝게 유지합니다.",
    )
    slope_size = smooth_slope

    def value(self, x: Any, xp: Any) -> Any:
        """``x`` or the exponential less 1, scaled."""
        return _SELU_SCALE * xp.where(x > 0, x, _SELU_ALPHA * xp.expm1(xp.minimum(x, 0)))

    def slope(self, x: Any, xp: Any) -> Any:
        """The scale above 0, else the exponential scaled."""
        return _SELU_SCALE * xp.where(x <= 0, _SELU_ALPHA * xp.exp(xp.minimum(x, 0)), xp.asarray(1, x.dtype))

    def steps(self, x: float) -> tuple[Step, ...]:
        """One."""
        if x > 0:
            return (make_step("value", "{0} * {1}", _SELU_SCALE * x, scale=_SELU_SCALE, x=x),)
        value = _SELU_SCALE * _SELU_ALPHA * math.expm1(x)
        form = "{0} * {1} * (exp({2}) - 1)"
        return (make_step("value", form, value, scale=_SELU_SCALE, alpha=_SELU_ALPHA, x=x),)

    def slope_steps(self, x: float) -> tuple[Step, ...]:
        """The piece, or the exponential."""
        if x > 0:
            return slope_piece(x, 0, None, _SELU_SCALE, str(_SELU_SCALE))
        value = _SELU_SCALE * _SELU_ALPHA * math.exp(x)
        return (make_step("slope", "{0} * {1} * exp({2})", value, scale=_SELU_SCALE, alpha=_SELU_ALPHA, x=x),)


LINEAR = 40.0
"""From here on softplus is its argument, to the last bit of float64. (torch's own 20 is off by 2e-9.)"""


@operation("softplus", "log(1 + e^x): a smooth ReLU")
class Softplus(Activation):
    """``softplus``: log(1 + e^(beta x)) / beta (Dugas et al. 2001); its slope is the sigmoid."""

    positional: ClassVar[tuple[str, ...]] = ("beta",)
    traits: ClassVar[Traits] = pointwise(monotone="rounded", nonlinearity="rectifier", keeps=("input",))
    torch, module, keras, onednn = "softplus", "Softplus", "keras.ops.softplus", ""
    largest_slope = 1.0
    explained = (
        "A smooth ReLU: the logarithm of 1 + e to the power of x. Its slope is the sigmoid.",
        "모서리가 부드러운 ReLU입니다. 기울기는 시그모이드입니다.",
    )

    beta: float = number(1.0, 0.001)

    def slope_size(self, x: float) -> float:
        """The sigmoid itself."""
        return sigmoid_step(self.beta * x, "sigmoid").value

    def value(self, x: Any, xp: Any) -> Any:
        """The logarithm of 1 plus the exponential, without overflow."""
        return xp.logaddexp(0, self.beta * x) / self.beta

    def slope(self, x: Any, xp: Any) -> Any:
        """The sigmoid of ``beta * x``."""
        return xp.sigmoid(self.beta * x)

    def steps(self, x: float) -> tuple[Step, ...]:
        """One."""
        if self.beta * x > LINEAR:
            return (make_step("value", "{0}", x, x=x),)
        value = math.log1p(math.exp(self.beta * x)) / self.beta
        return (make_step("value", "log(1 + exp({0} * {1})) / {0}", value, beta=self.beta, x=x),)

    def slope_steps(self, x: float) -> tuple[Step, ...]:
        """One."""
        value = sigmoid_step(self.beta * x, "slope").value
        if x > 0:
            return (make_step("slope", "1 / (1 + exp(-{0} * {1}))", value, beta=self.beta, x=x),)
        return (make_step("slope", "exp({0} * {1}) / (1 + exp({0} * {1}))", value, beta=self.beta, x=x),)


@operation("mish", "x * tanh(softplus(x))")
class Mish(Activation):
    """``mish``: x * tanh(log(1 + e^x)) (Misra 2019)."""

    traits: ClassVar[Traits] = pointwise(monotone="no", nonlinearity="rectifier", keeps=("input",))
    torch, module, keras, onednn = "mish", "Mish", "keras.ops.mish", ""
    largest_slope = 1.0
    explained = (
        "x times the hyperbolic tangent of its softplus.",
        "x에 소프트플러스의 쌍곡 탄젠트를 곱합니다.",
    )
    words = named({"softplus": ("softplus", "소프트플러스")})
    slope_size = smooth_slope

    def value(self, x: Any, xp: Any) -> Any:
        """``x`` times the hyperbolic tangent of its softplus."""
        return x * xp.tanh(xp.logaddexp(0, x))

    def slope(self, x: Any, xp: Any) -> Any:
        """``t + x * (1 - t^2) * sigmoid(x)``, t being the tangent."""
        t = xp.tanh(xp.logaddexp(0, x))
        return t + x * (1 - xp.square(t)) * xp.sigmoid(x)

    def _parts(self, x: float) -> tuple[Step, Step]:
        softplus = x if x > LINEAR else math.log1p(math.exp(x))
        first = make_step("softplus", "{0}" if x > LINEAR else "log(1 + exp({0}))", softplus, x=x)
        return first, make_step("tanh", "tanh({0})", math.tanh(softplus), softplus=softplus)

    def steps(self, x: float) -> tuple[Step, ...]:
        """The softplus, its tangent, then the product."""
        first, second = self._parts(x)
        return first, second, make_step("value", "{0} * {1}", x * second.value, x=x, tanh=second.value)

    def slope_steps(self, x: float) -> tuple[Step, ...]:
        """The softplus, its tangent, the sigmoid, then the slope."""
        first, second = self._parts(x)
        t, third = second.value, sigmoid_step(x, "sigmoid")
        value = t + x * (1 - t * t) * third.value
        last = make_step("slope", "{0} + {1} * (1 - {0} ** 2) * {2}", value, tanh=t, x=x, sigmoid=third.value)
        return first, second, third, last
