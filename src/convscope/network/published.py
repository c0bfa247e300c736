"""Other people's tables of parameters and multiply-adds, beside our counts."""

from __future__ import annotations

import csv
import functools
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from convscope.errors import UserError
from convscope.network import zoo
from convscope.network.graph import Graph
from convscope.ops import Shape

COLUMNS = ("model", "params", "value", "unit", "input")
OUR_RULE = ("GMACs", "GFLOPs (2/MAC)")
"""Units of tables that count as we do, where they also give parameters to the last one. A table that rounds its
parameters to millions mostly counts normalisation and pooling too, and says it nowhere."""
_REMARK = re.compile(r"\s*\([^()]*\)$")
"""Behind a source, of one row alone."""
_ALIAS = re.compile(r"cifar_(resnet\d+) \(option A\)")


@dataclass(frozen=True)
class Published:
    """One row of a table: figures as printed, ``macs`` of them in units of 10^9."""

    name: str
    parameters: str
    macs: Decimal
    digits: int
    rule: str
    ours: bool
    side: int
    source: str


@dataclass(frozen=True)
class PublishedComparison:
    """A published row and what we count for the same network at the same input."""

    published: Published
    parameters: int
    macs: int
    with_heads: int
    """The parameters with those of auxiliary heads, which torchvision's table counts where its weights have them."""

    @property
    def parameters_equal(self) -> bool:
        """Exactly, or to the digits that are printed."""
        text = self.published.parameters
        if not text.endswith("M"):
            return int(text) in (self.parameters, self.with_heads)
        digits = Decimal(text[:-1])
        return _rounds_to(Decimal(self.parameters) / 10**6, digits, -int(digits.as_tuple().exponent))

    @property
    def macs_equal(self) -> bool:
        """To the digits that are printed."""
        per_mac = 2 if "2/MAC" in self.published.rule else 1
        return _rounds_to(Decimal(per_mac * self.macs) / 10**9, self.published.macs, self.published.digits)

    @property
    def deviation(self) -> float:
        """How much larger the printed number of multiply-adds is, as a share of ours."""
        per_mac = 2 if "2/MAC" in self.published.rule else 1
        return float(self.published.macs) * 10**9 / (per_mac * self.macs) - 1


def _rounds_to(exact: Decimal, printed: Decimal, digits: int) -> bool:
    return abs(exact - printed) <= Decimal(1).scaleb(-max(0, digits)) / 2


def read(text: str, name: str = "the table") -> list[Published]:
    """The rows of a CSV table that are about networks of the zoo.

    Args:
        text: with the columns ``model, params, value, unit, input`` and, if it likes, ``source``.
        name: what messages call it.

    Raises:
        UserError: a column is missing, or a row holds no number where one belongs.

    Example:
        >>> read("model,params,value,unit,input\\nlenet5,61706,0.000417,GMACs,32")[0].parameters
        '61706'
    """
    reader = csv.DictReader(io.StringIO(text))
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise UserError(name, f"no column {missing[0]!r}", ", ".join(COLUMNS))
    known, found = set(zoo.names()), []
    for row in reader:
        model = row["model"] or ""
        model = _ALIAS.sub(r"\1_cifar", model)
        if model not in known or not row["params"]:
            continue
        try:
            macs = Decimal(row["value"])
            exact = not row["params"].endswith("M")
            Decimal(row["params"].removesuffix("M"))
            side = int(row["input"])
        except (InvalidOperation, ValueError, TypeError):
            raise UserError(f"{name}, line {reader.line_num}", "a number is missing or wrong", "a count") from None
        ours = exact and row["unit"] in OUR_RULE
        digits = max(0, -int(macs.as_tuple().exponent))
        source = _REMARK.sub("", row.get("source") or "")
        found.append(Published(model, row["params"], macs, digits, row["unit"], ours, side, source))
    return found


def compare(rows: Sequence[Published]) -> list[PublishedComparison]:
    """Our counts beside the published ones."""
    found = []
    for row in rows:
        graph = _graph(row.name, row.side)
        found.append(PublishedComparison(row, graph.parameter_count, graph.macs, graph.with_heads.parameter_count))
    return found


@functools.lru_cache(maxsize=8)
def _graph(name: str, side: int) -> Graph:
    network = zoo.known(name)
    channels = (network.input or (3,))[0]
    shape: Shape = (channels, side, side)
    return network.graph(shape)
