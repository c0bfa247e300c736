"""A batch that several cores compute in parts is one batch, and the same bits whoever computes them."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch

from convscope.data.image.modality import IMAGE
from convscope.data.image.normalise import Normalise
from convscope.engine.module import GraphModule, to_module
from convscope.engine.workers import Workers
from convscope.learning.gradients import Objective
from convscope.learning.loader import Batch
from convscope.learning.parts import Parts, parts_worth
from convscope.model.task import Classification
from convscope.network import zoo
from convscope.network.network import Network

TASK = Classification(4)
NETWORKS = {
    "plain": "input 3x8x8 > conv 4 3x3 > relu > flatten > linear 4",
    "batch norm": "input 3x8x8 > conv 4 3x3 > batchnorm momentum=0.4 > relu > flatten > linear 4",
    "batch norm of vectors": "input 3x8x8 > flatten > linear 6 > batchnorm > relu > linear 4",
    "no weights": "input 3x8x8 > conv 4 3x3 bias=no > batchnorm affine=no > relu > flatten > linear 4",
    "one value a channel": "input 3x8x8 > conv 4 8x8 > batchnorm > relu > flatten > linear 4",
    "residual": "input 3x8x8 > conv 4 3x3 > batchnorm > add { conv 4 3x3 padding=1 > batchnorm | identity } > relu "
    "> globalavgpool > flatten > linear 4",
}


def _objective(dtype: torch.dtype = torch.float32) -> Objective:
    return Objective(IMAGE, Normalise((0.5,) * 3, (0.25,) * 3), TASK, dtype, 0.1)


def _batch(count: int = 23, weights_K: torch.Tensor | None = None) -> Batch:
    rng = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (count, 8, 8, 3), dtype=torch.uint8, generator=rng)
    return Batch(images, torch.randint(0, 4, (count,), generator=rng), weights_K=weights_K)


def _module(text: str) -> GraphModule:
    return to_module(Network.parse(text).graph()).train()


@pytest.mark.parametrize("text", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("count", [2, 3])
def test_gradients_and_statistics_are_those_of_the_whole_batch(text: str, count: int) -> None:
    batch = _batch(weights_K=torch.tensor([0.5, 1.0, 1.5, 1.0]))
    whole, parted = _module(text), _module(text)
    loss, hits = _objective().loss_and_hits(whole, batch)
    loss.backward()  # type: ignore[no-untyped-call]
    with Workers(count) as workers:
        found, found_hits = Parts(parted, workers).gradients(batch, _objective(), 0)
    assert found.item() == pytest.approx(loss.item(), abs=1e-5)
    assert int(found_hits) == int(hits)
    for (name, expected), got in zip(whole.named_parameters(), parted.parameters(), strict=True):
        assert expected.grad is not None
        assert got.grad is not None
        assert torch.allclose(got.grad, expected.grad, atol=3e-6), name
    for (name, expected_values), values in zip(whole.named_buffers(), parted.buffers(), strict=True):
        assert torch.allclose(values, expected_values, atol=1e-5), name


def test_half_precision_keeps_the_statistics_in_whole_precision() -> None:
    whole, parted = (_module(NETWORKS["batch norm"]) for _ in range(2))
    _objective(torch.bfloat16).loss_and_hits(whole, _batch())
    with Workers(2) as workers:
        Parts(parted, workers).gradients(_batch(), _objective(torch.bfloat16), 0)
    for expected, values in zip(whole.buffers(), parted.buffers(), strict=True):
        assert torch.allclose(values, expected, rtol=2e-3, atol=2e-3)


def test_the_same_bits_whoever_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropout and batch norm included: each part waits in turn, as beside another process."""
    text = "input 3x8x8 > conv 4 3x3 > batchnorm > relu > dropout 0.5 > flatten > linear 4"
    plain = Objective.loss_and_hits
    found = []
    for slow in (None, 0, 1):

        def delayed(self: Objective, module: GraphModule, batch: Batch, slow: int | None = slow) -> Any:
            if slow is not None and torch.equal(batch.inputs, _batch().parts(2)[slow].inputs):
                threading.Event().wait(0.05)
            return plain(self, module, batch)

        monkeypatch.setattr(Objective, "loss_and_hits", delayed)
        module = _module(text)
        with Workers(2) as workers:
            Parts(module, workers).gradients(_batch(), _objective(), 5)
        found.append(torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None]))
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_dropout_is_drawn_by_the_seed() -> None:
    text, found = "input 3x8x8 > flatten > dropout 0.5 > linear 4", []
    for seed in (1, 1, 2):
        module = _module(text)
        with Workers(2) as workers:
            Parts(module, workers).gradients(_batch(), _objective(), seed)
        weight = module.get_parameter("linear1.weight").grad
        assert weight is not None
        found.append(weight)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_what_keeps_its_statistics_or_its_weights_does() -> None:
    module = _module(NETWORKS["batch norm"])
    module.get_parameter("conv1.weight").requires_grad_(False)
    module.get_submodule("batchnorm1").eval()
    before = module.get_buffer("batchnorm1.running_var").clone()
    with Workers(2) as workers:
        Parts(module, workers).gradients(_batch(), _objective(), 0)
    assert module.get_parameter("conv1.weight").grad is None
    assert torch.equal(module.get_buffer("batchnorm1.running_var"), before)


def test_a_mistake_in_one_part_frees_the_others_and_comes_out() -> None:
    module = _module(NETWORKS["batch norm"])
    batch = _batch()
    bad = Batch(batch.inputs, torch.cat([torch.zeros(22, dtype=torch.int64), torch.tensor([9])]))
    with Workers(3) as workers:
        parts = Parts(module, workers)
        with pytest.raises(IndexError):
            parts.gradients(bad, _objective(), 0)
        loss, _ = parts.gradients(batch, _objective(), 0)
    assert torch.isfinite(loss)


def test_small_networks_stay_whole_and_the_number_knows_no_clock() -> None:
    digits = Network.parse("input 1x8x8 > conv 24 3x3 > relu > flatten > linear 10").graph()
    assert parts_worth(digits, 32, cores=64) == 1
    resnet = zoo.known("resnet20_cifar").graph()
    assert [parts_worth(resnet, 128, cores) for cores in (1, 2, 4, 64)] == [1, 2, 4, 8]
    assert parts_worth(resnet, 1, cores=64) == 1
