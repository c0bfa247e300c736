"""What a network learned to look for and where it found it: kernels and feature maps, as values.

How they become pictures is in :mod:`convscope.render.images.map_sheet`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope import ops
from convscope.errors import UserError, did_you_mean
from convscope.inspection.look import Look
from convscope.model.folder import Model
from convscope.network.graph import INPUT, Graph
from convscope.ops import Shape, elements, spell_shape

Floats = NDArray[np.float32]
NOTHING = 1e-6
"""Of the largest number beside it: what is below is zero. Weight decay leaves filters of 1e-20, not of 0."""
TINY = 2.0**-126
"""The smallest normal float32."""


@dataclass(frozen=True, eq=False)
class Maps:
    """A node's output on one picture, map by map.

    Args:
        path: the node's, or ``"input"``.
        operation: as the notation writes it; ``"input"`` of the input.
        shape: of the node's output.
        maps_CHW: the values. A vector, or channels of a single place, is one map of one row.
        low_C, high_C: the least and the largest value of each map.
        zero: maps that are zero everywhere; of a vector, its units that are zero.
        constant: maps that are one other value everywhere.
    """

    path: str
    operation: str
    shape: Shape
    maps_CHW: Floats
    low_C: Floats
    high_C: Floats
    zero: tuple[int, ...]
    constant: tuple[int, ...]

    @property
    def is_vector(self) -> bool:
        """Whether there are no places: each number is a unit of its own."""
        return _single(self.shape)

    @property
    def dead(self) -> tuple[int, ...]:
        """Maps that tell nothing of this picture: zero, or one value everywhere."""
        return tuple(sorted(self.zero + self.constant))

    @property
    def signed(self) -> bool:
        """Whether the node's values lie on both sides of zero."""
        return bool(self.low_C.min() < 0 < self.high_C.max())


@dataclass(frozen=True, eq=False)
class Kernels:
    """The kernels of a convolution.

    Args:
        path: the node's.
        operation: as the notation writes it.
        weights_OIHW: output channels, input channels of its group, rows, columns; a 1-D kernel has one row.
        low_O, high_O: the least and the largest weight of each.
        dead: kernels whose weights are all zero: whatever the picture, they find nothing.
        reads_colours: whether the input channels are a picture's red, green and blue.
    """

    path: str
    operation: str
    weights_OIHW: Floats
    low_O: Floats
    high_O: Floats
    dead: tuple[int, ...]
    reads_colours: bool


def feature_maps(look: Look, path: str) -> Maps:
    """The feature maps of a node.

    Args:
        look: a model's run on a picture.
        path: of any node, or ``"input"``.

    Raises:
        UserError: the network has no such node.

    Example:
        >>> from convscope.inspection.look import look_at
        >>> maps = feature_maps(look_at("runs/mnist/model", "seven.png"), "conv1")  # doctest: +SKIP
        >>> maps.shape, maps.dead  # doctest: +SKIP
        ((6, 28, 28), ())
    """
    if path not in look.values:
        raise UserError("node", f"{path!r}: the network has no such node", hint=did_you_mean(path, look.values))
    values, graph = look.values[path], look.model.module.graph
    operation = INPUT if path == INPUT else graph.by_path[path].op.text()
    return maps_of(path, operation, values)


def maps_of(path: str, operation: str, values: Floats) -> Maps:
    """Values ``(C, H, W)``, ``(C, L)`` or ``(F,)`` as maps.

    Raises:
        UserError: there are more dimensions than a flat picture has.

    Example:
        >>> maps = maps_of("relu1", "relu", np.array([[[0, 2]], [[0, 0]], [[1, 1]]], np.float32))
        >>> maps.high_C.tolist(), maps.zero, maps.constant
        ([2.0, 0.0, 1.0], (1,), (2,))
    """
    shape = values.shape
    if len(shape) > 3:
        raise UserError(path, f"maps of {len(shape) - 1} dimensions", "maps of at most 2")
    if _single(shape):
        maps_CHW = values.reshape(1, 1, -1)
        zero = np.flatnonzero(_is_nothing(np.abs(values.reshape(-1))))
        constant = zero[:0]
    else:
        maps_CHW = values.reshape(shape[0], -1, shape[-1])
        low, high = maps_CHW.min((1, 2)), maps_CHW.max((1, 2))
        largest = np.maximum(np.abs(low), np.abs(high))
        is_zero = _is_nothing(largest)
        zero = np.flatnonzero(is_zero)
        constant = np.flatnonzero(~is_zero & (high - low <= NOTHING * largest))
    low_C, high_C = maps_CHW.min((1, 2)), maps_CHW.max((1, 2))
    return Maps(path, operation, shape, maps_CHW, low_C, high_C, tuple(zero.tolist()), tuple(constant.tolist()))


def kernels(model: Model | Look, path: str | None = None) -> Kernels:
    """The kernels of a convolution.

    Args:
        model: a model, or a look at one.
        path: of a convolution; None: the first.

    Raises:
        UserError: there is no such node, it is no convolution, or its kernels have more than two dimensions.

    Example:
        >>> kernels(Model.load("runs/mnist/model")).weights_OIHW.shape  # doctest: +SKIP
        (6, 1, 5, 5)
    """
    module = (model.model if isinstance(model, Look) else model).module
    graph = module.graph
    path = _convolution(graph, path)
    weights = module.state_dict()[f"{path}.weight"].detach().float().cpu().numpy()
    if weights.ndim > 4:
        raise UserError(path, f"kernels of {spell_shape(weights.shape[2:])}", "kernels of at most 2 dimensions")
    weights_OIHW = weights.reshape(*weights.shape[:2], -1, weights.shape[-1])
    low_O, high_O = weights_OIHW.min((1, 2, 3)), weights_OIHW.max((1, 2, 3))
    dead = np.flatnonzero(_is_nothing(np.maximum(np.abs(low_O), np.abs(high_O))))
    node = graph.by_path[path]
    reads_colours = node.inputs == (INPUT,) and weights.ndim == 4 and weights.shape[1] == 3
    return Kernels(path, node.op.text(), weights_OIHW, low_O, high_O, tuple(dead.tolist()), reads_colours)


def convolutions(graph: Graph) -> tuple[str, ...]:
    """The paths of a network's convolutions, in order."""
    return tuple(node.path for node in graph.nodes if isinstance(node.op, ops.Conv))


def _convolution(graph: Graph, path: str | None) -> str:
    known = convolutions(graph)
    if not known:
        raise UserError("kernels", "the network has no convolution", "a convolutional network")
    if path is None:
        return known[0]
    if path not in graph.by_path:
        raise UserError("node", f"{path!r}: the network has no such node", hint=did_you_mean(path, known))
    if path not in known:
        raise UserError("node", f"{path} is a {graph.by_path[path].op.word}", "a convolution", f"such as {known[0]}")
    return path


def _single(shape: Shape) -> bool:
    return elements(shape[1:]) == 1


def _is_nothing(largest: Floats) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = largest <= NOTHING * max(float(largest.max()), TINY)
    return found
