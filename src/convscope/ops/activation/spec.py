"""Activations: one class an activation, with all of its arithmetic; and softmax, which reads all channels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar, Literal

from convscope.ops.spec import Misfit, Op, no_products, number, operation, word
from convscope.ops.step import Step, make_step
from convscope.ops.traits import Keeps, Monotone, Nonlinearity, Traits
from convscope.ops.words import Words, named

__all__ = [
    "GELU",
    "Activation",
    "Clip",
    "Hardsigmoid",
    "Hardswish",
    "LeakyReLU",
    "LogSoftmax",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
]


def pointwise(*, monotone: Monotone, nonlinearity: Nonlinearity, keeps: Keeps) -> Traits:
    """The traits of a function of each value alone; the three that differ are stated."""
    return Traits(
        reads="element",
        monotone=monotone,
        linearity="none",
        nonlinearity=nonlinearity,
        keeps=keeps,
        aliases="never",
        gradient="made",
        pools="no",
        product=False,
        overwritable=False,
        precise=False,
        random=False,
    )


class Activation(Op):
    """A function of each value alone. All that is known of one stands in its class; adding one is one class.

    Class variables:
        torch: its function in ``torch.nn.functional``; the arguments are the operation's own.
        module: its class in ``torch.nn``; empty where there is none.
        keras: the function in Keras; empty where there is none.
        onednn: its name among oneDNN's post-operations, see :meth:`post_operation`; empty where there is none.
        largest_slope: to one digit.
        words: what its steps are called, where the family (``words.py``) does not say it.
    """

    torch: ClassVar[str]
    module: ClassVar[str]
    keras: ClassVar[str]
    onednn: ClassVar[str]
    largest_slope: ClassVar[float]
    words: ClassVar[Words] = named()

    macs = no_products

    def value(self, x: Any, xp: Any) -> Any:
        """The function at ``x``, an array of any shape and real precision, which the result keeps.

        Args:
            x: the values.
            xp: NumPy, with ``erf`` and an exact ``sigmoid`` besides.
        """
        raise NotImplementedError

    def slope(self, x: Any, xp: Any) -> Any:
        """The derivative at ``x``; at a kink it is torch's. Arguments as for :meth:`value`."""
        raise NotImplementedError

    def steps(self, x: float) -> tuple[Step, ...]:
        """The formulas that lead from ``x`` to the value, which the last gives."""
        raise NotImplementedError

    def slope_steps(self, x: float) -> tuple[Step, ...]:
        """The formulas that lead from ``x`` to the slope, which the last gives."""
        raise NotImplementedError

    def slope_size(self, x: float) -> float:
        """How large the numbers are whose difference the slope is: rounding is measured by it. 0 where it is exact."""
        raise NotImplementedError

    def post_operation(self) -> tuple[str, list[float], str]:
        """What oneDNN computes it by as it writes a convolution's result: torch's name, numbers and variant."""
        return self.onednn, [], ""

    def arguments(self) -> Mapping[str, Any]:
        """Its arguments by name."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}


def exact_slope(self: Activation, x: float) -> float:
    """The :meth:`Activation.slope_size` of straight lines."""
    return 0.0


def smooth_slope(self: Activation, x: float) -> float:
    """The :meth:`Activation.slope_size` of a curve that is about as large as its argument."""
    return 1.0 + abs(x)


def slope_piece(x: float, low: float, high: float | None, slope: float, form: str = "") -> tuple[Step, ...]:
    """The slope of the straight line on which a value lies, the piece named in words."""
    if x <= low:
        where = f"x <= {low:g}"
    elif high is None:
        where = f"x > {low:g}"
    else:
        where = f"{low:g} < x < {high:g}" if x < high else f"x >= {high:g}"
    return (Step(f"slope where {where}", form or f"{slope:g}", (), slope),)


def sigmoid_step(x: float, name: str) -> Step:
    """In the form that does not overflow."""
    if x >= 0:
        return make_step(name, "1 / (1 + exp(-{0}))", 1 / (1 + math.exp(-x)), x=x)
    return make_step(name, "exp({0}) / (1 + exp({0}))", math.exp(x) / (1 + math.exp(x)), x=x)


def _limited(x: float, low: float, high: float) -> float:
    """``x`` cut off at both; what is no number stays it."""
    return x if math.isnan(x) else min(max(low, x), high)


def _inside(within: Any, x: Any, xp: Any, value: float = 1.0) -> Any:
    return xp.where(within, xp.asarray(value, x.dtype), xp.asarray(0, x.dtype))


@operation("relu", "max(0, x)")
class ReLU(Activation):
    """``relu``: max(0, x)."""

    traits: ClassVar[Traits] = pointwise(monotone="exact", nonlinearity="rectifier", keeps=("output",))
    torch, module, keras, onednn = "relu", "ReLU", "keras.ops.relu", "relu"
    largest_slope = 1.0
    explained = (
        "Negative values become 0, the others pass: max(0, x).",
        "음수는 0이 되고 나머지는 그대로 통과합니다: max(0, x).",
    )
    slope_size = exact_slope

    def value(self, x: Any, xp: Any) -> Any:
        """``max(0, x)``."""
        return xp.maximum(x, 0)

    def slope(self, x: Any, xp: Any) -> Any:
        """1 above 0, else 0; 1 where ``x`` is no number, as torch has it."""
        return _inside(~(x <= 0), x, xp)

    def steps(self, x: float) -> tuple[Step, ...]:
        """One."""
        return (make_step("value", "max(0, {0})", _limited(x, 0.0, math.inf), x=x),)

    def slope_steps(self, x: float) -> tuple[Step, ...]:
        """The piece."""
        return slope_piece(x, 0, None, float(not x <= 0))


@operation("relu6", "min(max(0, x), 6)")
class ReLU6(Activation):
    """``relu6``: min(max(0, x), 6) (Howard et al. 2017)."""

    traits: ClassVar[Traits] = pointwise(monotone="exact", nonlinearity="rectifier", keeps=("input",))
    torch, module, keras, onednn = "relu6", "ReLU6", "keras.ops.relu6", "hardtanh"
    largest_slope = 1.0
    explained = ("As ReLU, but never above 6.", "ReLU와 같지만 6을 넘지 않습니다.")
    slope_size = exact_slope

    def value(self, x: Any, xp: Any) -> Any:
        """``x`` cut off at 0 and 6."""
        return xp.clip(x, 0, 6)

    def slope(self, x: Any, xp: Any) -> Any:
        """1 strictly between 0 and 6, else 0."""
        return _inside((x > 0) & (x < 6), x, xp)

    def steps(self, x: float) -> tuple[Step, ...]:
        """One."""
        return (make_step("value", "min(max(0, {0}), 6)", _limited(x, 0.0, 6.0), x=x),)

    def post_operation(self) -> tuple[str, list[float], str]:
        """Its name and its numbers."""
        return self.onednn, [0.0, 6.0], ""

    def slope_steps(self, x: float) -> tuple[Step, ...]:
        """The piece."""
        return slope_piece(x, 0, 6, float(0 < x < 6))


@operation("clip", "x, cut off below and above")
class Clip(Activation):
    """``clip``: min(max(x, min), max); torch's hardtanh and clamp, between -1 and 1 where nothing else is said.

    Example:
        >>> Clip(0, 4).text()
        'clip min=0.0 max=4.0'
    """

    traits: ClassVar[Traits] = pointwise(monotone="exact", nonlinearity="saturating", keeps=("input",))
    torch, module, keras, onednn = "hardtanh", "Hardtanh", "keras.ops.clip", "hardtanh"
    largest_slope = 1.0
    explained = (
        "Values below the least become the least, values above the largest the largest.",
        "최솟값보다 작은 값은 최솟값으로, 최댓값보다 큰 값은 최댓값으로 자릅니다.",
    )
    words = named(operands={"least": ("least", "최솟값")})
    slope_size = exact_slope

    min: float = number(-1.0, -(2.0**31))
    max: float = number(1.0, -(2.0**31))

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.min < self.max:
            got = f"min={self.min:g} and max={self.max:g}"
            raise Misfit(got, "a largest value above the least", argument="max")

    def arguments(self) -> Mapping[str, Any]:
        """By torch's names."""
        return {"min_val": self.min, "max_val": self.max}

    def value(self, x: Any, xp: Any) -> Any:
        """``x`` cut off."""
        return xp.clip(x, self.min, self.max)

    def slope(self, x: Any, xp: Any) -> Any:
        """1 strictly between, else 0."""
        return _inside((x > self.min) & (x < self.max), x, xp)

    def steps(self, x: float) -> tuple[Step, ...]:
        """One."""
        value = min(max(x, self.min), self.max)
        return (make_step("value", "min(max({0}, {1}), {2})", value, x=x, least=self.min, largest=self.max),)

    def post_operation(self) -> tuple[str, list[float], str]:
        """Its name and its numbers."""
        return self.onednn, [self.min, self.max], ""

    def slope_steps(self, x: float) -> tuple[Step, ...]:
        """The piece."""
        return slope_piece(x, self.min, self.max, float(self.min < x < self.max))


