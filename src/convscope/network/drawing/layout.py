"""Where everything of a drawing is: boxes, edges, frames and labels as values, in pixels, y downwards.

A picture has its flow along x = 0, from its top at y = 0 to its bottom; larger pictures are made of smaller ones
moved beside or below each other, so that nothing overlaps by construction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from convscope.network.drawing.structure import Aside, Fork, Part, Run, Stage
from convscope.network.drawing.text import FIGURES, FOLLOWING, BoxLine, shortened, width
from convscope.network.graph import Node
from convscope.ops import Identity, Shape, spell_shape

GAP = 15.0
"""Between a box and the next below it; an arrow fits."""
BUS = 9.0
"""From where a fork begins to the line its branches start from."""
BESIDE = 16.0
PAD_X, PAD_Y = 9.0, 6.0
WIRE = 14.0
LABEL = 14.0
"""Height of a shape below its box."""
FRAME_PAD, FRAME_HEAD = 12.0, 24.0
SMALLEST = 72.0

Point = tuple[float, float]
Kind = Literal["run", "merge", "wire", "input"]


@dataclass(frozen=True)
class Box:
    """One box; ``key`` is the path of its first node, ``nodes`` are all it stands for, equal copies included."""

    key: str
    kind: Kind
    x: float
    y: float
    width: float
    height: float
    lines: tuple[BoxLine, ...] = ()
    run: Run | None = None
    aside: bool = False

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every node it stands for."""
        return (*self.run.nodes, *self.run.copies) if self.run else ()


@dataclass(frozen=True)
class Edge:
    """A line from box to box; an arrow where it ends."""

    source: str
    target: str
    points: tuple[Point, ...]
    arrow: bool = True
    aside: bool = False


@dataclass(frozen=True)
class Frame:
    """A tinted rectangle around a stage, its name left, what it costs in all right."""

    x: float
    y: float
    width: float
    height: float
    name: str
    note: str = ""
    aside: bool = False


@dataclass(frozen=True)
class Label:
    """A shape beside the edge it flows along; ``x`` is where it begins, ``y`` its base line."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class BranchStart:
    """A box that reads what flows in, and the way to it from the picture's entry."""

    key: str
    points: tuple[Point, ...]
    arrow: bool = True


@dataclass(frozen=True)
class Picture:
    """Something drawn around its axis; ``end`` is the box that gives its output and where that box's bottom is."""

    left: float
    right: float
    height: float
    end: str
    end_y: float
    starts: tuple[BranchStart, ...] = ()
    boxes: tuple[Box, ...] = ()
    edges: tuple[Edge, ...] = ()
    frames: tuple[Frame, ...] = ()
    labels: tuple[Label, ...] = ()

    def moved(self, dx: float, dy: float) -> Picture:
        """The same elsewhere; its extents stay those of its own axis."""
        return replace(
            self,
            end_y=self.end_y + dy,
            starts=tuple(replace(s, points=_moved(s.points, dx, dy)) for s in self.starts),
            boxes=tuple(replace(b, x=b.x + dx, y=b.y + dy) for b in self.boxes),
            edges=tuple(replace(e, points=_moved(e.points, dx, dy)) for e in self.edges),
            frames=tuple(replace(f, x=f.x + dx, y=f.y + dy) for f in self.frames),
            labels=tuple(replace(t, x=t.x + dx, y=t.y + dy) for t in self.labels),
        )


def _moved(points: tuple[Point, ...], dx: float, dy: float) -> tuple[Point, ...]:
    return tuple((x + dx, y + dy) for x, y in points)


@dataclass(frozen=True)
class Words:
    """What is written: the lines of a run's box, what a stage costs, whether it is beside the network."""

    lines: Callable[[Run], tuple[BoxLine, ...]]
    note: Callable[[Stage], str]
    aside: bool = False


def sequence(parts: Sequence[Part], words: Words) -> Picture:
    """Parts below each other on one axis; stages as wide as the widest, boxes too; heads in a lane at the right."""
    natural = [_box_width(words.lines(part)) for part in parts if isinstance(part, Run)]
    pictures = [_inner(part, words, max(natural, default=SMALLEST)) for part in parts]
    stages = [
        _extents(part, picture, words) for part, picture in zip(parts, pictures, strict=True) if isinstance(part, Stage)
    ]
    sides = max((s[0] for s in stages), default=0), max((s[1] for s in stages), default=0)
    framed = [
        _frame(picture, stage_name(part), words.note(part), sides, words.aside) if isinstance(part, Stage) else picture
        for part, picture in zip(parts, pictures, strict=True)
    ]
    return stacked(framed, [part.asides for part in parts], words)


