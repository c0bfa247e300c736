"""Models that were never trained, looked at on noise, and the same networks as plain modules for others' tools."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from untrained_models import untrained_model

from convscope.engine.module import GraphModule
from convscope.engine.module_operations import compute_of
from convscope.inspection.look import Look, look_at
from convscope.model.folder import Model
from convscope.network.graph import INPUT, Node


class _Node(nn.Module):
    """One operation as a module that hooks can be put on."""

    def __init__(self, node: Node, part: nn.Module) -> None:
        super().__init__()
        self.part, self.compute = part, compute_of(node)

    def forward(self, *operands: torch.Tensor) -> torch.Tensor:
        return self.compute(self.part, list(operands))  # type: ignore[arg-type]


class Plain(nn.Module):
    """A graph computed node by node, each a module of its own: without the plan, its in-place steps and its order."""

    def __init__(self, module: GraphModule, last: str) -> None:
        super().__init__()
        self.graph, self.last = module.graph, last
        self.nodes = {node.path: _Node(node, module.get_submodule(node.path)) for node in module.graph.nodes}
        self.children_of_hooks = nn.ModuleList(self.nodes.values())
        self.values: dict[str, torch.Tensor] = {}

    def forward(self, image_NCHW: torch.Tensor) -> torch.Tensor:
        self.values = {INPUT: image_NCHW}
        for node in self.graph.nodes:
            self.values[node.path] = self.nodes[node.path](*(self.values[path] for path in node.inputs))
            if node.path == self.last:
                break
        return self.values[self.last]


@pytest.fixture(scope="session")
def untrained() -> Callable[..., Model]:
    """``untrained(text or name, seed)``: a model with drawn weights."""

    def make(text: str, seed: int = 0) -> Model:
        return untrained_model(text, seed=seed)

    return make


@pytest.fixture(scope="session")
def seen(untrained: Callable[..., Model]) -> Callable[..., Look]:
    """``seen(text or name, seed)``: such a model on a picture of noise."""

    def make(text: str, seed: int = 0) -> Look:
        model = untrained(text, seed)
        channels, *size = model.module.graph.input
        return look_at(model, np.random.default_rng(seed).integers(0, 256, (*size, channels), np.uint8))

    return make


@pytest.fixture(scope="session")
def plain() -> Callable[[Model], Plain]:
    """``plain(model)``: its scores as a plain module."""
    return lambda model: Plain(model.module, model.scores_path).eval()