@operation("leakyrelu", "x, or a small multiple of it below zero")
class LeakyReLU(Activation):
    """``leakyrelu``: x where x > 0, else negative_slope * x (Maas et al. 2013)."""

    positional: ClassVar[tuple[str, ...]] = ("negative_slope",)
    traits: ClassVar[Traits] = pointwise(monotone="rounded", nonlinearity="rectifier", keeps=("input",))
    torch, module, keras, onednn = "leaky_relu", "LeakyReLU", "layers.LeakyReLU", "leaky_relu"
    largest_slope = 1.0
    explained = (
        "As ReLU, but negative values keep a small slope.",
        "ReLU와 같지만 음수에도 작은 기울기를 남깁니다.",
    )
    words = named(operands={"negative slope": ("negative slope", "음수 쪽 기울기")})
    slope_size = exact_slope

    negative_slope: float = number(0.01)

    def value(self, x: Any, xp: Any) -> Any:
        """``x`` or its small multiple."""
        return xp.where(x > 0, x, self.negative_slope * x)

    def slope(self, x: Any, xp: Any) -> Any:
        """1 above 0, else the small slope."""
        return xp.where(x > 0, xp.asarray(1, x.dtype), xp.asarray(self.negative_slope, x.dtype))

    def steps(self, x: float) -> tuple[Step, ...]:
        """One."""
        if x > 0:
            return (make_step("value", "{0}", x, x=x),)
        return (make_step("value", "{0} * {1}", self.negative_slope * x, negative_slope=self.negative_slope, x=x),)

    def post_operation(self) -> tuple[str, list[float], str]:
        """Its name and its numbers."""
        return self.onednn, [self.negative_slope], ""

    def slope_steps(self, x: float) -> tuple[Step, ...]:
        """The piece."""
        return slope_piece(x, 0, None, 1.0 if x > 0 else self.negative_slope)


