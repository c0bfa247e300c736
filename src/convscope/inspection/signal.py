"""What initialisation and depth do: how large values and gradients are, layer by layer, before anything is learnt.

Values pass forward through every layer and gradients back through the same ones: what each layer multiplies them by
is multiplied again by the next. A sigmoid, whose slope is at most 0.25, shrinks gradients at every layer; weights
that are too small or too large let both vanish or explode (Glorot and Bengio 2010; He et al. 2015).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.engine.module import GraphModule, to_module
from convscope.errors import UserError, did_you_mean
from convscope.inspection.autograd import engine_step
from convscope.network.graph import INPUT, Graph, Node
from convscope.network.network import Network
from convscope.ops import spell_shape
from convscope.ops.activation.reference import slope
from convscope.ops.activation.spec import Activation, Sigmoid
from convscope.reference.backpropagation import Backpropagation
from convscope.reference.opened_loss import Kind
from convscope.seeds import stream_seed

SATURATED = 0.1
"""A slope below so much of the activation's largest: hardly anything passes back."""


@dataclass(frozen=True)
class Signal:
    """How large the numbers at one node are.

    Args:
        path: the node, ``"input"`` for the network's own.
        operation: as the notation writes it; ``"input"`` of the input.
        mean, std: of its output's values, over a batch.
        zeros: the fraction of them that is exactly 0.
        slope: of an activation, the mean slope; None of other operations.
        saturated: of an activation, the fraction of values whose slope is below a tenth of the largest; else None.
        gradient_std, gradient_size: of the loss with respect to the output: standard deviation, mean absolute value.
        weight_std: of the node's weight; None without one.
        weight_gradient_std, weight_gradient_size: of the loss with respect to it.
    """

    path: str
    operation: str
    mean: float
    std: float
    zeros: float
    slope: float | None
    saturated: float | None
    gradient_std: float
    gradient_size: float
    weight_std: float | None
    weight_gradient_std: float | None
    weight_gradient_size: float | None


def signal(
    graph: Graph,
    scheme: str = "default",
    seed: int = 0,
    images_N: NDArray[Any] | None = None,
    labels_N: Sequence[int] | NDArray[Any] | None = None,
    examples: int = 32,
) -> tuple[Signal, ...]:
    """Run one batch forward and back through freshly drawn weights, and measure every node.

    The loss is that of the network's task: cross entropy, binary cross entropy of one output with a sigmoid, squared
    error of one output without.

    Args:
        graph: the network.
        scheme: of initialisation, one of :data:`convscope.engine.initialise.SCHEMES`.
        seed: of the weights and of what is drawn below.
        images_N: a batch ``(N, *graph.input)``, normalised; None: normal noise of mean 0 and variance 1.
        labels_N: its classes, or the numbers that a network without classes should give; None: drawn.
        examples: how many are drawn.

    Returns:
        The input and every node that the scores depend on, in order of evaluation.

    Raises:
        UserError: an unknown scheme, or a batch that does not fit.

    Example:
        >>> rows = signal(Network.parse("input 64\\nlinear 64 > sigmoid > linear 10").graph(), "lecun")
        >>> [(row.path, 0.9 < row.std < 1.1) for row in rows[:2]], rows[2].slope < 0.25
        ([('input', True), ('linear1', True)], True)
    """
    return measure(to_module(graph, scheme, seed), images_N, labels_N, seed, examples)


def measure(
    module: GraphModule,
    images_N: NDArray[Any] | None = None,
    labels_N: Sequence[int] | NDArray[Any] | None = None,
    seed: int = 0,
    examples: int = 32,
) -> tuple[Signal, ...]:
    """The same of a network that has its weights, drawn or trained; see :func:`signal`."""
    graph, given, kind = module.graph, images_N, _kind(module.graph)
    if given is None:
        numbers = np.random.default_rng(stream_seed(seed, "signal", "images"))
        given = numbers.standard_normal((examples, *graph.input))
    if given.ndim < 1 or given.shape[1:] != graph.input or not len(given):
        raise UserError("images", f"a batch of {spell_shape(given.shape)}", f"N x {spell_shape(graph.input)}")
    if labels_N is None:
        labels_N = _draw_labels(graph, kind, np.random.default_rng(stream_seed(seed, "signal", "labels")), len(given))
    inputs_N = torch.from_numpy(np.asarray(given, np.float32))
    step = engine_step(module, inputs_N, np.asarray(labels_N), seed=seed, kind=kind)
    return tuple(_row(step, path) for path in step.values)


