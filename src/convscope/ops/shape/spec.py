"""Operations that move values and change none: flatten, identity, channels of zeros."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from convscope.ops.spec import Box, Op, Shape, count, elements, no_products, operation
from convscope.ops.traits import Traits

__all__ = ["Flatten", "Identity", "PadChannels"]


@operation("flatten", "all values in one vector")
@dataclass(frozen=True)
class Flatten(Op):
    """``flatten``: channels first, then rows, then columns: ``(C, H, W)`` becomes ``(C * H * W,)``."""

    explained = (
        "All values in one vector, row by row.",
        "모든 값을 행 순서대로 하나의 벡터로 폅니다.",
    )
    traits: ClassVar[Traits] = Traits(
        reads="box",
        monotone="exact",
        linearity="affine",
        nonlinearity="none",
        keeps=(),
        aliases="vector",
        gradient="passed",
        pools="no",
        product=False,
        overwritable=False,
        precise=False,
        random=False,
    )
    macs = no_products

    def box(self, box: Box, inputs: Sequence[Shape]) -> Box:
        """All of it: a vector has no places."""
        return tuple((0, length) for length in inputs[0][1:])

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(elements,)``."""
        return (elements(inputs[0]),)


@operation("identity", "passes its input on")
@dataclass(frozen=True)
class Identity(Op):
    """``identity``: the branch of a merge that changes nothing."""

    explained = (
        "Passes its input on.",
        "입력을 그대로 내보냅니다.",
    )
    traits: ClassVar[Traits] = Traits(
        reads="element",
        monotone="exact",
        linearity="affine",
        nonlinearity="none",
        keeps=(),
        aliases="always",
        gradient="passed",
        pools="no",
        product=False,
        overwritable=False,
        precise=False,
        random=False,
    )
    macs = no_products


@operation("padchannels", "channels of zeros before and behind")
@dataclass(frozen=True)
class PadChannels(Op):
    """``padchannels BEFORE AFTER``: more channels without weights (He et al. 2015, the shortcut's option A).

    Example:
        >>> PadChannels(8, 8).shape([(16, 32, 32)])
        (32, 32, 32)
    """

    positional: ClassVar[tuple[str, ...]] = ("before", "after")
    explained = (
        "Channels of zeros before and behind.",
        "앞뒤에 0으로 된 채널을 덧붙입니다.",
    )
    traits: ClassVar[Traits] = Traits(
        reads="place",
        monotone="exact",
        linearity="affine",
        nonlinearity="none",
        keeps=(),
        aliases="never",
        gradient="made",
        pools="no",
        product=False,
        overwritable=False,
        precise=False,
        random=False,
    )
    macs = no_products

    before: int = count(minimum=0)
    after: int = count(minimum=0)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(before + C + after, *spatial)``."""
        return (self.before + inputs[0][0] + self.after, *inputs[0][1:])
