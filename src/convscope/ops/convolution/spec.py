"""Convolution in any number of dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import ClassVar, TypeGuard

from convscope.ops.spec import (
    Misfit,
    Op,
    Shape,
    Size,
    Window,
    count,
    flag,
    operation,
    per_dimension,
    same_padding,
    size,
    slide,
    spatial,
    spell_shape,
)
from convscope.ops.traits import Traits

__all__ = ["Conv"]


def is_two_sided(padding: Size | str, shape: Shape) -> TypeGuard[tuple[int, ...]]:
    """Whether padding has two numbers for each dimension: those before all dimensions, then those after (ONNX's order).

    Example:
        >>> is_two_sided((0, 0, 1, 1), (3, 8, 8)), is_two_sided((1, 1), (3, 8, 8))
        (True, False)
    """
    return isinstance(padding, tuple) and len(padding) == 2 * (len(shape) - 1)


def resolve_window(
    op_word: str, shape: Shape, kernel_size: Size, stride: Size, dilation: Size, padding: Size | str
) -> Window:
    """The window with one entry a dimension; ``same``, ``valid`` and ``causal`` become numbers.

    Raises:
        Misfit: a number too many or too few, or ``causal`` of anything but a signal.
    """
    spatial(op_word, shape)
    kernel = per_dimension("window", kernel_size, shape)
    strides = per_dimension("stride", stride, shape)
    dilations = per_dimension("dilation", dilation, shape)
    if padding == "same":
        pads = tuple(map(same_padding, shape[1:], kernel, strides, dilations))
    elif padding == "causal":
        if len(kernel) != 1:
            raise Misfit(
                f"padding=causal over {spell_shape(shape[1:])}",
                "a signal: one dimension beside the channels, whose order is time",
                argument="padding",
            )
        pads = ((dilations[0] * (kernel[0] - 1), 0),)
    elif isinstance(padding, str):
        pads = ((0, 0),) * len(kernel)
    elif is_two_sided(padding, shape):
        pads = tuple(zip(padding[: len(kernel)], padding[len(kernel) :], strict=True))
    else:
        pads = tuple((p, p) for p in per_dimension("padding", padding, shape))
    return Window(kernel, strides, dilations, pads)


@operation("conv", "slides a kernel over the input; at each place, products with the window are summed")
class Conv(Op):
    """``conv OUT_CHANNELS KERNEL_SIZE``: cross-correlation as in ``torch.nn.Conv2d``.

    ``padding=same`` and ``valid`` are TensorFlow's, with any stride (PyTorch allows ``same`` at stride 1 only).
    ``padding=0x0x1x1`` are the zeros before the rows and columns, then those after. ``padding=causal`` of a signal puts
    all zeros before, ``dilation * (kernel - 1)`` of them, so that no output reads what comes later (van den Oord et al.
    2016, WaveNet).

    Example:
        >>> Conv(6, (5, 5)).shape([(1, 32, 32)])
        (6, 28, 28)
        >>> Conv(7, 3, padding="same").parameters([(3, 4, 4)])
        {'weight': (7, 3, 3, 3), 'bias': (7,)}
        >>> Conv(4, 3, dilation=2, padding="causal").window([(1, 16)]).padding
        ((4, 0),)
    """

    positional: ClassVar[tuple[str, ...]] = ("out_channels", "kernel_size")
    explained = (
        (
            "A kernel slides over the input. At each place, its weights are multiplied with the values below "
            "them, and the products are summed: over the window, and over all channels that the filter reads."
        ),
        (
            "커널이 입력 위를 이동합니다. 각 위치에서 가중치와 그 아래의 값을 곱하고, "
            "그 곱을 윈도우 전체와 필터가 읽는 모든 채널에 대해 더합니다."
        ),
    )
    traits: ClassVar[Traits] = Traits(
        reads="window",
        monotone="no",
        linearity="affine",
        nonlinearity="none",
        keeps=("input",),
        aliases="never",
        gradient="made",
        pools="no",
        product=True,
        overwritable=True,
        precise=False,
        random=False,
    )

    out_channels: int = count()
    kernel_size: Size = size()
    stride: Size = size(1)
    padding: Size | str = size(0, minimum=0, words=("same", "valid", "causal"))
    dilation: Size = size(1)
    groups: int = count(1)
    bias: bool = flag(True)

    def window(self, inputs: Sequence[Shape]) -> Window:
        """The kernel with its stride, dilation and padding in numbers."""
        return resolve_window("conv", inputs[0], self.kernel_size, self.stride, self.dilation, self.padding)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(out_channels, *places)``."""
        channels = inputs[0][0]
        window = self.window(inputs)
        for side, value in (("input", channels), ("output", self.out_channels)):
            if value % self.groups:
                divisors = [d for d in range(1, min(value, 4096) + 1) if value % d == 0]
                near = min(divisors, key=lambda d: abs(d - self.groups))
                raise Misfit(
                    f"groups={self.groups} does not divide the {value} {side} channels",
                    f"a divisor of {value}",
                    f"groups={near} would",
                    "groups",
                )
        return (self.out_channels, *slide("conv", inputs[0], window))

    def parameters(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        """``weight`` (out, in / groups, *kernel) and ``bias`` (out)."""
        kernel = per_dimension("window", self.kernel_size, inputs[0])
        weight = {"weight": (self.out_channels, inputs[0][0] // self.groups, *kernel)}
        return {**weight, "bias": (self.out_channels,)} if self.bias else weight

    def macs(self, inputs: Sequence[Shape]) -> int:
        """One a weight and place: out x in / groups x kernel x places."""
        return prod(self.shape(inputs)[1:]) * prod(self.parameters(inputs)["weight"])
