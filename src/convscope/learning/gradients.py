"""The gradients of a step: of all its inputs at once, or of pieces of them, several at the same time.

Pieces (``micro_batch``) are batches of their own to batch norm; what is one batch to it is shared among cores by
:mod:`convscope.learning.parts`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from convscope.data.modality import Modality, Normalisation
from convscope.engine.module import GraphModule
from convscope.engine.module_operations import NodeModule
from convscope.engine.workers import Workers
from convscope.learning.loader import Batch
from convscope.model.task import Task
from convscope.seeds import stream_seed


@dataclass(frozen=True)
class Objective:
    """What is computed of inputs, whichever of them.

    Args:
        modality: of the inputs.
        normalise: makes the network's input of them.
        task: what the network is asked for.
        dtype: of the operations that autocast knows.
        label_smoothing: share of a label given to all classes alike.
    """

    modality: Modality
    normalise: Normalisation
    task: Task
    dtype: torch.dtype
    label_smoothing: float = 0.0

    def loss_and_hits(self, module: GraphModule, batch: Batch) -> tuple[Tensor, Tensor]:
        """The loss, which can be differentiated, and how many are right."""
        inputs = batch.inputs
        with torch.autocast(inputs.device.type, dtype=torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            scores, *aside = (
                values.float()
                for values in module.scores_and_heads(self._sized(self.normalise(inputs), module.graph.input))
            )
        loss = loss_of(self.task, scores, batch, self.label_smoothing)
        for head, values in zip(module.graph.heads, aside, strict=True):
            loss = loss + head.weight * loss_of(self.task, values, batch, self.label_smoothing)
        own_N = batch.labels if batch.labels.ndim == 1 else batch.labels[:, 0]
        return loss, self.task.hits(scores.detach(), own_N)

    def _sized(self, x_N_shape: Tensor, shape: tuple[int, ...]) -> Tensor:
        """A progressive plan begins with a smaller network input than the data has."""
        return x_N_shape if tuple(x_N_shape.shape[1:]) == shape else self.modality.as_smaller(x_N_shape, shape)


def loss_of(task: Task, scores_NO: Tensor, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
    """The task's loss; of mixed inputs that of both labels, each by its fraction."""
    if batch.labels.ndim == 1:
        return task.training_loss(scores_NO, batch.labels, batch.weights_K, label_smoothing)
    own, other = (task.training_loss(scores_NO, labels, batch.weights_K, label_smoothing) for labels in batch.labels.T)
    return batch.fraction * own + (1 - batch.fraction) * other


def gradients(
    module: GraphModule, batch: Batch, objective: Objective, pieces: int, workers: Workers, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Put the batch's gradients into ``module``'s parameters, in place of what is there.

    However many are computed at the same time, each piece begins with the same running statistics of batch norm, and
    the step leaves the mean of what the pieces make of them: one step, one move.

    Args:
        module: in training mode.
        batch: inputs and labels.
        objective: the loss.
        pieces: nearly equal ones, each of which batch norm sees alone.
        workers: compute as many of them at the same time as there are workers.
        seed: of what dropout draws in each piece; of one piece alone torch's own generator draws.

    Returns:
        loss (scalar) and hits (count), on the device and not yet waited for.
    """
    if pieces == 1:
        module.zero_grad(set_to_none=True)
        loss, hits = objective.loss_and_hits(module, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach(), hits
    named = {name: p for name, p in module.named_parameters() if p.requires_grad}
    sums = {name: torch.zeros_like(p) for name, p in named.items()}
    replicas = [_replica(module, stream_seed(seed, "piece", index)) for index in range(pieces)]
    parts = batch.parts(pieces)
    loss = torch.zeros((), device=batch.inputs.device)
    hits = torch.zeros((), dtype=torch.int64, device=batch.inputs.device)

    def one(index: int) -> tuple[Tensor, Tensor, tuple[Tensor | None, ...]]:
        part_loss, part_hits = objective.loss_and_hits(replicas[index], parts[index])
        part_loss = part_loss * (len(parts[index].labels) / len(batch.labels))
        found = torch.autograd.grad(part_loss, list(named.values()), allow_unused=True)
        return part_loss.detach(), part_hits, found

    for part_loss, part_hits, found in workers.in_order(one, range(pieces)):
        loss, hits = loss + part_loss, hits + part_hits
        for total, gradient in zip(sums.values(), found, strict=True):
            if gradient is not None:
                total += gradient
    for name, parameter in named.items():
        parameter.grad = sums[name]
    _merge(module, replicas)
    return loss, hits


def _replica(module: GraphModule, seed: int) -> GraphModule:
    """The same weights, and running statistics and random numbers of its own."""
    replica, generator = GraphModule(module.graph), torch.Generator().manual_seed(seed)
    replica.share(module)
    for own, part in zip(replica.modules(), module.modules(), strict=True):
        own.training = part.training
        if isinstance(own, NodeModule):
            own.generator = generator
        own._buffers.update({name: None if b is None else b.clone() for name, b in part._buffers.items()})
    return replica


def _merge(module: GraphModule, replicas: list[GraphModule]) -> None:
    with torch.no_grad():
        for buffer, *others in zip(module.buffers(), *(replica.buffers() for replica in replicas), strict=True):
            buffer.copy_(torch.stack(others).mean(0))
