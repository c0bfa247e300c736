"""Which output of a calculation is meant: ``row,column`` as a person writes it."""

from __future__ import annotations

import re

from convscope.calculation.calculation import Calculation
from convscope.calculation.functions import Im2col
from convscope.errors import UserError
from convscope.ops import spell_shape

Index = tuple[int, ...]


def first_place(calculation: Calculation) -> Index:
    """The place that is opened where none is named."""
    return (0,) * calculation.output.ndim


def parse_place(text: str, calculation: Calculation) -> Index:
    """The output that ``--at`` names: ``row,column`` or ``channel,row,column``; of im2col the window's place.

    Raises:
        UserError: no such place.
    """
    columns = calculation.columns if isinstance(calculation.op, Im2col) else None
    shape = calculation.output.shape
    if columns is not None:
        shape = tuple(last + 1 for last in columns.places[-1])
    found = re.fullmatch(r"\s*(?:output)?\s*\[?\s*(\d{1,9}(?:\s*[,x\s]\s*\d{1,9})*)\s*\]?\s*", text)
    names = {1: ["place"], 2: ["row", "column"], 3: ["channel", "row", "column"]}.get(
        len(shape), ["place"] * len(shape)
    )
    expected = f"{','.join(names)} in an output of {spell_shape(shape)}, counted from 0"
    if found is None:
        raise UserError("--at", f"{text!r}", expected)
    place = tuple(map(int, re.split(r"[,x\s]+", found[1].strip())))
    if len(place) == len(shape) - 1:
        place = (0, *place)
    if len(place) != len(shape) or not all(p < n for p, n in zip(place, shape, strict=True)):
        raise UserError("--at", f"no place {','.join(map(str, place))}", expected)
    return place if columns is None else (0, columns.places.index(place))
