"""A long network as columns, as a newspaper sets a long text: broken between stages, led on by a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import log

from convscope.network.drawing.layout import (
    FRAME_PAD,
    GAP,
    PAD_X,
    Box,
    BranchStart,
    Edge,
    Frame,
    Label,
    Picture,
    Words,
    head_picture,
    sequence,
    shape_label,
    simplified,
    stacked,
)
from convscope.network.drawing.structure import Aside, Fork, Part, Stage
from convscope.network.drawing.text import FOLLOWING, OPERATION, BoxLine, width
from convscope.network.graph import INPUT
from convscope.ops import Shape, spell_shape

RATIO = 1.5
"""Width to height that a drawing tries for: between 4:3 and 16:9."""
MOST_COLUMNS = 14
SHORTEST = 420.0
"""No network is broken for columns shorter than this."""
GUTTER = 46.0
BROKEN = 0.3
"""How much worse a drawing is for a stage that is broken into columns; the same scale as the logarithm of its ratio."""
_ABOVE, _BELOW = 22.0, 16.0
"""Room for the line that leads from the foot of a column to the head of the next."""


@dataclass(frozen=True)
class Plan:
    """All that is drawn of a network, placed: from (0, 0) to (width, height)."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    frames: tuple[Frame, ...]
    labels: tuple[Label, ...]


@dataclass(frozen=True)
class _Atom:
    """A part that stays whole, the stages around it, and how much room it takes."""

    around: tuple[Stage, ...]
    part: Part
    width: float
    height: float


def plan(shape: Shape, beside_input: tuple[Aside, ...], parts: Sequence[Part], words: Words, head: float) -> Plan:
    """The network in as many columns as give the best picture.

    Args:
        shape: the input's.
        beside_input: heads that read the input.
        parts: of the network.
        words: what is written.
        head: the height of what stands above and below the columns.
    """
    measured: dict[int, _Size] = {}

    def size(part: Part) -> _Size:
        if id(part) not in measured:
            picture = sequence((part,), words)
            measured[id(part)] = picture.left + picture.right, picture.height + GAP
        return measured[id(part)]

    total = sum(size(part)[1] for part in parts)
    tries: list[tuple[float, list[list[_Atom]]]] = []
    for count in range(1, MOST_COLUMNS + 1):
        for most in (total, total / count):
            atoms = [atom for part in parts for atom in _atoms(part, (), most, size)]
            if count == 1 or (count <= len(atoms) and total / count >= SHORTEST):
                columns = _balanced(_glued(atoms, words), count)
                tries.append((_badness(columns, head), columns))
    columns = min(tries, key=lambda one: one[0])[1]
    regrouped = [_regrouped(column, columns[:i]) for i, column in enumerate(columns)]
    return _placed(regrouped, input_picture(shape), beside_input, words)


def _badness(columns: Sequence[Sequence[_Atom]], head: float) -> float:
    """How far a picture of these columns is from the wished one: its form, its empty paper, its broken stages."""
    heights = [sum(atom.height for atom in column) for column in columns]
    wide = sum(max(atom.width for atom in column) + GUTTER for column in columns)
    form = abs(log(wide / (max(heights) + head) / RATIO))
    empty = 1 - sum(heights) / (max(heights) * len(heights))
    broken = any(one[-1].around[:1] == other[0].around[:1] != () for one, other in pairwise(columns))
    return form + empty / 2 + BROKEN * broken


def input_picture(shape: Shape) -> Picture:
    """The box that a network begins with."""
    line = BoxLine(f"input {spell_shape(shape)}", OPERATION)
    wide, high = line.width + 4 * PAD_X, OPERATION.height + 8
    box = Box(INPUT, "input", -wide / 2, 0.0, wide, high, (line,))
    start = BranchStart(INPUT, ((0.0, 0.0),))
    return Picture(wide / 2, wide / 2, high, INPUT, high, (start,), (box,))


_Size = tuple[float, float]
_Sizes = Callable[[Part], _Size]


def _atoms(part: Part, around: tuple[Stage, ...], most: float, size: _Sizes) -> list[_Atom]:
    """A part, or where it is a stage taller than a column what is in it."""
    wide, tall = size(part)
    if isinstance(part, Stage) and part.times == 1 and tall > most and len(part.parts) > 1:
        last = part.parts[-1]
        inner = (*part.parts[:-1], replace(last, asides=(*last.asides, *part.asides)) if part.asides else last)
        return [atom for p in inner for atom in _atoms(p, (*around, part), most, size)]
    return [_Atom(around, part, wide + 2 * FRAME_PAD * len(around), tall)]


