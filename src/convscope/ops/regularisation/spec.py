"""What acts in training alone: dropout."""

from __future__ import annotations

from typing import ClassVar

from convscope.ops.spec import Op, no_products, number, operation
from convscope.ops.traits import Traits

__all__ = ["Dropout"]


@operation("dropout", "sets values to zero at random while training")
class Dropout(Op):
    """``dropout P``: zero with probability p, the rest scaled by 1 / (1 - p) (Srivastava et al. 2014)."""

    positional: ClassVar[tuple[str, ...]] = ("p",)
    explained = (
        "While training, sets values to 0 at random; otherwise passes its input on.",
        "학습할 때는 값을 무작위로 0으로 만들고, 그 밖에는 입력을 그대로 내보냅니다.",
    )
    traits: ClassVar[Traits] = Traits(
        reads="element",
        monotone="exact",
        linearity="affine",
        nonlinearity="none",
        keeps=("mask",),
        aliases="evaluation",
        gradient="made",
        pools="no",
        product=False,
        overwritable=False,
        precise=False,
        random=True,
    )
    macs = no_products

    p: float = number(0.5, 0.0, 0.99)
