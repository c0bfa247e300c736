"""One step of an opened number: a formula with the numbers that stand in it. Plain Python."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Operand:
    """A number in a formula with the name it has in the field: ``mean``, ``bias``, ``x``."""

    name: str
    value: float


@dataclass(frozen=True)
class Step:
    """One step from the terms and parts to the number.

    Args:
        name: what it gives: ``"with bias"``, ``"standardised"``.
        form: the formula, with ``{0}``, ``{1}`` for the operands; arithmetic with ``exp log sqrt erf tanh min max``.
        operands: the numbers that stand in it, no two of one name. One that has the name of a part of the walk is
            that part's value.
        value: the result.
    """

    name: str
    form: str
    operands: tuple[Operand, ...]
    value: float

    def __post_init__(self) -> None:
        if len({operand.name for operand in self.operands}) < len(self.operands):
            raise ValueError(f"two operands of one name in {self.name}: {self.symbols()}")

    def symbols(self) -> str:
        """The formula with the operands' names.

        Example:
            >>> Step("with bias", "{0} + {1}", (Operand("sum", 8.0), Operand("bias", 0.5)), 8.5).symbols()
            'sum + bias'
        """
        return self.form.format(*(operand.name for operand in self.operands))


def make_step(name: str, form: str, value: float, **operands: float) -> Step:
    """A step; the operands' names are the keywords, underscores for spaces."""
    return Step(name, form, tuple(Operand(key.replace("_", " "), float(v)) for key, v in operands.items()), value)
