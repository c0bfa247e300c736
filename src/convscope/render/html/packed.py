"""Numbers inside a page: arrays as base64 in JSON, and walks so that the page only looks numbers up.

Most units of a node read the same pattern of places, shifted: a pattern is written once, a unit says which it has and
where it begins. The page adds those two, which is address arithmetic; sums and results are written here.
"""

from __future__ import annotations

import base64
from collections.abc import Hashable, Mapping, Sequence
from math import isfinite
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from convscope.ops import Shape, Window, elements
from convscope.ops.terms import ITSELF, PRODUCT, Source, Vector
from convscope.ops.walk import Walk

PADDING = -(2**31)
"""The offset of a zero of the padding, which is nowhere in the input."""

Json = dict[str, Any]
_Key = TypeVar("_Key", bound=Hashable)


def pack(array: NDArray[Any]) -> Json:
    """An array as base64 of little-endian bytes; the page reads it as a typed array, in the order of C.

    Example:
        >>> pack(np.array([1.0, 2.0], np.float32))
        {'type': 'f4', 'data': 'AACAPwAAAEA='}
    """
    kind = array.dtype.newbyteorder("<")
    data = np.ascontiguousarray(array, kind).tobytes()
    return {"type": kind.str.lstrip("<|"), "data": base64.b64encode(data).decode("ascii")}


def pack_whole(array: NDArray[Any]) -> Json | int:
    """Whole numbers in the fewest bytes; one alone where all are equal.

    Example:
        >>> pack_whole(np.array([7, 7])), pack_whole(np.array([1, 300]))["type"]
        (7, 'u2')
    """
    if len(array) and (array == array[0]).all():
        return int(array[0])
    for kind in (np.uint8, np.uint16, np.int32):
        limits = np.iinfo(kind)
        if len(array) == 0 or (array.min() >= limits.min and array.max() <= limits.max):
            return pack(array.astype(kind))
    raise ValueError(f"no place for {array.max()}")


def pack_column(column_N: NDArray[np.float64]) -> Json | float:
    """A number a unit, to the bit, in few bytes: one where all are equal, one a channel where they come in blocks.

    Example:
        >>> pack_column(np.array([0.5, 0.5])), pack_column(np.repeat([0.1, 0.2], 9))["each"]
        (0.5, 9)
    """
    if len(column_N) and isfinite(column_N[0]) and (column_N == column_N[0]).all():
        return float(column_N[0])
    changes = np.flatnonzero(column_N[1:] != column_N[:-1]) + 1
    each = int(np.gcd.reduce(np.append(changes, len(column_N)))) if len(column_N) else 1
    # A NaN differs from itself, so that it ends every block: each is then 1.
    kept = column_N[::each]
    found = pack(_narrow(kept))
    return found if each == 1 else {**found, "each": each}


class _Register(dict[_Key, int]):
    """What is kept once, numbered in the order of its first use."""

    def number(self, key: _Key) -> int:
        return self.setdefault(key, len(self))


class _Columns:
    """Columns of numbers over the units, each kept once."""

    def __init__(self) -> None:
        self._places: _Register[bytes] = _Register()

    def number(self, numbers: Sequence[float]) -> int:
        """The place of a column among those that are kept."""
        return self._places.number(np.array(numbers, np.float64).tobytes())

    def packed(self) -> list[Json | float]:
        """All of them for the page."""
        return [pack_column(np.frombuffer(key, np.float64)) for key in self._places]


