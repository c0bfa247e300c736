"""What the steps of its arithmetic are called, in English and in Korean."""

from __future__ import annotations

from convscope.ops.shape.spec import ChannelShuffle, ChannelSplit, Flatten, Identity, Pad, PadChannels
from convscope.ops.words import WORDS, named

WORDS.enter(Flatten)(
    named(
        steps={"features": ("features", "특징 수")},
        operands={"features": ("features", "특징"), "channels": ("channels", "채널")},
    )
)
WORDS.enter(Identity, PadChannels, Pad, ChannelSplit, ChannelShuffle)(named())
