"""Batches ready to be computed with: the same at any time, and what making them costs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from convscope.api import train
from convscope.data.cache import prepare
from convscope.data.image.decode import ImagePreprocess
from convscope.data.image.modality import ImageAugmentation
from convscope.data.image.policy import Augment
from convscope.data.sources import open_source
from convscope.learning import loader as loading
from convscope.learning.batches import Examples
from convscope.learning.events import EpochEnded
from convscope.learning.loader import Loader
from convscope.learning.recipe import Recipe
from convscope.learning.record import METRICS
from convscope.learning.step import Stepper
from convscope.render.html import run_report

CPU = torch.device("cpu")
VARIED = Augment(1, area=(0.5, 1.0), erase=0.3, mixup=0.4, cutmix=0.4)
SLOW = 0.02
"""Seconds that a slow disk takes for a batch."""


def _loader(**settings: object) -> Loader:
    dataset = prepare(open_source("digits"), ImagePreprocess(1, 8, 8))
    recipe = Recipe(batch_size=100, **settings)  # type: ignore[arg-type]
    return Loader(dataset, Examples(dataset.train, CPU), recipe, ImageAugmentation(VARIED))


@pytest.mark.parametrize("balance", ["none", "weights", "sampling"])
def test_a_batch_is_a_function_of_seed_epoch_and_place(balance: str) -> None:
    whole = _loader(balance=balance)
    walked = {(epoch, place): whole.at(epoch, place) for epoch in (0, 1) for place in range(whole.batches.per_epoch)}
    mixed = [batch for batch in walked.values() if batch.labels.ndim == 2]
    assert 0 < len(mixed) < len(walked)
    for epoch, place in ((1, 5), (0, 0), (0, 7)):
        alone, there = _loader(balance=balance).at(epoch, place), walked[epoch, place]
        assert torch.equal(alone.inputs, there.inputs)
        assert torch.equal(alone.labels, there.labels)
        assert alone.fraction == there.fraction
    other = _loader(balance=balance, seed=1).at(0, 0)
    assert other.inputs.shape != walked[0, 0].inputs.shape or not torch.equal(other.inputs, walked[0, 0].inputs)


def test_only_weights_weigh() -> None:
    assert _loader(balance="sampling").at(0, 0).weights_K is None
    weights_K = _loader(balance="weights").at(0, 0).weights_K
    assert weights_K is not None
    assert weights_K.shape == (10,)


def test_pieces_hold_every_picture_once_and_its_fraction() -> None:
    batch = next(batch for batch in (_loader().at(0, place) for place in range(12)) if batch.labels.ndim == 2)
    parts = batch.parts(3)
    assert torch.equal(torch.cat([part.inputs for part in parts]), batch.inputs)
    assert torch.equal(torch.cat([part.labels for part in parts]), batch.labels)
    assert {part.fraction for part in parts} == {batch.fraction}


@pytest.mark.parametrize("slow", [False, True])
def test_data_bound_is_said_where_it_is_true_and_only_there(
    tmp_path: Path, slow: bool, clock: Any, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.costs(Stepper, "step", lambda *_: 0.01)
    clock.costs(Examples, "take", lambda *_: SLOW if slow else 0.001)
    settings = {"epochs": 0.5, "augment": "light", "precision": "float32", "report": False}
    result = train("digits", tiny, out=tmp_path / "run", **settings)  # type: ignore[arg-type]
    lines = [json.loads(line) for line in (tmp_path / "run" / METRICS).read_text().splitlines()]
    (logged,) = (line for line in lines if line["event"] == "epochended")
    epoch = EpochEnded(**{key: value for key, value in logged.items() if key != "event"})
    assert bool(epoch.data_bound) == slow, (epoch.waiting, epoch.step_seconds)
    assert result.data_stall.is_bound == slow
    if slow:
        assert result.data_stall.waiting_ms >= 1000 * SLOW
        assert result.data_stall.step_ms > result.data_stall.waiting_ms
        assert epoch.data_bound.startswith("data-bound: 2")
    facts: dict[str, str] = {}
    monkeypatch.setattr(run_report, "write_report", lambda *_, **given: facts.update(given["facts"]))
    monkeypatch.setattr(run_report, "curves_svg", lambda history: "")
    run_report.write_run_report(result, tmp_path / "report.html")
    assert facts.get("Data stalls", "").startswith("data-bound") == slow


@pytest.mark.gpu
def test_a_gpu_that_is_busy_while_batches_are_made_does_not_wait() -> None:
    stall = loading.StallTimer(torch.device("cuda"))
    heavy = torch.ones(4096, 4096, device="cuda")
    (heavy @ heavy).sum().item()
    for _ in range(3):
        for _ in range(20):
            heavy @ heavy
        stall.begin()
        stall.end()
    torch.cuda.synchronize()
    assert stall.take() < 0.001
    for _ in range(3):
        torch.cuda.synchronize()
        stall.begin()
        time.sleep(0.01)
        stall.end()
    torch.cuda.synchronize()
    assert stall.take() > 0.029