def pack_walks(
    walks: Sequence[Walk],
    inputs: Sequence[Shape],
    output: Shape,
    *,
    weights: Mapping[str, Shape] | None = None,
    every: bool = True,
    inline: bool = False,
    window: Window | None = None,
    more: Mapping[str, Sequence[float]] | None = None,
) -> Json:
    """Units of one node, for the page to open.

    Args:
        walks: of the units, in the order of the output's places.
        inputs: the shapes of the node's operands.
        output: its own.
        weights: the shapes of its parameters by name.
        every: whether these are all units of the node.
        inline: whether to write the terms' values and weights too, for a page that does not hold them whole.
        window: of an operation that slides one.
        more: further numbers of each unit, by name.

    Returns:
        ``patterns``, each of operand, offset and weight offset a term; of each unit ``pattern``, ``base`` (of each
        operand) and ``weight_base``; ``becomes``, how a term becomes its result; ``combined`` and the steps' ``forms``
        with the ``columns`` of their numbers; the ``parts``, each packed in the same way.

    Raises:
        ValueError: terms of one node that become results by several formulas.
    """
    source, weight = _weight_source(walks, inputs, weights or {})
    patterns: _Register[tuple[bytes, bytes, bytes]] = _Register()
    ids, bases, weight_bases = [], [], []
    for unit in walks:
        key, base, weight_base = _pattern(unit, inputs, weight)
        ids.append(patterns.number(key))
        bases.append(base)
        weight_bases.append(weight_base)
    columns = _Columns()
    packed: Json = {
        "shape": list(output),
        "count": len(walks),
        "inputs": [list(shape) for shape in inputs],
        "units": None if every else pack(np.array([_flat(u.index, output) for u in walks], np.int32)),
        "patterns": [_pattern_json(key) for key in patterns],
        "pattern": pack_whole(np.array(ids)),
        "base": [pack_whole(column) for column in np.array(bases, np.int64).reshape(len(walks), -1).T],
        "becomes": _becomes(walks, columns),
        "combine": walks[0].combine if walks else "value",
        "combined": columns.number([u.combined for u in walks]),
        "value": columns.number([u.value for u in walks]),
    }
    if weight is not None:
        packed |= {"weight_base": pack_whole(np.array(weight_bases)), "weight": list(weight), "weight_source": source}
    elif any(u.terms.weight_N is not None for u in walks):
        packed["weights"] = _listed([cast("Vector", u.terms.weight_N) for u in walks])
    if packed["becomes"]["form"] not in (ITSELF.form, PRODUCT.form):
        packed["results"] = _listed([u.terms.result_N for u in walks])
    if window is not None:
        packed["window"] = window_json(window)
        packed |= _subtotals(walks, window)
    packed |= _steps(walks, columns)
    if inline:
        packed["inline"] = _inline(walks)
    packed["parts"] = _parts(walks, inputs, output, weights or {}, inline)
    packed["more"] = {name: columns.number(numbers) for name, numbers in (more or {}).items()}
    packed["columns"] = columns.packed()
    return packed


def _parts(
    walks: Sequence[Walk], inputs: Sequence[Shape], output: Shape, weights: Mapping[str, Shape], inline: bool
) -> list[Json]:
    """The units' parts by name; ``at`` says where among those of a name each unit's is, -1 if it has none."""
    found = []
    for name in dict.fromkeys(part.name for unit in walks for part in unit.parts):
        own = [next((part for part in unit.parts if part.name == name), None) for unit in walks]
        held = [part for part in own if part is not None]
        packed = pack_walks(held, inputs, output, weights=weights, inline=inline)
        places = np.cumsum([part is not None for part in own]) - 1
        at = {} if len(held) == len(own) else {"at": pack_whole(np.where([part is None for part in own], -1, places))}
        found.append({"name": name, **at, **packed})
    return found


def _weight_source(
    walks: Sequence[Walk], inputs: Sequence[Shape], weights: Mapping[str, Shape]
) -> tuple[Source, Shape | None]:
    """Where the terms' weights stand, and the shape of it; None where nothing is multiplied or nothing stands."""
    sources = {unit.terms.weight_source for unit in walks if unit.terms.weight_index_NR is not None}
    if len(sources) > 1:
        raise ValueError(f"weights of one node in {sources}")
    source = sources.pop() if sources else None
    if source is None:
        return None, None
    return source, weights[source] if isinstance(source, str) else inputs[source]


def _becomes(walks: Sequence[Walk], columns: _Columns) -> Json:
    """How the terms become their results; what differs from unit to unit is a column."""
    known = {(b.name, b.form, b.value, b.weight) for b in (unit.terms.becomes for unit in walks)}
    if len(known) > 1:
        raise ValueError(f"terms of one node become their results by {sorted(form for _, form, *_ in known)}")
    name, form, value, weight = known.pop() if known else (ITSELF.name, ITSELF.form, ITSELF.value, ITSELF.weight)
    operands = [unit.terms.becomes.operands for unit in walks]
    names = [operand.name for operand in operands[0]] if operands else []
    return {
        "name": name,
        "form": form,
        "value": value,
        "weight": weight,
        "operands": names,
        "columns": [columns.number([of[k].value for of in operands]) for k in range(len(names))],
    }


def _listed(numbers: Sequence[Vector]) -> Json:
    """Some numbers a unit, each list of them kept once."""
    known: _Register[bytes] = _Register()
    ids = [known.number(one.tobytes()) for one in numbers]
    return {"of": [pack(np.frombuffer(key, np.float64)) for key in known], "id": pack_whole(np.array(ids))}


