"""The pieces of the training loop: which batches there are, what they hold, when memory runs out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convscope.data.cache import prepare
from convscope.data.image.decode import ImagePreprocess
from convscope.data.image.normalise import Normalise
from convscope.data.image.resize import shrunk
from convscope.data.sources import open_source
from convscope.engine.inference import compute
from convscope.engine.module import GraphModule
from convscope.errors import UserError
from convscope.learning.batches import batch_indices, steps_per_epoch
from convscope.learning.device import device_of, precision_of
from convscope.learning.events import EpochEnded
from convscope.learning.memory import check_memory, fitting_batch
from convscope.learning.recipe import Recipe
from convscope.learning.state import begin
from convscope.learning.train import _validation_scores, train
from convscope.network.memory import memory
from convscope.network.network import Network


@given(st.integers(1, 500), st.integers(1, 64), st.integers(0, 3))
def test_an_epoch_holds_every_picture_once(pictures: int, batch_size: int, seed: int) -> None:
    batches = [
        batch_indices(seed, 0, place, pictures, batch_size) for place in range(steps_per_epoch(pictures, batch_size))
    ]
    assert sorted(np.concatenate(batches)) == list(range(pictures))
    assert all(len(batch) <= batch_size + 1 for batch in batches)
    assert pictures == 1 or batch_size == 1 or all(len(batch) > 1 for batch in batches)


def test_epochs_and_seeds_shuffle_anew() -> None:
    one, two, three = (batch_indices(*where, 0, 1000, 1000).tolist() for where in ((0, 0), (0, 1), (1, 0)))
    assert one != two != three != one
    assert one == batch_indices(0, 0, 0, 1000, 1000).tolist()


def test_a_batch_that_cannot_fit_is_refused_with_one_that_does(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = Network.parse("input 3x64x64\nconv 64 3x3 padding=1 > relu > globalavgpool > flatten > linear 2").graph()

    cpu = torch.device("cpu")

    class Free:
        available = memory(graph, 40).training_held

    monkeypatch.setattr("convscope.learning.memory.psutil.virtual_memory", Free)
    # auto would be bfloat16 where the processor has it
    check_memory(graph, Recipe(batch_size=32, precision="float32"), cpu)
    with pytest.raises(UserError) as caught:
        check_memory(graph, Recipe(batch_size=1024, precision="float32"), cpu)
    assert "--batch-size 16 would fit" in caught.value.hint
    fits = fitting_batch(graph, Free.available, Recipe(precision="float32"), cpu)
    assert memory(graph, fits).training_held < Free.available <= memory(graph, 2 * fits).training_held


def test_no_gpu_is_a_mistake_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="no CUDA device"):
        device_of(Recipe(device="cuda"))
    assert device_of(Recipe()).type == "cpu"


def test_precision_follows_the_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert precision_of(Recipe(), torch.device("cpu")) == torch.bfloat16
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert precision_of(Recipe(), torch.device("cpu")) == torch.float32
    assert precision_of(Recipe(precision="bfloat16"), torch.device("cpu")) == torch.bfloat16


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"optimizer": "adam"}, "did you mean adamw"),
        ({"schedule": "cosin"}, "did you mean cosine"),
        ({"lr": -1.0}, "a number above 0"),
        ({"epochs": 0.0}, "a number above 0"),
        ({"batch_size": 0}, "a whole number from 1"),
        ({"augment": "stronger"}, "auto, none, light, medium, strong"),
        ({"precision": "float16"}, "bfloat16"),
        ({"ema": 1.0}, "from 0, below 1"),
        ({"label_smoothing": 1.0}, "a fraction from 0 to 0.9"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, object], word: str) -> None:
    with pytest.raises(UserError) as caught:
        Recipe(**settings)  # type: ignore[arg-type]
    assert word in str(caught.value)
    assert caught.value.where.startswith("--")


def test_pictures_are_whole_while_there_is_no_plan_for_that_is_what_a_step_is_timed_with() -> None:
    graph = Network.parse("input 3x16x16 > conv 4 3x3 > relu > globalavgpool > flatten > linear 2").graph()
    state = begin(graph, Recipe(progressive=0.5).resolved(100), torch.device("cpu"))
    assert not state.is_small
    state.steps = 10
    assert state.is_small
    assert state.at_present().graph.input == (3, 12, 12)
    state.step = 5
    assert not state.is_small


def test_while_pictures_are_small_they_are_validated_small() -> None:
    dataset = prepare(open_source("digits"), ImagePreprocess(1, 8, 8))
    graph = Network.parse("input 1x8x8 > conv 4 3x3 > relu > globalavgpool > flatten > linear 10").graph()
    recipe = Recipe(progressive=0.5, epochs=2, batch_size=100, precision="float32", ema=0.5)
    state = begin(graph, recipe.resolved(len(dataset.train)), torch.device("cpu"))
    normalise = Normalise((0.5,), (0.25,))
    ended = [event for event in train(state, dataset, normalise) if isinstance(event, EpochEnded)]
    assert len(ended) == 2
    assert state.average is not None
    module = GraphModule(graph)
    module.load_state_dict(dict(state.average.state))
    whole = _validation_scores(state, dataset, normalise, small=False)
    assert torch.allclose(whole, compute(module, dataset.val.inputs_N, normalise), atol=1e-5)
    small = _validation_scores(state, dataset, normalise, small=True)
    shown = shrunk(dataset.val.inputs_N, (1, 6, 6))
    module = GraphModule(graph.at((1, 6, 6)))
    module.load_state_dict(dict(state.average.state))
    assert shown.shape[1:3] == (6, 6)
    assert torch.allclose(small, compute(module, shown, normalise), atol=1e-5)
    assert not torch.allclose(small, whole, atol=1e-3)
