"""Pooling: sliding, adaptive and global, by maximum or average. No parameters, channels kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import gcd, prod
from typing import ClassVar

from convscope.ops.convolution.spec import is_two_sided, resolve_window
from convscope.ops.spec import (
    Box,
    Misfit,
    Op,
    Shape,
    Size,
    Window,
    count,
    flag,
    no_products,
    operation,
    per_dimension,
    size,
    slide,
    spatial,
    spell,
)
from convscope.ops.traits import Traits

__all__ = ["AdaptiveAvgPool", "AdaptiveMaxPool", "AvgPool", "GlobalAvgPool", "GlobalMaxPool", "MaxPool"]

_SLIDING_MEAN = Traits(
    reads="window",
    monotone="rounded",
    linearity="affine",
    nonlinearity="none",
    keeps=("input",),
    aliases="never",
    gradient="made",
    pools="mean",
    product=False,
    overwritable=True,
    precise=False,
    random=False,
)
_SLIDING_MAXIMUM = replace(
    _SLIDING_MEAN, monotone="exact", linearity="none", keeps=("input", "indices"), pools="maximum"
)


def _checked(op: MaxPool | AvgPool, shape: Shape, window: Window) -> Window:
    for length, kernel, dilation, padding in zip(
        shape[1:], window.kernel, window.dilation, window.padding, strict=True
    ):
        most = dilation * (kernel - 1) if is_two_sided(op.padding, shape) else kernel // 2
        if op.padding != "same" and max(padding) > most:
            half = "" if is_two_sided(op.padding, shape) else "half of "
            raise Misfit(
                f"padding {max(padding)} is more than {half}the window {spell(window.kernel)}",
                f"at most {most}, so that every window holds a value of the input",
                argument="padding",
            )
        if dilation > length and any(padding):
            raise Misfit(
                f"dilation {dilation} with padding steps over the whole input {spell(shape[1:])}",
                f"a dilation of at most {length}, so that every window holds a value of the input",
                argument="dilation",
            )
    return window


@operation("maxpool", "the largest value of each window")
class MaxPool(Op):
    """``maxpool KERNEL_SIZE``: as ``torch.nn.MaxPool2d``; the stride is the window where none is given.

    Example:
        >>> MaxPool(2).shape([(64, 28, 28)])
        (64, 14, 14)
    """

    positional: ClassVar[tuple[str, ...]] = ("kernel_size",)
    explained = (
        "Of each window, the largest value stays. No weights; channels are kept.",
        "윈도우마다 가장 큰 값만 남깁니다. 가중치가 없고 채널 수는 그대로입니다.",
    )
    traits: ClassVar[Traits] = _SLIDING_MAXIMUM
    macs = no_products

    kernel_size: Size = size()
    stride: Size | None = size(None, optional=True)
    padding: Size | str = size(0, minimum=0, words=("same", "valid"))
    dilation: Size = size(1)
    ceil_mode: bool = flag(False)

    def window(self, inputs: Sequence[Shape]) -> Window:
        """The window with its stride, dilation and padding in numbers."""
        stride = self.kernel_size if self.stride is None else self.stride
        return _checked(
            self,
            inputs[0],
            resolve_window("maxpool", inputs[0], self.kernel_size, stride, self.dilation, self.padding),
        )

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(channels, *places)``."""
        return (inputs[0][0], *slide("maxpool", inputs[0], self.window(inputs), self.ceil_mode))


@operation("avgpool", "the mean of each window")
class AvgPool(Op):
    """``avgpool KERNEL_SIZE``: as ``torch.nn.AvgPool2d``; padded zeros count unless ``count_include_pad=no``.

    ``divisor_override`` divides every sum by that number, whatever lies under the window. TensorFlow's average with
    ``padding=same`` leaves the zeros out: ``padding=same count_include_pad=no``.

    Example:
        >>> AvgPool(3, stride=2, ceil_mode=True).shape([(8, 6, 6)])
        (8, 3, 3)
        >>> AvgPool(3, stride=1, padding="same", count_include_pad=False).shape([(8, 6, 6)])
        (8, 6, 6)
    """

    positional: ClassVar[tuple[str, ...]] = ("kernel_size",)
    explained = (
        "Of each window, the mean. No weights; channels are kept.",
        "윈도우마다 평균을 구합니다. 가중치가 없고 채널 수는 그대로입니다.",
    )
    macs = no_products

    kernel_size: Size = size()
    stride: Size | None = size(None, optional=True)
    padding: Size | str = size(0, minimum=0, words=("same", "valid"))
    dilation: Size = size(1)
    ceil_mode: bool = flag(False)
    count_include_pad: bool = flag(True)
    divisor_override: int | None = count(None, optional=True)

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Dilated, torch sums shifted operands, whose backward pass needs none; with a divisor it is no mean."""
        found = _SLIDING_MEAN if self.dilated == 1 else replace(_SLIDING_MEAN, keeps=())
        return found if self.divisor_override is None else replace(found, pools="no")

    @property
    def dilated(self) -> int:
        """The largest dilation."""
        return self.dilation if isinstance(self.dilation, int) else max(self.dilation)

    def window(self, inputs: Sequence[Shape]) -> Window:
        """The window with its stride, dilation and padding in numbers."""
        stride = self.kernel_size if self.stride is None else self.stride
        window = resolve_window("avgpool", inputs[0], self.kernel_size, stride, self.dilation, self.padding)
        return _checked(self, inputs[0], window)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(channels, *places)``."""
        return (inputs[0][0], *slide("avgpool", inputs[0], self.window(inputs), self.ceil_mode))


