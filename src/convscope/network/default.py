"""The network for someone who names none: convolutions with batch norm, halved until few pixels are left."""

from __future__ import annotations

from convscope.network.network import Network
from convscope.network.ops import Shape, spell_shape

WIDTHS = (24, 48, 96, 128, 192, 256)
LEFT = 4
"""Halving stops at so many pixels a side; what is left goes to the classes place by place, not averaged."""
SMALL, LARGE = 16, 64
"""Pictures with fewer pixels a side are looked at once before they are halved, larger ones are halved at once."""


def default_network(shape: Shape, classes: int) -> Network:
    """A network for pictures of ``shape`` (C, H, W), small enough to train on a processor while one waits.

    Pooling comes before batch norm, which then has a quarter of the values to read (as in Keller Jordan's airbench).

    Example:
        >>> print(default_network((1, 28, 28), 10).text(), end="")
        input 1x28x28
        block halve(width) {
          conv width 3x3 padding=1 bias=no > maxpool 2 > batchnorm > relu
        }
        halve 24
        halve 48
        halve 96
        conv 128 3x3 padding=1 bias=no > batchnorm > relu
        flatten > dropout 0.3 > linear 10
    """
    side = min(shape[1:])
    widths = iter(WIDTHS)
    lines = [f"input {spell_shape(shape)}"]
    if side > LEFT:
        lines += ["block halve(width) {", "conv width 3x3 padding=1 bias=no > maxpool 2 > batchnorm > relu", "}"]
    if side > LARGE:
        lines.append("conv 16 3x3 stride=2 padding=1 bias=no > batchnorm > relu")
        side = (side + 1) // 2
    elif side < SMALL:
        lines.append(f"conv {next(widths)} 3x3 padding=1 bias=no > batchnorm > relu")
    while side > LEFT:
        lines.append(f"halve {next(widths, WIDTHS[-1])}")
        side //= 2
    lines.append(f"conv {next(widths, WIDTHS[-1])} 3x3 padding=1 bias=no > batchnorm > relu")
    lines.append(f"flatten > dropout 0.3 > linear {classes}")
    return Network.parse("\n".join(lines), "default network")
