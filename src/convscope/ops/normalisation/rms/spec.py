"""Root mean square normalisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from convscope.ops.normalisation.spec import OVER_ALL, OVER_CHANNELS
from convscope.ops.spec import Op, Shape, flag, no_products, number, operation, word
from convscope.ops.traits import Keeps, Traits

__all__ = ["RMSNorm"]


@operation("rmsnorm", "each example over its root mean square, then scaled")
class RMSNorm(Op):
    """``rmsnorm``: layer norm without the mean and without a bias (Zhang and Sennrich 2019).

    Over the channels at each place, or ``over=all`` values of the example, which is ``torch.nn.RMSNorm`` of the whole
    shape. ``eps`` is float32's own, which torch takes where nothing is said.

    Example:
        >>> RMSNorm().parameters([(6, 28, 28)])
        {'weight': (6,)}
    """

    explained: ClassVar[tuple[str, str]] = (
        "Each example is divided by the root of the mean of its squares, then scaled.",
        "예제마다 제곱 평균의 제곱근으로 나눈 뒤 스케일합니다.",
    )
    macs = no_products

    eps: float = number(2.0**-23, 1e-12)
    over: str = word("channels", ("channels", "all"))
    affine: bool = flag(True)

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Over all values it reads everything, else its place; with a weight, what is scaled is kept too."""
        keeps: Keeps = ("input", "value") if self.affine else ("input",)
        return replace(OVER_ALL if self.over == "all" else OVER_CHANNELS, keeps=keeps)

    def initial(self, name: str) -> float:
        """1: it scales nothing yet."""
        return 1.0

    def parameters(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        """``weight``, one a channel, or one a value for ``over=all``."""
        if not self.affine:
            return {}
        return {"weight": inputs[0] if self.over == "all" else inputs[0][:1]}
