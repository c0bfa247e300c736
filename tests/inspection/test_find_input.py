"""Which picture is meant: a file, or one of a data set by its number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from convscope.data.image.decode import ImagePreprocess
from convscope.data.image.normalise import Normalise
from convscope.engine.module import to_module
from convscope.errors import UserError
from convscope.inspection.find_input import find_input
from convscope.model.folder import Model
from convscope.network.network import Network

NETWORK = Network.parse("input 1x8x8\nflatten > linear 10")
MODEL = Model(
    NETWORK.graph(),
    to_module(NETWORK.graph()),
    tuple("0123456789"),
    ImagePreprocess(1, 8, 8),
    Normalise((0.5,), (0.5,)),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pictures")
    for part, shades in (("train", (10, 20, 30)), ("test", (40, 50))):
        for shade in shades:
            file = root / part / ("dark" if shade % 20 else "light") / f"{shade}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((8, 8), shade, np.uint8)).save(file)
    return root


def test_a_number_of_a_data_set() -> None:
    found = find_input(MODEL, "digits:7")
    digits = load_digits()
    assert found.label == str(digits.target[7])
    np.testing.assert_allclose(found.input[..., 0], digits.images[7] * 255 / 16, atol=1)
    assert find_input(MODEL, "digits:all[7]").name == found.name


def test_parts_are_told_apart(folder: Path) -> None:
    found = find_input(MODEL, f"{folder}:1")
    assert (found.input.max(), found.label) in {(50, "dark"), (40, "light")}
    assert find_input(MODEL, f"{folder}:test[1]").input.max() == found.input.max()
    assert find_input(MODEL, f"{folder}:train[0]").input.max() in (10, 20, 30)
    shades = {int(find_input(MODEL, f"{folder}:all[{k}]").input.max()) for k in range(5)}
    assert shades == {10, 20, 30, 40, 50}


def test_a_file(folder: Path) -> None:
    found = find_input(MODEL, folder / "test" / "dark" / "50.png")
    assert (found.name, found.label, found.input.max()) == ("50.png", None, 50)
    found.input[0, 0, 0] = 1  # its own


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{0}:5", "there are 2 pictures"),
        ("{0}:val[0]", "gives no val part"),
        ("{0}:tset[0]", "did you mean test"),
        ("{0}", "{0}:0 is its first picture"),
        ("none.png", "no such file"),
        ("none/:3", "no such file or folder"),
        ("digits:1797", "from 0 to 1796"),
    ],
)
def test_what_is_wrong_is_said(folder: Path, text: str, told: str) -> None:
    with pytest.raises(UserError) as caught:
        find_input(MODEL, text.format(folder))
    assert told.format(folder) in str(caught.value)
