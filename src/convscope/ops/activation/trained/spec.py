"""Activations with trained numbers: PReLU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from convscope.ops.activation.spec import pointwise
from convscope.ops.spec import Misfit, Op, Shape, count, no_products, number, operation
from convscope.ops.traits import Traits

__all__ = ["PReLU"]


@operation("prelu", "x, or a trained multiple of it below zero")
class PReLU(Op):
    """``prelu``: x where x > 0, else weight * x (He et al. 2015).

    The slope below zero is trained: one number, or ``num_parameters=in_channels`` for one a channel.

    Example:
        >>> PReLU().parameters([(6, 14, 14)]), PReLU(6).parameters([(6, 14, 14)])
        ({'weight': (1,)}, {'weight': (6,)})
    """

    positional: ClassVar[tuple[str, ...]] = ("num_parameters",)
    explained = (
        "As ReLU, but negative values keep a slope that is trained.",
        "ReLU와 같지만 음수의 기울기를 학습합니다.",
    )
    traits: ClassVar[Traits] = pointwise(monotone="no", nonlinearity="rectifier", keeps=("input",))
    macs = no_products

    num_parameters: int = count(1)
    init: float = number(0.25)

    def initial(self, name: str) -> float:
        """``init``."""
        return self.init

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """The input's."""
        channels = inputs[0][0]
        if self.num_parameters not in (1, channels):
            got = f"{self.num_parameters} slopes for {channels} channels"
            raise Misfit(got, f"1, or {channels}: one a channel", "num_parameters=in_channels", "num_parameters")
        return inputs[0]

    def parameters(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        """``weight``, one number or one a channel."""
        return {"weight": (self.num_parameters,)}