def stacked(pictures: Sequence[Picture], asides: Sequence[tuple[Aside, ...]], words: Words) -> Picture:
    """Pictures below each other, joined; beside each the heads that read it."""
    left, right = (max(side) for side in zip(*((p.left, p.right) for p in pictures), strict=True))
    rail, lane, lowest = right + 0.75 * BESIDE, right + 1.5 * BESIDE, 0.0
    placed: list[Picture] = []
    edges: list[Edge] = []
    beside: list[Picture] = []
    y = 0.0
    for picture, heads in zip(pictures, asides, strict=True):
        here = picture.moved(0, y)
        if placed:
            edges += joined(placed[-1].end, (0.0, placed[-1].end_y), here.starts, words.aside)
        placed.append(here)
        y += picture.height + GAP
        for head in heads:
            made = head_picture(head, words)
            top = max(y - GAP / 2, lowest)
            away = made.moved(lane + made.left, top + GAP)
            turn = y - GAP / 2
            way = [(0.0, here.end_y), (0.0, turn)]
            # Past the heads above it, where some are.
            way += [(rail, turn), (rail, top + GAP / 2), (lane + made.left, top + GAP / 2)] if top > turn else []
            way += [] if top > turn else [(lane + made.left, turn)]
            edges += [Edge(here.end, s.key, simplified([*way, *s.points]), s.arrow, aside=True) for s in away.starts]
            beside.append(away)
            right, lowest = max(right, lane + made.left + made.right), top + made.height + 2 * GAP
    everything = [*placed, *beside]
    return Picture(
        left=left,
        right=right,
        height=max(y - GAP, lowest - GAP),
        end=placed[-1].end,
        end_y=placed[-1].end_y,
        starts=placed[0].starts,
        boxes=tuple(box for p in everything for box in p.boxes),
        edges=(*(edge for p in everything for edge in p.edges), *edges),
        frames=tuple(frame for p in everything for frame in p.frames),
        labels=tuple(label for p in everything for label in p.labels),
    )


def joined(source: str, at: Point, starts: Iterable[BranchStart], aside: bool = False) -> list[Edge]:
    """The edges from a box's bottom to all that reads it."""
    return [Edge(source, s.key, simplified([at, *s.points]), s.arrow, aside) for s in starts]


def simplified(points: Iterable[Point]) -> tuple[Point, ...]:
    """A line without the points that do not bend it."""
    kept: list[Point] = []
    for point in points:
        if kept and point == kept[-1]:
            continue
        while len(kept) > 1 and any(kept[-2][i] == kept[-1][i] == point[i] for i in (0, 1)):
            kept.pop()
        kept.append(point)
    return tuple(kept)


def _inner(part: Part, words: Words, box_width: float) -> Picture:
    if isinstance(part, Run):
        return run_picture(part, words, "run", box_width)
    return _fork(part, words) if isinstance(part, Fork) else sequence(part.parts, words)


def _box_width(lines: Sequence[BoxLine]) -> float:
    return max(SMALLEST, *(line.width + 2 * PAD_X for line in lines))


def run_picture(run: Run, words: Words, kind: Kind = "run", box_width: float = 0) -> Picture:
    """A run's box, its output's shape below it where that is a new one."""
    lines = words.lines(run)
    wide = box_width or _box_width(lines)
    high = sum(line.style.height for line in lines) + 2 * PAD_Y
    first, last = run.nodes[0], run.nodes[-1]
    box = Box(first.path, kind, -wide / 2, 0.0, wide, high, lines, run, words.aside)
    changed = last.shape not in first.input_shapes
    label = shape_label(last.shape, high) if changed else None
    return Picture(
        left=wide / 2,
        right=max(wide / 2, label.x + width(label.text, FOLLOWING.size) if label else 0),
        height=high + (LABEL if label else 0),
        end=first.path,
        end_y=high,
        starts=(BranchStart(first.path, ((0.0, 0.0),)),),
        boxes=(box,),
        labels=(label,) if label else (),
    )


def shape_label(shape: Shape, y: float) -> Label:
    """A shape right of the axis, just below ``y``."""
    return Label(7.0, y + LABEL - 1, spell_shape(shape))


def _is_wire(branch: tuple[Part, ...]) -> Run | None:
    """The run of a branch that changes nothing."""
    only = branch[0] if len(branch) == 1 else None
    bare = isinstance(only, Run) and not only.asides and all(isinstance(n.op, Identity) for n in only.nodes)
    return only if isinstance(only, Run) and bare else None


