"""What an opened number is put together from: its terms, and how each becomes its result.

All numbers are float64, computed from the operands as they are given. It needs numpy, so that the operations' own
specifications do not import it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.ops.step import Operand

Vector = NDArray[np.float64]
Indices = NDArray[np.int64]
Arrays = Mapping[str, NDArray[Any]]

Source = str | int | None
"""Where the weights of some terms stand: in a parameter, by its name; in an input of the operation, by its number;
None where they are computed. A standardised value stands nowhere, and the value that was standardised is told."""


@dataclass(frozen=True)
class TermFunction:
    """How each term becomes its result.

    Args:
        name: what the result is: ``"itself"``, ``"product"``, ``"square"``, ``"exponential"``, or a word of an
            operation's own.
        form: the formula: ``{0}`` is the term's value, ``{1}`` its weight where terms have one, and the operands
            follow.
        value: what the value is called.
        weight: what it is multiplied by is called; None where a term is a value alone.
        operands: numbers that are the same for all terms.

    Example:
        >>> exponential(5.0).symbols(), PRODUCT.symbols()
        ('exp(x - largest)', 'x * weight')
    """

    name: str
    form: str
    value: str = "x"
    weight: str | None = None
    operands: tuple[Operand, ...] = ()

    def symbols(self) -> str:
        """The formula with names."""
        weight = () if self.weight is None else (self.weight,)
        return self.form.format(self.value, *weight, *(operand.name for operand in self.operands))

    def numbers(self, term: Term) -> list[float]:
        """What stands in the formula of one term, in the order of its places."""
        weight = () if term.weight is None else (term.weight,)
        return [term.value, *weight, *(operand.value for operand in self.operands)]


ITSELF = TermFunction("itself", "{0}")
"""A term's result is its value."""
PRODUCT = TermFunction("product", "{0} * {1}", weight="weight")
"""Its value times its weight."""
SQUARE = TermFunction("square", "{0} ** 2")
"""The square of its value."""


def exponential(largest: float) -> TermFunction:
    """The exponential of a term's value, less a number that keeps it from overflowing."""
    return TermFunction("exponential", "exp({0} - {1})", operands=(Operand("largest", largest),))


@dataclass(frozen=True)
class Term:
    """One value that a number is put together from.

    Args:
        operand: which of the node's inputs it is of, from 0; one more than the last is the node's own output at
            another place. Of a gradient, which of the nodes that read the number.
        index: its place there, ``(C, *spatial)`` or ``(features,)``; None for a zero of the padding.
        value: what stands there.
        weight: what it is multiplied by; None where there is nothing.
        weight_index: the weight's place in ``weight_source``; None where it has none.
        result: what of it goes into the sum, the product or the maximum, by :attr:`Terms.becomes`.
        weight_source: where the weight stands, see :data:`Source`.
        example: which of a batch the value is of; None where there is one example only.
    """

    operand: int
    index: tuple[int, ...] | None
    value: float
    weight: float | None
    weight_index: tuple[int, ...] | None
    result: float
    weight_source: Source = None
    example: int | None = None


