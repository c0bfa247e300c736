"""A run in its folder: what is written, and that resuming gives the same weights whatever happened."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import printed
from forked import start

from convscope.api import train, training
from convscope.errors import UserError
from convscope.learning import checkpoint, events, time_plan
from convscope.learning import train as loop
from convscope.learning.device import precision_of
from convscope.learning.recipe import Recipe
from convscope.learning.record import METRICS, read_settings
from convscope.learning.step import Stepper
from convscope.model.folder import Model

Digest = Callable[[Path], str]
SETTINGS = [
    {"epochs": 2},
    {"epochs": 1.5, "optimizer": "sgd", "schedule": "cosine"},
    {"epochs": 2, "ema": 0.9, "label_smoothing": 0.1},
    {"epochs": 2, "augment": "light", "batch_size": 419},  # 1,258 pictures: a last batch of one
    {"epochs": 2, "augment": "strong,cutmix=0.4,mixup=0.4", "balance": "sampling"},
    {"epochs": 1.5, "batch_size": 128, "micro_batch": 32},
]


def test_a_run_leaves_everything_behind(tmp_path: Path, tiny: str) -> None:
    result = train("digits", tiny, out=tmp_path / "run", epochs=2)
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {
        "settings.json", "environment.json", "metrics.jsonl", "checkpoint.safetensors",
        "model", "report.html", "curves.svg",
    }  # fmt: skip
    model = {path.name for path in (tmp_path / "run" / "model").iterdir()}
    assert model == {"network.net", "weights.safetensors", "model.json", "README.md"}
    lines = [json.loads(line) for line in (tmp_path / "run" / METRICS).read_text().splitlines()]
    kinds = [line["event"] for line in lines]
    assert kinds[0] == "planned"
    assert kinds.count("epochended") == 2
    assert kinds[-1] == "finished"
    assert lines[-1]["metrics"]["top1"] == result.evaluation.top1
    assert json.loads((tmp_path / "run" / "environment.json").read_text())["versions"]["torch"]


def test_training_learns(tmp_path: Path, tiny: str) -> None:
    result = train("digits", tiny, out=tmp_path / "run", epochs=8, lr=0.02, augment="none", report=False)
    assert result.evaluation.top1 > 0.8
    assert result.history[-1]["train_loss"] < result.history[0]["train_loss"] / 2


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_stopped_anywhere_and_resumed_gives_the_same_bits(
    tmp_path: Path, tiny: str, digest: Digest, settings: dict[str, object]
) -> None:
    if "micro_batch" in settings:
        tiny = tiny.replace(" > dropout 0.2", "")  # without it the pieces are computed at the same time
    train("digits", tiny, out=tmp_path / "whole", report=False, **settings)
    random.seed(str(settings))
    most = 25 if "batch_size" not in settings else 3
    run = tmp_path / "pieces"
    for sitting in range(20):
        stop_after = random.randint(1, most)
        stepped = 0
        # Every step is saved, so that a cut at any of them is a cut at a checkpoint from mid-epoch.
        going = training("digits", tiny, out=run, resume=sitting > 0, checkpoint_seconds=0, **settings)
        try:
            while stepped < stop_after:
                stepped += isinstance(next(going), events.Stepped)
        except StopIteration:
            break
        going.close()
    assert sitting > 1, "the run was never cut"
    assert digest(run) == digest(tmp_path / "whole")
    ended = [json.loads(line) for line in (run / METRICS).read_text().splitlines()]
    epochs = [line["epoch"] for line in ended if line["event"] == "epochended"]
    assert epochs == sorted(set(epochs)), "an epoch was logged twice or lost"


def _logged(run: Path) -> int:
    return (run / METRICS).read_text().count("\n") if (run / METRICS).exists() else 0


def _killed_and_resumed(tmp_path: Path, times: int, how: signal.Signals, most: int, *options: str) -> Path:
    """Kill the command after so many epochs at most, resume each time, let the last go to its end."""
    run, said, kills = tmp_path / "pieces", tmp_path / "said", 0
    random.seed(str(how))
    while True:
        words = ["--resume"] if (run / "settings.json").exists() else list(options)
        process = start("train", *words, "--out", str(run), "--no-report", said=said)
        if kills < times:
            until = _logged(run) + random.randint(1, most)
            while _logged(run) < until and process.is_alive():
                time.sleep(0.002)
            time.sleep(random.uniform(0.0, 0.02))
            if process.is_alive():
                assert process.pid is not None
                os.kill(process.pid, how)
                kills += 1
        process.join(300)
        if process.exitcode == 0:
            break
        assert process.exitcode in (-signal.SIGKILL, 130), said.read_text()
    assert kills >= min(times, 1)
    return run


def test_the_fast_recipe_is_resumed_to_the_same_bits(tmp_path: Path, digest: Digest) -> None:
    """A whitened first layer that stops learning, small pictures before large ones, steps in pieces.

    Two steps a sitting: the last of an epoch is saved only after its validation.
    """
    net = """input 3x12x12