def _kind(graph: Graph) -> Kind:
    """The task that a network is made for, as far as its end tells."""
    if graph.output.shape != (1,):
        return "classification"
    return "binary" if isinstance(graph.output.op, Sigmoid) else "regression"


def _draw_labels(graph: Graph, kind: Kind, rng: np.random.Generator, count: int) -> NDArray[Any]:
    """Classes, or standardised numbers."""
    if kind == "regression":
        return rng.standard_normal(count)
    return rng.integers(0, 2 if kind == "binary" else graph.output.shape[0], count)


def _row(step: Backpropagation, path: str) -> Signal:
    node = step.graph.by_path[path] if path != INPUT else None
    value, gradient = step.values[path].astype(np.float64), step.gradients[path].astype(np.float64)
    mean_slope, saturated = _slopes(step, node)
    weight = step.state.get(f"{path}.weight") if node is not None else None
    of_weight = None if weight is None else step.parameters[f"{path}.weight"].astype(np.float64)
    return Signal(
        path=path,
        operation=node.op.text() if node is not None else "input",
        mean=float(value.mean()),
        std=float(value.std()),
        zeros=float((value == 0).mean()),
        slope=mean_slope,
        saturated=saturated,
        gradient_std=float(gradient.std()),
        gradient_size=float(np.abs(gradient).mean()),
        weight_std=None if weight is None else float(weight.astype(np.float64).std()),
        weight_gradient_std=None if of_weight is None else float(of_weight.std()),
        weight_gradient_size=None if of_weight is None else float(np.abs(of_weight).mean()),
    )


def _slopes(step: Backpropagation, node: Node | None) -> tuple[float | None, float | None]:
    if node is None or not isinstance(node.op, Activation):
        return None, None
    found = slope(node.op, step.values[node.inputs[0]].astype(np.float64))
    return float(found.mean()), float((np.abs(found) < SATURATED * node.op.largest_slope).mean())


# The classroom experiment

KINDS: Mapping[str, str] = {
    "sigmoid": "{layer} > sigmoid",
    "tanh": "{layer} > tanh",
    "relu": "{layer} > relu",
    "relu + residual": "add {{ relu > {layer} | identity }}",
    "relu + batch norm": "{layer} > batchnorm > relu",
    "relu + batch norm + residual": "add {{ batchnorm > relu > {layer} | identity }}",
}
"""What one layer of the experiment is, in the notation. The residual ones are He et al. 2016's: the layer is what is
added, so that nothing stands in the way from one sum to the next."""

CLASSROOM = ("sigmoid", "tanh", "relu", "relu + residual")
STARTS = ("small", "lecun", "kaiming", "large")
"""Schemes of :mod:`convscope.engine.initialise`: standard deviations of 0.01, 1/sqrt(N), sqrt(2/N) and 1."""


@dataclass(frozen=True)
class Depth:
    """One layer of one network of the experiment.

    Args:
        kind: what the layers are, one of :data:`KINDS`.
        scheme: of initialisation.
        layer: from 1, next to the input.
        gain: what the layer's weights alone multiply the size of random values by: their standard deviation times
            sqrt(N), N values that each unit sums.
        std: of the layer's output, over a batch.
        zeros, slope, saturated: as in :class:`Signal`, of the layer's activation.
        gradient_size: mean absolute gradient of the loss with respect to the layer's output.
        weight_gradient_size: the same with respect to its weights: what the layer would learn from.
        slopes: the mean slopes of this and all later activations multiplied: what they alone do to a gradient on its
            way through them; a residual connection leads around.
    """

    kind: str
    scheme: str
    layer: int
    gain: float
    std: float
    zeros: float
    slope: float
    saturated: float
    gradient_size: float
    weight_gradient_size: float
    slopes: float


@dataclass(frozen=True)
class DepthExperiment:
    """The classroom experiment: the same deep network with other activations and other first weights.

    Args:
        depth: layers.
        layer: what each is, in the notation, without its activation.
        kinds, schemes: what was compared.
        rows: one a network and layer.
    """

    depth: int
    layer: str
    kinds: tuple[str, ...]
    schemes: tuple[str, ...]
    rows: tuple[Depth, ...]

    def network(self, kind: str, scheme: str) -> tuple[Depth, ...]:
        """One network's layers, from the input on."""
        return tuple(row for row in self.rows if (row.kind, row.scheme) == (kind, scheme))

    def carried(self, kind: str, scheme: str) -> float:
        """How much of the last layer's gradient arrives at the first: 1 where depth does nothing to it.

        Below 1 it vanishes on the way, above it explodes.
        """
        rows = self.network(kind, scheme)
        last = rows[-1].gradient_size
        return rows[0].gradient_size / last if last else float("nan")


