"""Activations: a function of each value, and softmax over the channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from convscope.ops.spec import Op, number, operation, word


@operation("relu", "max(0, x)")
@dataclass(frozen=True)
class ReLU(Op):
    """``relu``: max(0, x)."""

    keeps: ClassVar[tuple[str, ...]] = ("output",)


@operation("relu6", "min(max(0, x), 6)")
@dataclass(frozen=True)
class ReLU6(Op):
    """``relu6``: min(max(0, x), 6) (Howard et al. 2017)."""

    keeps: ClassVar[tuple[str, ...]] = ("input",)


@operation("leakyrelu", "x, or a small multiple of it below zero")
@dataclass(frozen=True)
class LeakyReLU(Op):
    """``leakyrelu``: x where x > 0, else negative_slope * x."""

    positional: ClassVar[tuple[str, ...]] = ("negative_slope",)
    keeps: ClassVar[tuple[str, ...]] = ("input",)

    negative_slope: float = number(0.01)


@operation("gelu", "x times the normal distribution's share below x")
@dataclass(frozen=True)
class GELU(Op):
    """``gelu``: x * Phi(x), or its ``approximate=tanh`` form (Hendrycks and Gimpel 2016)."""

    keeps: ClassVar[tuple[str, ...]] = ("input",)

    approximate: str = word("none", ("none", "tanh"))


@operation("silu", "x * sigmoid(x)")
@dataclass(frozen=True)
class SiLU(Op):
    """``silu``: x * sigmoid(x), also called swish."""

    keeps: ClassVar[tuple[str, ...]] = ("input",)


@operation("hardswish", "x * relu6(x + 3) / 6")
@dataclass(frozen=True)
class Hardswish(Op):
    """``hardswish``: x * relu6(x + 3) / 6 (Howard et al. 2019)."""

    keeps: ClassVar[tuple[str, ...]] = ("input",)


@operation("hardsigmoid", "relu6(x + 3) / 6")
@dataclass(frozen=True)
class Hardsigmoid(Op):
    """``hardsigmoid``: relu6(x + 3) / 6."""

    keeps: ClassVar[tuple[str, ...]] = ("input",)


@operation("tanh", "hyperbolic tangent")
@dataclass(frozen=True)
class Tanh(Op):
    """``tanh``: (e^x - e^-x) / (e^x + e^-x)."""

    keeps: ClassVar[tuple[str, ...]] = ("output",)


@operation("sigmoid", "1 / (1 + e^-x)")
@dataclass(frozen=True)
class Sigmoid(Op):
    """``sigmoid``: 1 / (1 + e^-x); its slope is at most 0.25."""

    keeps: ClassVar[tuple[str, ...]] = ("output",)


@operation("softmax", "e^x over the sum of all e^x: a distribution over the channels")
@dataclass(frozen=True)
class Softmax(Op):
    """``softmax``: over the channels; a network may end with it, training then reads the scores before it."""

    keeps: ClassVar[tuple[str, ...]] = ("output",)
