"""How a person calculates it by hand."""

from __future__ import annotations

from convscope.ops.calculate import (
    CALCULATE,
    Use,
    several,
)
from convscope.ops.merge.spec import Add, Concat, Mul

for _cls in (Add, Mul, Concat):
    CALCULATE.enter(_cls)(Use("INPUT INPUT...", several, (), f"{_cls.word} '1 2 3' '10 20 30'", 2, 100))
