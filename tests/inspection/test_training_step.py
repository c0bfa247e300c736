"""One training step of a model: what NumPy opens is what autograd gave, and the step is the one that torch takes."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from convscope.errors import UserError
from convscope.inspection.look import Look
from convscope.inspection.training_step import OpenedGradient, TrainingStep, training_step
from convscope.model.folder import Model
from convscope.model.load_weights import load
from convscope.network import zoo
from convscope.network.address import Address, parse_address
from convscope.network.graph import INPUT

NET = (
    "input 1x8x8\nconv 4 3x3 padding=1 > batchnorm > sigmoid > maxpool 2\n"
    "add { conv 4 3x3 padding=1 > relu | identity }\nflatten > dropout 0.4 > linear 3 > softmax"
)


def noise(model: Model, count: int, seed: int = 0) -> np.ndarray:
    channels, *size = model.module.graph.input
    return np.random.default_rng(seed).integers(0, 256, (count, *size, channels), np.uint8)


def open_many(step: TrainingStep, count: int, seed: int = 0) -> list[OpenedGradient]:
    """So many units and so many weights, chosen at random."""
    rng, back = random.Random(seed), step.backpropagation
    found = []
    for _ in range(count):
        path = rng.choice(list(back.values))
        index = tuple(rng.randrange(n) for n in back.values[path].shape[1:])
        found.append(step.open(Address(path, index), rng.randrange(back.examples)))
        name = rng.choice(list(back.parameters))
        path, _, tensor = name.rpartition(".")
        found.append(step.open(Address(path, tuple(rng.randrange(n) for n in back.parameters[name].shape), tensor)))
    return found


def leads_on(step: TrainingStep, opened: OpenedGradient) -> None:
    """Every address is that of an existing number, with the value that is shown."""
    back = step.backpropagation
    for part in opened.walk.parts:
        for term in part.terms.largest_first(5):
            unit, at = opened.walk.unit(term), opened.walk.factor_at(term)
            parse_address(back.graph, str(unit))
            assert term.value == back.gradients[unit.path][(term.example, *unit.index)]
            if at is not None:
                parse_address(back.graph, str(at))
    for link in opened.way.links:
        assert link.value == back.values[link.unit.path][(link.example, *link.unit.index)]


@pytest.fixture(scope="module")
def step(untrained: Callable[..., Model]) -> TrainingStep:
    model = untrained(NET)
    return training_step(model, noise(model, 4), ["class 0", "class 2", "class 1", "class 1"], lr=0.1)


def test_every_number_is_autograds(step: TrainingStep) -> None:
    for opened in open_many(step, 80):
        assert opened.agrees, opened
        leads_on(step, opened)


def test_a_wrong_gradient_is_seen(step: TrainingStep) -> None:
    opened = step.open("conv1.weight[0,0,1,1]")
    wrong = OpenedGradient(**{**vars(opened), "engine": opened.engine * 1.001 + 1e-6})
    assert opened.agrees
    assert not wrong.agrees


def test_it_is_the_step_that_torch_takes(untrained: Callable[..., Model]) -> None:
    """Without dropout, whose masks are torch's own: the same loss, the same weights, the same loss after."""
    model = untrained(NET.replace(" > dropout 0.4", ""))
    images, labels = noise(model, 4), torch.tensor([0, 2, 1, 1])
    before = {name: value.clone() for name, value in model.module.state_dict().items()}
    step = training_step(model, images, [0, 2, 1, 1], lr=0.01)
    assert not model.module.training
    assert all(torch.equal(value, before[name]) for name, value in model.module.state_dict().items())

    taken = copy.deepcopy(model.module).train()
    optimizer = torch.optim.SGD(taken.parameters(), lr=0.01)
    batch = model.normalise(torch.from_numpy(images))
    loss = functional.cross_entropy(taken.scores(batch), labels)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    assert step.loss_before == pytest.approx(loss.item(), rel=1e-5)
    for name, value in taken.named_parameters():
        path, _, tensor = name.rpartition(".")
        at = tuple(n - 1 for n in value.shape)
        update = step.open(Address(path, at, tensor)).update
        assert update is not None
        assert update.after == pytest.approx(value[at].item(), abs=1e-6)
        assert update.before == before[name][at].item()
    assert step.loss_after == pytest.approx(functional.cross_entropy(taken.scores(batch), labels).item(), rel=1e-5)
    assert step.loss_after < step.loss_before


def test_the_loss_is_the_mean_of_its_examples(step: TrainingStep) -> None:
    opened = [step.loss_of(n) for n in range(4)]
    assert np.mean([one.loss for one in opened]) == pytest.approx(step.loss_before, rel=1e-6)
    assert [one.label for one in opened] == [0, 2, 1, 1]
    assert step.labels == ("class 0", "class 2", "class 1", "class 1")


def test_a_dropped_unit_has_no_gradient(step: TrainingStep) -> None:
    mask = step.backpropagation.masks["dropout1"]
    assert 0 < (mask == 0).mean() < 1
    example, place = map(int, np.argwhere(mask == 0)[0])
    opened = step.open(Address("flatten1", (place,)), example)
    assert (opened.value, opened.engine) == (0, 0)
    assert opened.way.links[0].kind == "mask"


