"""What a network is asked for: it follows from its outputs and the labels, here and nowhere else.

From the task follow the loss (:mod:`convscope.engine.losses`), what is predicted, and the metrics
(:mod:`convscope.evaluation`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from convscope import ops
from convscope.engine.losses import binary_cross_entropy, cross_entropy, squared_error
from convscope.errors import UserError
from convscope.network.graph import Graph
from convscope.ops import spell_shape

Kind = Literal["classification", "binary", "regression"]


@dataclass(frozen=True)
class Classification:
    """One of several classes: softmax and cross entropy."""

    kind: ClassVar[Kind] = "classification"
    loss: ClassVar[str] = "cross entropy"
    outputs: int

    def class_scores(self, scores_NO: Tensor) -> Tensor:
        """Scores (N, K), of which softmax makes probabilities."""
        return scores_NO

    def training_loss(
        self, scores_NO: Tensor, labels_N: Tensor, weights_K: Tensor | None, label_smoothing: float
    ) -> Tensor:
        """The mean loss of a batch."""
        return cross_entropy(scores_NO, labels_N, weights_K, label_smoothing)

    def hits(self, scores_NO: Tensor, labels_N: Tensor) -> Tensor:
        """How many answers are right."""
        return (scores_NO.argmax(1) == labels_N).sum()

    def to_dict(self) -> dict[str, Any]:
        """The entry ``task`` of ``model.json``."""
        return {"kind": self.kind}


@dataclass(frozen=True)
class Binary:
    """One of two classes by one output, the score of the second: sigmoid and binary cross entropy."""

    kind: ClassVar[Kind] = "binary"
    loss: ClassVar[str] = "binary cross entropy"
    outputs: ClassVar[int] = 1

    def class_scores(self, scores_NO: Tensor) -> Tensor:
        """Scores (N, 2): 0 and the output, for softmax of these is the sigmoid of that."""
        return torch.cat([torch.zeros_like(scores_NO), scores_NO], 1)

    def training_loss(
        self, scores_NO: Tensor, labels_N: Tensor, weights_K: Tensor | None, label_smoothing: float
    ) -> Tensor:
        """The mean loss of a batch."""
        return binary_cross_entropy(scores_NO[:, 0], labels_N, weights_K, label_smoothing)

    def hits(self, scores_NO: Tensor, labels_N: Tensor) -> Tensor:
        """How many answers are right."""
        return ((scores_NO[:, 0] > 0) == (labels_N == 1)).sum()

    def to_dict(self) -> dict[str, Any]:
        """The entry ``task`` of ``model.json``."""
        return {"kind": self.kind}


@dataclass(frozen=True)
class Regression:
    """A number: mean squared error of the standardised target, predictions in its own unit.

    Args:
        target: what the number is called.
        mean, std: of the training targets.
    """

    kind: ClassVar[Kind] = "regression"
    loss: ClassVar[str] = "mean squared error of the standardised target"
    outputs: ClassVar[int] = 1
    target: str
    mean: float
    std: float

    def class_scores(self, scores_NO: Tensor) -> Tensor:
        """There are no classes: the output itself."""
        return scores_NO

    def training_loss(
        self, scores_NO: Tensor, labels_N: Tensor, weights_K: Tensor | None, label_smoothing: float
    ) -> Tensor:
        """The mean loss of a batch."""
        return squared_error(scores_NO[:, 0], ((labels_N - self.mean) / self.std).float())

    def hits(self, scores_NO: Tensor, labels_N: Tensor) -> Tensor:
        """A number is neither right nor wrong: 0."""
        return torch.zeros((), dtype=torch.int64, device=scores_NO.device)

    def values(self, scores_NO: Tensor) -> NDArray[np.float64]:
        """Predictions (N) in the target's unit."""
        found: NDArray[np.float64] = scores_NO[:, 0].double().numpy() * self.std + self.mean
        return found

    def to_dict(self) -> dict[str, Any]:
        """The entry ``task`` of ``model.json``."""
        return {"kind": self.kind, "target": self.target, "mean": self.mean, "std": self.std}


Task = Classification | Binary | Regression


def task_of(graph: Graph, classes: Sequence[str], numbers: Mapping[str, Any] | None = None) -> Task:
    """The task of a network with these labels.

    Args:
        graph: the network.
        classes: the class names; none where the target is a number.
        numbers: ``target``, ``mean`` and ``std`` of a target that is a number.

    Raises:
        UserError: the outputs are not those of the labels.

    Example:
        >>> from convscope.network.network import Network
        >>> graph = Network.parse("input 2 > linear 8 > tanh > linear 1 > sigmoid").graph()
        >>> task_of(graph, ("no", "yes")).loss
        'binary cross entropy'
    """
    shape, last = graph.output.shape, graph.output.op
    if not classes:
        if numbers is None:
            raise UserError("network", "no class names and no target", "one of them")
        if shape != (1,) or isinstance(last, (ops.Sigmoid, ops.Softmax)):
            got = f"the network ends with {graph.output.path}, {spell_shape(shape)}"
            raise UserError("network", got, "one output that may be any number, to predict numbers: end it: linear 1")
        return Regression(str(numbers["target"]), float(numbers["mean"]), float(numbers["std"]))
    if shape == (1,) and len(classes) == 2:
        return Binary()
    if shape != (len(classes),):
        got = f"{len(classes)} class names, the network gives {spell_shape(shape)}"
        raise UserError("network", got, "as many outputs as classes, or one for two classes")
    return Classification(len(classes))


def outputs_for(graph: Graph, classes: Sequence[str]) -> int:
    """How many outputs a network must have for labels: those it has where they fit, else one a class, or one number.

    Raises:
        UserError: the network ends with a sigmoid that no such head could follow.
    """
    shape, sigmoid = graph.output.shape, isinstance(graph.output.op, ops.Sigmoid)
    if not classes:
        return 1
    if shape == (1,) and len(classes) == 2:
        return 1
    if sigmoid and (len(shape) == 1 and (shape[0] == 1 or shape == (len(classes),))):
        got = f"{shape[0]} output{'s' if shape[0] > 1 else ''} with a sigmoid for {len(classes)} classes"
        hint = f"end it: linear {len(classes)}" + (", or linear 1 > sigmoid" if len(classes) == 2 else "")
        raise UserError("network", got, "one output with a sigmoid for two classes, or one score a class", hint)
    return len(classes)
