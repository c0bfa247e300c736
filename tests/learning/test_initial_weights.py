"""A run that starts from trained weights: what is kept, what is new, and going on with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from convscope import UserError, train, training
from convscope.engine.initialise import initialise
from convscope.learning import events
from convscope.learning.record import read_settings
from convscope.network.network import Network

NET = """input 3x8x8
conv 4 3x3 padding=1 > batchnorm > relu > maxpool 2 > flatten > linear {classes}
"""


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    file = tmp_path / "theirs.safetensors"
    save_file(
        {f"module.{k}": v for k, v in initialise(Network.parse(NET.format(classes=7)).graph(), seed=9).items()}, file
    )
    return file


def test_the_body_is_kept_the_head_is_new_and_the_stem_is_folded(weights: Path, tmp_path: Path) -> None:
    net = Network.parse(NET.format(classes=7)).with_input((1, 8, 8))
    seen = training("digits", net, weights=weights, out=tmp_path / "run", epochs=0.1)
    started = next(event for event in seen if isinstance(event, events.Started))
    seen.close()
    assert len(started.adapted) == 2
    assert "conv1.weight: the weights of 3 colours were summed" in started.adapted
    assert "linear1 starts anew: 7 classes there, 10 here" in started.adapted
    kept, theirs = load_file(tmp_path / "run" / "start.safetensors"), load_file(weights)
    torch.testing.assert_close(kept["conv1.weight"], theirs["module.conv1.weight"].sum(1, keepdim=True))
    assert kept["linear1.weight"].shape == (10, 64)


def test_it_learns_with_their_normalisation_and_goes_on_without_the_file(weights: Path, tmp_path: Path) -> None:
    net = Network.parse(NET.format(classes=10)).with_input((1, 8, 8))
    options = {"epochs": 2, "report": False}
    whole = train("digits", net, weights=weights, out=tmp_path / "whole", **options)
    assert whole.model.normalise.mean == (0.449,)
    settings = read_settings(tmp_path / "whole")
    assert settings.recipe.lr == pytest.approx(3e-4 * 0.5)
    assert json.loads(settings.to_json())["weights"] == str(weights)
    pieces = training("digits", net, weights=weights, out=tmp_path / "pieces", epochs=2, checkpoint_seconds=0)
    for event in pieces:
        if isinstance(event, events.Stepped) and event.step == 5:
            pieces.close()
    # Killed before any checkpoint was written, and the file is gone.
    (tmp_path / "pieces" / "checkpoint.safetensors").unlink()
    weights.unlink()
    resumed = train("digits", out=tmp_path / "pieces", resume=True, report=False)
    for name, value in whole.model.module.state_dict().items():
        torch.testing.assert_close(resumed.model.module.state_dict()[name], value, rtol=0, atol=0)


def test_what_a_file_does_not_say(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not say of which network"):
        train("digits", weights=weights, out=tmp_path / "run")
    with pytest.raises(UserError, match="did you mean resnet18"):
        train("digits", weights="resnet81", out=tmp_path / "run")
    with pytest.raises(UserError, match="linear1"):
        train("digits", "input 1x8x8 > flatten > linear 32 > relu > linear 10", weights=weights, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
