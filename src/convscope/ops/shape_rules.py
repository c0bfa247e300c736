"""Why an output is as long as it is: the rule of each dimension as a step, with the numbers that stand in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convscope.ops.spec import Op, Shape, places
from convscope.ops.step import Operand, Step


@dataclass(frozen=True)
class ShapeRule:
    """Why one dimension of the output is as long as it is.

    Args:
        step: the formula with its operands (``rows``, ``padding``, ``stride`` ...), named as the dimension; besides
            ``+ - * /`` it uses ``floor`` and ``ceil``.
        padding: the zeros before and behind along this dimension; None where nothing slides.
        shortened: of ``ceil_mode``: one place less, because the last window would start in the padding behind.
    """

    step: Step
    padding: tuple[int, int] | None = None
    shortened: bool = False


DIMENSIONS = {1: ("length",), 2: ("rows", "columns"), 3: ("depth", "rows", "columns")}
"""What the spatial dimensions are called, by their number."""


def dimension_names(rank: int) -> tuple[str, ...]:
    """The names of some spatial dimensions.

    Example:
        >>> dimension_names(2)
        ('rows', 'columns')
    """
    return DIMENSIONS.get(rank, tuple(f"dimension {at}" for at in range(rank)))


def window_rules(op: Op, shapes: Sequence[Shape]) -> tuple[ShapeRule, ...]:
    """The rules of what slides, as PyTorch's documentation writes them; none where nothing does.

    Example:
        >>> from convscope import ops
        >>> [rule.step.value for rule in window_rules(ops.Conv(1, 3, padding="same", stride=2), [(1, 5, 5)])]
        [3.0, 3.0]
        >>> window_rules(ops.ReLU(), [(1, 5, 5)])
        ()
    """
    window = op.window(shapes)
    if window is None:
        return ()
    names = dimension_names(len(shapes[0]) - 1)
    sides = zip(names, shapes[0][1:], window.kernel, window.stride, window.dilation, window.padding, strict=True)
    return tuple(_sliding(op, *side) for side in sides)


def _sliding(
    op: Op, name: str, length: int, kernel: int, stride: int, dilation: int, padding: tuple[int, int]
) -> ShapeRule:
    if getattr(op, "padding", 0) == "same":
        pair = (Operand(name, float(length)), Operand("stride", float(stride)))
        return ShapeRule(Step(name, "ceil({0} / {1})", pair, float(-(-length // stride))), padding)
    ceil = bool(getattr(op, "ceil_mode", False))
    value = places(length, kernel, stride, dilation, padding, ceil)
    room = length + sum(padding) - dilation * (kernel - 1) - 1
    shortened = value < (-(-room // stride) if ceil else room // stride) + 1
    rounded = "ceil" if ceil else "floor"
    form = f"{rounded}(({{0}} + 2*{{1}} - {{2}}*({{3}} - 1) - 1) / {{4}}) + 1"
    numbers = {name: length, "padding": padding[0], "dilation": dilation, "kernel": kernel, "stride": stride}
    if padding[0] != padding[1]:
        form = f"{rounded}(({{0}} + {{1}} + {{2}} - {{3}}*({{4}} - 1) - 1) / {{5}}) + 1"
        del numbers["padding"]
        both = {"padding before": padding[0], "padding behind": padding[1]}
        numbers = {name: numbers.pop(name), **both, **numbers}
    operands = tuple(Operand(word, float(n)) for word, n in numbers.items())
    return ShapeRule(Step(name, form + " - 1" * shortened, operands, float(value)), padding, shortened)