@dataclass(frozen=True, eq=False)
class Terms(Sequence[Term]):
    """All terms of a number as arrays of one row a term: a unit of a large network has thousands.

    Made by :func:`convscope.ops.opening.terms_at` and the methods :meth:`times`, :meth:`squared`,
    :meth:`exponentials` and :meth:`becoming`, which say how a term becomes its result and compute it.

    Args:
        operand_N: which of the node's inputs.
        index_NR: places there; a row of -1 is a zero of the padding.
        value_N, result_N: see :class:`Term`.
        weight_N: None where a term is a value alone.
        weight_index_NR: None where the weights stand nowhere; a row of -1 where one does not.
        becomes: how each term becomes its result.
        weight_source: where the weights stand.
        example_N: which of a batch; None where there is one example only.

    Example:
        >>> values = Terms.of(np.array([1.0, 3.0]), np.array([[0], [1]]))
        >>> values.squared().result_N, values.times(np.array([2.0, -1.0])).becomes.name
        (array([1., 9.]), 'product')
    """

    operand_N: Indices
    index_NR: Indices
    value_N: Vector
    result_N: Vector
    weight_N: Vector | None = None
    weight_index_NR: Indices | None = None
    becomes: TermFunction = ITSELF
    weight_source: Source = None
    example_N: Indices | None = None

    def __post_init__(self) -> None:
        if (self.weight_N is None) != (self.becomes.weight is None):
            lack = "without" if self.weight_N is None else "with"
            raise ValueError(f"terms {lack} weights become {self.becomes.symbols()}; Terms.times multiplies by weights")

    @classmethod
    def of(cls, value_N: Vector, index_NR: Indices, operand: int | Indices = 0) -> Terms:
        """Values at places, each of which is its own result."""
        operand_N = np.broadcast_to(np.asarray(operand, np.int64), len(value_N)).copy()
        return cls(operand_N, index_NR, value_N, value_N)

    @classmethod
    def none(cls) -> Terms:
        """No terms: the steps put parts together."""
        return cls.of(np.zeros(0), np.zeros((0, 1), np.int64))

    def times(
        self,
        weight_N: Vector,
        weight_index_NR: Indices | None = None,
        source: Source = None,
        value: str = PRODUCT.value,
        weight: str = "weight",
    ) -> Terms:
        """Each value times a weight.

        Args:
            weight_N: the weights.
            weight_index_NR: their places in ``source``.
            source: where they stand, see :data:`Source`.
            value: what the values are called.
            weight: what the weights are called.
        """
        return replace(
            self,
            result_N=self.value_N * weight_N,
            weight_N=weight_N,
            weight_index_NR=weight_index_NR,
            weight_source=source,
            becomes=replace(PRODUCT, value=value, weight=weight),
        )

    def squared(self) -> Terms:
        """The square of each value."""
        return self.becoming(SQUARE, np.square(self.value_N))

    def exponentials(self, largest: float) -> Terms:
        """The exponential of each value less ``largest``."""
        return self.becoming(exponential(largest), np.exp(self.value_N - largest))

    def becoming(self, becomes: TermFunction, result_N: Vector) -> Terms:
        """The same terms with results by another formula."""
        return replace(self, becomes=becomes, result_N=result_N)

    def __len__(self) -> int:
        return len(self.value_N)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        return Term(
            operand=int(self.operand_N[at]),
            index=_place(self.index_NR[at]),
            value=float(self.value_N[at]),
            weight=None if self.weight_N is None else float(self.weight_N[at]),
            weight_index=None if self.weight_index_NR is None else _place(self.weight_index_NR[at]),
            result=float(self.result_N[at]),
            weight_source=self.weight_source,
            example=None if self.example_N is None else int(self.example_N[at]),
        )

    def __iter__(self) -> Iterator[Term]:
        return (self[i] for i in range(len(self)))

    def order(self) -> Indices:
        """The terms' numbers by the size of their results, the largest first."""
        found: Indices = np.argsort(-np.abs(self.result_N), kind="stable")
        return found

    def largest_first(self, most: int | None = None) -> list[Term]:
        """The terms that move the result most, by the size of what they add; the padding's zeros last."""
        return [self[int(i)] for i in self.order()[:most]]

    def ordered(self) -> Terms:
        """All terms, the largest first."""
        order = self.order()
        return replace(
            self,
            operand_N=self.operand_N[order],
            index_NR=self.index_NR[order],
            value_N=self.value_N[order],
            result_N=self.result_N[order],
            weight_N=None if self.weight_N is None else self.weight_N[order],
            weight_index_NR=None if self.weight_index_NR is None else self.weight_index_NR[order],
            example_N=None if self.example_N is None else self.example_N[order],
        )


def _place(index: Indices) -> tuple[int, ...] | None:
    return None if (index < 0).any() else tuple(map(int, index))
