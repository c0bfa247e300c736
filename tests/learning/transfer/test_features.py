"""Features that are kept: the network's own numbers, found again by the picture, never believed when damaged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from convscope.data.image.modality import IMAGE
from convscope.data.image.normalise import Normalise
from convscope.engine.module import GraphModule, to_module
from convscope.learning.events import Featured
from convscope.learning.transfer import features as module_under_test
from convscope.learning.transfer.features import FOLDER, Body, Features, features_of, sweep
from convscope.network.network import Network

NET = "input 3x8x8\nconv 6 3x3 padding=1 > batchnorm > relu > globalavgpool > flatten > linear 4"
NORMALISE = Normalise((0.5, 0.4, 0.3), (0.2, 0.2, 0.2))


@pytest.fixture
def module() -> GraphModule:
    return to_module(Network.parse(NET).graph(), seed=3).eval()


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (300, 8, 8, 3), np.uint8)


def _body(module: GraphModule, path: str = "flatten1", precision: torch.dtype = torch.float32) -> Body:
    return Body(module, NORMALISE, path, precision)


def _done(images: np.ndarray, body: Body, cache: Path, *args: Any, **more: Any) -> tuple[Features, list[Featured]]:
    found: list[Features] = []
    seen = list(_returned(features_of(images, IMAGE, body, *args, cache=cache, **more), found))
    return found[0], seen


def _returned(going: Generator[Any, None, Any], found: list[Any]) -> Iterator[Any]:
    """What a generator yields; what it returns is put into a list."""
    found.append((yield from going))


def _expected(module: GraphModule, images: np.ndarray, path: str = "flatten1") -> np.ndarray:
    with torch.no_grad():
        values = module.forward_all(NORMALISE(torch.from_numpy(images.copy())), [path])[path]
    return values.numpy()


@pytest.mark.parametrize("path", ["flatten1", "relu1", "input"])
def test_they_are_the_nodes_output_and_the_same_when_found_again(
    module: GraphModule, images: np.ndarray, path: str, tmp_path: Path
) -> None:
    first, seen = _done(images, _body(module, path), tmp_path)
    expected = NORMALISE(torch.from_numpy(images)).numpy() if path == "input" else _expected(module, images, path)
    np.testing.assert_allclose(first.all(), expected, rtol=2**-10, atol=1e-4)
    assert [event.computed for event in seen] == [0, 128, 256, 300, 300]
    assert seen[-1].last
    assert seen[-1].kept
    again, seen = _done(images, _body(module, path), tmp_path)
    assert [event.computed for event in seen] == [0]
    np.testing.assert_array_equal(again.all(), first.all())
    order = np.array([17, 299, 0])
    np.testing.assert_array_equal(again.take(order), first.all()[order])


def test_a_picture_is_found_wherever_it_stands_and_only_what_is_new_is_computed(
    module: GraphModule, images: np.ndarray, tmp_path: Path
) -> None:
    whole, _ = _done(images, _body(module), tmp_path)
    order = np.random.default_rng(1).permutation(300)
    shuffled, _ = _done(images[order], _body(module), tmp_path)
    assert shuffled.computed == 0
    np.testing.assert_array_equal(shuffled.all(), whole.all()[order])
    changed = images.copy()
    changed[5, 0, 0, 0] ^= 1
    some, _ = _done(changed, _body(module), tmp_path)
    assert some.computed == 1
    twice, _ = _done(np.concatenate([changed[5:6] ^ 1] * 3), _body(module), tmp_path)
    assert twice.computed == 1
    assert len(twice) == 3


def test_another_body_view_or_number_has_features_of_its_own(
    module: GraphModule, images: np.ndarray, tmp_path: Path
) -> None:
    images = images[:10]
    keys = {_body(module).key("plain"), _body(module).key("flip"), _body(module, "relu1").key("plain")}
    keys |= {_body(module, precision=torch.bfloat16).key("plain")}
    keys |= {Body(module, Normalise((0.5,) * 3, (0.2,) * 3), "flatten1", torch.float32).key("plain")}
    assert len(keys) == 5
    before, _ = _done(images, _body(module), tmp_path)
    with torch.no_grad():
        module.linear1.weight += 1
    assert _done(images, _body(module), tmp_path)[0].computed == 0, "what lies behind the node decides nothing"
    with torch.no_grad():
        module.batchnorm1.running_mean += 1
    after, _ = _done(images, _body(module), tmp_path)
    assert after.computed == 10
    assert np.abs(after.all() - before.all()).max() > 0.1
    mirrored, _ = _done(images, _body(module), tmp_path, "flip")
    expected = _expected(module, images[:, :, ::-1])
    np.testing.assert_allclose(mirrored.all(), expected, rtol=2**-10, atol=1e-4)


def _damage(file: Path, how: str) -> None:
    data = bytearray(file.read_bytes())
    if how == "a bit":
        data[-3] ^= 4
    elif how == "the end":
        del data[-100:]
    elif how == "the head":
        data[:20] = b"\0" * 20
    elif how == "all":
        data.clear()
    elif how == "a digest":
        data[140] ^= 1
    file.write_bytes(bytes(data))


@pytest.mark.parametrize("how", ["a bit", "the end", "the head", "all", "a digest"])
def test_a_damaged_block_is_computed_again(module: GraphModule, images: np.ndarray, how: str, tmp_path: Path) -> None:
    first, _ = _done(images, _body(module), tmp_path)
    expected = first.all()
    files = sorted((tmp_path / FOLDER).glob("*/*.npy"))
    assert len(files) == 3
    _damage(files[1], how)
    mended, _ = _done(images, _body(module), tmp_path)
    assert 0 < mended.computed <= 128
    np.testing.assert_allclose(mended.all(), expected, atol=1e-3)
    assert _done(images, _body(module), tmp_path)[0].computed == 0


def test_stopped_between_blocks_it_goes_on_where_it_was(
    module: GraphModule, images: np.ndarray, tmp_path: Path
) -> None:
    found: list[Any] = []
    list(_returned(features_of(images, IMAGE, _body(module), cache=tmp_path, stop=lambda: True), found))
    assert found == [None]
    blocks = iter([False, True])
    going = features_of(images, IMAGE, _body(module), cache=tmp_path, stop=lambda: next(blocks))
    assert [event.computed for event in going] == [0, 128]
    rest, _ = _done(images, _body(module), tmp_path)
    assert rest.computed == 172


def test_when_the_time_is_over_the_first_in_order_are_there(
    module: GraphModule, images: np.ndarray, tmp_path: Path
) -> None:
    order = np.random.default_rng(2).permutation(300)
    found, _ = _done(images, _body(module), tmp_path, "plain", "pictures", order, 0.0)
    np.testing.assert_array_equal(found.there, np.sort(order[:128]))
    np.testing.assert_allclose(found.take(found.there), _expected(module, images[found.there]), rtol=2**-10, atol=1e-4)


def test_large_and_tiny_numbers_keep_their_digits(module: GraphModule, images: np.ndarray, tmp_path: Path) -> None:
    for factor in (1e6, 1e-6):
        with torch.no_grad():
            module.batchnorm1.weight.fill_(factor)
            module.batchnorm1.bias.fill_(0)
        found, _ = _done(images[:20], _body(module), tmp_path)
        np.testing.assert_allclose(found.all(), _expected(module, images[:20]), rtol=1e-4)


def test_a_full_disk_does_not_end_the_work(module: GraphModule, images: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file where a folder should be")
    found, seen = _done(images, _body(module), tmp_path)
    np.testing.assert_allclose(found.all(), _expected(module, images), rtol=2**-10, atol=1e-4)
    assert not seen[-1].kept


def test_the_unused_is_swept_and_nothing_else(module: GraphModule, images: np.ndarray, tmp_path: Path) -> None:
    _done(images[:10], _body(module), tmp_path)
    _done(images[:10], _body(module, "relu1"), tmp_path)
    old, young = _body(module).key("plain"), _body(module, "relu1").key("plain")
    long_ago = time.time() - 40 * 86_400
    os.utime(tmp_path / FOLDER / old, (long_ago, long_ago))
    sweep(tmp_path / FOLDER)
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [young]


KILLED = """
import sys
import numpy as np, torch
sys.path.insert(0, {tests!r})
from pathlib import Path
from convscope.data.image.modality import IMAGE
from convscope.data.image.normalise import Normalise
from convscope.engine.module import to_module
from convscope.learning.transfer import features
from convscope.network.network import Network
features.BLOCK = 8
module = to_module(Network.parse({net!r}).graph(), seed=3).eval()
images = np.random.default_rng(0).integers(0, 256, (300, 8, 8, 3), np.uint8)
print("ready", flush=True)
body = features.Body(module, Normalise((0.5, 0.4, 0.3), (0.2, 0.2, 0.2)), "flatten1", torch.float32)
for _ in features.features_of(images, IMAGE, body, cache=Path({cache!r})):
    print("block", flush=True)
"""


def test_killed_at_any_moment_nothing_half_is_believed(
    module: GraphModule, images: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = KILLED.format(tests=str(Path(__file__).parent), net=NET, cache=str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(6):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    monkeypatch.setattr(module_under_test, "BLOCK", 8)
    found, _ = _done(images, _body(module), tmp_path)
    assert 0 < found.computed < 300
    np.testing.assert_allclose(found.all(), _expected(module, images), rtol=2**-10, atol=1e-4)