conv 8 2x2 > silu > conv 8 3x3 padding=1 bias=no > batchnorm > silu > globalmaxpool > flatten > linear 10 bias=no"""
    settings = {"epochs": 2, "optimizer": "muon", "batch_size": 300, "micro_batch": 100, "progressive": 0.5}
    train("digits", net, out=tmp_path / "whole", report=False, **settings, tta="flip")
    run = tmp_path / "pieces"
    for sitting in range(20):
        going = training("digits", net, out=run, resume=sitting > 0, checkpoint_seconds=0, **settings, tta="flip")
        steps = 0
        for event in going:
            steps += isinstance(event, events.Stepped)
            if steps == 2:
                break
        else:
            break
        going.close()
    assert sitting > 3
    assert digest(run) == digest(tmp_path / "whole")
    assert Model.load(run).tta == "flip"


def test_a_refused_run_leaves_no_folder(tmp_path: Path, tiny: str) -> None:
    with pytest.raises(UserError, match="has other weights for pictures of 1x6x6"):
        train("digits", tiny, out=tmp_path / "run", progressive=0.5)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("how", "times"), [(signal.SIGKILL, 2), (signal.SIGTERM, 1)])
def test_killed_and_resumed_gives_the_same_bits(
    tmp_path: Path, tiny: str, digest: Digest, how: signal.Signals, times: int
) -> None:
    options = ("digits", "--net", tiny, "--epochs", "12", "--batch-size", "128", "--checkpoint-seconds", "0")
    train("digits", tiny, out=tmp_path / "whole", epochs=12, batch_size=128, report=False)
    assert digest(_killed_and_resumed(tmp_path, times, how, 5, *options)) == digest(tmp_path / "whole")


@pytest.mark.slow
def test_killed_ten_times_gives_the_same_bits(tmp_path: Path, digest: Digest) -> None:
    options = ("digits", "--epochs", "60", "--checkpoint-seconds", "0.2")
    whole = tmp_path / "whole"
    printed("train", *options, "--out", str(whole), "--no-report")
    assert digest(_killed_and_resumed(tmp_path, 10, signal.SIGKILL, 6, *options)) == digest(whole)


def test_seeds_decide(tmp_path: Path, tiny: str, digest: Digest) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train("digits", tiny, out=tmp_path / name, epochs=1, seed=seed, report=False)
    assert digest(tmp_path / "a") == digest(tmp_path / "b") != digest(tmp_path / "c")


def test_time_is_kept_and_the_run_evaluated(tmp_path: Path, tiny: str, clock: Any) -> None:
    clock.costs(Stepper, "step", lambda *_: 0.05)
    clock.costs(loop, "compute", lambda *_, **__: 0.1)
    clock.costs(time_plan, "compute", lambda *_, **__: 0.1)
    begun = clock.now
    result = train("digits", tiny, out=tmp_path / "run", time=6.0, report=False)
    took = clock.now - begun
    assert took < 6.0
    assert took > 4.5, "most of the time was left unused"
    assert result.evaluation.count == len(result.dataset.test)
    trained_in = str(precision_of(Recipe(), torch.device("cpu"))).removeprefix("torch.")
    assert result.model.facts["metrics"]["precision"] == trained_in
    unhurried = train("digits", tiny, out=tmp_path / "unhurried", epochs=1, report=False)
    assert unhurried.model.facts["metrics"]["precision"] == "float32"


def test_early_stopping(tmp_path: Path, tiny: str) -> None:
    # A learning rate of nearly nothing: the first epoch stays the best.
    seen = list(training("digits", tiny, out=tmp_path / "run", epochs=20, patience=2, lr=1e-12))
    stopped = [event for event in seen if isinstance(event, events.Stopped)]
    assert len(stopped) == 1
    assert "2 epochs" in stopped[0].reason
    assert isinstance(seen[-1], events.Finished)
    again = list(training("digits", tiny, out=tmp_path / "run", resume=True))
    assert not [event for event in again if isinstance(event, events.Stepped)], "a stopped run took more steps"


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path, tiny: str) -> None:
    net = tiny.replace("> batchnorm ", "")
    run = training(
        "digits", net, out=tmp_path / "run", epochs=20, lr=1e6, optimizer="sgd", warmup=0.9, checkpoint_seconds=0
    )
    with pytest.raises(UserError) as caught:
        list(run)
    assert "step" in caught.value.where
    assert "nan" in caught.value.got or "inf" in caught.value.got
    assert "--lr" in caught.value.hint
    kept = checkpoint.load(tmp_path / "run")
    assert kept is not None
    assert all(value.isfinite().all() for name, value in kept.tensors.items() if name.startswith("module/"))


def test_a_folder_with_a_run_is_not_overwritten(tmp_path: Path, tiny: str) -> None:
    train("digits", tiny, out=tmp_path / "run", epochs=0.2, report=False)
    with pytest.raises(UserError, match="there is a run in this folder"):
        train("digits", tiny, out=tmp_path / "run", epochs=0.2)


def test_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run to resume"):
        train("digits", out=tmp_path / "run", resume=True)


def test_a_damaged_checkpoint_is_named(tmp_path: Path, tiny: str) -> None:
    train("digits", tiny, out=tmp_path / "run", epochs=0.2, report=False)
    (tmp_path / "run" / checkpoint.BEFORE).unlink(missing_ok=True)
    (tmp_path / "run" / checkpoint.NAME).write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00 half a")
    with pytest.raises(UserError, match="checkpoint cannot be read"):
        train("digits", out=tmp_path / "run", resume=True)


def test_changed_data_is_refused(tmp_path: Path, tiny: str) -> None:
    train("digits", tiny, out=tmp_path / "run", epochs=0.2, report=False)
    settings = tmp_path / "run" / "settings.json"
    settings.write_text(settings.read_text().replace(read_settings(tmp_path / "run").fingerprint, "0" * 64))
    with pytest.raises(UserError, match="changed since"):
        train("digits", out=tmp_path / "run", resume=True)


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path: Path, tiny: str, digest: Digest) -> None:
    """The file size limit stands for a full disk: writes fail half-way with an error of the same kind."""
    pytest.importorskip("resource")
    train("digits", tiny, out=tmp_path / "whole", epochs=2, report=False)

    run = tmp_path / "pieces"
    first = training("digits", tiny, out=run, epochs=2, checkpoint_seconds=0)
    for event in first:
        if isinstance(event, events.Saved) and event.step >= 7:
            first.close()
    saved = (run / checkpoint.NAME).read_bytes()
    assert len(saved) > 6_000
    resumed = ("train", "--resume", "--out", str(run), "--no-report")
    process = start(*resumed, said=tmp_path / "said", largest=6_000)
    process.join(300)
    said = (tmp_path / "said").read_text()
    assert process.exitcode == 2, said
    assert "Traceback" not in said
    assert "writing failed" in said
    assert (run / checkpoint.NAME).read_bytes() == saved
    printed(*resumed)
    assert digest(run) == digest(tmp_path / "whole")


def test_a_time_too_short_for_one_step_is_said(tmp_path: Path, tiny: str) -> None:
    result = train("digits", tiny, out=tmp_path / "run", time=0.05, report=False)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    planned = next(line for line in lines if line["event"] == "planned")
    assert planned["steps"] == 1
    assert "have passed" in planned["too_short"]
    assert result.history[-1]["step"] == 1
