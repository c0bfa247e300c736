"""Class activation maps: where in the picture a layer speaks for a class.

All weigh a layer's feature maps A by the derivatives dy/dA of the class's score y and add them up; what speaks against
the class is set to zero. They differ in what is averaged:

- ``gradcam``: sum over channels of mean(dy/dA) A. R. Selvaraju et al. 2017, "Grad-CAM".
- ``hirescam``: sum of dy/dA * A, place by place. R. Draelos, L. Carin 2020, "Use HiResCAM instead of Grad-CAM".
- ``layercam``: sum of max(dy/dA, 0) * A; works at earlier, finer layers. P.-T. Jiang et al. 2021, "LayerCAM".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch

from convscope import ops
from convscope.errors import UserError, did_you_mean
from convscope.inspection.attribution.derivatives import Floats, Target, gradients, normalised, target_of
from convscope.inspection.look import Look
from convscope.network.graph import INPUT, Graph, Node
from convscope.network.plan import scores_path
from convscope.ops import elements

Method = Literal["gradcam", "layercam", "hirescam"]
METHODS: tuple[Method, ...] = get_args(Method)
Chosen = Literal["last", "finer", "asked"]
CHOSEN: dict[Chosen, str] = {
    "last": "the last layer with places that everything passes through",
    "finer": "the last layer of a finer resolution that everything passes through",
    "asked": "as asked for",
}
"""Why a layer was taken, in words."""
Empty = Literal["", "no places", "single place", "silent", "no gradient", "against", "even"]
EMPTY: dict[Empty, str] = {
    "": "",
    "no places": "the network reads the whole picture at once, no layer keeps places: occlusion and integrated "
    "gradients say more",
    "single place": "the layer has a single place, so it cannot say where: an earlier layer can",
    "silent": "the layer is zero everywhere for this picture",
    "no gradient": "the class's score does not change with this layer here: all derivatives are zero",
    "against": "as this method weighs it, the layer speaks nowhere for the class; another method or layer may",
    "even": "the layer speaks for the class everywhere alike, so it does not say where",
}
"""Why a map shows nothing, in words."""


def _adds_nothing(op: ops.Op) -> bool:
    """Whether an operation knows no more than what it reads, perhaps at fewer places."""
    return op.traits.pools != "no" or op.traits.aliases in ("always", "evaluation")


@dataclass(frozen=True, eq=False)
class ClassMap:
    """Where a layer speaks for a class.

    Args:
        method: how.
        target: the class.
        layer: the node whose maps were weighed.
        chosen: why this one, see :data:`CHOSEN`.
        map_HW: at the layer's resolution, from 0; in units of the score for ``hirescam``.
        empty: why there is nothing to see, see :data:`EMPTY`; ``""`` where there is.
        picture: rows and columns of the network's input.
    """

    method: Method
    target: Target
    layer: str
    chosen: Chosen
    map_HW: Floats
    empty: Empty
    picture: tuple[int, int]

    @property
    def peak(self) -> tuple[float, float] | None:
        """Row and column of the map's largest value in pixels of the network's input; None of an empty map."""
        if self.empty:
            return None
        at = np.unravel_index(int(self.map_HW.argmax()), self.map_HW.shape)
        sides = zip(at, self.map_HW.shape, self.picture, strict=True)
        row, column = ((int(place) + 0.5) * length / places for place, places, length in sides)
        return row, column

    def enlarged(self) -> Floats:
        """The map at the picture's size, between the places' centres by straight lines."""
        map_NCHW = torch.from_numpy(self.map_HW)[None, None]
        large = torch.nn.functional.interpolate(map_NCHW, self.picture, mode="bilinear", align_corners=False)
        found: Floats = large[0, 0].numpy()
        return found


def class_map(look: Look, name: str | None = None, method: Method = "gradcam", layer: str | None = None) -> ClassMap:
    """A class activation map of a picture.

    Args:
        look: a model and its picture; computed in float32 whatever the look's precision.
        name: the class; None: the predicted one.
        method: see above. ``gradcam`` looks at the last layer with places, the sharper ones at a finer one.
        layer: the path of a node with places, in place of that.

    Raises:
        UserError: an unknown class, method or layer, or a layer that is a vector or lies behind the scores.

    Example:
        >>> from convscope.inspection.look import look_at
        >>> look = look_at("runs/mnist/model", "seven.png")  # doctest: +SKIP
        >>> found = class_map(look, "7")  # doctest: +SKIP
        >>> found.layer, found.map_HW.shape, found.peak  # doctest: +SKIP
        ('tanh2', (10, 10), (12.6, 18.2))
    """
    if method not in METHODS:
        raise UserError("method", f"{method!r}", ", ".join(METHODS), did_you_mean(method, METHODS))
    target, graph = target_of(look, name), look.model.module.graph
    chosen: Chosen = "asked" if layer is not None else "last" if method == "gradcam" else "finer"
    path = coarse_layer(graph) if chosen == "last" else fine_layer(graph) if chosen == "finer" else _known(graph, layer)
    picture = graph.input[1:]
    if len(picture) != 2:
        raise UserError("input", f"it has {len(picture)} dimensions beside the channels", "a picture: 2")
    if path is None:
        return ClassMap(method, target, INPUT, "last", np.zeros((1, 1), np.float32), "no places", picture)
    if chosen == "finer" and path == coarse_layer(graph):
        chosen = "last"
    values, slopes, _ = gradients(look.model, normalised(look.model, look.input[None]), target.index, [path])
    values_CHW, slopes_CHW = values[path][0].float(), slopes[path][0].float()
    map_HW = weighed(values_CHW, slopes_CHW, method)
    found: Floats = map_HW.clamp(min=0).cpu().numpy()
    return ClassMap(method, target, path, chosen, found, _empty(values_CHW, slopes_CHW, map_HW), picture)


def weighed(values_CHW: torch.Tensor, slopes_CHW: torch.Tensor, method: Method) -> torch.Tensor:
    """The sum over the channels (H, W), what speaks against the class still below zero.

    Example:
        >>> values, slopes = torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[3.0, -1.0]]])
        >>> [weighed(values, slopes, method).tolist() for method in METHODS]
        [[[1.0, 2.0]], [[3.0, 0.0]], [[3.0, -2.0]]]
    """
    if method == "gradcam":
        return (slopes_CHW.mean((1, 2), keepdim=True) * values_CHW).sum(0)
    return ((slopes_CHW.clamp(min=0) if method == "layercam" else slopes_CHW) * values_CHW).sum(0)


def _empty(values_CHW: torch.Tensor, slopes_CHW: torch.Tensor, map_HW: torch.Tensor) -> Empty:
    if map_HW.numel() == 1:
        return "single place"
    if not values_CHW.any():
        return "silent"
    if not slopes_CHW.any():
        return "no gradient"
    high, low = float(map_HW.max()), max(0.0, float(map_HW.min()))
    if high <= 0:
        return "against"
    return "even" if high - low <= 1e-5 * high else ""


def _known(graph: Graph, path: str | None) -> str:
    """A layer that a person named, if it is a map."""
    shapes = {INPUT: graph.input, **{node.path: node.shape for node in graph.nodes}}
    if path not in shapes:
        raise UserError("layer", f"{path!r}: the network has no such node", hint=did_you_mean(str(path), shapes))
    if len(shapes[path]) != 3:
        last = coarse_layer(graph)
        hint = f"the last one that has them is {last}" if last is not None else ""
        raise UserError("layer", f"{path} is a vector of {elements(shapes[path])}", "a node with places", hint)
    return path


def coarse_layer(graph: Graph) -> str | None:
    """The last node with several places through which everything passes on its way to the scores, before what only
    thins it out (pooling, dropout); None where no node has places.

    Example:
        >>> from convscope.network import zoo
        >>> coarse_layer(zoo.known("vgg16").graph()), coarse_layer(zoo.known("mnist_cnn").graph())
        ('plain5.relu3', 'relu2')
    """
    return next((node.path for node in _candidates(graph)), None)


def fine_layer(graph: Graph) -> str | None:
    """As :func:`coarse_layer`, but the last one with more places than that; the same where there is none.

    Example:
        >>> from convscope.network import zoo
        >>> graph = zoo.known("resnet18").graph()
        >>> [graph.by_path[find(graph)].shape for find in (coarse_layer, fine_layer)]
        [(512, 7, 7), (256, 14, 14)]
    """
    coarse = coarse_layer(graph)
    if coarse is None:
        return None
    places = elements(graph.by_path[coarse].shape[1:])
    finer = (node.path for node in _candidates(graph) if elements(node.shape[1:]) > places)
    return next(finer, coarse)


def _candidates(graph: Graph) -> Iterator[Node]:
    """Nodes with places from the last to the first; those past which no other way leads, if there are such."""
    steps = _before_scores(graph)
    at = {INPUT: -1} | {node.path: position for position, node in enumerate(steps)}
    with_places = [
        node for node in steps if len(node.shape) > 1 and elements(node.shape[1:]) > 1 and not _adds_nothing(node.op)
    ]
    # The earliest value that is still to be read behind a node: everything passes through it if that is its own.
    reach, earliest = {}, len(steps)
    for node in reversed(steps):
        reach[node.path] = earliest
        earliest = min([earliest, *(at[path] for path in node.inputs)])
    gates = [node for node in with_places if reach[node.path] >= at[node.path]]
    return reversed(gates or with_places)


def _before_scores(graph: Graph) -> list[Node]:
    """The nodes that the scores are computed from, in order, the scores included."""
    needed, steps = {scores_path(graph)}, []
    for node in reversed(graph.nodes):
        if node.path in needed:
            needed.update(node.inputs)
            steps.append(node)
    return steps[::-1]
