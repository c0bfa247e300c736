"""``train --preview``: one file, no run; mistakes are named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import convscope
from PIL import Image

NET = "conv 4 3x3 > relu > flatten > linear 10"


def test_a_sheet_is_drawn_and_nothing_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["train", "digits", "--net", NET, "--preview", "seen.png", "--augment", "medium", "--epochs", "9", "--json"]
    status, out, _ = convscope(*words, capsys=capsys)
    assert status == 0
    assert json.loads(out)["preview"] == "seen.png"
    assert "rotate 10°" in json.loads(out)["augment"]
    assert [path.name for path in tmp_path.iterdir()] == ["seen.png"]
    sheet = np.asarray(Image.open("seen.png").convert("L"))
    assert sheet.shape[1] > 8 * 96
    # Epochs differ from each other: the columns of the first two are not the same picture.
    plain = ["train", "digits", "--net", NET, "--preview", "plain.png", "--augment", "none"]
    assert convscope(*plain, capsys=capsys)[0] == 0
    assert not np.array_equal(np.asarray(Image.open("plain.png").convert("L"))[:400], sheet[:400])


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (("--augment", "mediun"), "did you mean medium?"),
        (("--augment", "medium,flip=sometimes"), "never, random, alternate"),
        (("--balance", "weight"), "did you mean weights?"),
        (("--memory", "much"), "8GB"),
        (("--memory", "1KB"), "at least 1MB"),
    ],
)
def test_what_is_asked_wrongly_is_named(
    more: tuple[str, ...], word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "seen.png"
    status, out, err = convscope("train", "digits", "--net", NET, "--preview", str(file), *more, capsys=capsys)
    assert (status, out) == (2, "")
    assert word in err
    assert more[0] in err
    assert not file.exists()


def test_a_run_that_goes_on_is_not_previewed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["train", "--resume", "--out", str(tmp_path), "--preview", str(tmp_path / "seen.png")]
    status, _, err = convscope(*words, capsys=capsys)
    assert status == 2
    assert "--resume" in err
