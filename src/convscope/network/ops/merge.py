"""Merges: where branches come together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from convscope.network.ops.base import Misfit, Op, Shape, operation, spell_shape


def _listed(inputs: Sequence[Shape]) -> str:
    return ", ".join(spell_shape(shape) for shape in inputs)


def _unequal(what: str, inputs: Sequence[Shape], expected: str) -> Misfit:
    hint = "give the branches the same stride and padding"
    if len({shape[1:] for shape in inputs}) == 1:
        hint = f"give the branches the same number of channels: project {inputs[0][0]} in place of identity does"
    return Misfit(f"{what} got branches of {_listed(inputs)}", expected, hint)


@operation("add", "the sum of the branches")
@dataclass(frozen=True)
class Add(Op):
    """``add { ... | ... }``: the residual connection (He et al. 2015)."""

    inputs: ClassVar[Literal["one", "several"]] = "several"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """The branches' common shape."""
        if len(set(inputs)) > 1:
            raise _unequal("add", inputs, "branches of one shape")
        return inputs[0]


@operation("mul", "the product of the branches")
@dataclass(frozen=True)
class Mul(Op):
    """``mul { ... | ... }``: a branch of ``C x 1 x 1`` scales whole channels (squeeze-and-excitation, Hu et al. 2017).

    Example:
        >>> Mul().shape([(64, 8, 8), (64, 1, 1)])
        (64, 8, 8)
    """

    inputs: ClassVar[Literal["one", "several"]] = "several"
    keeps: ClassVar[tuple[str, ...]] = ("input",)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """The branches' common shape, ones stretched."""
        if len({len(shape) for shape in inputs}) > 1:
            raise _unequal("mul", inputs, "branches with the same number of dimensions")
        out = tuple(map(max, *inputs)) if len(inputs) > 1 else inputs[0]
        if any(value not in (1, full) for shape in inputs for value, full in zip(shape, out, strict=True)):
            raise _unequal("mul", inputs, "branches of one shape, or with 1 in place of a dimension")
        return out


@operation("concat", "the branches' channels one after another")
@dataclass(frozen=True)
class Concat(Op):
    """``concat { ... | ... }``: joins channels (Inception, Szegedy et al. 2014; DenseNet, Huang et al. 2016)."""

    inputs: ClassVar[Literal["one", "several"]] = "several"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """``(sum of channels, *spatial)``."""
        if len({shape[1:] for shape in inputs}) > 1 or len({len(shape) for shape in inputs}) > 1:
            raise Misfit(
                f"concat got branches of {_listed(inputs)}",
                "branches that agree in all but the channels",
                "give the branches the same stride and padding",
            )
        return (sum(shape[0] for shape in inputs), *inputs[0][1:])
