"""Operations without a window: linear, flatten, identity, channels of zeros, dropout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from convscope.ops.spec import Misfit, Op, Shape, count, elements, flag, number, operation, spell_shape


@operation("linear", "a weighted sum of all inputs for each output")
@dataclass(frozen=True)
class Linear(Op):
    """``linear OUT_FEATURES``: the fully connected layer, ``torch.nn.Linear``.

    Example:
        >>> Linear(120).parameters([(400,)])
        {'weight': (120, 400), 'bias': (120,)}
    """

    positional: ClassVar[tuple[str, ...]] = ("out_features",)
    keeps: ClassVar[tuple[str, ...]] = ("input",)

    out_features: int = count()
    bias: bool = flag(True)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(out_features,)``."""
        if len(inputs[0]) != 1:
            raise Misfit(
                f"linear needs a vector, its input is {spell_shape(inputs[0])}",
                f"a vector, here of {elements(inputs[0])} features",
                "put flatten before it",
            )
        return (self.out_features,)

    def parameters(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        """``weight`` (out, in) and ``bias`` (out)."""
        weight = {"weight": (self.out_features, inputs[0][0])}
        return {**weight, "bias": (self.out_features,)} if self.bias else weight

    def macs(self, inputs: Sequence[Shape]) -> int:
        """One a weight."""
        return self.out_features * inputs[0][0]


@operation("flatten", "all values in one vector")
@dataclass(frozen=True)
class Flatten(Op):
    """``flatten``: channels first, then rows, then columns: ``(C, H, W)`` becomes ``(C * H * W,)``."""

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(elements,)``."""
        return (elements(inputs[0]),)


@operation("identity", "passes its input on")
@dataclass(frozen=True)
class Identity(Op):
    """``identity``: the branch of a merge that changes nothing."""


@operation("padchannels", "channels of zeros before and behind")
@dataclass(frozen=True)
class PadChannels(Op):
    """``padchannels BEFORE AFTER``: more channels without weights (He et al. 2015, the shortcut's option A).

    Example:
        >>> PadChannels(8, 8).shape([(16, 32, 32)])
        (32, 32, 32)
    """

    positional: ClassVar[tuple[str, ...]] = ("before", "after")

    before: int = count(minimum=0)
    after: int = count(minimum=0)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(before + C + after, *spatial)``."""
        return (self.before + inputs[0][0] + self.after, *inputs[0][1:])


@operation("dropout", "sets values to zero at random while training")
@dataclass(frozen=True)
class Dropout(Op):
    """``dropout P``: zero with probability p, the rest scaled by 1 / (1 - p) (Srivastava et al. 2014)."""

    positional: ClassVar[tuple[str, ...]] = ("p",)
    keeps: ClassVar[tuple[str, ...]] = ("mask",)

    p: float = number(0.5, 0.0, 0.99)
