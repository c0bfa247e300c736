"""One training step by the chain rule in plain NumPy: loss, every unit's gradient, every weight's, the step of SGD.

The oracle for a whole network, as :func:`convscope.reference.forward.run` is for its forward pass. A step that the
engine took has the same form (see :mod:`convscope.inspection.training_step`): any number of either is opened by
:mod:`convscope.reference.gradient_walk`. It imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import UserError
from convscope.network.address import Address
from convscope.network.graph import INPUT, Graph, Node
from convscope.network.plan import scores_path
from convscope.ops import spell_shape
from convscope.ops.arrays import Array, Gradients, Operands, Tensors
from convscope.ops.step import Operand, Step
from convscope.reference.backward import backward
from convscope.reference.forward import forward, tensors_of
from convscope.reference.losses import Loss
from convscope.reference.opened_loss import ExampleLoss, Kind, Targets, loss_of, open_loss


@dataclass(frozen=True, eq=False)
class Backpropagation:
    """A batch's way forward and back.

    Args:
        graph: the network.
        state: its tensors by name, as they were before the step.
        targets_N: the classes of the batch, or its numbers.
        values: each node's output by path with the batch, the batch itself as ``"input"``; none of a node that the
            scores do not depend on, a last softmax above all.
        gradients: of the loss with respect to each of these values, in their shapes.
        parameters: of the loss with respect to each trained tensor, as ``path.weight``.
        loss: of the scores, the mean over the batch.
        training: whether batch norm took the batch's statistics.
        label_smoothing: of the loss.
        masks: what each dropout multiplied by, by path: 0 or 1 / (1 - p); none where there was no dropout.
        eps: the precision of these numbers, as a distance from 1 to the next.
        kind: of the task, which says what loss it is.
    """

    graph: Graph
    state: Mapping[str, NDArray[Any]]
    targets_N: Targets
    values: Mapping[str, Array]
    gradients: Mapping[str, Array]
    parameters: Mapping[str, Array]
    loss: Loss
    training: bool = True
    label_smoothing: float = 0.0
    masks: Mapping[str, Array] = field(default_factory=dict)
    eps: float = 2.0**-52
    kind: Kind = "classification"

    @property
    def scores(self) -> str:
        """The node that the loss reads."""
        return scores_path(self.graph)

    @property
    def examples(self) -> int:
        """How many."""
        return len(self.targets_N)

    def operands(self, path: str) -> Operands:
        """What a node was given."""
        node = self.graph.by_path[path]
        parameters, buffers = (
            {name: np.asarray(self.state[f"{path}.{name}"]) for name in names}
            for names in (node.parameters, node.buffers)
        )
        return Operands([self.values[source] for source in node.inputs], parameters, buffers, self.training)

    def loss_of(self, example: int) -> ExampleLoss:
        """One example's loss opened, in float64 from the scores."""
        return open_loss(self.kind, self.values[self.scores], self.targets_N, example, self.label_smoothing)

    def update(self, weight: Address, lr: float) -> Update:
        """One weight before and after a step of plain gradient descent."""
        name = f"{weight.path}.{weight.tensor}"
        before, gradient = float(self.state[name][weight.index]), float(self.parameters[name][weight.index])
        return Update(weight, before, gradient, lr)

    def updated(self, lr: float) -> dict[str, NDArray[Any]]:
        """The state after a step of plain gradient descent; buffers as they were.

        Args:
            lr: the learning rate.
        """
        found = {name: np.asarray(value) for name, value in self.state.items()}
        return found | {name: found[name] - lr * gradient for name, gradient in self.parameters.items()}


@dataclass(frozen=True)
class Update:
    """A weight's step of plain gradient descent (SGD): against its gradient, as far as the learning rate says.

    Args:
        weight: which.
        before: its value.
        gradient: of the loss with respect to it.
        lr: the learning rate.

    Example:
        >>> Update(Address("linear1", (0, 0), "weight"), 0.5, 2.0, 0.1).after
        0.3
    """

    weight: Address
    before: float
    gradient: float
    lr: float

    @property
    def after(self) -> float:
        """Its value after the step."""
        return self.before - self.lr * self.gradient

    @property
    def step(self) -> Step:
        """The step as a formula."""
        numbers = {"before": self.before, "learning rate": self.lr, "gradient": self.gradient}
        operands = tuple(Operand(name, value) for name, value in numbers.items())
        return Step("after", "{0} - {1} * {2}", operands, self.after)


