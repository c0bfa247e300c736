"""The preview shows the very pixels that training computes with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convscope.api import training
from convscope.learning.loader import Batch
from convscope.learning.preview import preview
from convscope.learning.recipe import Recipe
from convscope.learning.setup import RunRequest, RunSetup, run_setup
from convscope.learning.step import Stepper
from convscope.network.network import Network


def _opened(data: str | Path, network: str | None, recipe: Recipe, **more: Any) -> RunSetup:
    parsed = None if network is None else Network.parse(network)
    return run_setup(RunRequest(data, parsed, recipe, **more), None, lambda done, total: None)


@pytest.mark.parametrize("balance", ["none", "sampling"])
def test_what_is_shown_is_what_training_sees(
    tmp_path: Path, tiny: str, balance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"augment": "strong,mixup=0.2", "balance": balance, "batch_size": 64, "epochs": 2.0}
    found = preview(_opened("digits", tiny, Recipe(**settings)), rows=8, epochs=2)
    seen: list[Batch] = []
    step = Stepper.step

    def kept(self: Stepper, batch: Batch, *rest: Any) -> Any:
        seen.append(batch)
        return step(self, batch, *rest)

    monkeypatch.setattr(Stepper, "step", kept)
    for _ in training("digits", tiny, out=tmp_path / "run", **settings):
        pass
    per_epoch = len(seen) // 2
    assert len(found.rows) == 8
    assert len({row.label for row in found.rows}) == 8
    for row in found.rows:
        for epoch, view in enumerate(row.epochs):
            there = np.concatenate(
                [batch.inputs.numpy() for batch in seen[epoch * per_epoch : (epoch + 1) * per_epoch]]
            )
            if view is None:
                assert balance == "sampling"
                continue
            assert (there == view.input).all(axis=(1, 2, 3)).any(), (row.name, epoch)
            assert row.label in view.asked_for


def _photographs(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    for label in ("left turn", "right turn"):
        (folder / label).mkdir(parents=True)
        for number in range(6):
            size = (90, 30) if number % 2 else (40, 60)
            Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), np.uint8)).save(
                folder / label / f"{number}.png"
            )
    return folder


@pytest.mark.parametrize("fit", ["letterbox", "crop", "stretch"])
def test_the_fit_in_use_is_shown_and_left_is_not_turned_right(tmp_path: Path, fit: Any) -> None:
    data = _photographs(tmp_path / "photographs")
    recipe = Recipe(augment="light", epochs=1)
    setup = _opened(data, "conv 4 3x3 > globalavgpool > flatten > linear 2", recipe, input=(3, 32, 32), fit=fit)
    found = preview(setup, rows=4, epochs=2)
    assert found.augmentation.policy.flip == "never"  # type: ignore[attr-defined]
    wide = next(row for row in found.rows if row.name.endswith(("1.png", "3.png", "5.png")))
    bars = (wide.unvaried[:8] == 0).all() and (wide.unvaried[-8:] == 0).all()
    assert bars == (fit == "letterbox")
