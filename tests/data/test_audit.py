"""What `check` finds is what was planted: every kind, by name, and nothing in clean data."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from convscope.cli.commands.check import check_command
from convscope.data.audit import KINDS, PROBLEMS, check
from convscope.data.audit.duplicates import groups, near
from convscope.data.audit.scan import THUMBNAIL
from convscope.data.image.decode import decode
from convscope.data.sources import open_source
from convscope.errors import UserError


def _photograph(seed: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """Large soft shapes and fine noise, as photographs have."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    noise = rng.normal(0, 6, (size[1], size[0], 3))
    return Image.fromarray(np.clip(np.asarray(coarse) + noise, 0, 255).astype(np.uint8))


def _bytes(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def _options(**more: object) -> dict[str, object]:
    usual = {
        "model": None,
        "page": None,
        "sheet": None,
        "size": 64,
        "fix": None,
        "seed": 0,
        "strict": False,
        "target": None,
    }
    return {**usual, "as_json": True, **more}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of thirty photographs each."""
    for index in range(60):
        file = tmp_path / "pets" / ("cat" if index % 2 else "dog") / f"picture {index}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_bytes(_photograph(index)))
    return tmp_path / "pets"


@pytest.mark.parametrize(
    "change",
    [
        lambda p: _bytes(p),
        lambda p: _bytes(p, quality=40),
        lambda p: _bytes(p, "PNG"),
        lambda p: _bytes(p.resize((80, 60))),
        lambda p: _bytes(ImageOps.mirror(p)),
        lambda p: _bytes(ImageEnhance.Brightness(p).enhance(0.9)),
    ],
    ids=["same", "saved again", "png", "smaller", "mirrored", "darker"],
)
def test_copies_are_found_however_they_were_saved(change: object) -> None:
    pictures = [_bytes(_photograph(seed)) for seed in range(12)]
    pictures.append(change(_photograph(7)))  # type: ignore[operator]
    thumbnails = np.stack([decode(data, THUMBNAIL) for data in pictures])
    assert near(thumbnails) == [(7, 12)]


def test_other_pictures_are_no_copies_and_blank_ones_are_like_nothing() -> None:
    thumbnails = np.stack([decode(_bytes(_photograph(seed)), THUMBNAIL) for seed in range(60)])
    thumbnails[50:] = 128
    assert near(thumbnails) == []
    assert groups(4, [b"a", b"b", b"a", b"c"], thumbnails[:4]) == [[0, 2]]
    thumbnails[1] = thumbnails[3]
    assert groups(4, [b"a", b"b", b"a", b"c"], thumbnails[:4]) == [[0, 2], [1, 3]]
    assert groups(0, [], thumbnails[:0]) == []


def test_clean_data_is_clean(folder: Path) -> None:
    for found in (check(open_source(folder)), check(open_source("digits"))):
        assert found.clean
        assert found.kinds == {}


def test_a_contradiction_a_leak_and_a_list_without_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for side in ("train", "val"):
        (folder / side).mkdir()
        for label in ("cat", "dog"):
            (folder / side / label).mkdir()
    for number, file in enumerate(sorted(folder.glob("*/*.jpg"))):
        file.rename(folder / ("val" if number % 3 == 0 else "train") / file.parent.name / file.name)
    for label in ("cat", "dog"):
        (folder / label).rmdir()
    learnt = sorted((folder / "train" / "dog").iterdir())
    (folder / "val" / "dog" / "copy.jpg").write_bytes(learnt[0].read_bytes())
    (folder / "train" / "cat" / "said otherwise.jpg").write_bytes(learnt[1].read_bytes())
    (folder / "train" / "cat" / "no picture.jpg").write_text("hello")
    (folder / "train" / "cat" / "blank.png").write_bytes(_bytes(Image.new("RGB", (50, 50), (9, 9, 9)), "PNG"))
    status = check_command(str(folder), **_options(strict=True, fix=str(folder / "clean.csv")))
    found = json.loads(capsys.readouterr().out)
    assert status == 1
    assert found["kinds"] == {"unreadable": 1, "leak": 1, "contradiction": 1, "blank": 1}
    assert not found["clean"]
    rows = list(csv.DictReader((folder / "clean.csv").open(encoding="utf-8")))
    listed = {row["path"] for row in rows}
    assert len(rows) == 63 - 4  # the blank one, the copy in training, both that contradict each other
    assert "val/dog/copy.jpg" in listed
    assert f"train/dog/{learnt[0].name}" not in listed
    assert f"train/dog/{learnt[1].name}" not in listed
    assert check(open_source(folder / "clean.csv")).clean
    assert check_command(str(folder / "clean.csv"), **_options(strict=True)) == 0


def test_a_list_is_refused_where_it_could_not_be_read_from(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lies beside or below"):
        check_command(str(folder), **_options(fix=str(tmp_path / "elsewhere" / "list.csv")))
    with pytest.raises(UserError, match="no picture files"):
        check_command("digits", **_options(fix="list.csv"))


def test_a_list_of_a_table_is_a_table_without_what_should_go(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted(folder.glob("*/*.jpg"))[:12]
    copy = folder / "dog" / "again.jpg"
    copy.write_bytes(files[0].read_bytes())
    rows = [f"{file.relative_to(folder).as_posix()},{'odd' if i % 2 else 'even'}" for i, file in enumerate(files)]
    (folder / "lists").mkdir()
    (folder / "all.csv").write_text("\n".join(["file,species", *rows, "dog/again.jpg,even"]), encoding="utf-8")
    check_command(str(folder / "all.csv"), **_options(fix=str(folder / "clean.csv")))
    assert json.loads(capsys.readouterr().out)["not_listed"] == []
    with (folder / "clean.csv").open(encoding="utf-8") as file:
        found = {row["path"]: row["label"] for row in csv.DictReader(file)}
    assert len(found) == 12
    assert set(found.values()) == {"odd", "even"}
    assert sum(path in found for path in ("dog/again.jpg", files[0].relative_to(folder).as_posix())) == 1


def test_names_that_no_table_can_hold_are_said_and_the_others_listed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [
        "e\u0301 composed.jpg",
        "two\nlines.jpg",
        'a "quoted", one.jpg',
        "a blank at the end.jpg ",
        "no \udcff text.jpg",
    ]
    for picture, name in enumerate(names, 1):
        (folder / "dog" / f"picture {2 * picture}.jpg").rename(folder / "dog" / name)
    check_command(str(folder), **_options(fix=str(folder / "clean.csv")))
    document = json.loads(capsys.readouterr().out)
    again = open_source(folder / "clean.csv")
    lost = set(document["not_listed"])
    assert {name.split("/")[1][:8] for name in lost} <= {"a blank ", "no \\udcf"}
    assert len(again.names) == document["pictures"] - len(lost)


def test_classes_with_few_pictures_and_uneven_ones_are_named(folder: Path) -> None:
    for file in sorted((folder / "cat").iterdir())[4:]:
        file.unlink()
    found = check(open_source(folder))
    assert [finding.files for finding in found.of("rare")] == [("cat",)]
    assert "dog has" in found.of("imbalance")[0].detail


def test_page_and_sheet_show_the_pictures(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "dog" / "<b>copy.jpg").write_bytes((folder / "dog" / "picture 0.jpg").read_bytes())
    page, sheet = tmp_path / "page.html", tmp_path / "sheet.png"
    check_command(str(folder), **_options(page=str(page), sheet=str(sheet), as_json=False))
    said = capsys.readouterr().out
    assert "61 pictures in 2 classes" in said
    html = page.read_text(encoding="utf-8")
    assert html.count("<img") == 2
    assert "&lt;b&gt;copy.jpg" in html
    assert "<b>copy.jpg" not in html
    assert "http" not in html.replace("http-equiv", "")
    image = Image.open(sheet)
    assert image.width > 6 * 64
    # Letterboxed pictures of 160 x 120 have black above and below, stretched ones have not.
    assert len(image.getcolors(10**6) or []) > 1000


def _kinds_of(planted: dict[str, object], links: int) -> dict[str, int]:
    counts = planted["counts"]
    assert isinstance(counts, dict)
    return {
        "unreadable": counts["unreadable"] + links, "leak": counts["leak"], "contradiction": counts["contradiction"],
        "blank": counts["blank"], "huge": counts["huge"],
    }  # fmt: skip


@pytest.mark.shared
def test_a_small_hostile_folder(hostile_folder: ModuleType, shared: Path, tmp_path: Path) -> None:
    planted = hostile_folder.plant(shared / "data" / "imagenette_subset.zip", tmp_path / "hostile", most=12)
    found = check(open_source(tmp_path / "hostile"))
    expected = _kinds_of(planted, links=4)
    assert {kind: count for kind, count in found.kinds.items() if kind in expected} == expected
    assert sorted(found.classes) == planted["classes"]
    leaks = [set(finding.files) for finding in found.of("leak")]
    for name in planted["leak"]:  # type: ignore[attr-defined]
        assert any(name in files for files in leaks), name


@pytest.mark.shared
@pytest.mark.slow
def test_a_hostile_folder_is_checked_and_trained_on_in_little_memory(
    hostile_folder: ModuleType, shared: Path, tmp_path: Path
) -> None:
    planted = hostile_folder.plant(shared / "data" / "imagenette_subset.zip", tmp_path / "hostile")
    expected = _kinds_of(planted, links=4)

    def run(*words: str) -> tuple[dict[str, object], float]:
        """The document that a command prints, and the most memory that it held, in GB."""
        code = (
            "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:], stdout=sys.stdout);"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(done.returncode)"
        )
        command = [sys.executable, "-c", code, sys.executable, "-m", "convscope", *words, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout), int(done.stderr.split()[-1]) / 2**20

    data = str(tmp_path / "hostile")
    found, gigabytes = run("check", data)
    kinds = found["kinds"]
    assert isinstance(kinds, dict)
    assert {kind: count for kind, count in kinds.items() if kind in expected} == expected
    assert kinds["imbalance"] == 1
    assert kinds["misnamed"] + kinds["turned"] + kinds["unusual"] == planted["counts"]["odd"]  # type: ignore[index]
    assert gigabytes < 3
    for number, more in enumerate((["--weights", "none", "--epochs", "3"], ["--time", "60s"])):
        out = tmp_path / f"run{number}"
        _, gigabytes = run("train", data, *more, "--out", str(out), "--no-report")
        facts = json.loads((out / "model" / "model.json").read_text(encoding="utf-8"))
        assert sorted(facts["classes"]) == planted["classes"]
        assert gigabytes < 3
    found, gigabytes = run("check", data, "--model", str(tmp_path / "run1"), "--fix", str(tmp_path / "clean.csv"))
    named = {f["files"][0] for f in found["findings"] if f["kind"] == "suspicious"}  # type: ignore[attr-defined]
    wrong = set(planted["wrong"])  # type: ignore[call-overload]
    right_of_named = len(named & wrong) / len(named - {f for f in named if "said otherwise" in f})
    print(f"{len(named & wrong)} of {len(wrong)} wrong labels found; {100 * right_of_named:.0f} % of those named are")
    assert len(named & wrong) >= 0.8 * len(wrong)
    assert right_of_named >= 0.6
    assert gigabytes < 3
    cleaned, _ = run("train", str(tmp_path / "clean.csv"), "--time", "40s", "--out", str(tmp_path / "c"), "--no-report")
    assert cleaned["metrics"]["top1"] > 0.8  # type: ignore[index]


def test_every_kind_has_words() -> None:
    assert set(KINDS) >= PROBLEMS
    assert all(len(words.split()) > 2 for words in KINDS.values())
