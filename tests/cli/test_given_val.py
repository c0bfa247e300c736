"""A ``val`` folder that comes beside ``train`` alone is measured on, and is called val everywhere."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import convscope

from convscope.data.audit import check
from convscope.data.image.decode import ImagePreprocess
from convscope.data.parts import in_words, part_of
from convscope.data.sources import open_source


@pytest.fixture
def data(hostile: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for side, each in (("train", 20), ("valid", 6)):
        for seed, name in enumerate(("cat", "dog")):
            for number in range(each):
                file = tmp_path / "data" / side / name / f"{number}.png"
                hostile.put(file, hostile.saved(hostile.picture(1000 * seed + 50 * each + number), "PNG"))
    return tmp_path / "data"


def test_check_keeps_its_name(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = next((data / "train" / "cat").iterdir())
    (data / "valid" / "cat" / "copy.png").write_bytes(first.read_bytes())
    found = check(open_source(data))
    assert dict(found.sides) == {"train": 40, "val": 13, "test": 0}
    assert found.to_dict()["splits"] == {"train": 40, "val": 13, "test": 0}
    assert "in val and train" in [finding.detail for finding in found.of("leak")]
    code, out, _ = convscope("check", str(data), capsys=capsys)
    assert code == 0
    assert "(40 train, 13 val; as they are given)" in out
    assert "test" not in out.splitlines()[0]


def test_both_names_of_it_are_the_given_one(data: Path) -> None:
    preprocess = ImagePreprocess(3, 8, 8)
    for split in ("val", "test", None):
        found = part_of(data, preprocess, split)
        assert {name.split("/")[0] for name in found.split.names} == {"valid"}
        assert in_words(found) == "the val part of data"
    assert {name.split("/")[0] for name in part_of(data, preprocess, "train").split.names} == {"train"}


def test_train_evaluate_and_the_report_keep_its_name(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", str(data), "--net", "input 3x8x8\nconv 2 3x3 > relu > flatten > linear 2", "--epochs", "1"]
    code, out, err = convscope(*words, "--out", "run", capsys=capsys)
    assert code == 0, err
    assert "36 pictures to train on, 4 held out of train to validate, 12 from val to test" in err
    assert "accuracy on val" in out
    assert "test accuracy" not in out
    assert "12 from val to test" in Path("run/report.html").read_text()
    code, out, _ = convscope(*words, "--out", "run2", "--json", "--no-report", capsys=capsys)
    assert json.loads(out)["measured_on"] == "val"
    told = {}
    for split in (["--split", "val"], ["--split", "test"], []):
        code, out, err = convscope("evaluate", "run", str(data), *split, "--json", capsys=capsys)
        assert code == 0, err
        document = json.loads(out)
        assert document["of"] == "the val part of data"
        told[tuple(split)] = document["count"]
    assert np.unique(list(told.values())).tolist() == [12]


def test_a_given_test_keeps_its_own(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "valid").rename(data / "test")
    words = ["train", str(data), "--net", "input 3x8x8\nconv 2 3x3 > relu > flatten > linear 2", "--epochs", "1"]
    code, out, err = convscope(*words, "--out", "run", "--no-report", capsys=capsys)
    assert code == 0, err
    assert "36 pictures to train on, 4 to validate, 12 to test" in err
    assert "test accuracy" in out
