"""Sizes by headers: of the named pictures, upright, without decoding."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from convscope.data.image.sizes import sizes_of
from convscope.data.sources import open_source


def _pictures(folder: Path) -> None:
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (20 + number, 10)).save(folder / label / f"{number}.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (30, 50)).save(folder / "a" / "turned.jpg", exif=turned)


def test_sizes_are_the_files_own_and_upright(tmp_path: Path) -> None:
    _pictures(tmp_path)
    source = open_source(tmp_path, training=False)
    names = [name for name in source.names if name.startswith("a/")]
    found = sizes_of(source, names)
    assert found is not None
    expected = {f"a/{number}.png": [10, 20 + number] for number in range(4)} | {"a/turned.jpg": [30, 50]}
    assert dict(zip(names, found.tolist(), strict=True)) == expected


def test_of_many_some_are_looked_at_and_what_is_gone_is_not_known(tmp_path: Path) -> None:
    _pictures(tmp_path)
    source = open_source(tmp_path, training=False)
    found = sizes_of(source, source.names, most=3)
    assert found is not None
    assert (found[:, 0] > 0).sum() == 3
    assert found[[0, -1], 0].min() > 0
    (tmp_path / "a" / "0.png").unlink()
    gone = sizes_of(source, ["a/0.png", "a/1.png", "no such name"])
    assert gone is not None
    assert gone.tolist() == [[-1, -1], [10, 21], [-1, -1]]


def test_arrays_are_of_one_size() -> None:
    source = open_source("digits")
    assert sizes_of(source, source.names[:3]) is None
