"""One training step of the engine, kept whole: every value, every gradient, as autograd gives them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convscope.engine.losses import example_losses
from convscope.engine.module import GraphModule
from convscope.engine.module_operations import NodeModule, compute_of
from convscope.errors import UserError
from convscope.network.graph import INPUT, Graph, Node
from convscope.network.plan import scores_path
from convscope.ops import spell_shape
from convscope.reference.backpropagation import Backpropagation, drops, in_order, needed_nodes
from convscope.reference.losses import Loss, class_numbers
from convscope.reference.opened_loss import Kind, Targets
from convscope.seeds import stream_seed


def engine_step(
    module: GraphModule,
    images_N: Tensor,
    targets_N: Targets | Sequence[int],
    training: bool = True,
    label_smoothing: float = 0.0,
    seed: int = 0,
    kind: Kind = "classification",
) -> Backpropagation:
    """Forward and back through a network by torch, as :func:`convscope.reference.backpropagation.backpropagate`.

    The module is left as it is, its running statistics included.

    Args:
        module: the network with its weights, in any precision, on any device.
        images_N: a batch, ``(N, *graph.input)``, on the module's device and in its precision.
        targets_N: its classes; of a regression the numbers on the scale of the scores.
        training: batch norm by the batch's statistics, and dropout.
        label_smoothing: of a cross entropy.
        seed: of the dropouts' masks.
        kind: of the task, which says what loss it is.

    Returns:
        NumPy arrays in the engine's precision, with the masks that were drawn.

    Raises:
        UserError: the batch or a label does not fit, the scores are no vector, or torch has no such operation.

    Example:
        >>> from convscope.engine.module import to_module
        >>> from convscope.network import zoo
        >>> step = engine_step(to_module(zoo.known("lenet5").graph()), torch.zeros(2, 1, 32, 32), [3, 3])
        >>> step.gradients["conv1"].shape, step.parameters["conv1.weight"].shape
        ((2, 6, 28, 28), (6, 1, 5, 5))
    """
    graph, scores = module.graph, scores_path(module.graph)
    needed = needed_nodes(graph)
    # Batch norm writes into its buffers as it reads: the step is taken by a copy.
    taken = copy.deepcopy(module).train(training)
    # Dropout is a mask that is known, not torch's.
    masks = {path: _mask(node, images_N, seed) for path, node in needed.items() if drops(node, training)}
    targets = _targets(graph, kind, targets_N, images_N)
    with torch.enable_grad():
        tensors = {name: value.requires_grad_() for name, value in taken.named_parameters()}
        values = _values(taken, images_N.detach().clone().requires_grad_(), masks)
        losses = example_losses(kind, values[scores], targets, label_smoothing)
        asked = [*values.values(), *tensors.values()]
        found = torch.autograd.grad(losses.mean(), asked, allow_unused=True)
    arrays = [_array(torch.zeros_like(t) if g is None else g) for t, g in zip(asked, found, strict=True)]
    gradients = dict(zip(values, arrays, strict=False))
    each = _array(losses)
    return Backpropagation(
        graph=graph,
        state={name: _array(value) for name, value in module.state_dict().items()},
        targets_N=targets.cpu().numpy(),
        values={path: _array(value) for path, value in values.items()},
        gradients=gradients,
        parameters=in_order(graph, dict(zip(tensors, arrays[len(values) :], strict=True)), each.dtype),
        loss=Loss(float(losses.detach().mean()), each, gradients[scores]),
        training=training,
        label_smoothing=label_smoothing,
        masks={path: _array(mask) for path, mask in masks.items()},
        eps=float(torch.finfo(images_N.dtype).eps),
        kind=kind,
    )


def engine_loss(module: GraphModule, step: Backpropagation, lr: float) -> float:
    """The same batch's loss by torch after a step of plain gradient descent, with the same masks.

    Args:
        module: of the network; it is left as it is.
        step: the step, as :func:`engine_step` took it.
        lr: the learning rate.

    Example:
        >>> from convscope.engine.module import to_module
        >>> from convscope.network.network import Network
        >>> module = to_module(Network.parse("input 1\\nlinear 2").graph())
        >>> step = engine_step(module, torch.ones(1, 1), [0])
        >>> engine_loss(module, step, lr=0.1) < step.loss.value
        True
    """
    taken = copy.deepcopy(module).train(step.training)
    images_N = _like(step.values[INPUT], module)
    with torch.no_grad():
        for name, value in taken.named_parameters():
            value.sub_(_like(step.parameters[name], module), alpha=lr)
        values = _values(taken, images_N, {path: _like(mask, module) for path, mask in step.masks.items()})
        targets = torch.as_tensor(step.targets_N, device=images_N.device)
        losses = example_losses(step.kind, values[step.scores], targets, step.label_smoothing)
    return float(losses.mean())


def _values(module: GraphModule, images_N: Tensor, masks: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every node's output that the scores need, each a tensor of its own."""
    values = {INPUT: images_N}
    for path, node in needed_nodes(module.graph).items():
        part = module.get_submodule(path)
        assert isinstance(part, NodeModule)
        values[path] = _compute(node, part, [values[source] for source in node.inputs], masks.get(path))
    return values


def _targets(graph: Graph, kind: Kind, targets_N: Targets | Sequence[int], images_N: Tensor) -> Tensor:
    """Classes, or numbers in the engine's precision, in which they are then opened."""
    if images_N.ndim < 1 or tuple(images_N.shape[1:]) != graph.input or not len(images_N):
        raise UserError("input", f"a batch of {spell_shape(tuple(images_N.shape))}", f"N x {spell_shape(graph.input)}")
    scores = scores_path(graph)
    shape = graph.by_path[scores].shape if scores != INPUT else graph.input
    if kind != "classification" and shape != (1,):
        raise UserError(scores, f"scores of {spell_shape(shape)}", f"one output: the task is {kind}")
    if kind == "regression":
        found = torch.as_tensor(np.asarray(targets_N, np.float64), dtype=images_N.dtype)
    else:
        classes = 2 if kind == "binary" else shape[0]
        found = torch.as_tensor(class_numbers("labels", targets_N, classes))  # type: ignore[arg-type]
    if len(found) != len(images_N):
        raise UserError("labels", f"{len(found)} labels", f"one an example: {len(images_N)}")
    return found.to(images_N.device)


def _like(value: np.ndarray[Any, Any], module: GraphModule) -> Tensor:
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    return torch.from_numpy(np.array(value)).to(device)


def _compute(node: Node, part: NodeModule, inputs: list[Tensor], mask: Tensor | None) -> Tensor:
    out = compute_of(node)(part, inputs) if mask is None else inputs[0] * mask
    # Identity and its like pass the same tensor on, which then has the gradient of all its readers together.
    return out.view_as(out) if any(out is value for value in inputs) else out


def _mask(node: Node, images_N: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(stream_seed(seed, "dropout", node.path))
    p = float(getattr(node.op, "p", 0.0))
    kept = torch.rand((len(images_N), *node.shape), generator=generator) >= p
    return (kept.to(images_N.dtype) / (1 - p)).to(images_N.device)


def _array(value: Tensor) -> np.ndarray[Any, np.dtype[Any]]:
    return value.detach().cpu().numpy()
