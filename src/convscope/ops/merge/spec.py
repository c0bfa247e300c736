"""Merges: where branches come together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from convscope.ops.spec import Misfit, Op, Shape, no_products, operation, spell_shape
from convscope.ops.traits import Traits

__all__ = ["Add", "Concat", "Mul"]

_SHOWN = 8

_SUMMED = Traits(
    reads="element",
    monotone="rounded",
    linearity="affine",
    nonlinearity="none",
    keeps=(),
    aliases="never",
    gradient="passed",
    pools="no",
    product=False,
    overwritable=True,
    precise=False,
    random=False,
)


def _unequal(what: str, inputs: Sequence[Shape], expected: str) -> Misfit:
    listed = ", ".join([*map(spell_shape, inputs[:_SHOWN]), *(["..."] if len(inputs) > _SHOWN else [])])
    return Misfit(f"{what} got branches of {listed}", expected, _way_out(what, inputs))


def _way_out(what: str, inputs: Sequence[Shape]) -> str:
    """What makes unequal branches equal."""
    if len({len(shape) for shape in inputs}) > 1:
        if what == "mul":
            channels = max(inputs, key=len)[0]
            return f"leave flatten out: globalavgpool > conv {channels} 1 gives one value a channel, which scales it"
        return "flatten every branch or none"
    if len({shape[1:] for shape in inputs}) == 1:
        return f"give the branches the same number of channels: project {inputs[0][0]} in place of identity does"
    if what == "mul" and len({shape[0] for shape in inputs}) > 1:
        return f"give every branch {max(shape[0] for shape in inputs)} channels"
    return "give the branches the same stride and padding; at stride 1, padding=same keeps rows and columns"


def _stretched(what: str, inputs: Sequence[Shape]) -> Shape:
    """The shape of all branches, where a 1 in place of a dimension is stretched over it."""
    if len({len(shape) for shape in inputs}) > 1:
        raise _unequal(what, inputs, "branches with the same number of dimensions")
    out = tuple(map(max, *inputs)) if len(inputs) > 1 else inputs[0]
    if any(value not in (1, full) for shape in inputs for value, full in zip(shape, out, strict=True)):
        raise _unequal(what, inputs, "branches of one shape, or with 1 in place of a dimension")
    return out


@operation("add", "the sum of the branches")
class Add(Op):
    """``add { ... | ... }``: the residual connection (He et al. 2015); a dimension of 1 is stretched.

    Example:
        >>> Add().shape([(64, 8, 8), (64, 1, 1)])
        (64, 8, 8)
    """

    inputs: ClassVar[Literal["one", "several"]] = "several"
    explained = (
        "The sum of the branches: a residual connection adds what skipped the layers.",
        "갈래들의 합입니다. 잔차 연결은 층을 건너뛴 값을 다시 더합니다.",
    )
    traits: ClassVar[Traits] = _SUMMED
    macs = no_products

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """The branches' common shape, ones stretched."""
        return _stretched("add", inputs)


@operation("mul", "the product of the branches")
class Mul(Op):
    """``mul { ... | ... }``: a branch of ``C x 1 x 1`` scales whole channels (squeeze-and-excitation, Hu et al. 2017).

    Example:
        >>> Mul().shape([(64, 8, 8), (64, 1, 1)])
        (64, 8, 8)
    """

    inputs: ClassVar[Literal["one", "several"]] = "several"
    explained = (
        "The product of the branches.",
        "갈래들의 곱입니다.",
    )
    traits: ClassVar[Traits] = replace(
        _SUMMED, monotone="no", linearity="none", keeps=("input", "partial"), gradient="made", overwritable=False
    )
    macs = no_products

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """The branches' common shape, ones stretched."""
        return _stretched("mul", inputs)


@operation("concat", "the branches' channels one after another")
class Concat(Op):
    """``concat { ... | ... }``: joins channels (Inception, Szegedy et al. 2014; DenseNet, Huang et al. 2016)."""

    inputs: ClassVar[Literal["one", "several"]] = "several"
    explained = (
        "The branches' channels one after another.",
        "갈래들의 채널을 차례로 이어 붙입니다.",
    )
    traits: ClassVar[Traits] = replace(_SUMMED, reads="place", monotone="exact", overwritable=False)
    macs = no_products

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(sum of channels, *spatial)``."""
        if len({shape[1:] for shape in inputs}) > 1 or len({len(shape) for shape in inputs}) > 1:
            raise _unequal("concat", inputs, "branches that agree in all but the channels")
        return (sum(shape[0] for shape in inputs), *inputs[0][1:])
