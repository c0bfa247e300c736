"""Which trained network to start from where nobody names one: only among those that are on this machine already."""

from __future__ import annotations

from pathlib import Path

from convscope.errors import UserError
from convscope.model import pretrained
from convscope.ops import Shape

PREFERRED = (
    "efficientnet_lite0",
    "mobilenet_v2",
    "resnet18",
    "resnet34",
    "resnet50",
    "densenet121",
    "googlenet",
)
"""From the one whose features say most for what they cost, measured or by ImageNet accuracy and multiply-adds."""
PHOTOGRAPH = 64
"""Rows and columns from which a colour picture is taken for a photograph."""
NONE = "none"
"""What --weights is told to train from nothing."""


def pretrained_for(shape: Shape, cache: Path | None = None) -> tuple[str, str] | None:
    """The name of trained weights for pictures like these, and why; None where training from nothing is better.

    Nothing is downloaded: weights count that a package carries or that were fetched before.

    Args:
        shape: (C, H, W) of the pictures as they are.
        cache: the folder of downloads; default as for decoded pictures.

    Example:
        >>> pretrained_for((1, 28, 28)) is None
        True
    """
    channels, height, width = shape
    if channels != 3 or min(height, width) < PHOTOGRAPH:
        return None
    for name in PREFERRED:
        entry = pretrained.PRETRAINED[name]
        if (place := where(entry, cache)) is not None:
            return name, f"colour photographs, and its weights are {place}; --weights none trains from nothing"
    return None


def where(entry: pretrained.Pretrained, cache: Path | None = None) -> str | None:
    """Where named weights are on this machine, in a word; None where they are not."""
    if not entry.address.startswith(("https:", "http:")):
        try:
            pretrained.fetch(entry)
        except UserError:
            return None
        return "installed"
    return "downloaded" if pretrained.downloaded(entry, cache).is_file() else None
