"""The fully connected layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from convscope.ops.spec import Misfit, Op, Shape, count, elements, flag, operation, spell_shape
from convscope.ops.traits import Traits

__all__ = ["Linear"]


@operation("linear", "a weighted sum of all inputs for each output")
class Linear(Op):
    """``linear OUT_FEATURES``: the fully connected layer, ``torch.nn.Linear``.

    Example:
        >>> Linear(120).parameters([(400,)])
        {'weight': (120, 400), 'bias': (120,)}
    """

    positional: ClassVar[tuple[str, ...]] = ("out_features",)
    explained = (
        "Each output is a weighted sum of all inputs: the perceptron.",
        "각 출력은 모든 입력의 가중합입니다. 퍼셉트론과 같습니다.",
    )
    traits: ClassVar[Traits] = Traits(
        reads="everything",
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
