"""Single operations with random operands and a random gradient of their output, for tests of backward passes."""

from __future__ import annotations

import random

import numpy as np
import torch
from sample_graphs import batch_of, loaded, random_graph, random_merge, random_op, random_shape, state_of, tensors_of

from convscope import ops
from convscope.engine.module_operations import NodeModule, compute_of
from convscope.inspection.autograd import engine_step
from convscope.network.graph import INPUT, Graph, Node
from convscope.network.plan import scores_path
from convscope.ops import Op
from convscope.ops.arrays import Gradients
from convscope.reference.backpropagation import Backpropagation, backpropagate
from convscope.reference.backward import backward

Numbers = np.random.Generator
KINKED = (
    ops.ReLU, ops.ReLU6, ops.LeakyReLU, ops.Hardswish, ops.Hardsigmoid, ops.Clip, ops.ELU, ops.SELU, ops.PReLU
)  # fmt: skip
MAXIMA = (ops.MaxPool, ops.AdaptiveMaxPool, ops.GlobalMaxPool)


def random_node(rng: random.Random, cls: type[Op], ranks: tuple[int, ...] = (0, 1, 2, 2, 2, 3)) -> Node:
    while True:
        shape = random_shape(rng, rng.choice(ranks))
        if cls.inputs == "several":
            shapes = tuple(random_merge(rng, cls, shape))
            return Node("n", cls(), tuple(f"i{k}" for k in range(len(shapes))), shapes, cls().shape(shapes))
        op = random_op(rng, cls, shape)
        if op is not None:
            return Node("n", op, (INPUT,), (shape,), op.shape([shape]))


def exact_hardsigmoid(op: ops.Hardsigmoid, x: torch.Tensor) -> torch.Tensor:
    """torch's own multiplies gradients by a sixth that is rounded to float32, in double precision too (2.5 to 2.13)."""
    if op == ops.Hardsigmoid():
        return torch.nn.functional.relu6(x + 3) / 6
    return torch.nn.functional.hardtanh(op.alpha * x + op.beta, 0.0, 1.0)


class Case:
    """A node with random operands, a batch of them, and a random gradient of its output."""

    def __init__(self, rng: random.Random, numbers: Numbers, cls: type[Op], training: bool = False) -> None:
        self.node, self.training = random_node(rng, cls), training
        batch = rng.randint(1, 3)
        self.inputs = [numbers.standard_normal((batch, *shape)) for shape in self.node.input_shapes]
        if isinstance(self.node.op, (*MAXIMA, *KINKED)) and rng.random() < 0.5:
            self.inputs = [np.rint(2 * value) for value in self.inputs]  # ties and kinks
        tensors = tensors_of(self.node, numbers)
        self.parameters = {name: tensors[name] for name in self.node.parameters}
        self.buffers = {name: tensors[name] for name in self.node.buffers}
        self.gradient = numbers.standard_normal((batch, *self.node.shape))

    def numpy(self) -> Gradients:
        return backward(self.node.op, self.inputs, self.parameters, self.buffers, self.gradient, self.training)

    def autograd(self) -> Gradients:
        part = NodeModule()
        part.hold(self.node)
        part.double().train(self.training)
        for name, value in {**self.parameters, **self.buffers}.items():
            getattr(part, name).data = torch.from_numpy(value)
        inputs = [torch.from_numpy(value).requires_grad_() for value in self.inputs]
        op = self.node.op
        exact = isinstance(op, ops.Hardsigmoid)
        out = exact_hardsigmoid(op, inputs[0]) if exact else compute_of(self.node)(part, inputs)
        out.backward(torch.from_numpy(self.gradient))
        parameters = {name: getattr(part, name).grad.numpy() for name in self.parameters}
        return Gradients(tuple(value.grad.numpy() for value in inputs), parameters)


def with_scores(graph: Graph) -> Graph:
    """The graph, ended by a vector of scores."""
    if len(graph.output.shape) == 1:
        return graph
    last, nodes = graph.output, list(graph.nodes)
    for path, op in (("head.flatten1", ops.Flatten()), ("head.linear1", ops.Linear(3))):
        nodes.append(Node(path, op, (last.path,), (last.shape,), op.shape([last.shape])))
        last = nodes[-1]
    return Graph(graph.input, tuple(nodes))


def random_step(seed: int, rank: int, training: bool) -> tuple[Backpropagation, Backpropagation]:
    """The same step of a random network by NumPy and by torch, in float64."""
    graph = with_scores(random_graph(seed, rank))
    count, scores = 1 + seed % 3, scores_path(graph)
    classes = graph.by_path[scores].shape[0] if scores in graph.by_path else graph.input[0]
    batch, labels = batch_of(graph, count), np.random.default_rng(seed).integers(0, classes, count)
    smoothing = 0.1 if seed % 4 == 0 else 0.0
    engine = engine_step(loaded(graph), torch.from_numpy(batch), labels, training, smoothing, seed)
    return backpropagate(graph, state_of(graph), batch, labels, training, smoothing, engine.masks), engine
