"""Operations that move values and change none: flatten, identity, zeros around, channels added, taken, shuffled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from convscope.ops.spec import (
    Box,
    Misfit,
    Op,
    Shape,
    Size,
    Window,
    count,
    elements,
    no_products,
    operation,
    per_dimension,
    size,
    spatial,
)
from convscope.ops.traits import Traits

__all__ = ["ChannelShuffle", "ChannelSplit", "Flatten", "Identity", "Pad", "PadChannels"]

_MOVED = Traits(
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


@operation("flatten", "all values in one vector")
class Flatten(Op):
    """``flatten``: channels first, then rows, then columns: ``(C, H, W)`` becomes ``(C * H * W,)``."""

    explained = (
        "All values in one vector, row by row.",
        "모든 값을 행 순서대로 하나의 벡터로 폅니다.",
    )
    traits: ClassVar[Traits] = replace(_MOVED, reads="box", aliases="vector", gradient="passed")
    macs = no_products

    def box(self, box: Box, inputs: Sequence[Shape]) -> Box:
        """All of it: a vector has no places."""
        return tuple((0, length) for length in inputs[0][1:])

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(elements,)``."""
        return (elements(inputs[0]),)


@operation("identity", "passes its input on")
class Identity(Op):
    """``identity``: the branch of a merge that changes nothing."""

    explained = (
        "Passes its input on.",
        "입력을 그대로 내보냅니다.",
    )
    traits: ClassVar[Traits] = replace(_MOVED, reads="element", aliases="always", gradient="passed")
    macs = no_products


@operation("padchannels", "channels of zeros before and behind")
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
    traits: ClassVar[Traits] = _MOVED
    macs = no_products

    before: int = count(minimum=0)
    after: int = count(minimum=0)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(before + C + after, *spatial)``."""
        return (self.before + inputs[0][0] + self.after, *inputs[0][1:])


@operation("pad", "zeros around the input")
class Pad(Op):
    """``pad BEFORE AFTER``: zeros before and behind each dimension; ``pad 0 1`` is what TensorFlow adds at stride 2.

    Example:
        >>> Pad(1, (1, 2)).shape([(3, 8, 8)])
        (3, 10, 11)
    """

    positional: ClassVar[tuple[str, ...]] = ("before", "after")
    explained = (
        "Zeros around the input, as many before as behind or not.",
        "입력 둘레에 0을 덧붙입니다. 앞과 뒤의 개수가 달라도 됩니다.",
    )
    traits: ClassVar[Traits] = replace(_MOVED, reads="window")
    macs = no_products

    before: Size = size(minimum=0)
    after: Size = size(minimum=0)

    def window(self, inputs: Sequence[Shape]) -> Window:
        """A window of one value, with this padding."""
        spatial(self.word, inputs[0])
        before, after = (per_dimension(n, getattr(self, n), inputs[0]) for n in ("before", "after"))
        ones = (1,) * len(before)
        return Window(ones, ones, ones, tuple(zip(before, after, strict=True)))

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(C, *(before + length + after))``."""
        padding = self.window(inputs).padding
        return (inputs[0][0], *(n + sum(pads) for n, pads in zip(inputs[0][1:], padding, strict=True)))


@operation("channelsplit", "some of the channels")
class ChannelSplit(Op):
    """``channelsplit START END``: the channels from ``start`` to before ``end`` (Ma et al. 2018, ShuffleNetV2).

    Example:
        >>> ChannelSplit(0, 58).shape([(116, 28, 28)])
        (58, 28, 28)
    """

    positional: ClassVar[tuple[str, ...]] = ("start", "end")
    explained = (
        "Some of the channels, one after another.",
        "연속한 채널 일부만 꺼냅니다.",
    )
    traits: ClassVar[Traits] = replace(_MOVED, aliases="always")
    macs = no_products

    start: int = count(minimum=0)
    end: int = count()

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(end - start, *spatial)``."""
        channels = inputs[0][0]
        if not self.start < self.end <= channels:
            got = f"channels {self.start} to {self.end} of {channels}"
            raise Misfit(got, f"a start below the end, and an end of at most {channels}", argument="end")
        return (self.end - self.start, *inputs[0][1:])


@operation("channelshuffle", "the channels dealt out, one of each group in turn")
class ChannelShuffle(Op):
    """``channelshuffle GROUPS``: ``torch.nn.ChannelShuffle`` (Zhang et al. 2017, ShuffleNet).

    The first channel of every group, then the second of every group, and so on, so that the next grouped convolution
    sees something of each.
    """

    positional: ClassVar[tuple[str, ...]] = ("groups",)
    explained = (
        "The channels dealt out: the first of each group, then the second of each, and so on.",
        "채널을 섞습니다. 각 그룹의 첫째 채널을 차례로, 그다음 둘째 채널을 차례로 놓습니다.",
    )
    traits: ClassVar[Traits] = _MOVED
    macs = no_products

    groups: int = count()

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """The input's."""
        channels = inputs[0][0]
        spatial(self.word, inputs[0])
        if channels % self.groups:
            got = f"{self.groups} groups do not divide the {channels} channels"
            raise Misfit(got, f"a divisor of {channels}", argument="groups")
        return inputs[0]
