"""Operations defined outside the package, a file each: everything that ours can, theirs can."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import convscope

from convscope import ops
from convscope.api import train
from convscope.engine.module import to_module
from convscope.errors import UserError
from convscope.model.folder import Model
from convscope.network.memory import kept_by_node
from convscope.network.network import Network
from convscope.network.receptive_field import field_of
from convscope.ops.registry import MissingFacetError
from convscope.reference.forward import run

HERE = Path(__file__).parent / "outside"
NET = "input 1x8x8\nconv 4 3x3 padding=1 > squareplus > fouriermix > batchnorm > squareplus b=1 > flatten > linear 10"


@pytest.fixture(scope="module", autouse=True)
def loaded() -> Iterator[None]:
    before = dict(ops.OPERATIONS)
    ops.load(HERE / "squareplus.py")
    ops.load(HERE / "fourier.py")
    yield
    ops.OPERATIONS.clear()
    ops.OPERATIONS.update(before)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, loaded: None) -> Path:
    folder = tmp_path_factory.mktemp("outside") / "run"
    train("digits", NET, out=folder, epochs=2, augment="none", report=False, seed=1)
    return folder


def test_a_file_is_loaded_once_and_says_what_it_adds() -> None:
    assert [cls.word for cls in ops.load(HERE / "squareplus.py")] == ["squareplus"]
    with pytest.raises(UserError, match="no such file"):
        ops.load(HERE / "none.py")


def test_notation_layout_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    network = Network.parse(NET)
    assert Network.parse(network.text()).text() == network.text()
    assert Network.from_json(network.to_json()) == network
    graph = network.graph()
    assert graph.by_path["fouriermix1"].macs == 4 * 64**2
    status, out, _ = convscope("describe", NET, "--json", capsys=capsys)
    assert status == 0
    nodes = {node["path"]: node for node in json.loads(out)["nodes"]}
    assert nodes["squareplus1"]["receptive_field"] == [3, 3]
    assert nodes["fouriermix1"]["receptive_field"] is None  # the whole input


def test_the_receptive_field_is_what_the_engine_shows() -> None:
    graph = Network.parse(NET).graph()
    module = to_module(graph, seed=3).double().eval()
    x = torch.rand(1, 1, 8, 8, dtype=torch.float64)
    for path, index in (("squareplus1", (2, 3, 4)), ("fouriermix1", (1, 2, 5))):
        before, moved = module.forward_all(x)[path][(0, *index)], np.zeros((8, 8), bool)
        for row in range(8):
            for column in range(8):
                other = x.clone()
                other[0, 0, row, column] += 1
                moved[row, column] = bool(module.forward_all(other)[path][(0, *index)] != before)
        (top, bottom), (left, right) = field_of(graph, path, index).spans
        stated = np.zeros((8, 8), bool)
        stated[top:bottom, left:right] = True
        assert not (moved & ~stated).any()
        assert moved[top:bottom].any(1).all()
        assert moved[:, left:right].any(0).all()


def test_what_backward_keeps_is_counted_as_autograd_keeps_it() -> None:
    graph = Network.parse("input 1x8x8\nfouriermix > squareplus").graph()
    module = to_module(graph).train()
    x = torch.rand(3, 1, 8, 8, requires_grad=True)
    saved: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        y = module(x)
    assert sum(saved.values()) == 3 * sum(kept_by_node(graph).values())
    assert y.requires_grad


def test_engine_and_reference_agree() -> None:
    graph = Network.parse(NET).graph()
    module = to_module(graph, seed=1).double().eval()
    x = np.random.default_rng(0).normal(size=(2, 1, 8, 8))
    state = {name: value.detach().numpy() for name, value in module.state_dict().items()}
    for path, value in run(graph, state, x).items():
        np.testing.assert_allclose(module.forward_all(torch.from_numpy(x))[path].detach().numpy(), value, atol=1e-10)


def test_trained_resumed_and_looked_into(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = Model.load(trained)
    assert [node.op.word for node in model.module.graph.nodes][1] == "squareplus"
    for at, count in (("squareplus1[1,2,3]", 1), ("fouriermix1[2,3,4]", 64), ("linear1[3]", 256)):
        status, out, err = convscope("look", str(trained), "digits:3", "--at", at, "--json", capsys=capsys)
        assert status == 0, err
        unit = json.loads(out)
        assert len(unit["terms"]) == count
        assert unit["value"] == pytest.approx(unit["engine"], rel=1e-4, abs=1e-5)
        status, out, err = convscope("look", str(trained), "digits:3", "--step", "--at", at, "--json", capsys=capsys)
        assert status == 0, err
    for lang in ("en", "ko"):
        page = trained.parent / f"{lang}.html"
        status, _, err = convscope("look", str(trained), "digits:3", "--html", str(page), "--lang", lang, capsys=capsys)
        assert status == 0, err


def test_resume_gives_the_same_weights(tmp_path: Path) -> None:
    from convscope.api import training

    options = {"epochs": 2, "augment": "none", "seed": 2, "checkpoint_seconds": 0.001}
    train("digits", NET, out=tmp_path / "whole", report=False, **options)
    events = training("digits", NET, out=tmp_path / "cut", **options)
    for _ in range(12):
        next(events)
    events.close()
    train("digits", out=tmp_path / "cut", resume=True, report=False)
    weights = [(tmp_path / name / "model" / "weights.safetensors").read_bytes() for name in ("whole", "cut")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("words", [["squareplus", "-2 0 3", "--b", "1"], ["fouriermix", "1 2 3 4 | 0 1 0 1"]])
def test_calculated_by_hand(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for form in ([], ["--all"], ["--backward"], ["--json"]):
        status, out, err = convscope("calc", *words, *form, capsys=capsys)
        assert status == 0, err
    assert json.loads(out)["units"][0]["terms"]


def test_source_for_pytorch_gives_the_same_numbers(trained: Path, tmp_path: Path) -> None:
    from convscope import code

    model = Model.load(trained)
    file = tmp_path / "plain.py"
    file.write_text(code(NET), encoding="utf-8")
    made = runpy.run_path(str(file))
    plain = next(value for name, value in made.items() if name.startswith("network") or name == "net")()
    plain.load_state_dict(model.module.state_dict())
    x = torch.rand(2, 1, 8, 8)
    torch.testing.assert_close(plain.eval()(x), model.module.eval()(x))


def test_what_is_missing_is_named(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from convscope.ops.spelling import KERAS

    with pytest.raises(MissingFacetError, match="fouriermix has no spelling in Keras"):
        KERAS.of(ops.OPERATIONS["fouriermix"])
    kept = ops.OPERATIONS.pop("squareplus")
    try:
        status, _, err = convscope("look", str(trained), "digits:3", capsys=capsys)
        assert status == 2
        assert "squareplus" in err
        assert "Traceback" not in err
    finally:
        ops.OPERATIONS["squareplus"] = kept
