"""Transfer on small data: the head is an ordinary layer, the frozen stays, the better of two is kept, kills heal."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from convscope import UserError, train, training
from convscope.engine.initialise import initialise
from convscope.learning import events
from convscope.learning.record import METRICS
from convscope.learning.step import Stepper
from convscope.learning.transfer import features
from convscope.learning.transfer import run as run_module
from convscope.model.folder import Model
from convscope.network.network import Network

NET = """input 1x8x8
conv 16 3x3 padding=1 > batchnorm > relu > maxpool 2
conv 32 3x3 padding=1 bias=no > batchnorm > relu > maxpool 2 > flatten > dropout 0.2 > linear 10
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the same network, for seven classes."""
    file = tmp_path_factory.mktemp("weights") / "theirs.safetensors"
    save_file(initialise(Network.parse(NET.replace("linear 10", "linear 7")).graph(), seed=9), file)
    return file


def _train(weights: Path, folder: Path, **options: Any) -> Any:
    return train("digits", NET, weights=weights, out=folder, report=False, **options)


def _kinds(folder: Path) -> list[str]:
    return [json.loads(line)["event"] for line in (folder / METRICS).read_text().splitlines()]


def test_a_new_head_is_an_ordinary_layer(weights: Path, tmp_path: Path) -> None:
    result = _train(weights, tmp_path / "run")
    assert result.evaluation.top1 > 0.93
    assert "epochended" not in _kinds(tmp_path / "run"), "nobody asked for fine-tuning"
    saved = load_file(tmp_path / "run" / "model" / "weights.safetensors")
    theirs = load_file(weights)
    for name, value in theirs.items():
        if not name.startswith("linear1"):
            torch.testing.assert_close(saved[name], value, rtol=0, atol=0)
    # What was measured on features is what the model answers from pictures.
    model = Model.load(tmp_path / "run")
    again = model.probabilities(result.dataset.test.inputs_N)
    np.testing.assert_allclose(again, result.probabilities_NK, atol=2e-3)
    assert (again.argmax(1) == result.probabilities_NK.argmax(1)).all()
    assert model.classes == tuple("0123456789")


def test_the_second_run_finds_its_features_and_gives_the_same_bits(weights: Path, tmp_path: Path) -> None:
    first = _train(weights, tmp_path / "first", freeze="all")
    second = _train(weights, tmp_path / "second", freeze="all", epochs=3)
    for name, value in first.model.module.state_dict().items():
        torch.testing.assert_close(second.model.module.state_dict()[name], value, rtol=0, atol=0)
    lines = [json.loads(line) for line in (tmp_path / "second" / METRICS).read_text().splitlines()]
    assert [line["computed"] for line in lines if line["event"] == "featured"] == [0, 0, 0]
    other = _train(weights, tmp_path / "other", freeze="all", seed=1)
    assert other.evaluation.top1 > 0.93


def test_fine_tuning_is_kept_where_it_helps(weights: Path, tmp_path: Path) -> None:
    result = _train(weights, tmp_path / "run", epochs=8, lr=1e-2)
    lines = [json.loads(line) for line in (tmp_path / "run" / METRICS).read_text().splitlines()]
    compared = next(line for line in lines if line["event"] == "compared")
    assert compared["kept"] == "fine-tuned"
    assert compared["tuned_loss"] < compared["head_loss"]
    assert len(result.history) == 8
    saved, theirs = load_file(tmp_path / "run" / "model" / "weights.safetensors"), load_file(weights)
    assert not torch.equal(saved["conv1.weight"], theirs["conv1.weight"])
    torch.testing.assert_close(saved["batchnorm1.running_mean"], theirs["batchnorm1.running_mean"], rtol=0, atol=0)


def test_fine_tuning_that_harms_is_dropped(weights: Path, tmp_path: Path) -> None:
    head = _train(weights, tmp_path / "head", freeze="all")
    result = _train(weights, tmp_path / "run", epochs=1, lr=3.0)
    assert "compared" in _kinds(tmp_path / "run")
    for name, value in head.model.module.state_dict().items():
        torch.testing.assert_close(result.model.module.state_dict()[name], value, rtol=0, atol=0)
    assert result.history == ()


@pytest.mark.parametrize("augment", ["none", "light"])
def test_up_to_a_node_nothing_changes_and_behind_it_everything_learns(
    weights: Path, tmp_path: Path, augment: str
) -> None:
    result = _train(weights, tmp_path / "run", freeze="maxpool1", epochs=6, lr=5e-3, augment=augment)
    assert result.evaluation.top1 > (0.9 if augment == "none" else 0.7)
    saved, theirs = load_file(tmp_path / "run" / "model" / "weights.safetensors"), load_file(weights)
    for name in ("conv1.weight", "conv1.bias", "batchnorm1.weight", "batchnorm1.running_var"):
        torch.testing.assert_close(saved[name], theirs[name], rtol=0, atol=0)
    assert not torch.equal(saved["conv2.weight"], theirs["conv2.weight"])
    assert len(result.history) == 6
    assert ("featured" in _kinds(tmp_path / "run")) == (augment == "none")


@pytest.mark.parametrize("freeze", [None, "maxpool1"])
def test_stopped_anywhere_and_resumed_gives_the_same_bits(weights: Path, tmp_path: Path, freeze: str | None) -> None:
    options: dict[str, Any] = {"epochs": 2, "lr": 3e-3, "freeze": freeze}
    whole = _train(weights, tmp_path / "whole", **options)
    run, sitting = tmp_path / "pieces", 0
    for sitting in range(9):
        going = training("digits", NET, weights=weights, out=run, resume=sitting > 0, checkpoint_seconds=0, **options)
        allowed = 0 if sitting == 0 else 19
        try:
            while True:
                event = next(going)
                allowed -= isinstance(event, events.Stepped)
                if allowed < 0 or (allowed == 0 and isinstance(event, events.Featured)):
                    break
        except StopIteration:
            break
        going.close()
    assert sitting > 3
    saved = Model.load(run).module.state_dict()
    for name, value in whole.model.module.state_dict().items():
        torch.testing.assert_close(saved[name], value, rtol=0, atol=0)
    assert _kinds(run).count("epochended") == 2


@pytest.mark.parametrize(("step", "kept"), [(0.05, True), (0.3, False)])
def test_the_time_is_kept_and_what_it_allows_is_used(
    weights: Path, tmp_path: Path, cache: Path, clock: Any, step: float, kept: bool
) -> None:
    """A machine that takes so long for a step; where fine-tuning would be over too soon, the head alone is fitted."""
    clock.costs(features, "_computed", lambda prepared, images, rows, *_: len(rows) * step / 400)
    clock.costs(run_module, "choose", lambda *_, **__: 1.0)
    clock.costs(Stepper, "step", lambda *_: step)
    begun = clock.now
    _train(weights, tmp_path / "run", time=8.0)
    kinds = _kinds(tmp_path / "run")
    assert "headtrained" in kinds
    assert ("compared" in kinds) == kept
    assert clock.now - begun < 8.0
    assert not kept or clock.now - begun > 6.0, "most of the time was left unused"


def test_what_cannot_be_frozen_is_refused_before_anything_is_written(weights: Path, tmp_path: Path) -> None:
    for freeze, words in (("maxpol1", "did you mean maxpool1"), ("linear1", "nothing behind")):
        with pytest.raises(UserError, match=words):
            _train(weights, tmp_path / "run", freeze=freeze)
    with pytest.raises(UserError, match="nothing was trained yet"):
        train("digits", NET, out=tmp_path / "run", freeze="all")
    net = "input 1x8x8\nconv 10 3x3 > globalavgpool > flatten"
    file = tmp_path / "conv.safetensors"
    save_file(initialise(Network.parse(net).graph(), seed=1), file)
    with pytest.raises(UserError, match="a linear layer"):
        train("digits", net, weights=file, out=tmp_path / "run", freeze="all")
    assert not (tmp_path / "run").exists()


@pytest.mark.shared
@pytest.mark.slow
def test_ten_kinds_of_photographs_in_a_minute(shared: Path, tmp_path: Path) -> None:
    result = train(shared / "data" / "imagenette_subset.zip", out=tmp_path / "run", time=60, report=False)
    assert result.evaluation.count == 500
    assert result.evaluation.top1 >= 0.98
    begun = time.monotonic()
    again = train(shared / "data" / "imagenette_subset.zip", out=tmp_path / "again", time=60, report=False)
    assert time.monotonic() - begun < 30
    np.testing.assert_array_equal(again.probabilities_NK, result.probabilities_NK)