def _glued(atoms: Sequence[_Atom], words: Words) -> list[list[_Atom]]:
    """The atoms in groups that stay in one column: a head is beside those that follow it, not below the last."""
    groups: list[list[_Atom]] = []
    beside = 0.0
    for atom in atoms:
        if groups and beside > 0:
            groups[-1].append(atom)
            beside -= atom.height
        else:
            groups.append([atom])
        beside = max(beside, 0.0) + sum(head_picture(head, words).height for head in atom.part.asides)
    return groups


def _balanced(groups: Sequence[list[_Atom]], count: int) -> list[list[_Atom]]:
    """The atoms in at most ``count`` columns, the tallest as low as can be."""
    heights = [sum(atom.height for atom in group) for group in groups]
    low, high = max(heights), sum(heights)
    for _ in range(30):
        middle = (low + high) / 2
        if len(_filled(groups, heights, middle)) <= count:
            high = middle
        else:
            low = middle
    return _filled(groups, heights, high)


def _filled(groups: Sequence[list[_Atom]], heights: Sequence[float], most: float) -> list[list[_Atom]]:
    columns: list[list[_Atom]] = [[]]
    used = 0.0
    for group, height in zip(groups, heights, strict=True):
        if columns[-1] and used + height > most:
            columns.append([])
            used = 0.0
        columns[-1] += group
        used += height
    return columns


def _regrouped(atoms: Sequence[_Atom], before: Sequence[Sequence[_Atom]], depth: int = 0) -> tuple[Part, ...]:
    """The atoms of a column inside what is there of their stages; ``before`` are the columns before it."""
    begun = {id(stage) for column in before for atom in column for stage in atom.around}
    parts: list[Part] = []
    index = 0
    while index < len(atoms):
        atom = atoms[index]
        if len(atom.around) <= depth:
            parts.append(atom.part)
            index += 1
            continue
        stage, end = atom.around[depth], index
        while end < len(atoms) and len(atoms[end].around) > depth and atoms[end].around[depth] is stage:
            end += 1
        inner = _regrouped(atoms[index:end], before, depth + 1)
        going_on = id(stage) in begun
        name = f"… {stage.name}" if going_on else stage.name
        parts.append(Stage(name, inner, counted=() if going_on else stage.parts))
        index = end
    return tuple(parts)


def _placed(columns: Sequence[tuple[Part, ...]], start: Picture, aside: tuple[Aside, ...], words: Words) -> Plan:
    """The columns beside each other, joined by lines through the gutters."""
    pictures = [sequence(parts, words) for parts in columns]
    pictures[0] = stacked([start, pictures[0]], [aside, ()], words)
    x = 0.0
    placed: list[Picture] = []
    edges: list[Edge] = []
    labels: list[Label] = []
    axes: list[float] = []
    for index, picture in enumerate(pictures):
        x += GUTTER if index else 0
        top = _ABOVE if index else 0.0
        axis = x + picture.left
        here, reach = picture.moved(axis, top), picture.right
        if index:
            foot = placed[-1]
            low = foot.height + (_ABOVE if index > 1 else 0) + _BELOW - 4
            between = x - GUTTER / 2
            way = [(axes[-1], foot.end_y), (axes[-1], low), (between, low), (between, 4.0), (axis, 4.0), (axis, top)]
            edges += [Edge(foot.end, s.key, simplified([*way, *s.points]), s.arrow, words.aside) for s in here.starts]
            label = shape_label(_shape_at_end(columns[index - 1]), 3.0)
            labels.append(replace(label, x=axis + label.x))
            reach = max(reach, label.x + width(label.text, FOLLOWING.size))
        placed.append(here)
        axes.append(axis)
        x += picture.left + reach
    deepest = max(p.height + (_ABOVE if i else 0) for i, p in enumerate(placed))
    return Plan(
        width=x,
        height=deepest + (_BELOW if len(placed) > 1 else 0),
        boxes=tuple(b for p in placed for b in p.boxes),
        edges=(*(e for p in placed for e in p.edges), *edges),
        frames=tuple(f for p in placed for f in p.frames),
        labels=(*(t for p in placed for t in p.labels), *labels),
    )


def _shape_at_end(parts: Sequence[Part]) -> Shape:
    last = parts[-1]
    if isinstance(last, Stage):
        return _shape_at_end(last.parts)
    return (last.merge if isinstance(last, Fork) else last).nodes[-1].shape
