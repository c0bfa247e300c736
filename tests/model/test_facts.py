"""A model folder that says what cannot be is refused by one message, before anything is allocated."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from tests.helpers.mutated_models import main

from convscope.errors import UserError
from convscope.inspection.look import look_at
from convscope.model.bounds import check_activations
from convscope.model.folder import Model
from convscope.model.saved_files import KEY, hashes
from convscope.network.network import Network

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run / "model", tmp_path / "model"))


def signed(folder: Path) -> Path:
    """The folder with the hashes of what it holds now, as whoever made it up would write them."""
    path = folder / "model.json"
    files = {name: (folder / name).read_bytes() for name in ("network.net", "weights.safetensors")}
    path.write_text(json.dumps({**json.loads(path.read_text()), KEY: hashes(files)}))
    return folder


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (("temperature",), -1, "temperature is -1"),
        (("temperature",), float("nan"), "temperature is null"),
        (("temperature",), [1], "temperature is [1]"),
        (("normalise", "std"), [1e-45], "normalise.std[0] is 1e-45"),
        (("normalise", "mean"), [0.1, 0.2], "normalise.mean is [0.1, 0.2]"),
        (("preprocess", "height"), 9, "preprocess is [1, 9, 8]"),
        (("preprocess", "fit"), "squeeze", 'preprocess.fit is "squeeze"'),
        (("classes",), [7] * 10, "classes[0] is 7"),
        (("tta",), "rotate", 'tta is "rotate"'),
        (("sure",), 2, "sure is 2"),
        (("seed",), -1, "seed is -1"),
        (("metrics",), [], "metrics is []"),
    ],
)
def test_facts_out_of_range_are_named(copy: Path, key: tuple[str, ...], value: Any, said: str) -> None:
    path = copy / "model.json"
    inside = document = json.loads(path.read_text())
    for step in key[:-1]:
        inside = inside[step]
    inside[key[-1]] = value
    path.write_text(json.dumps(document))
    with pytest.raises(UserError) as caught:
        Model.load(copy)
    assert said in caught.value.got
    assert caught.value.expected
    assert caught.value.where == str(path)


@pytest.mark.parametrize(("value", "word"), [(float("nan"), "NaN"), (float("inf"), "infinity"), (3e38, "is the first")])
def test_answers_that_are_not_finite_are_refused(copy: Path, value: float, word: str) -> None:
    path = copy / "weights.safetensors"
    weights = safetensors.torch.load(path.read_bytes())
    last = [name for name in weights if name.endswith("weight")][-1]
    weights[last] = torch.full_like(weights[last], value)
    path.write_bytes(safetensors.torch.save(weights))
    model = Model.load(signed(copy))
    for ask in (lambda: model.probabilities(PICTURES), lambda: look_at(model, PICTURES[0])):
        with pytest.raises(UserError, match="not finite") as caught:
            ask()
        assert word in caught.value.got
        assert last.rpartition(".")[0] in caught.value.got


def test_a_huge_network_is_refused_by_the_header(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = copy / "network.net"
    path.write_text(path.read_text().replace("conv 16", "conv 1600000000"))
    monkeypatch.setattr(torch, "zeros", lambda *size, **_: pytest.fail("allocated"))
    with pytest.raises(UserError, match="as the network says"):
        Model.load(signed(copy))


def test_values_beyond_the_memory_are_refused() -> None:
    graph = Network.parse("input 1x8x8 > conv 16 3x3 padding=100000 > globalavgpool > flatten > linear 10").graph()
    with pytest.raises(UserError, match="one input takes"):
        check_activations(graph, "network.net")


def test_a_pickled_model_answers_the_same_bits(run: Path) -> None:
    model = Model.load(run)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(model.probabilities(PICTURES), again.probabilities(PICTURES))
    assert (again.graph, again.classes, again.facts) == (model.graph, model.classes, model.facts)


def test_a_model_is_sent_to_a_spawned_process(run: Path) -> None:
    model = Model.load(run)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert np.array_equal(pool.apply(model.probabilities, (PICTURES,)), model.probabilities(PICTURES))


def test_mutated_folders_answer_or_are_refused(run: Path) -> None:
    assert main(run / "model", 100) == 0


@pytest.mark.slow
def test_ten_thousand_mutated_folders_answer_or_are_refused(run: Path) -> None:
    assert main(run / "model", 10_000, 1000) == 0