def backpropagate(
    graph: Graph,
    state: Tensors,
    images_N: Array,
    targets_N: Targets | Sequence[int],
    training: bool = True,
    label_smoothing: float = 0.0,
    masks: Mapping[str, Array] | None = None,
    kind: Kind = "classification",
) -> Backpropagation:
    """One step's loss and all its gradients: forward, the loss of the scores, and the chain rule back.

    Rumelhart, Hinton and Williams 1986. Cross entropy takes the scores: a last softmax, or a last sigmoid of one
    output, is part of the loss.

    Args:
        graph: the network; its scores are one vector an example.
        state: its tensors as ``path.weight`` ...; cast to the images' precision.
        images_N: a batch, ``(N, *graph.input)``, of real numbers.
        targets_N: its classes, from 0; of a regression the numbers on the scale of the scores.
        training: batch norm by the batch's statistics, and dropout.
        label_smoothing: as in :func:`convscope.reference.opened_loss.loss_of`.
        masks: what each dropout multiplies by, by path, in its output's shape; needed in training alone.
        kind: of the task, which says what loss it is.

    Raises:
        UserError: the batch, a label or a tensor does not fit, the scores are no vector, or a dropout has no mask.

    Example:
        >>> from convscope.network.network import Network
        >>> graph = Network.parse("input 2\\nlinear 2 bias=no > softmax").graph()
        >>> step = backpropagate(graph, {"linear1.weight": np.eye(2)}, np.array([[1.0, 1.0]]), [0])
        >>> round(step.loss.value, 4), step.gradients["linear1"], step.parameters["linear1.weight"].tolist()
        (0.6931, array([[-0.5,  0.5]]), [[-0.5, -0.5], [0.5, 0.5]])
    """
    needed = needed_nodes(graph)
    if images_N.ndim < 1 or images_N.shape[1:] != graph.input or not len(images_N):
        raise UserError("input", f"a batch of {spell_shape(images_N.shape)}", f"N x {spell_shape(graph.input)}")
    dropped = {path: _mask(node, masks or {}, images_N) for path, node in needed.items() if drops(node, training)}
    values: dict[str, Array] = {INPUT: images_N}
    given: dict[str, Operands] = {}
    for path, node in needed.items():
        parameters = tensors_of(node, node.parameters, state, images_N.dtype)
        buffers = tensors_of(node, node.buffers, state, images_N.dtype)
        given[path] = Operands([values[source] for source in node.inputs], parameters, buffers, training)
        values[path] = given[path].x * dropped[path] if path in dropped else _forward(node, given[path])
    scores = scores_path(graph)
    loss = loss_of(kind, values[scores], targets_N, label_smoothing)
    gradients: dict[str, Array] = {path: np.zeros_like(value) for path, value in values.items()}
    gradients[scores] = loss.gradient
    of_parameters: dict[str, Array] = {}
    for path, node in reversed(needed.items()):
        outward = gradients[path]
        inward = Gradients((outward * dropped[path],), {}) if path in dropped else _backward(node, given[path], outward)
        for source, gradient in zip(node.inputs, inward.inputs, strict=True):
            gradients[source] = gradients[source] + gradient
        of_parameters |= {f"{path}.{name}": gradient for name, gradient in inward.parameters.items()}
    return Backpropagation(
        graph=graph,
        state={name: np.asarray(value) for name, value in state.items()},
        targets_N=np.asarray(targets_N, np.float64) if kind == "regression" else np.asarray(targets_N, np.int64),
        values=values,
        gradients=gradients,
        parameters=in_order(graph, of_parameters, images_N.dtype),
        loss=loss,
        training=training,
        label_smoothing=label_smoothing,
        masks=dropped,
        eps=float(np.finfo(images_N.dtype).eps),
        kind=kind,
    )


def _forward(node: Node, given: Operands) -> Array:
    return forward(node.op, given.inputs, given.parameters, given.buffers, given.training)


def _backward(node: Node, given: Operands, gradient: Array) -> Gradients:
    return backward(node.op, given.inputs, given.parameters, given.buffers, gradient, given.training)


def needed_nodes(graph: Graph) -> dict[str, Node]:
    """The nodes that the scores depend on, in order of evaluation.

    Raises:
        UserError: the scores are no vector of one number a class.
    """
    scores = scores_path(graph)
    if len(graph.by_path[scores].shape if scores != INPUT else graph.input) != 1:
        shape = graph.by_path[scores].shape if scores != INPUT else graph.input
        raise UserError(scores, f"scores of {spell_shape(shape)}", "one number a class", "put flatten before it")
    wanted = {scores}
    for node in reversed(graph.nodes):
        if node.path in wanted:
            wanted.update(node.inputs)
    return {node.path: node for node in graph.nodes if node.path in wanted}


def drops(node: Node, training: bool) -> bool:
    """Whether a node multiplies by a random mask."""
    return training and node.op.traits.random and getattr(node.op, "p", 1) > 0


def _mask(node: Node, masks: Mapping[str, Array], images_N: Array) -> Array:
    if node.path not in masks:
        hint = "give its mask, or take the step with training=False"
        raise UserError(node.path, "dropout in training is random", "a mask of 0 and 1 / (1 - p)", hint)
    mask = np.asarray(masks[node.path], images_N.dtype)
    if mask.shape != (len(images_N), *node.shape):
        expected = spell_shape((len(images_N), *node.shape))
        raise UserError(node.path, f"a mask of {spell_shape(mask.shape)}", expected)
    return mask


def in_order(graph: Graph, found: Mapping[str, Array], dtype: np.dtype[Any]) -> dict[str, Array]:
    """The gradients of trained tensors in the graph's order; zeros for what the scores do not depend on."""
    named = {f"{node.path}.{name}": shape for node in graph.nodes for name, shape in node.parameters.items()}
    return {name: found[name] if name in found else np.zeros(shape, dtype) for name, shape in named.items()}
