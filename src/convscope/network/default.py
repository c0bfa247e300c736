"""The network for someone who names none: convolutions with batch norm, halved until few pixels are left."""

from __future__ import annotations

from convscope.network.network import Network
from convscope.network.ops import Shape, spell_shape

WIDTHS = (32, 64, 64, 128, 128, 256, 256)
LEFT = 4
"""Halving stops at so many pixels a side; what is left goes to the classes place by place, not averaged."""


def default_network(shape: Shape, classes: int) -> Network:
    """A network for pictures of ``shape`` (C, H, W), small enough to train on a processor while one waits.

    Example:
        >>> print(default_network((1, 28, 28), 10).text(), end="")
        input 1x28x28
        block layer(width, stride=1) {
          conv width 3x3 stride=stride padding=1 bias=no > batchnorm > relu
        }
        layer 32 > maxpool 2
        layer 64 > maxpool 2
        layer 64 > maxpool 2
        flatten > dropout 0.3 > linear 10
    """
    side = min(shape[1:])
    widths = iter(WIDTHS)
    lines = [
        f"input {spell_shape(shape)}",
        "block layer(width, stride=1) {",
        "conv width 3x3 stride=stride padding=1 bias=no > batchnorm > relu",
        "}",
    ]
    if side > 64:
        lines.append("layer 16 stride=2")
        side = (side + 1) // 2
    elif side < 16:
        lines.append(f"layer {next(widths)}")
    while side > LEFT:
        lines.append(f"layer {next(widths, WIDTHS[-1])} > maxpool 2")
        side //= 2
    if min(shape[1:]) < 16:
        lines.append(f"layer {next(widths)}")
    lines.append(f"flatten > dropout 0.3 > linear {classes}")
    return Network.parse("\n".join(lines), "default network")
