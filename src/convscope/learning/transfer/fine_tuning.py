"""Which part of a trained network learns, when, and how fast: the cut below a head, and the order of thawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from convscope import ops
from convscope.engine.module import GraphModule
from convscope.errors import UserError, did_you_mean
from convscope.learning.recipe import Recipe
from convscope.network.graph import INPUT, Graph, Node
from convscope.network.plan import needed_nodes, scores_path

SLOWER = 2.6
"""By what the learning rate is divided from one part to the next below it (Howard and Ruder 2018)."""
THAWS = (0.0, 0.1, 0.25, 0.4)
"""Where in the plan the head and the three parts below it, from the top, begin to learn."""


def head_of(graph: Graph) -> Node | None:
    """The linear layer with biases that gives the scores, where that is what a network ends with.

    Example:
        >>> from convscope.network import zoo
        >>> head_of(zoo.known("resnet18").graph()).path, head_of(zoo.known("squeezenet1_1").graph())
        ('linear1', None)
    """
    node = graph.by_path[scores_path(graph)]
    linear = isinstance(node.op, ops.Linear) and node.op.bias and len(node.input_shapes[0]) == 1
    return node if linear and node.inputs != (INPUT,) else None


def rest_of(graph: Graph, path: str) -> Graph:
    """The network behind a node, as a network that reads the node's output.

    Args:
        graph: the whole; auxiliary heads are left out.
        path: of the node.

    Raises:
        UserError: there is no such node, nothing behind it learns, or something behind it reads past it.

    Example:
        >>> from convscope.network import zoo
        >>> rest = rest_of(zoo.known("lenet5").graph(), "flatten1")
        >>> rest.input, rest.nodes[0].path
        ((400,), 'linear1')
    """
    if path not in graph.by_path:
        paths = [node.path for node in graph.nodes]
        raise UserError("--freeze", f"there is no node {path!r}", "all, none or a node", did_you_mean(path, paths))
    frozen = needed_nodes(graph, [path])
    nodes = [node for node in graph.nodes if node.path not in frozen]
    for node in nodes:
        past = [name for name in node.inputs if (name in frozen and name != path) or name == INPUT]
        if past:
            cuts = ", ".join(cuts_of(graph)[-8:])
            got = f"{node.path} behind it reads {past[0]}, which lies before it"
            raise UserError(f"--freeze {path}", got, f"a node that everything passes through, such as {cuts}")
    if not any(node.parameters for node in nodes):
        raise UserError(f"--freeze {path}", "nothing behind this node can learn", "a node before the last layer")
    renamed = (replace(node, inputs=tuple(INPUT if name == path else name for name in node.inputs)) for node in nodes)
    return Graph(graph.by_path[path].shape, tuple(renamed))


def cuts_of(graph: Graph) -> list[str]:
    """Nodes that everything passes through on its way from the input to the output, in order, the last left out."""
    last_read = {name: index for index, node in enumerate(graph.nodes) for name in node.inputs}
    cuts, open_until = [], last_read.get(INPUT, -1)
    for index, node in enumerate(graph.nodes[:-1]):
        # What was written before and is read after this node goes round it.
        if open_until <= index:
            cuts.append(node.path)
        open_until = max(open_until, last_read.get(node.path, index))
    return cuts


def statistics_of(graph: Graph) -> tuple[str, ...]:
    """Paths of the batch normalisations."""
    return tuple(node.path for node in graph.nodes if isinstance(node.op, ops.BatchNorm))


def parts_of(graph: Graph) -> list[list[str]]:
    """Paths of what can learn, from the top: the last layer, then three parts of about as many multiply-adds each."""
    *body, last = [node for node in graph.nodes if node.parameters]
    total, seen = sum(node.macs for node in body), 0
    parts: list[list[str]] = [[last.path], [], [], []]
    for node in reversed(body):
        parts[1 + min(2, 3 * seen // max(1, total))].append(node.path)
        seen += node.macs
    return [part for part in parts if part]


def discriminative(module: GraphModule, recipe: Recipe, learning: Graph | None = None) -> torch.optim.Optimizer:
    """AdamW or SGD whose groups thaw one after the other, from the top, each slower than the one above it.

    Args:
        module: the network.
        recipe: resolved; its ``lr`` is that of the last layer.
        learning: the part of it that learns; None: all.

    Raises:
        UserError: the recipe's optimiser has no rate a group.
    """
    if recipe.optimizer == "muon":
        raise UserError("--optimizer muon", "it forgets what trained weights know", "adamw or sgd with --weights")
    lr, momentum = recipe.lr or 1e-4, recipe.momentum if recipe.momentum is not None else 0.9
    groups: list[dict[str, Any]] = []
    for index, part in enumerate(parts_of(learning or module.graph)):
        mine = [p for path in part for p in module.get_submodule(path).parameters(recurse=False)]
        peak = {"peak": lr / SLOWER**index, "since": THAWS[index]}
        groups.append({"params": [p for p in mine if p.ndim > 1], "weight_decay": recipe.weight_decay, **peak})
        groups.append({"params": [p for p in mine if p.ndim <= 1], "weight_decay": 0.0, **peak})
    groups = [group for group in groups if group["params"]]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=momentum, nesterov=momentum > 0, fused=True)
    return torch.optim.AdamW(groups, lr=lr, betas=(momentum, 0.99), fused=True)


def of_graph(state: Mapping[str, Tensor], graph: Graph) -> dict[str, Tensor]:
    """Those of some weights that belong to a graph's nodes."""
    return {name: value for name, value in state.items() if name.rpartition(".")[0] in graph.by_path}
