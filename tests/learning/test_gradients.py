"""The gradients of a step in pieces: those of its parts, whatever is computed at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch.nn import functional

from convscope.data.image.modality import IMAGE
from convscope.data.image.normalise import Normalise
from convscope.engine.module import GraphModule, to_module
from convscope.engine.workers import Workers
from convscope.learning import memory
from convscope.learning.gradients import Objective, gradients, loss_of
from convscope.learning.loader import Batch
from convscope.learning.memory import pieces_at_once, training_bytes
from convscope.learning.recipe import Recipe
from convscope.model.task import Classification
from convscope.network.network import Network

CPU = torch.device("cpu")
TEXT = "input 3x8x8 > conv 4 3x3 > batchnorm momentum=0.4 > relu > flatten > linear 5"
TASK = Classification(4)
OBJECTIVE = Objective(IMAGE, Normalise((0.5,) * 3, (0.25,) * 3), Classification(10), torch.float32, 0.1)


def _batch(count: int = 24) -> Batch:
    rng = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (count, 8, 8, 3), dtype=torch.uint8, generator=rng)
    return Batch(images, torch.randint(0, 5, (count,), generator=rng))


def _of(module: GraphModule) -> dict[str, torch.Tensor]:
    return {name: p.grad for name, p in module.named_parameters() if p.grad is not None}


@contextmanager
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_pieces_are_weighed_by_their_pictures_and_batch_norm_moves_once_by_their_mean(at_once: int) -> None:
    module, batch = to_module(Network.parse(TEXT).graph()).train(), _batch(23)
    before = module.get_buffer("batchnorm1.running_mean").clone()
    with _two_threads(), Workers(at_once) as workers:
        loss, hits = gradients(module, batch, OBJECTIVE, 3, workers)
    expected: dict[str, torch.Tensor] = {}
    means, losses, right = [], [], 0
    for part in batch.parts(3):
        alone = to_module(Network.parse(TEXT).graph()).train()
        part_loss, part_hits = OBJECTIVE.loss_and_hits(alone, part)
        share = len(part.labels) / 23
        (part_loss * share).backward()  # type: ignore[no-untyped-call]
        for name, gradient in _of(alone).items():
            expected[name] = expected.get(name, torch.zeros(())) + gradient
        means.append(alone.get_buffer("batchnorm1.running_mean"))
        losses.append(part_loss.item() * share)
        right += int(part_hits)
    for name, gradient in _of(module).items():
        assert torch.allclose(gradient, expected[name], atol=1e-6), name
    assert torch.allclose(module.get_buffer("batchnorm1.running_mean"), torch.stack(means).mean(0), atol=1e-6)
    assert not torch.equal(module.get_buffer("batchnorm1.running_mean"), before)
    assert loss.item() == pytest.approx(sum(losses), abs=1e-5)
    assert int(hits) == right


def test_one_piece_is_the_plain_backward_pass() -> None:
    module, other = (to_module(Network.parse(TEXT).graph()).train() for _ in range(2))
    with Workers(1) as workers:
        gradients(module, _batch(), OBJECTIVE, 1, workers)
    OBJECTIVE.loss_and_hits(other, _batch())[0].backward()  # type: ignore[no-untyped-call]
    assert all(torch.equal(gradient, _of(other)[name]) for name, gradient in _of(module).items())


def test_the_same_bits_again_with_several_at_a_time() -> None:
    found = []
    for _ in range(3):
        module = to_module(Network.parse(TEXT).graph()).train()
        with _two_threads(), Workers(2) as workers:
            gradients(module, _batch(), OBJECTIVE, 4, workers)
        found.append(torch.cat([g.flatten() for g in (*_of(module).values(), *module.buffers())]))
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_what_is_frozen_or_keeps_its_statistics_stays_so() -> None:
    module = to_module(Network.parse(TEXT).graph()).train()
    module.get_parameter("conv1.weight").requires_grad_(False)
    module.get_submodule("batchnorm1").eval()
    before = module.get_buffer("batchnorm1.running_var").clone()
    with Workers(2) as workers:
        gradients(module, _batch(), OBJECTIVE, 2, workers)
    assert "conv1.weight" not in _of(module)
    assert torch.equal(module.get_buffer("batchnorm1.running_var"), before)


def test_a_mistake_in_a_piece_comes_out() -> None:
    module = to_module(Network.parse(TEXT).graph()).train()
    bad = Batch(_batch().inputs, torch.full((24,), 9))
    with Workers(2) as workers, pytest.raises(IndexError):
        gradients(module, bad, OBJECTIVE, 2, workers)


def test_as_many_at_a_time_as_there_are_cores_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = Network.parse(TEXT).graph()
    recipe = Recipe(batch_size=64, micro_batch=16, precision="float32").resolved(1000)
    with _two_threads():
        assert pieces_at_once(graph, recipe, CPU) == 2
        dropping = Network.parse(TEXT.replace("flatten", "flatten > dropout 0.1")).graph()
        assert pieces_at_once(dropping, recipe, CPU) == 2
        assert pieces_at_once(graph, Recipe(batch_size=64), CPU) == 1
        limit = training_bytes(graph, 64, recipe, CPU)
        monkeypatch.setattr(memory, "budget", lambda recipe, device: limit)
        assert pieces_at_once(graph, recipe, CPU) == 1


def test_the_loss_asks_for_both_labels_by_their_shares_and_weighs_classes() -> None:
    scores_NK = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    labels_N2 = torch.tensor([[0, 1], [1, 2], [2, 3], [3, 3], [0, 0], [1, 3]])
    batch = Batch(torch.zeros(6, 1, 1, 1), labels_N2, 0.7)
    soft_NK = 0.7 * functional.one_hot(labels_N2[:, 0], 4) + 0.3 * functional.one_hot(labels_N2[:, 1], 4)
    assert torch.isclose(loss_of(TASK, scores_NK, batch), functional.cross_entropy(scores_NK, soft_NK))
    assert torch.isclose(
        loss_of(TASK, scores_NK, batch, 0.2),
        functional.cross_entropy(scores_NK, 0.8 * soft_NK + 0.05),
    )
    weights_K = torch.tensor([4.0, 1.0, 0.5, 0.25])
    own_N = labels_N2[:, 0]
    each_N = functional.cross_entropy(scores_NK, own_N, reduction="none")
    found = loss_of(TASK, scores_NK, Batch(batch.inputs, own_N, weights_K=weights_K))
    assert torch.isclose(found, (weights_K[own_N] * each_N).mean())
