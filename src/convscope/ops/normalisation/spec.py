"""Normalisations: of the batch, the layer, groups of channels, neighbouring channels; a trained scale alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from convscope.ops.spec import Misfit, Op, Shape, count, flag, no_products, number, operation, word
from convscope.ops.traits import Traits

OVER_CHANNELS = Traits(
    reads="place",
    monotone="no",
    linearity="none",
    nonlinearity="none",
    keeps=("input",),
    aliases="never",
    gradient="made",
    pools="no",
    product=False,
    overwritable=False,
    precise=True,
    random=False,
)
OVER_ALL = replace(OVER_CHANNELS, reads="everything")

__all__ = ["BatchNorm", "GroupNorm", "LayerNorm", "LocalResponseNorm", "Scale"]


def _as_it_is(self: Op, name: str) -> float:
    """The :meth:`Op.initial` of a normalisation that changes nothing yet."""
    return float(name in ("weight", "running_var"))


def _scale_and_shift(shape: Shape, affine: bool) -> Mapping[str, Shape]:
    return {"weight": shape, "bias": shape} if affine else {}


@operation("batchnorm", "each channel to mean 0 and variance 1 over the batch, then scaled and shifted")
class BatchNorm(Op):
    """``batchnorm``: ``torch.nn.BatchNorm1d`` and ``2d`` (Ioffe and Szegedy 2015).

    Example:
        >>> BatchNorm().parameters([(6, 28, 28)])
        {'weight': (6,), 'bias': (6,)}
    """

    explained = (
        "Each channel is brought to mean 0 and variance 1, then scaled and shifted.",
        "채널마다 평균 0, 분산 1로 정규화한 뒤 스케일하고 이동합니다.",
    )
    traits: ClassVar[Traits] = replace(OVER_CHANNELS, reads="element", linearity="channel", overwritable=True)
    macs = no_products
    initial = _as_it_is

    eps: float = number(1e-5, 1e-12)
    momentum: float = number(0.1, 0.0, 1.0)
    affine: bool = flag(True)

    def parameters(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        """``weight`` and ``bias``, one a channel."""
        return _scale_and_shift(inputs[0][:1], self.affine)

    def buffers(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        """``running_mean`` and ``running_var``, one a channel."""
        return {"running_mean": inputs[0][:1], "running_var": inputs[0][:1]}


@operation("layernorm", "each example to mean 0 and variance 1, then scaled and shifted")
class LayerNorm(Op):
    """``layernorm``: over the channels at each place (as ConvNeXt does), or ``over=all`` values of the example.

    Ba, Kiros and Hinton 2016. ``over=all`` is ``torch.nn.LayerNorm`` of the whole shape.
    """

    explained = (
        "Each example is brought to mean 0 and variance 1, then scaled and shifted.",
        "예제마다 평균 0, 분산 1로 정규화한 뒤 스케일하고 이동합니다.",
    )
    macs = no_products
    initial = _as_it_is

    eps: float = number(1e-5, 1e-12)
    over: str = word("channels", ("channels", "all"))
    affine: bool = flag(True)

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Over all values it reads everything, else its place."""
        return OVER_ALL if self.over == "all" else OVER_CHANNELS

    def parameters(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        """``weight`` and ``bias``, one a channel, or one a value for ``over=all``."""
        return _scale_and_shift(inputs[0] if self.over == "all" else inputs[0][:1], self.affine)


@operation("groupnorm", "groups of channels to mean 0 and variance 1, then scaled and shifted")
class GroupNorm(Op):
    """``groupnorm NUM_GROUPS``: ``torch.nn.GroupNorm`` (Wu and He 2018)."""

    positional: ClassVar[tuple[str, ...]] = ("num_groups",)
    explained = (
        "Groups of channels are brought to mean 0 and variance 1, then scaled and shifted.",
        "채널 그룹마다 평균 0, 분산 1로 정규화한 뒤 스케일하고 이동합니다.",
    )
    traits: ClassVar[Traits] = replace(OVER_CHANNELS, reads="channels")
    macs = no_products
    initial = _as_it_is

    num_groups: int = count()
    eps: float = number(1e-5, 1e-12)
    affine: bool = flag(True)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """The input's."""
        if inputs[0][0] % self.num_groups:
            divisors = [d for d in range(1, min(inputs[0][0], 4096) + 1) if inputs[0][0] % d == 0]
            raise Misfit(
                f"{self.num_groups} groups do not divide the {inputs[0][0]} channels",
                f"a divisor of {inputs[0][0]}",
                f"groupnorm {min(divisors, key=lambda d: abs(d - self.num_groups))} would",
                "num_groups",
            )
        return inputs[0]

    def parameters(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        """``weight`` and ``bias``, one a channel."""
        return _scale_and_shift(inputs[0][:1], self.affine)


@operation("localresponsenorm", "each value divided by a sum of squares over neighbouring channels")
class LocalResponseNorm(Op):
    """``localresponsenorm SIZE``: ``torch.nn.LocalResponseNorm`` (Krizhevsky et al. 2012; alpha is over size)."""

    positional: ClassVar[tuple[str, ...]] = ("size",)
    explained = (
        "Each value is divided by a power of the squares of its neighbours in other channels.",
        "이웃 채널 값들의 제곱합으로 각 값을 나눕니다.",
    )
    traits: ClassVar[Traits] = replace(OVER_CHANNELS, keeps=("input", "value", "value", "value"))
    macs = no_products

    size: int = count()
    alpha: float = number(1e-4)
    beta: float = number(0.75)
    k: float = number(1.0)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """The input's."""
        if len(inputs[0]) < 2:
            raise Misfit(
                f"localresponsenorm needs a picture or a signal, its input is a vector of {inputs[0][0]}",
                "an input with channels and at least one spatial dimension, such as 1x28x28",
                "put localresponsenorm before flatten and linear",
            )
        return inputs[0]


@operation("scale", "each channel times a trained number")
class Scale(Op):
    """``scale``: a weight a channel, with ``bias=yes`` a bias too: what a normalisation ends with, alone.

    LeNet-5's trained subsampling (LeCun et al. 1998) ends with it, and a branch of ConvNeXt ("layer scale", Touvron
    et al. 2021), where ``init`` starts it near zero.

    Example:
        >>> Scale(bias=True).parameters([(6, 14, 14)])
        {'weight': (6,), 'bias': (6,)}
    """

    explained = (
        "Each channel times a trained number.",
        "채널마다 학습된 수를 곱합니다.",
    )
    traits: ClassVar[Traits] = replace(OVER_CHANNELS, reads="element", linearity="channel")
    macs = no_products

    init: float = number(1.0)
    bias: bool = flag(False)

    def initial(self, name: str) -> float:
        """``init`` for the weight, 0 for the bias."""
        return self.init if name == "weight" else 0.0

    def parameters(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        """``weight``, and ``bias`` if it has one, one a channel."""
        channels = inputs[0][:1]
        return {"weight": channels, "bias": channels} if self.bias else {"weight": channels}
