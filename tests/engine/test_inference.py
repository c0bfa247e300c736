"""Many pictures through a network: the same answers in any number of chunks, threads and ways in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sample_graphs import SMALL, assert_close, loaded

from convscope.data.image.normalise import Normalise
from convscope.engine import inference
from convscope.engine.inference import FEW, compute, features, prepare
from convscope.engine.workers import in_order, one_thread_each
from convscope.errors import UserError

NORMALISE = Normalise((0.4,), (0.3,))
IMAGES = np.random.default_rng(0).integers(0, 256, (50, 12, 12, 1), dtype=np.uint8)


def test_scores_are_the_modules() -> None:
    module = loaded(SMALL, torch.float32)
    with torch.no_grad():
        expected = module.scores(NORMALISE(torch.from_numpy(IMAGES)))
    for count in (1, FEW - 1, FEW, 50):
        assert_close(compute(module, IMAGES[:count], NORMALISE), expected[:count], 1e-5)
    assert_close(compute(module, IMAGES, NORMALISE, batch=7), expected, 1e-5)
    assert compute(module, IMAGES[:0], NORMALISE).shape == (0, 10)


def test_features_are_the_nodes_output_and_may_be_trained_on() -> None:
    module = loaded(SMALL, torch.float32)
    found = features(module, IMAGES, NORMALISE, "flatten1", torch.float32)
    with torch.no_grad():
        assert_close(found, module.forward_all(NORMALISE(torch.from_numpy(IMAGES)), ["flatten1"])["flatten1"], 1e-5)
    head = torch.nn.Linear(found.shape[1], 3)
    head(found).sum().backward()  # tensors of inference mode would refuse
    assert head.weight.grad is not None
    assert features(module, IMAGES[:0], NORMALISE, "conv1").shape == (0, 8, 12, 12)
    with pytest.raises(UserError, match="no such node"):
        features(module, IMAGES, NORMALISE, "flatten9")


def test_chunks_on_several_threads_come_in_order() -> None:
    prepared = replace(prepare(loaded(SMALL, torch.float32), NORMALISE), chunk=3)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        found = prepared.all(IMAGES)
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(threads)
    assert_close(found, torch.cat([prepared(IMAGES[k : k + 1]) for k in range(50)]), 1e-5)


def test_the_mode_of_a_module_in_training_is_kept() -> None:
    module = loaded(SMALL, torch.float32).train()
    some = compute(module, IMAGES, NORMALISE)
    assert module.training
    assert torch.equal(some, compute(module, IMAGES, NORMALISE))  # no dropout
    compute(module, IMAGES[:2], NORMALISE)
    assert module.training


def test_threads_have_one_core_each_and_it_ends() -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with one_thread_each() as cores:
            assert cores == 2
            assert set(in_order(lambda _: torch.get_num_threads(), range(4), cores)) == {1}
        assert torch.get_num_threads() == 2
        with pytest.raises(ZeroDivisionError), one_thread_each() as cores:
            list(in_order(lambda k: 1 // k, [1, 0, 2], cores))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_a_chunk_is_never_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "CHUNK", 1)
    prepared = prepare(loaded(SMALL, torch.float32), NORMALISE)
    assert prepared.chunk == 1
    assert prepared.all(IMAGES).shape == (50, 10)