def depth_network(depth: int, kind: str, width: int = 100, conv: bool = False, classes: int = 10) -> Network:
    """The network of the experiment: so many equal layers between a first and a last one.

    Args:
        depth: layers.
        kind: what a layer is, one of :data:`KINDS`.
        width: units of a layer, or channels.
        conv: layers are 3x3 convolutions over 16x16 pictures with ``width`` channels, not fully connected.
        classes: scores.

    Raises:
        UserError: an unknown kind.

    Example:
        >>> print(depth_network(20, "relu + residual").text(), end="")
        input 100
        repeat 20 {
          add {
            relu > linear 100
          | identity
          }
        }
        linear 10
    """
    if kind not in KINDS:
        raise UserError("kind", f"unknown kind {kind!r}", ", ".join(KINDS), did_you_mean(kind, KINDS))
    layer = _layer(width, conv)
    head = "globalavgpool > flatten > linear" if conv else "linear"
    start = f"input {width}x16x16" if conv else f"input {width}"
    body = KINDS[kind].format(layer=layer)
    return Network.parse(f"{start}\nrepeat {depth} {{\n  {body}\n}}\n{head} {classes}", f"{depth} layers of {kind}")


def _layer(width: int, conv: bool) -> str:
    return f"conv {width} 3x3 padding=same" if conv else f"linear {width}"


def depth_experiment(
    depth: int = 20,
    kinds: Sequence[str] = CLASSROOM,
    schemes: Sequence[str] = STARTS,
    width: int = 100,
    conv: bool = False,
    seed: int = 0,
    examples: int = 128,
) -> DepthExperiment:
    """What sigmoid does to gradients over many layers, and what ReLU, residual connections and first weights change.

    Noise of variance 1 goes in, the gradient of a cross entropy comes back; nothing is trained.

    Args:
        depth: layers of each network.
        kinds: what their layers are, of :data:`KINDS`.
        schemes: of initialisation.
        width: units of a layer, or channels.
        conv: convolutions in place of fully connected layers.
        seed: of weights and noise.
        examples: in the batch.

    Raises:
        UserError: an unknown kind or scheme.

    Example:
        >>> done = depth_experiment(10, ["sigmoid", "relu"], ["lecun", "kaiming"], width=50)
        >>> done.carried("sigmoid", "lecun") < 1e-5 < 0.1 < done.carried("relu", "kaiming")
        True
    """
    if not 1 <= depth <= 1000:
        raise UserError("depth", f"{depth} layers", "from 1 to 1000")
    rows = []
    for kind in kinds:
        graph = depth_network(depth, kind, width, conv).graph()
        for scheme in schemes:
            rows += _layers(kind, scheme, width * (9 if conv else 1), signal(graph, scheme, seed, examples=examples))
    return DepthExperiment(depth, _layer(width, conv), tuple(kinds), tuple(schemes), tuple(rows))


def _layers(kind: str, scheme: str, fan_in: int, found: Sequence[Signal]) -> list[Depth]:
    """The rows of one network: a layer is its weights and its activation, and ends where the next one starts."""
    weights = [row for row in found if row.operation.startswith(("linear", "conv"))][:-1]
    activations = [row for row in found if row.slope is not None]
    ends = [row for row in found if row.operation == "add"] if "residual" in kind else activations
    slopes = np.cumprod([row.slope for row in reversed(activations)])[::-1]
    return [
        Depth(
            kind=kind,
            scheme=scheme,
            layer=layer,
            gain=(weight.weight_std or 0.0) * sqrt(fan_in),
            std=end.std,
            zeros=activation.zeros,
            slope=activation.slope or 0.0,
            saturated=activation.saturated or 0.0,
            gradient_size=end.gradient_size,
            weight_gradient_size=weight.weight_gradient_size or 0.0,
            slopes=float(product),
        )
        for layer, (weight, activation, end, product) in enumerate(
            zip(weights, activations, ends, slopes, strict=True), start=1
        )
    ]
