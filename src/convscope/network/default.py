"""The network for someone who names none: plain convolutions with batch norm, as deep as the picture is large."""

from __future__ import annotations

from convscope.network.network import Network
from convscope.network.ops import Shape, spell_shape

WIDTHS = (32, 64, 128, 256, 256, 256)


def default_network(shape: Shape, classes: int) -> Network:
    """A network for pictures of ``shape`` (C, H, W): halved until about 4 pixels a side are left, then averaged.

    Example:
        >>> print(default_network((1, 28, 28), 10))
        input 1x28x28
        block layer(width, stride=1) {
          conv width 3x3 stride=stride padding=1 bias=no > batchnorm > relu
        }
        layer 32
        layer 64 stride=2
        layer 128 stride=2 > layer 128
        globalavgpool > flatten > dropout 0.1 > linear 10
        <BLANKLINE>
    """
    side = max(1, min(shape[1:]))
    lines = [
        f"input {spell_shape(shape)}",
        "block layer(width, stride=1) {",
        "conv width 3x3 stride=stride padding=1 bias=no > batchnorm > relu",
        "}",
        "layer 32 stride=2" if side > 64 else "layer 32",
    ]
    stages = 0
    while side > 7 and stages < len(WIDTHS) - 1:
        stages, side = stages + 1, side // 2
        lines.append(f"layer {WIDTHS[stages]} stride=2")
    lines[-1] += f" > layer {WIDTHS[stages]}"
    lines.append(f"globalavgpool > flatten > dropout 0.1 > linear {classes}")
    return Network.parse("\n".join(lines), "default network")