def _adaptive_box(op: AdaptiveAvgPool | AdaptiveMaxPool, box: Box, inputs: Sequence[Shape]) -> Box:
    sizes = per_dimension("output_size", op.output_size, inputs[0])
    return tuple(
        (start * length // n, -(-stop * length // n))
        for (start, stop), length, n in zip(box, inputs[0][1:], sizes, strict=True)
    )


def _adaptive_widest(op: AdaptiveAvgPool | AdaptiveMaxPool, inputs: Sequence[Shape]) -> tuple[int, ...]:
    """Windows begin ``iL % n`` before a multiple of n at the most, and that is ``n - gcd(L, n)``."""
    sizes = per_dimension("output_size", op.output_size, inputs[0])
    return tuple(-(-(n - gcd(length, n) + length) // n) for length, n in zip(inputs[0][1:], sizes, strict=True))


def _adaptive_shape(op: AdaptiveAvgPool | AdaptiveMaxPool, inputs: Sequence[Shape]) -> Shape:
    spatial(op.word, inputs[0])
    return (inputs[0][0], *per_dimension("output_size", op.output_size, inputs[0]))


_ADAPTIVE_MEAN = Traits(
    reads="box",
    monotone="rounded",
    linearity="affine",
    nonlinearity="none",
    keeps=("input",),
    aliases="never",
    gradient="made",
    pools="mean",
    product=False,
    overwritable=False,
    precise=False,
    random=False,
)


@operation("adaptiveavgpool", "the mean of as many windows as the output has places")
class AdaptiveAvgPool(Op):
    """``adaptiveavgpool OUTPUT_SIZE``: window i of n over length L is ``[floor(iL/n), ceil((i+1)L/n))``."""

    positional: ClassVar[tuple[str, ...]] = ("output_size",)
    explained = (
        "The mean of as many windows as the output has places.",
        "출력의 위치 수만큼 윈도우를 나누어 평균을 구합니다.",
    )
    macs = no_products

    output_size: Size = size()

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Of a single place, torch takes the mean, whose backward pass needs no operand."""
        sizes = (self.output_size,) if isinstance(self.output_size, int) else self.output_size
        return _ADAPTIVE_MEAN if prod(sizes) > 1 else replace(_ADAPTIVE_MEAN, keeps=())

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(channels, *output_size)``."""
        return _adaptive_shape(self, inputs)

    def box(self, box: Box, inputs: Sequence[Shape]) -> Box:
        """From the first row of the first window to the last of the last."""
        return _adaptive_box(self, box, inputs)

    def widest_box(self, inputs: Sequence[Shape]) -> tuple[int, ...]:
        """A window more than ``L / n`` where that is no whole number."""
        return _adaptive_widest(self, inputs)


@operation("adaptivemaxpool", "the largest value of as many windows as the output has places")
class AdaptiveMaxPool(Op):
    """``adaptivemaxpool OUTPUT_SIZE``: windows as in ``adaptiveavgpool``."""

    positional: ClassVar[tuple[str, ...]] = ("output_size",)
    explained = (
        "The largest value of as many windows as the output has places.",
        "출력의 위치 수만큼 윈도우를 나누어 최댓값을 구합니다.",
    )
    traits: ClassVar[Traits] = replace(_SLIDING_MAXIMUM, reads="box")
    macs = no_products

    output_size: Size = size()

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(channels, *output_size)``."""
        return _adaptive_shape(self, inputs)

    def box(self, box: Box, inputs: Sequence[Shape]) -> Box:
        """From the first row of the first window to the last of the last."""
        return _adaptive_box(self, box, inputs)

    def widest_box(self, inputs: Sequence[Shape]) -> tuple[int, ...]:
        """A window more than ``L / n`` where that is no whole number."""
        return _adaptive_widest(self, inputs)


@operation("globalavgpool", "the mean of each channel")
class GlobalAvgPool(Op):
    """``globalavgpool``: each channel's mean over all places, kept as ``C x 1 x 1`` (Lin et al. 2013)."""

    explained = (
        "The mean of each channel.",
        "채널마다 전체 평균을 구합니다.",
    )
    traits: ClassVar[Traits] = replace(_SLIDING_MEAN, reads="channels", keeps=(), overwritable=False)
    macs = no_products

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(channels, 1, ...)``."""
        return (inputs[0][0], *(1 for _ in spatial(self.word, inputs[0])))


@operation("globalmaxpool", "the largest value of each channel")
class GlobalMaxPool(Op):
    """``globalmaxpool``: each channel's maximum over all places, kept as ``C x 1 x 1``."""

    explained = (
        "The largest value of each channel.",
        "채널마다 전체 최댓값을 구합니다.",
    )
    traits: ClassVar[Traits] = replace(_SLIDING_MAXIMUM, reads="channels")
    macs = no_products

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(channels, 1, ...)``."""
        return (inputs[0][0], *(1 for _ in spatial(self.word, inputs[0])))