def _fork(fork: Fork, words: Words) -> Picture:
    """Branches beside each other; the flow stays straight where all but one change nothing."""
    wires = [_is_wire(branch) for branch in fork.branches]
    inner = [
        None if wire or not branch else sequence(branch, words)
        for branch, wire in zip(fork.branches, wires, strict=True)
    ]
    sides = [(p.left, p.right) if p else (WIRE / 2, WIRE / 2) for p in inner]
    axes, x = [], 0.0
    for left, right in sides:
        axes.append(x + left)
        x += left + right + BESIDE
    x -= BESIDE
    real = [axis for axis, picture in zip(axes, inner, strict=True) if picture]
    centre = real[0] if len(real) == 1 else x / 2
    top = 2 * BUS + 2
    high = max((p.height for p in inner if p), default=GAP)
    low = top + high + BUS
    merge = run_picture(fork.merge, words, "merge").moved(0, low + BUS + 3)
    into = merge.boxes[0].y
    key = merge.end
    placed: list[Picture] = []
    starts: list[BranchStart] = []
    edges: list[Edge] = []
    boxes: list[Box] = []
    for axis, wire, picture in zip((a - centre for a in axes), wires, inner, strict=True):
        down: tuple[Point, ...] = ((0.0, 0.0), (0.0, BUS), (axis, BUS))
        up: tuple[Point, ...] = ((axis, low), (0.0, low), (0.0, into))
        if picture:
            here = picture.moved(axis, top)
            placed.append(here)
            starts += [replace(s, points=simplified([*down, *s.points])) for s in here.starts]
            edges.append(Edge(here.end, key, simplified([(axis, here.end_y), *up]), aside=words.aside))
        elif wire:
            name = wire.nodes[0].path
            boxes.append(Box(name, "wire", axis - WIRE / 2, top, WIRE, high, (), wire, words.aside))
            starts.append(BranchStart(name, simplified([*down, (axis, top)]), arrow=False))
            edges.append(Edge(name, key, simplified([(axis, top + high), *up]), aside=words.aside))
        else:
            starts.append(BranchStart(key, simplified([*down, *up])))
    return Picture(
        left=max(centre, merge.left),
        right=max(x - centre, merge.right),
        height=low + BUS + 3 + merge.height,
        end=key,
        end_y=merge.end_y,
        starts=tuple(starts),
        boxes=(*boxes, *(b for p in placed for b in p.boxes), *merge.boxes),
        edges=(*(e for p in placed for e in p.edges), *edges),
        frames=tuple(f for p in placed for f in p.frames),
        labels=(*(t for p in placed for t in p.labels), *merge.labels),
    )


# Frames


def stage_name(stage: Stage) -> str:
    """The name above a stage; the range of names where equal ones are drawn once."""
    if stage.times == 1:
        return shortened(stage.name)
    return f"{shortened(stage.name, 20)} … {shortened(stage.last, 20)} ×{stage.times}"


def _extents(stage: Stage, picture: Picture, words: Words) -> tuple[float, float]:
    """How far a stage's frame reaches left and right: around its content, its name and its note."""
    return frame_extents(picture, stage_name(stage), words.note(stage))


def frame_extents(picture: Picture, name: str, note: str) -> tuple[float, float]:
    """How far a frame reaches left and right: around its content, its name left of the flow, its note right."""
    named = width(name, FOLLOWING.size, bold=True) + 16
    noted = width(note, FIGURES.size) + 16 if note else 0
    return max(picture.left + FRAME_PAD, named), max(picture.right + FRAME_PAD, noted)


def _frame(picture: Picture, name: str, note: str, sides: tuple[float, float], aside: bool) -> Picture:
    inside = picture.moved(0, FRAME_HEAD)
    left, right = sides
    high = FRAME_HEAD + picture.height + FRAME_PAD
    frame = Frame(-left, 0.0, left + right, high, name, note, aside)
    return replace(
        inside,
        left=left,
        right=right,
        height=high,
        starts=tuple(replace(s, points=simplified([(0.0, 0.0), *s.points])) for s in inside.starts),
        frames=(frame, *inside.frames),
    )


def head_picture(head: Aside, words: Words) -> Picture:
    """An auxiliary head in its frame; its figures are in no total."""
    picture = sequence(head.parts, replace(words, aside=True, note=lambda _: ""))
    name, note = shortened(head.name), f"loss × {head.weight:g}, in training only"
    return _frame(picture, name, note, frame_extents(picture, name, note), aside=True)