def test_in_evaluation_nothing_is_dropped(untrained: Callable[..., Model]) -> None:
    model = untrained(NET)
    step = training_step(model, noise(model, 2), [0, 1], training=False)
    assert not step.backpropagation.masks
    expected = -np.log(model.probabilities(step.inputs_N)[[0, 1], [0, 1]]).mean()
    assert step.loss_before == pytest.approx(expected, rel=1e-5)
    assert all(opened.agrees for opened in open_many(step, 50))


def test_a_look_is_a_batch_of_one(seen: Callable[..., Look]) -> None:
    look = seen(NET)
    step = training_step(look, labels="class 1", training=False)
    assert np.array_equal(step.inputs_N[0], look.input)
    np.testing.assert_allclose(step.backpropagation.values["conv1"][0], look.values["conv1"], atol=1e-5)


def test_labels_come_with_the_data(untrained: Callable[..., Model], tmp_path: Path) -> None:
    model = untrained("input 1x8x8\nflatten > linear 10")
    digits = Model(model.graph, model.module, tuple("0123456789"), model.preprocess, model.normalise)
    step = training_step(digits, ["digits:0", "digits:all[1]"])
    assert step.labels == ("0", "1")
    assert training_step(digits, "digits:0", "7").labels == ("7",)


def test_mistakes_are_told_in_words(step: TrainingStep) -> None:
    model, one = step.model, step.inputs_N[:1]
    for told, call in (
        ("did you mean class", lambda: training_step(model, one, ["clas 2"])),
        ("no class 3", lambda: training_step(model, one, [3])),
        ("2 for 1 pictures", lambda: training_step(model, one, [1, 2])),
        ("without a label", lambda: training_step(model, one)),
        ("8 x 8 x 1", lambda: training_step(model, one[:, :4], [0])),
        ("at least one", lambda: training_step(model, [], [])),
        ("at least one", lambda: training_step(model)),
        ("--lr", lambda: training_step(model, one, [0], lr=float("nan"))),
        ("no such file", lambda: training_step(model, "nothing.png", [0])),
        ("the batch has 4", lambda: step.open("conv1[0,0,0]", 4)),
        ("the batch has 4", lambda: step.loss_of(-1)),
        ("the scores, linear1", lambda: step.open("softmax1[0]")),
        ("did you mean conv1", lambda: step.open("conv9[0,0,0]")),
        ("is not trained", lambda: step.open("batchnorm1.running_var[0]")),
    ):
        with pytest.raises(UserError) as error:
            call()
        assert told in str(error.value), told


@pytest.mark.parametrize(("name", "size"), [("mobilenet_v2_035", 32), ("squeezenet1_1", 40), ("convnext_tiny", 32)])
def test_networks_of_the_zoo(name: str, size: int, untrained: Callable[..., Model]) -> None:
    """Groups, branches, scales, layer norms; small inputs, as they are only looked at."""
    model = untrained(zoo.known(name).with_input((3, size, size)).text())
    step = training_step(model, noise(model, 2), [0, 1])
    for opened in open_many(step, 40):
        assert opened.agrees, opened
        leads_on(step, opened)
    first = next(n for n in model.module.graph.nodes if n.parameters)
    way = step.open(Address(first.path, (0,) * len(first.parameters["weight"]), "weight")).way
    assert way.links[-1].unit.path == model.scores_path
    assert way.links[0].unit.path == first.path


@pytest.mark.shared
def test_lenet5_on_mnist(untrained: Callable[..., Model], shared_sets: Callable[[str], Path]) -> None:
    lenet = untrained("lenet5")
    model = Model(lenet.graph, lenet.module, tuple("0123456789"), lenet.preprocess, lenet.normalise)
    step = training_step(model, [f"{shared_sets('mnist')}:train[{n}]" for n in range(4)], lr=0.1)
    assert step.labels == ("5", "0", "4", "1")
    for opened in open_many(step, 100):
        assert opened.agrees, opened
        leads_on(step, opened)
    assert step.loss_after < step.loss_before


@pytest.mark.shared
@pytest.mark.parametrize("count", [20, pytest.param(100, marks=pytest.mark.slow)])
def test_resnet20_on_cifar10(count: int, shared: Path, shared_sets: Callable[[str], Path]) -> None:
    """Weights that others trained, so many units and so many weights: the shown terms sum to autograd's."""
    (weights,) = (shared / "data" / "resnet20_cifar10").glob("*.th")
    names = (shared_sets("cifar10") / "batches.meta.txt").read_text().split()
    model = load("resnet20_cifar", weights, names=names)
    for training in (True, False):
        step = training_step(model, [f"{shared_sets('cifar10')}:test[{n}]" for n in range(3)], training=training)
        assert step.labels == ("cat", "ship", "ship")
        for opened in open_many(step, count):
            assert opened.agrees, opened
            leads_on(step, opened)
    assert step.backpropagation.values[INPUT].shape == (3, 3, 32, 32)
