"""Which units of a look open in its page, and their arithmetic packed for it.

Of a small network all of them do, from its values and weights, which the page then holds whole. Of a large one those
are chosen that a reader is likely to ask for: a unit, what moves it most, and so on, until the page is large enough.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from convscope import ops
from convscope.inspection.look import EPS, Look, Unit
from convscope.network.address import Address
from convscope.network.graph import INPUT, Graph
from convscope.network.receptive_field import Field, field_of
from convscope.ops import Shape, elements
from convscope.reference.walk import walk
from convscope.render.html.packed import Json, pack, pack_walks, pack_whole

Progress = Callable[[str, int, int], None]
"""Told (what is done, how much of it, of how much)."""

Units = Mapping[str, Sequence[Unit]]
"""By node, in the order of their places."""

DENSE_UNITS = 40_000
DENSE_BYTES = 2_500_000
"""Up to which every unit of a network opens: numbers of it, and what they take in the page."""
A_UNIT, A_NUMBER = 24, 4
CHOSEN_BYTES = 4_000_000
"""Of the operands of chosen units in the page."""
MOST_CHOSEN = 2000
PASSING = 2
"""Terms of a unit that passes on what it reads: an activation, a normalisation, a sum of two branches."""
FOLLOWED = 4
"""Of a chosen unit, so many of those that move it most are chosen next."""


def opens_whole(graph: Graph) -> bool:
    """Whether every unit of a network opens in a page.

    Example:
        >>> from convscope.network import zoo
        >>> opens_whole(zoo.known("lenet5").graph()), opens_whole(zoo.known("resnet18").graph())
        (True, False)
    """
    units = elements(graph.input) + sum(elements(node.shape) for node in graph.nodes)
    size = (A_UNIT + A_NUMBER) * units + A_NUMBER * graph.parameter_count
    return units <= DENSE_UNITS and size * 4 / 3 <= DENSE_BYTES


def every_unit(look: Look, progress: Progress | None = None) -> Units:
    """Every unit of a look, opened."""
    graph, found = look.model.module.graph, {}
    paths = [INPUT, *(node.path for node in graph.nodes)]
    fields: dict[tuple[str, tuple[int, ...]], Field] = {}
    for done, path in enumerate(paths):
        found[path] = list(_units_of(look, path, fields))
        if progress is not None:
            progress("units", done + 1, len(paths))
    return found


def _units_of(look: Look, path: str, fields: dict[tuple[str, tuple[int, ...]], Field]) -> Iterator[Unit]:
    graph, values = look.model.module.graph, look.values[path]
    if path == INPUT:
        yield from (look.unit(Address(INPUT, index)) for index in np.ndindex(*values.shape))
        return
    node = graph.by_path[path]
    parameters, buffers = (
        {name: look.state[f"{path}.{name}"] for name in names} for names in (node.parameters, node.buffers)
    )
    inputs = [look.values[source] for source in node.inputs]
    operation, eps = node.op.text(), EPS[look.precision]
    for index in np.ndindex(*values.shape):
        # Where a unit looks is the same in every channel.
        key = (path, index[1:] if len(index) > 1 else index)
        if key not in fields:
            fields[key] = field_of(graph, path, index)
        opened = walk(node.op, inputs, parameters, buffers, index)
        yield Unit(Address(path, index), operation, node.inputs, opened, float(values[index]), eps, fields[key])


def chosen_units(look: Look, asked: Sequence[Address] = (), progress: Progress | None = None) -> Units:
    """Units that a reader is likely to ask for, the asked ones and the answer's first.

    Args:
        look: of a large network.
        asked: units to begin with, each with its way back to the pixels.
        progress: told how much of the room in the page is taken.
    """
    found: dict[Address, Unit] = {}
    taken = 0

    def take(address: Address) -> Unit:
        nonlocal taken
        if address not in found:
            unit = found[address] = look.unit(address)
            for one in unit.walk.within():
                taken += A_NUMBER * (1 if one.terms.weight_N is None else 2) * len(one.terms) * 4 // 3 + 4 * A_UNIT
            if progress is not None:
                progress("units", min(taken, CHOSEN_BYTES), CHOSEN_BYTES)
        return found[address]

    pending: deque[Address] = deque()
    for start in [*asked, _winner(look)]:
        address: Address | None = start
        while address is not None:
            pending.append(address)
            address = take(address).leading
    pending.extend(_strongest(look))
    while pending and taken < CHOSEN_BYTES and len(found) < MOST_CHOSEN:
        unit = take(pending.popleft())
        sources = [take(one).address if one.path == INPUT else one for one in _sources(unit)]
        # What only passes a number on leads soon to one that adds some up.
        if unit.walk.count <= PASSING:
            pending.extendleft(reversed(sources))
        else:
            pending.extend(sources)
    by_path: dict[str, list[Unit]] = {}
    for address in sorted(found, key=lambda one: one.index):
        by_path.setdefault(address.path, []).append(found[address])
    return by_path


def _winner(look: Look) -> Address:
    path = look.model.scores_path
    return Address(path, (int(look.values[path].argmax()),))


def _strongest(look: Look) -> Iterator[Address]:
    """Of the scores the five largest; of every convolution the largest value of its two strongest maps."""
    path = look.model.scores_path
    yield from (Address(path, (int(k),)) for k in np.argsort(-look.values[path], kind="stable")[:5])
    for node in look.model.module.graph.nodes:
        if isinstance(node.op, ops.Conv):
            values = look.values[node.path]
            flat = values.reshape(len(values), -1)
            for channel in np.argsort(-flat.max(1), kind="stable")[:2]:
                place = np.unravel_index(int(flat[channel].argmax()), values.shape[1:])
                yield Address(node.path, (int(channel), *map(int, place)))


def _sources(unit: Unit) -> Iterator[Address]:
    """Where the terms come from that move a unit most."""
    for term in unit.walk.largest_first(FOLLOWED):
        source = unit.source(term)
        if source is not None and term.result:
            yield source


def pack_units(look: Look, path: str, units: Sequence[Unit], whole: bool) -> Json:
    """The opened units of a node for the page.

    Args:
        look: whose they are.
        path: of the node.
        units: in the order of their places.
        whole: whether the page holds the node's operands and weights.
    """
    inputs, output = _shapes(look, path)
    node = look.model.module.graph.by_path.get(path)
    window = node.op.window(node.input_shapes) if node else None
    packed = pack_walks(
        [unit.walk for unit in units],
        inputs,
        output,
        weights=node.parameters if node else {},
        every=whole,
        inline=not whole,
        window=window,
        more={
            "engine": [unit.engine for unit in units],
            # Shown with two digits.
            "difference": _single([unit.difference for unit in units]),
            "tolerance": _single([unit.walk.tolerance(unit.eps) for unit in units]),
        },
    )
    sides = np.array([_sides(unit.field) for unit in units], np.int64).reshape(len(units), 4)
    packed["field"] = [pack_whole(column) for column in sides.T]
    return packed


def _shapes(look: Look, path: str) -> tuple[Sequence[Shape], Shape]:
    graph = look.model.module.graph
    if path == INPUT:
        return [graph.input], graph.input  # a pixel is read from the picture
    node = graph.by_path[path]
    return node.input_shapes, node.shape


def _single(numbers: Sequence[float]) -> list[float]:
    return [float(np.float32(x)) for x in numbers]


def _sides(field: Field) -> tuple[int, int, int, int]:
    """Top, bottom, left and right in the picture."""
    (top, bottom), (left, right) = field.spans
    return top, bottom, left, right


def pack_operands(look: Look) -> dict[str, Any]:
    """All values and weights of a small network, and the picture's pixels (C, H, W)."""
    graph = look.model.module.graph
    weights = {
        f"{node.path}.{name}": pack(look.state[f"{node.path}.{name}"].astype(np.float32))
        for node in graph.nodes
        for name in node.parameters
    }
    return {
        "values": {path: pack(values) for path, values in look.values.items()},
        "weights": weights,
        "pixels": pack(np.ascontiguousarray(look.input.transpose(2, 0, 1))),
    }
