"""Recipe to optimiser, and the running average of the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from convscope import ops
from convscope.engine.module import GraphModule
from convscope.learning.muon import Muon
from convscope.learning.recipe import BIAS_RATE, HEAD_RATE, PLAIN_MOMENTUM, WHITENED, Recipe
from convscope.network.graph import Graph, Node

LISTENS = 0.1
"""The share of a plan in which the bias of a whitened first layer learns; after it nothing of that layer moves."""


def make_optimizer(module: GraphModule, recipe: Recipe) -> torch.optim.Optimizer:
    """The optimiser of a resolved recipe; biases and normalisations do not decay.

    Every group has its ``peak`` learning rate; :func:`set_rate` makes the present one of it.
    """
    if recipe.optimizer == "muon":
        return Muon(_muon_groups(module, recipe))
    named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    lr, momentum = recipe.lr or 1e-3, recipe.momentum if recipe.momentum is not None else 0.9
    groups: list[dict[str, Any]] = [
        {"params": [p for _, p in named if p.ndim > 1], "weight_decay": recipe.weight_decay, "peak": lr},
        {"params": [p for _, p in named if p.ndim <= 1], "weight_decay": 0.0, "peak": lr},
    ]
    groups = [group for group in groups if group["params"]]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=momentum, nesterov=momentum > 0, fused=True)
    return torch.optim.AdamW(groups, lr=lr, betas=(momentum, 0.99), fused=True)


def _muon_groups(module: GraphModule, recipe: Recipe) -> list[dict[str, Any]]:
    """Matrices, then vectors and whatever else is not followed by a normalisation, in groups of one kind."""
    batch, decay = recipe.batch_size or 1, (recipe.weight_decay or 0.0) * (recipe.batch_size or 1)
    free = scale_free(module.graph)
    first = first_conv(module.graph) if recipe.init == WHITENED else None
    matrices: list[nn.Parameter] = []
    vectors: list[nn.Parameter] = []
    groups: list[dict[str, Any]] = []
    for name, parameter in module.named_parameters():
        path = name.rpartition(".")[0]
        if not parameter.requires_grad:
            continue
        if name in free:
            matrices.append(parameter)
        elif first is not None and path == first.path:
            # Moved for a while only: it shifts what the whitened values' activation lets through.
            peak = BIAS_RATE * batch
            groups.append({"params": [parameter], "peak": peak, "weight_decay": decay / peak, "until": LISTENS})
        elif parameter.ndim == 1:
            vectors.append(parameter)
        else:
            peak = HEAD_RATE * batch / parameter[0].numel() ** 2
            groups.append({"params": [parameter], "peak": peak, "weight_decay": decay / peak})
    peak = BIAS_RATE * batch
    plain: dict[str, Any] = {"params": vectors, "peak": peak, "weight_decay": decay / peak}
    groups = [group | {"momentum": PLAIN_MOMENTUM} for group in (plain, *groups) if group["params"]]
    if matrices:
        groups.insert(
            0,
            {"params": matrices, "peak": recipe.lr, "momentum": recipe.momentum, "weight_decay": 0.0, "matrices": True},
        )
    return groups


def scale_free(graph: Graph) -> set[str]:
    """Names of the weights whose length means nothing, since a batch norm follows their convolution directly.

    Example:
        >>> from convscope.network import zoo
        >>> sorted(scale_free(zoo.known("resnet20_cifar").graph()))[0]
        'conv1.weight'
    """
    readers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for path in node.inputs:
            readers.setdefault(path, []).append(node)

    def normalised(path: str) -> bool:
        found = readers.get(path, [])
        through = (ops.MaxPool, ops.AvgPool)
        return bool(found) and all(
            isinstance(node.op, ops.BatchNorm) or (isinstance(node.op, through) and normalised(node.path))
            for node in found
        )

    convs = [node for node in graph.nodes if isinstance(node.op, ops.Conv) and node.op.groups == 1]
    return {f"{node.path}.weight" for node in convs if normalised(node.path)}


def first_conv(graph: Graph) -> Node | None:
    """The convolution that reads the input, where one does."""
    return next((node for node in graph.nodes if isinstance(node.op, ops.Conv) and node.inputs == ("input",)), None)


def freeze_for(module: GraphModule, recipe: Recipe) -> None:
    """Take from training what the recipe keeps still: a whitened layer's weight, and with Muon the scale of
    normalisations, which the next layer has no use for.
    """
    if recipe.init == WHITENED and (first := first_conv(module.graph)) is not None:
        module.get_parameter(f"{first.path}.weight").requires_grad_(False)
    if recipe.optimizer == "muon":
        for node in module.graph.nodes:
            if isinstance(node.op, ops.BatchNorm):
                module.get_parameter(f"{node.path}.weight").requires_grad_(False)


def set_rate(optimizer: torch.optim.Optimizer, share: float, progress: float) -> None:
    """Give every parameter group its present learning rate.

    Args:
        optimizer: from :func:`make_optimizer`.
        share: of the peak, by the schedule.
        progress: of the plan, from 0 to 1; groups with ``until`` fall to zero there and are then left alone, groups
            with ``since`` are left alone until then.
    """
    for group in optimizer.param_groups:
        until = group.get("until")
        if "since" in group:
            for parameter in group["params"]:
                parameter.requires_grad_(progress >= group["since"])
        if until is not None:
            share_here = max(0.0, 1 - progress / until)
            for parameter in group["params"]:
                parameter.requires_grad_(share_here > 0)  # a layer that rests costs no backward pass
            group["lr"] = group["peak"] * share_here
        else:
            group["lr"] = group["peak"] * share


class Average:
    """An exponential moving average of a module's state, buffers included, warmed up so that it starts unbiased.

    Polyak and Juditsky 1992; the warm-up ``min(decay, (1 + step) / (10 + step))`` is TensorFlow's.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {name: value.detach().clone() for name, value in module.state_dict().items()}

    def update(self, module: nn.Module, step: int) -> None:
        """Move towards the module's present state."""
        decay = min(self.decay, (1 + step) / (10 + step))
        current = module.state_dict()
        torch._foreach_lerp_(list(self.state.values()), [current[name] for name in self.state], 1 - decay)

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take over a saved average."""
        for name, value in self.state.items():
            value.copy_(state[name])