@operation("gelu", "x times the normal distribution's share below x")
class GELU(Activation):
    """``gelu``: x * Phi(x), or its ``approximate=tanh`` form (Hendrycks and Gimpel 2016)."""

    traits: ClassVar[Traits] = pointwise(monotone="no", nonlinearity="rectifier", keeps=("input",))
    torch, module, keras, onednn = "gelu", "GELU", "keras.ops.gelu", "gelu"
    largest_slope = 1.0
    explained = (
        "x times the share of the normal distribution that lies below x.",
        "x에 표준 정규 분포에서 x보다 작을 확률을 곱합니다.",
    )
    words = named({"share below": ("share below", "아래쪽 확률"), "density": ("density", "밀도")})
    slope_size = smooth_slope

    approximate: Literal["none", "tanh"] = word("none", ("none", "tanh"))

    def value(self, x: Any, xp: Any) -> Any:
        """``x`` times the normal distribution below it."""
        return x * self._below(x, xp)

    def _below(self, x: Any, xp: Any) -> Any:
        if self.approximate == "tanh":
            return 0.5 * (1 + xp.tanh(_GELU_INNER * (x + _GELU_CUBE * x**3)))
        return 0.5 * (1 + xp.erf(x / math.sqrt(2)).astype(x.dtype))

    def slope(self, x: Any, xp: Any) -> Any:
        """The distribution plus ``x`` times its density."""
        if self.approximate == "tanh":
            inner = xp.tanh(_GELU_INNER * (x + _GELU_CUBE * x**3))
            rising = _GELU_INNER * (1 + 3 * _GELU_CUBE * xp.square(x))
            return 0.5 * (1 + inner) + 0.5 * x * (1 - xp.square(inner)) * rising
        density = xp.exp(-xp.square(x) / 2) / math.sqrt(2 * math.pi)
        return self._below(x, xp) + x * density

    def steps(self, x: float) -> tuple[Step, ...]:
        """The distribution below ``x``, then the product."""
        if self.approximate == "tanh":
            form = f"(1 + tanh(0.7978845608 * ({{0}} + {_GELU_CUBE} * {{0}} ** 3))) / 2"
            below = (1 + math.tanh(_GELU_INNER * (x + _GELU_CUBE * x**3))) / 2
        else:
            form, below = "(1 + erf({0} / sqrt(2))) / 2", (1 + math.erf(x / math.sqrt(2))) / 2
        first = make_step("share below", form, below, x=x)
        return first, make_step("value", "{0} * {1}", x * below, x=x, share_below=below)

    def post_operation(self) -> tuple[str, list[float], str]:
        """Its name and its form."""
        return self.onednn, [], self.approximate

    def slope_steps(self, x: float) -> tuple[Step, ...]:
        """The distribution below ``x``, its density, and both together."""
        if self.approximate == "tanh":
            t = math.tanh(_GELU_INNER * (x + _GELU_CUBE * x**3))
            value = 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * _GELU_INNER * (1 + 0.134145 * x * x)
            root = "sqrt(2 / 3.141592653589793)"
            form = f"(1 + {{1}}) / 2 + {{0}} / 2 * (1 - {{1}} ** 2) * {root} * (1 + 0.134145 * {{0}} ** 2)"
            inner = make_step("tanh", f"tanh({root} * ({{0}} + {_GELU_CUBE} * {{0}} ** 3))", t, x=x)
            return inner, make_step("slope", form, value, x=x, tanh=t)
        below = 0.5 * (1 + math.erf(x / math.sqrt(2)))
        density = math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        return (
            make_step("share below", "(1 + erf({0} / sqrt(2))) / 2", below, x=x),
            make_step("density", "exp(-{0} ** 2 / 2) / sqrt(2 * 3.141592653589793)", density, x=x),
            make_step("slope", "{0} + {1} * {2}", below + x * density, share_below=below, x=x, density=density),
        )


