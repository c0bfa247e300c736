"""What an output of an operation reads, and its receptive field, held against perturbed inputs."""

from __future__ import annotations

import numpy as np
from conformance_cases import Case, Indices, Rng, cases, moves, unit_of

from convscope.network.costs import receptive_fields
from convscope.network.receptive_field import field_of
from convscope.ops import Op
from convscope.ops.arrays import Array
from convscope.ops.opening import under


def _at_places(shape: tuple[int, ...], sides: list[list[int]]) -> Array:
    """True in all channels at some rows and columns."""
    mask = np.zeros(shape, bool)
    mask[(slice(None), *np.ix_(*sides))] = True
    return mask


def _read_mask(case: Case, index: Indices, operand: int) -> Array:
    """Which values of an operand a unit may read, as the trait says."""
    op, shape = case.op, case.node.input_shapes[operand]
    own = [[0 if n == 1 else at] for at, n in zip(index[1:], shape[1:], strict=False)]
    reads = op.traits.reads
    if reads == "everything":
        return np.ones(shape, bool)
    if reads == "element":
        mask = np.zeros(shape, bool)
        mask[tuple(0 if n == 1 else at for at, n in zip(index, shape, strict=True))] = True
        return mask
    if reads == "place":
        return _at_places(shape, own) if len(shape) > 1 else np.ones(shape, bool)
    if reads == "box":
        return _at_places(shape, [list(range(*span)) for span in field_of(case.graph, "n", index).spans])
    if reads == "window":
        window = op.window(case.node.input_shapes)
        assert window is not None, "a window is stated, there is none"
        sides = [[at for at in side if at >= 0] for side in under(window, index[1:], shape)]
        return _at_places(shape, sides)
    mask = np.zeros(shape, bool)
    for channel in range(shape[0]):
        one = np.zeros(shape, bool)
        one[channel] = True
        mask[channel] = moves(case, index, operand, one)
    return mask


def _faces(mask: Array) -> list[Array]:
    """The first and the last rows, columns ... of what is read, all channels of them together."""
    found = []
    for axis in range(1, mask.ndim):
        at = np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        for end in (at[0], at[-1]):
            face = np.zeros_like(mask)
            face[(slice(None),) * axis + (end,)] = True
            found.append(face & mask)
    return found


def check_reads(cls: type[Op], rng: Rng, count: int) -> None:
    """Nothing outside of what is stated moves a unit, its edges do; the receptive field is the same."""
    others = partial = possible = moved = 0
    for case in cases(cls, rng, count):
        index, reads = unit_of(rng, case.node.shape), case.op.traits.reads
        for operand, shape in enumerate(case.node.input_shapes):
            mask = _read_mask(case, index, operand)
            assert not moves(case, index, operand, ~mask), f"{case.node}: {index} reads more than {reads}"
            if not mask.any() or mask.size == 1:
                continue
            if reads == "element":
                assert moves(case, index, operand, mask), f"{case.node}: {index} does not read its own"
            elif reads == "place":
                own = np.zeros(shape, bool)
                if index[0] < shape[0]:
                    own[index[0]] = True
                others += moves(case, index, operand, mask & ~own)
                possible += shape[0] > 1
            else:
                faces = _faces(mask) if reads != "everything" else [*_faces(mask), *_channels(mask)]
                assert all(moves(case, index, operand, face) for face in faces), f"{case.node}: {index} reads less"
            if reads == "channels":
                moved += 1
                partial += not mask.all()
        if case.op.inputs == "one":
            _check_field(case, index)
    assert not possible or others, "only its own channel is ever read"
    assert not moved or partial, "all channels are ever read"


def _channels(mask: Array) -> list[Array]:
    found = []
    for channel in range(len(mask)):
        one = np.zeros_like(mask)
        one[channel] = True
        found.append(one)
    return found


def _check_field(case: Case, index: Indices) -> None:
    """The receptive field of a unit is around all that moves it; the table's is the widest of all units."""
    spans = field_of(case.graph, "n", index).spans
    outside = np.ones(case.node.input_shapes[0], bool)
    outside[(slice(None), *(slice(*span) for span in spans))] = False
    assert not moves(case, index, 0, outside), f"{case.node}: {index} sees beyond {spans}"
    mask = _read_mask(case, index, 0)
    if mask.any() and spans and max(case.op.window(case.node.input_shapes).dilation if _slides(case) else [1]) == 1:
        at = [np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != k))) for k in range(1, mask.ndim)]
        assert spans == tuple((int(rows[0]), int(rows[-1]) + 1) for rows in at), f"{case.node}: {index} sees less"
    size, lengths = receptive_fields(case.node.input_shapes[0], [case.node])["n"], case.node.input_shapes[0][1:]  # type: ignore[arg-type]
    widest = [0] * len(lengths)
    for axis, n in enumerate(case.node.shape[1:]):
        for at in range(n):
            place = (0, *(at if k == axis else 0 for k in range(len(lengths))))
            start, stop = field_of(case.graph, "n", place).spans[axis]
            widest[axis] = max(widest[axis], stop - start)
    if len(case.node.shape) == 1:
        widest = [stop - start for start, stop in spans]
    padded = _slides(case) and (
        any(map(any, case.op.window(case.node.input_shapes).padding)) or getattr(case.op, "ceil_mode", False)  # type: ignore[union-attr]
    )
    for most, length, found in zip(size or lengths, lengths, widest, strict=True):
        assert found <= most, f"{case.node}: the table says {size}, a unit sees {widest}"
        assert padded or found == min(most, length), f"{case.node}: the table says {size}, units see {widest}"


def _slides(case: Case) -> bool:
    return case.op.window(case.node.input_shapes) is not None
