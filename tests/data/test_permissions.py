"""What DATA does only when it is told: leave its table's folder, leave out a class that cannot be read."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from command_line import convscope

import convscope as api
from convscope.data.data_path import DataPath
from convscope.data.sources import FileSource, open_source
from convscope.errors import UserError


@pytest.fixture
def pets(hostile: Any, tmp_path: Path) -> Path:
    """``set/`` with two classes and a table, ``secret/`` beside it."""
    hostile.make_good_folder(tmp_path / "set", each=4)
    hostile.make_good_folder(tmp_path / "secret", each=4)
    return tmp_path / "set"


def table(folder: Path, *outside: str) -> Path:
    rows = [f"{name}/good{i}.jpg,{name}" for name in ("cat", "dog") for i in range(4)]
    (folder / "t.csv").write_text("\n".join(["path,label", *rows, *(f"{path},cat" for path in outside)]))
    return folder / "t.csv"


@pytest.mark.parametrize(
    "path",
    [
        "../secret/cat/good0.jpg",
        "cat/../../secret/cat/good0.jpg",
        "{top}/secret/cat/good0.jpg",
        "/etc/hostname",
        "../secret/none.jpg",
        "..\\secret\\cat\\good0.jpg",
        "'=/../../secret/cat/good0.jpg",
        "link.jpg",
        "folder/good0.jpg",
        "folder/..",
        "cat/loop/../../../secret/cat/good0.jpg",
    ],
)
def test_a_table_leads_nowhere_else(pets: Path, path: str) -> None:
    (pets / "link.jpg").symlink_to(pets.parent / "secret" / "cat" / "good0.jpg")
    (pets / "folder").symlink_to(pets.parent / "secret" / "cat")
    (pets / "cat" / "loop").symlink_to(pets / "cat")
    file = table(pets, path.format(top=pets.parent))
    for data in (file, pets.parent / "set" / "." / "t.csv"):
        with pytest.raises(UserError, match="row 10 leads out of its folder") as caught:
            open_source(data)
        assert "--allow-outside" in caught.value.hint


def test_links_that_stay_inside_are_followed(pets: Path) -> None:
    (pets / "again").symlink_to("cat")
    (pets / "one.jpg").symlink_to(pets / "dog" / "good0.jpg")
    (pets.parent / "door").symlink_to(pets)
    file = table(pets, "again/good1.jpg", "one.jpg", f"{pets}/cat/../dog/good1.jpg")
    for data in (file, pets.parent / "door" / "t.csv"):
        source = open_source(data)
        assert isinstance(source, FileSource)
        assert {"again/good1.jpg", "one.jpg"} <= set(source.names)


def test_nothing_outside_is_looked_at(pets: Path) -> None:
    """Nor is it told whether a file is there: the messages are alike."""
    said = []
    for name in ("good0.jpg", "none.jpg"):
        with pytest.raises(UserError) as caught:
            open_source(table(pets, f"../secret/cat/{name}"))
        said.append(str(caught.value).replace(name, ""))
    assert said[0] == said[1]


def test_every_command_is_told(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    file = str(table(pets, "../secret/cat/good0.jpg"))
    train = ["train", file, "--net", "input 3x8x8\nconv 2 3x3 > relu > flatten > linear 2", "--epochs", "1"]
    train += ["--out", "run", "--no-report"]
    # Before a model is there the two that make none, with it the others.
    for words in (["check", file], train):
        code, _, err = convscope(*words, capsys=capsys)
        assert (code, "--allow-outside" in err) == (2, True), err
        code, _, err = convscope(*words, "--allow-outside", capsys=capsys)
        assert code == 0, err
    assert json.loads(Path("run/settings.json").read_text())["allow_outside"] is True
    for words in (
        ["evaluate", "run", file],
        ["compare", "run", "run", file],
        ["look", "run", f"{file}:0"],
        ["look", "run", file, "--excite", "conv1[0]"],
    ):
        code, _, err = convscope(*words, capsys=capsys)
        assert (code, "--allow-outside" in err) == (2, True), (words, err)
        code, _, err = convscope(*words, "--allow-outside", capsys=capsys)
        assert code == 0, (words, err)


def test_python_is_told_by_a_keyword(pets: Path) -> None:
    file = table(pets, "../secret/cat/good0.jpg")
    with pytest.raises(UserError, match="leads out"):
        api.check(file)
    assert len(api.check(file, allow_outside=True).files) == 9
    assert len(api.check(DataPath(str(file), allow_outside=True)).files) == 9


def refusing(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    """As the system does without the permission; the tests may run as a user who needs none."""
    scandir = os.scandir

    def scan(path: Any = ".") -> Any:
        if Path(path) in folders:
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)


@pytest.mark.parametrize("layout", ["dog", "train/dog", "test/dog", "val", "train"])
def test_a_class_does_not_vanish(layout: str, hostile: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    if layout == "dog":
        hostile.make_good_folder(data, each=4)
        hostile.make_good_folder(tmp_path / "more", each=4)
        (tmp_path / "more" / "cat").rename(data / "emu")
    else:
        for split in ("train", "val", "test"):
            hostile.make_good_folder(data / split, each=4)
    refusing(monkeypatch, data / layout)
    for training in (True, False):
        with pytest.raises(UserError, match=f"cannot be read: {layout}") as caught:
            open_source(data, training=training)
        assert "--skip-unreadable" in caught.value.hint
    source = open_source(DataPath(str(data), skip_unreadable=True), training=False)
    assert any("permission denied" in entry.reason for entry in source.skipped)


def test_of_two_classes_one_alone_is_not_looked_through(
    hostile: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that is left had folders of its own, which were taken for the classes."""
    hostile.make_good_folder(tmp_path / "data" / "cats", each=3)
    hostile.make_good_folder(tmp_path / "data" / "dogs", each=3)
    refusing(monkeypatch, tmp_path / "data" / "dogs")
    with pytest.raises(UserError, match="cannot be read: dogs"):
        open_source(tmp_path / "data")


def test_a_folder_inside_a_class_is_named_alone(hostile: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile.make_good_folder(tmp_path, each=4)
    (tmp_path / "dog" / "more").mkdir()
    refusing(monkeypatch, tmp_path / "dog" / "more")
    source = open_source(tmp_path)
    assert source.classes == ("cat", "dog")
    assert [entry.file for entry in source.skipped] == ["dog/more"]


def test_beside_a_table_a_private_folder_matters_not(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("dog", "cat"):
        (pets / "all" / name).parent.mkdir(exist_ok=True)
        (pets / name).rename(pets / "all" / name)
    rows = [f"all/{name}/good{i}.jpg,{name}" for name in ("cat", "dog") for i in range(4)]
    (pets / "t.csv").write_text("\n".join(["path,label", *rows]))
    (pets / "private").mkdir()
    refusing(monkeypatch, pets / "private")
    assert open_source(pets).classes == ("cat", "dog")