_GELU_INNER, _GELU_CUBE = math.sqrt(2 / math.pi), 0.044715
"""The two numbers of the tanh form."""


@operation("silu", "x * sigmoid(x)")
class SiLU(Activation):
    """``silu``: x * sigmoid(x), also called swish (Elfwing et al. 2017, Ramachandran et al. 2017)."""

    traits: ClassVar[Traits] = pointwise(monotone="no", nonlinearity="rectifier", keeps=("input",))
    torch, module, keras, onednn = "silu", "SiLU", "keras.ops.silu", "swish"
    largest_slope = 1.0
    explained = ("x times its sigmoid.", "x에 x의 시그모이드를 곱합니다.")
    slope_size = smooth_slope

    def value(self, x: Any, xp: Any) -> Any:
        """``x`` times its sigmoid."""
        return x * xp.sigmoid(x)

    def slope(self, x: Any, xp: Any) -> Any:
        """``s * (1 + x * (1 - s))``."""
        s = xp.sigmoid(x)
        return s * (1 + x * (1 - s))

    def steps(self, x: float) -> tuple[Step, ...]:
        """The sigmoid, then the product."""
        first = sigmoid_step(x, "sigmoid")
        return first, make_step("value", "{0} * {1}", x * first.value, x=x, sigmoid=first.value)

    def slope_steps(self, x: float) -> tuple[Step, ...]:
        """The sigmoid, then the slope."""
        first = sigmoid_step(x, "sigmoid")
        s = first.value
        return first, make_step("slope", "{0} * (1 + {1} * (1 - {0}))", s * (1 + x * (1 - s)), sigmoid=s, x=x)


