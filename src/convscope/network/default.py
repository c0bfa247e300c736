"""The networks for someone who names none: convolutions with batch norm, halved until few pixels are left."""

from __future__ import annotations

from convscope.network.network import Network
from convscope.ops import Shape, spell_shape

WIDTHS = (24, 48, 96, 128, 192, 256)
LEFT = 4
"""Halving stops at so many pixels a side; what is left goes to the classes place by place, not averaged."""
SMALL, LARGE = 16, 64
"""Pictures with fewer pixels a side are looked at once before they are halved, larger ones are halved at once."""
DEEP_FIRST, DEEP_WIDTHS = 8, (64, 256, 256)
"""Kernels a colour of the deep network's first layer, computed from the pictures: every direction of a 2x2 patch, with
two signs; and the usual widths of its blocks."""
DEEP_FULL = 32
"""Pixels a side that the widest blocks see the half of: what larger pictures have more goes into blocks before."""


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


ROW_WIDTH = 32
"""Units of the two hidden layers for rows of a table."""


def table_network(columns: int, outputs: int, binary: bool = False) -> Network:
    """A network for rows of a table: two hidden layers.

    Args:
        columns: numbers of a row.
        outputs: one a class, or one.
        binary: whether the one output is a probability.

    Example:
        >>> print(table_network(2, 1, binary=True).text(), end="")
        input 2
        linear 32 > relu > linear 32 > relu > linear 1 > sigmoid
    """
    last = f"linear {outputs}" + (" > sigmoid" if binary else "")
    lines = f"input {columns}\nlinear {ROW_WIDTH} > relu > linear {ROW_WIDTH} > relu > {last}"
    return Network.parse(lines, "default network for tables")


def deep_network(shape: Shape, classes: int, widths: tuple[int, int, int] = DEEP_WIDTHS) -> Network:
    """A network for those who have some minutes: twice as deep, and an order wider, than :func:`default_network`.

    Its first layer is meant for kernels computed from the pictures (``--init whitened``) and its others for Muon; it
    takes pictures of any size. After airbench94 (K. Jordan 2024, arXiv:2404.00498), with SiLU, which costs a processor
    less than GELU, and the largest of all places before the linear layer.

    Example:
        >>> print(deep_network((3, 32, 32), 10).text(), end="")
        input 3x32x32
        block halve(width) {
          conv width 3x3 padding=1 bias=no > maxpool 2 > batchnorm momentum=0.4 > silu
          conv width 3x3 padding=1 bias=no > batchnorm momentum=0.4 > silu
        }
        conv 24 2x2 > silu
        halve 64
        halve 256
        halve 256
        globalmaxpool > flatten > linear 10 bias=no
    """
    side = min(shape[1:])
    blocks = list(widths)
    while side >= 2 * DEEP_FULL:
        # Twice the side is one block more, with fewer channels where there are more places.
        blocks.insert(1, (widths[0] + widths[1]) // 2 // 32 * 32)
        side //= 2
    lines = [
        f"input {spell_shape(shape)}",
        "block halve(width) {",
        "conv width 3x3 padding=1 bias=no > maxpool 2 > batchnorm momentum=0.4 > silu",
        "conv width 3x3 padding=1 bias=no > batchnorm momentum=0.4 > silu",
        "}",
        f"conv {DEEP_FIRST * shape[0]} 2x2 > silu",
        *(f"halve {width}" for width in blocks),
        f"globalmaxpool > flatten > linear {classes} bias=no",
    ]
    return Network.parse("\n".join(lines), "deep network")