def window_json(window: Window) -> Json:
    """A window for the page: as its fields."""
    padding = [list(pair) for pair in window.padding]
    return {
        "kernel": window.kernel,
        "stride": window.stride,
        "dilation": window.dilation,
        "padding": padding,
    }


def _flat(index: Sequence[int], shape: Shape) -> int:
    return int(np.ravel_multi_index(tuple(index), shape))


def _pattern(
    unit: Walk, inputs: Sequence[Shape], weight: Shape | None
) -> tuple[tuple[bytes, bytes, bytes], list[int], int]:
    """What a unit reads as a pattern and where it begins, once for each operand and once for the weight."""
    terms = unit.terms
    offsets = np.full(len(terms), PADDING, np.int64)
    bases = [0] * len(inputs)
    inside = (terms.index_NR >= 0).all(1)
    for operand, shape in enumerate(inputs):
        of = inside & (terms.operand_N == operand)
        if of.any():
            flat = np.ravel_multi_index(tuple(terms.index_NR[of].T), shape)
            bases[operand] = int(flat[0])
            offsets[of] = flat - flat[0]
    weights, first = np.zeros(0, np.int64), 0
    if weight is not None and terms.weight_index_NR is not None:
        weights = np.ravel_multi_index(tuple(terms.weight_index_NR.T), weight).astype(np.int64)
        first = int(weights[0]) if len(weights) else 0
        weights = weights - first
    operands = terms.operand_N.astype(np.int64)
    return (operands.tobytes(), offsets.tobytes(), weights.tobytes()), bases, first


def _pattern_json(key: tuple[bytes, bytes, bytes]) -> Json:
    operand, offset, weight = (np.frombuffer(part, np.int64) for part in key)
    found: Json = {"count": len(operand), "offset": pack_whole(offset)}
    if operand.any():
        found["operand"] = pack_whole(operand)
    # Weights mostly lie in a row, which needs no list.
    if not np.array_equal(weight, np.arange(len(weight))):
        found["weight"] = pack_whole(weight)
    return found


def _steps(walks: Sequence[Walk], columns: _Columns) -> Json:
    """The steps' formulas, and which unit has which; each number is a column over the units of its formula."""
    forms: dict[tuple[Any, ...], list[Walk]] = {}
    ids, places = [], []
    for unit in walks:
        key = tuple((s.name, s.form, tuple(o.name for o in s.operands)) for s in unit.steps)
        of = forms.setdefault(key, [])
        ids.append(list(forms).index(key))
        places.append(len(of))
        of.append(unit)
    listed = []
    for key, of in forms.items():
        steps = []
        for at, (name, form, operands) in enumerate(key):
            numbers = [[u.steps[at].operands[k].value for u in of] for k in range(len(operands))]
            steps.append(
                {
                    "name": name,
                    "form": form,
                    "operands": operands,
                    "columns": [columns.number(column) for column in numbers],
                    "value": columns.number([u.steps[at].value for u in of]),
                }
            )
        listed.append(steps)
    found: Json = {"forms": listed, "form": pack_whole(np.array(ids))}
    if len(listed) > 1:
        found["place"] = pack_whole(np.array(places))
    return found


def _subtotals(walks: Sequence[Walk], window: Window) -> Json:
    """Where several channels are summed into one: the sum of each."""
    size = elements(window.kernel)
    counts = {len(u.terms) for u in walks}
    if size == 1 or len(counts) != 1 or not walks or walks[0].combine != "sum":
        return {}
    (count,) = counts
    if count % size or count == size:
        return {}
    sums_NC = np.array([u.terms.result_N.reshape(-1, size).sum(1) for u in walks])
    return {"subtotals": {"channels": sums_NC.shape[1], "of": pack(_narrow(sums_NC))}}


def _inline(walks: Sequence[Walk]) -> Json:
    starts = np.cumsum([0, *(len(u.terms) for u in walks)])
    found: Json = {"start": pack(starts.astype(np.int32)), "value": _numbers([u.terms.value_N for u in walks])}
    weights = [u.terms.weight_N for u in walks if u.terms.weight_N is not None]
    if weights:
        found["weight"] = _numbers(weights)
    return found


def _numbers(parts: Sequence[NDArray[np.float64]]) -> Json:
    return pack(_narrow(np.concatenate(parts)))


def _narrow(numbers: NDArray[np.float64]) -> NDArray[Any]:
    """The same numbers in half the bytes, where they are of float32."""
    with np.errstate(over="ignore"):
        single = numbers.astype(np.float32)
    return single if np.array_equal(single, numbers, equal_nan=True) else numbers