@operation("hardswish", "x * relu6(x + 3) / 6")
class Hardswish(Activation):
    """``hardswish``: x * relu6(x + 3) / 6 (Howard et al. 2019)."""

    traits: ClassVar[Traits] = pointwise(monotone="no", nonlinearity="rectifier", keeps=("input",))
    torch, module, keras, onednn = "hardswish", "Hardswish", "keras.ops.hard_silu", "hardswish"
    largest_slope = 1.0
    explained = ("x times a sigmoid made of straight lines.", "x에 직선으로 근사한 시그모이드를 곱합니다.")
    words = named({"hardsigmoid": ("hardsigmoid", "하드 시그모이드")})
    slope_size = smooth_slope

    def value(self, x: Any, xp: Any) -> Any:
        """``x * relu6(x + 3) / 6``."""
        return x * xp.clip(x + 3, 0, 6) / 6

    def slope(self, x: Any, xp: Any) -> Any:
        """``x / 3 + 0.5`` between -3 and 3, 0 below, 1 above."""
        between = xp.where(x < 3, x / 3 + xp.asarray(0.5, x.dtype), xp.asarray(1, x.dtype))
        return xp.where(x <= -3, xp.asarray(0, x.dtype), between)

    def steps(self, x: float) -> tuple[Step, ...]:
        """The sigmoid of straight lines, then the product."""
        first = _hard_sigmoid(x, "hardsigmoid")
        return first, make_step("value", "{0} * {1}", x * first.value, x=x, hardsigmoid=first.value)

    def slope_steps(self, x: float) -> tuple[Step, ...]:
        """The piece, or the line between."""
        if x <= -3 or x >= 3:
            return (Step(f"slope where x {'<= -3' if x < 0 else '>= 3'}", "0" if x < 0 else "1", (), float(x > 0)),)
        return (make_step("slope", "{0} / 3 + 0.5", x / 3 + 0.5, x=x),)


def _hard_sigmoid(x: float, name: str) -> Step:
    return make_step(name, "min(max({0} + 3, 0), 6) / 6", min(max(x + 3, 0.0), 6.0) / 6, x=x)


@operation("hardsigmoid", "relu6(x + 3) / 6")
class Hardsigmoid(Activation):
    """``hardsigmoid``: relu6(x + 3) / 6, or min(max(alpha * x + beta, 0), 1) (Courbariaux et al. 2015, Howard 2019).

    PyTorch's has no arguments; others have 0.2 and 0.5.

    Example:
        >>> Hardsigmoid(alpha=0.2).text()
        'hardsigmoid alpha=0.2'
    """

    torch, module, keras, onednn = "hardsigmoid", "Hardsigmoid", "keras.ops.hard_sigmoid", "hardsigmoid"
    explained = ("A sigmoid made of straight lines.", "직선으로 근사한 시그모이드입니다.")
    slope_size = exact_slope

    alpha: float = number(1 / 6)
    beta: float = number(0.5)

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """It keeps its input, or the line before it is cut off."""
        return pointwise(monotone="rounded", nonlinearity="saturating", keeps=("input",) if self.usual else ("value",))

    @property
    def usual(self) -> bool:
        """Whether it is PyTorch's, which computes with whole numbers."""
        return (self.alpha, self.beta) == (1 / 6, 0.5)

    @property
    def largest_slope(self) -> float:  # type: ignore[override]
        """Between the kinks."""
        return self.alpha

    def value(self, x: Any, xp: Any) -> Any:
        """``relu6(x + 3) / 6``, or the line cut off at 0 and 1."""
        return xp.clip(x + 3, 0, 6) / 6 if self.usual else xp.clip(self.alpha * x + self.beta, 0, 1)

    def slope(self, x: Any, xp: Any) -> Any:
        """``alpha`` strictly between the kinks, else 0."""
        if self.usual:
            return _inside((x > -3) & (x < 3), x, xp, 1 / 6)
        line = self.alpha * x + self.beta
        return _inside((line > 0) & (line < 1), x, xp, self.alpha)

    def steps(self, x: float) -> tuple[Step, ...]:
        """One."""
        if self.usual:
            return (_hard_sigmoid(x, "value"),)
        value = min(max(self.alpha * x + self.beta, 0.0), 1.0)
        form = "min(max({0} * {1} + {2}, 0), 1)"
        return (make_step("value", form, value, alpha=self.alpha, x=x, beta=self.beta),)

    def post_operation(self) -> tuple[str, list[float], str]:
        """Its name, with PyTorch's own numbers; torch hands it no others."""
        return self.onednn if self.usual else "", [], ""

    def slope_steps(self, x: float) -> tuple[Step, ...]:
        """The piece."""
        if self.usual:
            return slope_piece(x, -3, 3, 1 / 6, "1 / 6") if -3 < x < 3 else slope_piece(x, -3, 3, 0.0)
        line = self.alpha * x + self.beta
        if 0 < line < 1:
            return (make_step("slope", "{0}", self.alpha, alpha=self.alpha),)
        return slope_piece(line, 0, 1, 0.0)


@operation("tanh", "hyperbolic tangent")
class Tanh(Activation):
    """``tanh``: (e^x - e^-x) / (e^x + e^-x)."""

    traits: ClassVar[Traits] = pointwise(monotone="rounded", nonlinearity="saturating", keeps=("output",))
    torch, module, keras, onednn = "tanh", "Tanh", "keras.ops.tanh", "tanh"
    largest_slope = 1.0
    explained = ("Squashes every number between −1 and 1.", "모든 수를 −1과 1 사이로 압축합니다(쌍곡 탄젠트).")
    slope_size = smooth_slope

    def value(self, x: Any, xp: Any) -> Any:
        """``tanh(x)``."""
        return xp.tanh(x)

    def slope(self, x: Any, xp: Any) -> Any:
        """``1 - tanh(x)^2``."""
        return 1 - xp.square(xp.tanh(x))

    def steps(self, x: float) -> tuple[Step, ...]:
        """One."""
        return (make_step("value", "tanh({0})", math.tanh(x), x=x),)

    def slope_steps(self, x: float) -> tuple[Step, ...]:
        """The value, then the slope."""
        y = math.tanh(x)
        return make_step("tanh", "tanh({0})", y, x=x), make_step("slope", "1 - {0} ** 2", 1 - y * y, tanh=y)


@operation("sigmoid", "1 / (1 + e^-x)")
class Sigmoid(Activation):
    """``sigmoid``: 1 / (1 + e^-x); its slope is at most 0.25."""

    traits: ClassVar[Traits] = pointwise(monotone="rounded", nonlinearity="saturating", keeps=("output",))
    torch, module, keras, onednn = "sigmoid", "Sigmoid", "keras.ops.sigmoid", "sigmoid"
    largest_slope = 0.25
    explained = (
        "Squashes every number between 0 and 1. Its slope is at most 0.25: multiplied layer after layer, it vanishes.",
        "모든 수를 0과 1 사이로 압축합니다. 기울기가 최대 0.25이므로 층마다 곱해지면 기울기가 소실됩니다.",
    )

    def value(self, x: Any, xp: Any) -> Any:
        """``1 / (1 + e^-x)``."""
        return xp.sigmoid(x)

    def slope(self, x: Any, xp: Any) -> Any:
        """``s * (1 - s)``, without the rounding of ``1 - s`` where ``x`` is large."""
        return xp.sigmoid(x) * xp.sigmoid(-x)

    def steps(self, x: float) -> tuple[Step, ...]:
        """One."""
        return (sigmoid_step(x, "value"),)

    def slope_steps(self, x: float) -> tuple[Step, ...]:
        """The value, then the slope."""
        first = sigmoid_step(x, "sigmoid")
        s = first.value
        return first, make_step("slope", "{0} * (1 - {0})", s * (1 - s), sigmoid=s)

    def slope_size(self, x: float) -> float:
        """The sigmoid itself."""
        return sigmoid_step(x, "sigmoid").value


@operation("softmax", "e^x over the sum of all e^x: a distribution over the channels")
class Softmax(Op):
    """``softmax``: over the channels; a network may end with it, training then reads the scores before it."""

    explained = (
        "Scores become probabilities: each exponential over the sum of all.",
        "점수를 확률로 바꿉니다. 각 지수값을 모든 지수값의 합으로 나눕니다.",
    )
    traits: ClassVar[Traits] = Traits(
        reads="place",
        monotone="no",
        linearity="none",
        nonlinearity="other",
        keeps=("output",),
        aliases="never",
        gradient="made",
        pools="no",
        product=False,
        overwritable=False,
        precise=True,
        random=False,
    )
    macs = no_products


@operation("logsoftmax", "the logarithm of softmax")
class LogSoftmax(Op):
    """``logsoftmax``: x less the logarithm of the sum of all e^x, over the channels.

    The softmax of what it gives is the softmax of what it reads, so that a network may end with it and is trained and
    asked for probabilities as without it.
    """

    explained = (
        "The logarithm of the probabilities that softmax gives.",
        "소프트맥스가 준 확률의 로그입니다.",
    )
    traits: ClassVar[Traits] = Softmax.traits
    macs = no_products
