"""Makers of bad files, bad labels and bad DATA, each with what must become of it; the command line's tests use them."""

from __future__ import annotations

import gzip
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

Outcome = Literal["converted", "skipped", "ignored"]


@dataclass(frozen=True)
class Kind:
    """One bad file or row.

    ``file`` is the name it has in the data set's names or in ``skipped``; ``reason`` a part of the reason given.
    """

    what: str
    file: str
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True)
class BadData:
    """A DATA argument that must end in one UserError whose text holds all ``words``."""

    what: str
    data: str
    words: tuple[str, ...]


def picture(shade: int = 100, size: tuple[int, int] = (24, 20), mode: str = "RGB") -> Image.Image:
    """A picture with something on it, of (width, height)."""
    noise = np.random.default_rng(shade).integers(0, 60, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(noise + np.uint8(shade % 190)).convert(mode)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of a picture file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def make_good_folder(path: Path, classes: tuple[str, ...] = ("cat", "dog"), each: int = 12) -> Path:
    """Class folders of good little JPEGs."""
    for c, name in enumerate(classes):
        for i in range(each):
            put(path / name / f"good{i}.jpg", saved(picture(10 + 90 * c + i), "JPEG"))
    return path


def huge_png(width: int, height: int) -> bytes:
    """A PNG whose header promises more than anyone can hold, in a hundred bytes."""
    data = bytearray(saved(Image.new("L", (8, 8)), "PNG"))
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    return bytes(data)


def _frames() -> dict[str, Any]:
    return {"save_all": True, "append_images": [picture(30), picture(60)], "duration": 10, "loop": 0}


def _exif(orientation: int) -> Any:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _sixteen() -> Image.Image:
    return Image.fromarray(np.linspace(0, 65535, 24 * 20).astype(np.uint16).reshape(20, 24))


def _float(low: float, high: float, nan: bool = False) -> Image.Image:
    values = np.linspace(low, high, 24 * 20, dtype=np.float32).reshape(20, 24)
    if nan:
        values[3, 4] = np.nan
    return Image.fromarray(values)


def _flipped(data: bytes) -> bytes:
    at = data.index(b"IDAT") + 40
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


_JPEG = saved(picture(), "JPEG")
_PNG = saved(picture(), "PNG")

_CONVERTED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "grey JPEG": ("grey.jpg", lambda: saved(picture(mode="L"), "JPEG")),
    "CMYK JPEG": ("cmyk.jpg", lambda: saved(picture(mode="CMYK"), "JPEG")),
    "progressive JPEG": ("progressive.jpg", lambda: saved(picture(), "JPEG", progressive=True)),
    "JPEG with bytes after its end": ("trailing.jpg", lambda: _JPEG + b"camera maker's notes" * 50),
    "JPEG turned by EXIF": ("turned.jpg", lambda: saved(picture(), "JPEG", exif=_exif(6))),
    "JPEG with a broken EXIF block": ("exif.jpg", lambda: saved(picture(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\xff\xff")),
    "JPEG of several pictures (MPO)": (
        "two.mpo",
        lambda: saved(picture(), "MPO", save_all=True, append_images=[picture(9)]),
    ),
    "16-bit PNG": ("deep.png", lambda: saved(_sixteen(), "PNG")),
    "16-bit TIFF": ("deep.tif", lambda: saved(_sixteen(), "TIFF")),
    "16-bit PGM": ("deep.pgm", lambda: saved(_sixteen(), "PPM")),
    "floating-point TIFF, 0 to 1": ("float.tif", lambda: saved(_float(0, 1), "TIFF")),
    "LAB TIFF": ("lab.tif", lambda: saved(Image.new("LAB", (9, 9), (128, 0, 0)), "TIFF")),
    "PNG with alpha": ("alpha.png", lambda: saved(picture(mode="RGBA"), "PNG")),
    "grey PNG with alpha": ("grey-alpha.png", lambda: saved(picture(mode="LA"), "PNG")),
    "palette with a transparent colour": ("palette.png", lambda: saved(picture(mode="P"), "PNG", transparency=3)),
    "RGB PNG with a transparent colour": ("key.png", lambda: saved(picture(), "PNG", transparency=(1, 2, 3))),
    "1-bit PNG": ("bit.png", lambda: saved(picture(mode="1"), "PNG")),
    "animated GIF": ("moving.gif", lambda: saved(picture(mode="P"), "GIF", **_frames())),
    "animated WebP": ("moving.webp", lambda: saved(picture(), "WEBP", **_frames())),
    "animated PNG": ("moving.png", lambda: saved(picture(), "PNG", **_frames())),
    "PNG called .jpg": ("liar.jpg", lambda: _PNG),
    "JPEG called .txt": ("liar.txt", lambda: _JPEG),
    "JPEG without an ending": ("nameless", lambda: _JPEG),
    "ending in capitals": ("LOUD.JPEG", lambda: _JPEG),
    "one pixel": ("dot.png", lambda: saved(Image.new("RGB", (1, 1)), "PNG")),
    "2,000 x 1 pixels": ("line.png", lambda: saved(Image.new("RGB", (2000, 1)), "PNG")),
    "name with spaces, accents and Hangul": ("été 고양이 (1).jpg", lambda: _JPEG),
    "in a folder inside the class folder": ("2024/may/deep.jpg", lambda: _JPEG),
}

_SKIPPED: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "empty file": ("empty.jpg", lambda: b"", "the file is empty"),
    "JPEG cut short": ("short.jpg", lambda: _JPEG[: len(_JPEG) // 2], "cut short"),
    "JPEG cut in its header": ("header.jpg", lambda: _JPEG[:30], "cut short"),
    "PNG cut short": ("short.png", lambda: _PNG[: len(_PNG) // 2], "cut short"),
    "PNG with a flipped byte": ("flipped.png", lambda: _flipped(_PNG), "damaged"),
    "decompression bomb": ("bomb.png", lambda: huge_png(30000, 30000), "900 megapixels; at most 300"),
    "TIFF with NaN": ("nan.tif", lambda: saved(_float(0, 1, nan=True), "TIFF"), "NaN"),
    "text called .jpg": ("words.jpg", lambda: b"I am a cat.\n" * 9, "not a picture but text"),
    "error page called .jpg": ("403.jpg", lambda: b"<!DOCTYPE html><html>403", "not a picture but a web page"),
    "zip called .png": ("zip.png", lambda: b"PK\x03\x04" + bytes(40), "not a picture but a zip archive"),
    "random bytes called .jpg": ("noise.jpg", lambda: b"\x93\x01\x00\xfe" * 99, "not a picture but data of no kind"),
    "zeros called .jpg": ("zeros.jpg", lambda: bytes(4096), "zeros alone"),
    "Git LFS pointer": ("lfs.jpg", lambda: b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    "HEIC from a telephone": ("IMG_1.HEIC", lambda: b"\0\0\0\x18ftypheic" + bytes(40), "HEIC"),
    "HEIC called .jpg": ("IMG_2.jpg", lambda: b"\0\0\0\x18ftypheic" + bytes(40), "save it as JPEG or PNG"),
    "SVG": ("drawing.svg", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
    "PDF": ("paper.pdf", lambda: b"%PDF-1.7\n", "a PDF"),
    "video": ("film.mp4", lambda: b"\0\0\0\x18ftypisom" + bytes(40), "a video"),
    "PostScript, which Pillow would run": ("run.jpg", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
    "pickle": ("cats.pkl", lambda: b"\x80\x04\x95\x00\x00", "a pickle"),
    "notes beside the pictures": ("notes.json", lambda: b'{"cat": 1}', "not a picture but text"),
}

_IGNORED: dict[str, tuple[str, bytes]] = {
    "macOS's folder settings": (".DS_Store", b"\0\0\0\x01Bud1"),
    "macOS's resource fork": ("._cat.jpg", b"\0\x05\x16\x07"),
    "Windows' thumbnails": ("Thumbs.db", b"\xd0\xcf\x11\xe0"),
    "macOS's archive litter": ("__MACOSX/cat.jpg", _JPEG),
}


def make_hostile_folder(path: Path) -> list[Kind]:
    """Class folders ``cat`` and ``dog`` of 12 good pictures each, and every bad file above among them."""
    make_good_folder(path)
    kinds = [Kind("a good picture", "dog/good3.jpg", "converted")]
    for what, (name, make) in _CONVERTED.items():
        put(path / "cat" / name, make())
        kinds.append(Kind(what, f"cat/{name}", "converted"))
    for what, (name, make, reason) in _SKIPPED.items():
        put(path / "cat" / name, make())
        kinds.append(Kind(what, f"cat/{name}", "skipped", reason))
    for what, (name, data) in _IGNORED.items():
        put(path / "dog" / name, data)
        kinds.append(Kind(what, f"dog/{name}", "ignored"))
    put(path / "stray.jpg", _JPEG)
    kinds.append(Kind("picture beside the class folders", "stray.jpg", "skipped", "not in a class folder"))
    put(path / "papers" / "readme.txt", b"nothing here")
    kinds.append(Kind("text in a class folder", "papers/readme.txt", "skipped", "not a picture but text"))
    kinds.append(Kind("class folder without pictures", "papers", "skipped", "without a picture"))
    (path / "hollow").mkdir()
    kinds.append(Kind("empty class folder", "hollow", "skipped", "an empty folder"))
    (path / "dog" / "folder.jpg").mkdir()
    kinds.append(Kind("folder called .jpg", "dog/folder.jpg", "skipped", "an empty folder"))
    return kinds + _unix_kinds(path)


def _unix_kinds(path: Path) -> list[Kind]:
    """What only some systems can hold: links, pipes, permissions, odd names."""
    if os.name != "posix":
        return []
    kinds = []
    (path / "dog" / "gone.jpg").symlink_to("nowhere.jpg")
    kinds.append(Kind("link to nothing", "dog/gone.jpg", "skipped", "a link to nothing"))
    (path / "dog" / "ring").symlink_to("..")
    kinds.append(Kind("ring of links", "dog/ring", "skipped", "read already"))
    (path / "dog" / "linked.jpg").symlink_to("good0.jpg")
    kinds.append(Kind("link to a picture", "dog/linked.jpg", "converted"))
    os.mkfifo(path / "dog" / "pipe.jpg")
    kinds.append(Kind("named pipe", "dog/pipe.jpg", "skipped", "not a regular file"))
    put(path / "dog" / "two\nlines.jpg", _JPEG)
    kinds.append(Kind("name with a line break", "dog/two\\nlines.jpg", "converted"))
    odd = os.fsdecode(b"caf\xe9.jpg")
    try:
        put(path / "dog" / odd, _JPEG)
        kinds.append(Kind("name that is not UTF-8", "dog/caf\\udce9.jpg", "converted"))
    except OSError:
        pass  # this file system takes UTF-8 names only
    secret, vault = path / "dog" / "secret.jpg", path / "dog" / "vault"
    put(secret, _JPEG)
    put(vault / "inside.jpg", _JPEG)
    secret.chmod(0)
    vault.chmod(0)
    if os.access(secret, os.R_OK):
        # The superuser may read anything.
        kinds.append(Kind("file without permission", "dog/secret.jpg", "converted"))
        kinds.append(Kind("folder without permission", "dog/vault/inside.jpg", "converted"))
    else:
        kinds.append(Kind("file without permission", "dog/secret.jpg", "skipped", "permission denied"))
        kinds.append(Kind("folder without permission", "dog/vault", "skipped", "permission denied"))
    return kinds


def make_hostile_table(path: Path) -> list[Kind]:
    """``labels.csv`` beside 24 good pictures, good rows for them and one row for every kind of bad label."""
    make_good_folder(path)
    lines = ["path,label,split"]
    for name in ("cat", "dog"):
        lines += [f"{name}/good{i}.jpg,{name},{'test' if i > 8 else 'train'}" for i in range(12)]
    bad = {
        "missing file": ("cat/gone.jpg,cat,train", "there is no such file"),
        "no label": ("cat/extra0.jpg,,train", "no label"),
        "label of spaces": ("cat/extra1.jpg,   ,train", "no label"),
        "label nan": ("cat/extra2.jpg,NaN,train", "no label"),
        "no path": (",cat,train", "no path"),
        "listed twice": ("cat/good0.jpg,cat,train", "listed already in row 2"),
        "listed twice by another spelling": ("./cat/good1.jpg,cat,train", "listed already in row 3"),
        "two labels": ("cat/good2.jpg,dog,train", "as cat, not dog"),
        "unknown split": ("cat/extra3.jpg,cat,holdout", "'holdout' is none of train, val, test"),
        "no split": ("cat/extra4.jpg,cat,", "no split"),
        "too many cells": ("cat/extra5.jpg,cat,train,9,9", "5 cells for 3 columns"),
        "too few cells": ("cat/extra6.jpg", "no label"),
        "a folder": ("cat,cat,train", "there is no such file"),
        "a path of control characters": ("a\x07b.jpg,cat,train", "there is no such file"),
        "text, not a picture": ("words.jpg,cat,train", "not a picture but text"),
    }
    good = {
        "quotes, comma and spaces": ('"cat/one, two.jpg", cat ,train', "cat/one, two.jpg"),
        "path from Windows": ("cat\\extra7.jpg,cat,Training", "cat\\extra7.jpg"),
    }
    for i in range(8):
        put(path / "cat" / f"extra{i}.jpg", saved(picture(70 + i), "JPEG"))
    put(path / "cat" / "one, two.jpg", _JPEG)
    put(path / "words.jpg", b"no picture")
    kinds = []
    for what, (line, reason) in bad.items():
        lines.append(line)
        decoding = what == "text, not a picture"
        kinds.append(Kind(what, "words.jpg" if decoding else f"row {len(lines)}", "skipped", reason))
    for what, (line, name) in good.items():
        lines.append(line)
        kinds.append(Kind(what, name, "converted"))
    # A byte-order mark, as spreadsheets write it.
    put(path / "labels.csv", b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    return kinds


def idx(shape: tuple[int, ...], data: bytes | None = None, kind: int = 8) -> bytes:
    """An IDX file; zeros where no data is given."""
    head = bytes([0, 0, kind, len(shape)]) + b"".join(struct.pack(">I", n) for n in shape)
    return head + (bytes(int(np.prod(shape))) if data is None else data)


def make_idx_folder(path: Path, count: int = 40, zipped: bool = False, side: int = 6) -> Path:
    """Four files as MNIST's, of ``count`` and ``count // 2`` pictures; labels 0..3."""
    for part, n in (("train", count), ("t10k", count // 2)):
        pixels = np.random.default_rng(n).integers(0, 256, n * side * side, np.uint8).tobytes()
        labels = (np.arange(n) % 4).astype(np.uint8).tobytes()
        for name, data in (
            (f"{part}-images-idx3-ubyte", idx((n, side, side), pixels)),
            (f"{part}-labels-idx1-ubyte", idx((n,), labels)),
        ):
            put(path / f"{name}{'.gz' * zipped}", gzip.compress(data) if zipped else data)
    return path


def cifar_records(count: int, labels: int = 1, classes: int = 10, seed: int = 0) -> bytes:
    """Records as CIFAR's, the last label byte going round the classes."""
    records = np.random.default_rng(seed).integers(0, 256, (count, labels + 3072), np.uint8)
    records[:, labels - 1] = np.arange(count) % classes
    return records.tobytes()


def make_zip(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def _encrypted(path: Path) -> Path:
    """A zip whose members say that they are encrypted."""
    make_zip(path, {"cat/1.jpg": _JPEG, "dog/1.jpg": _JPEG})
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 4)
    path.write_bytes(data)
    return path


def make_hostile_data(path: Path) -> list[BadData]:
    """DATA arguments that cannot be trained on, under ``path``."""
    found: list[BadData] = []

    def add(what: str, data: Path | str, *words: str) -> None:
        found.append(BadData(what, str(data), words))

    add("no such thing", "digist", "no such file or folder", "did you mean digits?")
    make_good_folder(path / "flowers")
    add("a name misspelt", path / "flowrs", "no such file or folder", "did you mean", "flowers")
    add("nothing", "", "no name", "expected: digits")
    (path / "empty").mkdir(parents=True)
    add("an empty folder", path / "empty", "nothing in it", "class folders")
    put(path / "hidden" / ".DS_Store", b"x")
    add("a folder of hidden files", path / "hidden", "nothing in it")
    for i in range(3):
        put(path / "flat" / f"{i}.jpg", _JPEG)
    add("pictures without class folders", path / "flat", "3 pictures, but no class folders", "cats/1.jpg")
    add("one class", make_good_folder(path / "single", ("cat",)), "only one class: cat", "at least two classes")
    put(path / "texts" / "a" / "1.txt", b"hello")
    put(path / "texts" / "b" / "1.txt", b"hello")
    add("folders of texts", path / "texts", "no pictures in it (2 x .txt)")
    put(path / "one.jpg", _JPEG)
    add("a picture", path / "one.jpg", "a JPEG picture", "use predict")
    put(path / "notes.md", b"words")
    add("a text", path / "notes.md", "notes.md: text", "expected: digits")
    put(path / "pets.tar.gz", gzip.compress(b"tar"))
    add("a tar", path / "pets.tar.gz", "compressed data", "unpack it")
    put(path / "zero.bin", b"")
    add("an empty file", path / "zero.bin", "an empty file")
    add("a path through a file", path / "one.jpg" / "cats", "one.jpg", "is a file, not a folder")
    make_good_folder(path / "lacking" / "train", ("cat", "dog"), 3)
    make_good_folder(path / "lacking" / "test", ("cat", "dgo"), 3)
    add("a class only in test", path / "lacking", "class dgo in test, but not in train", "did you mean dog?")
    make_good_folder(path / "testing" / "test", ("cat", "dog"), 3)
    add("a test split alone", path / "testing", "test pictures, but none to train on")
    for name in ("train", "val", "valid"):
        make_good_folder(path / "twice" / name, ("cat", "dog"), 3)
    add("two validation folders", path / "twice", "val and valid both name the val pictures")
    add("too few pictures", make_good_folder(path / "few", each=1), "2 examples in 2 classes: too few")
    for name in ("cat", "dog"):
        for i in range(4):
            put(path / "wrecked" / name / f"{i}.jpg", _JPEG[:50])
    add("nothing but broken pictures", path / "wrecked", "none of 8 pictures can be read", "cut short")
    make_good_folder(path / "half", ("cat", "dog"), 9)
    for i in range(9):
        put(path / "half" / "emu" / f"{i}.jpg", _JPEG[:50])
    add("a class of broken pictures", path / "half", "no training picture of emu can be read", "cut short")
    _bad_archives(path / "zips", add)
    _bad_binaries(path / "binaries", add)
    _bad_tables(path / "tables", add)
    return found


def _bad_archives(path: Path, add: Callable[..., None]) -> None:
    good = {f"{name}/{i}.jpg": _JPEG for name in ("cat", "dog") for i in range(9)}
    whole = make_zip(path / "whole.zip", good).read_bytes()
    put(path / "cut.zip", whole[: len(whole) // 2])
    add("a zip cut short", path / "cut.zip", "the zip is damaged", "copy or download it again")
    put(path / "text.zip", b"not a zip at all")
    add("a text called .zip", path / "text.zip", "the zip is damaged")
    add("an empty zip", make_zip(path / "empty.zip", {}), "nothing in it")
    add("an encrypted zip", _encrypted(path / "locked.zip"), "encrypted", "without a password")
    add("a zip of texts", make_zip(path / "texts.zip", {"top/a.txt": b"a", "top/b.txt": b"b"}), "no pictures", ".txt")
    add("a zip in a zip", make_zip(path / "nested.zip", {"inner.zip": whole}), "no pictures", "1 x .zip")


def _bad_binaries(path: Path, add: Callable[..., None]) -> None:
    def idx_folder(name: str, file: str, data: bytes | None) -> Path:
        folder = make_idx_folder(path / name)
        (folder / file).unlink() if data is None else put(folder / file, data)
        return folder

    images, labels = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
    add("IDX without labels", idx_folder("unlabelled", labels, None), f"{images} has no labels", labels)
    add("IDX without images", idx_folder("blind", images, None), f"{labels} has no images", images)
    add("IDX cut short", idx_folder("short", images, idx((40, 6, 6))[:-1]), "less than its header", "40 x 6 x 6")
    add("IDX too long", idx_folder("long", images, idx((40, 6, 6)) + b"\0"), "more than its header promises")
    add("IDX of no bytes", idx_folder("bare", labels, b""), labels, "0 bytes")
    add("IDX with a cut header", idx_folder("beheaded", images, b"\0\0\x08\x03\0\0"), "header is cut short")
    add("IDX of another kind", idx_folder("swapped", images, idx((40,))), "magic number 0x00000801", "of labels")
    add("IDX of floats", idx_folder("floats", images, idx((40, 6, 6), kind=13)), "float numbers")
    add("IDX of no pictures", idx_folder("none", images, idx((0, 6, 6))), "0 x 6 x 6")
    add("IDX of too few labels", idx_folder("fewer", labels, idx((39,))), "39 labels for 40 pictures")
    add("IDX of two sizes", idx_folder("sizes", "t10k-images-idx3-ubyte", idx((20, 5, 5))), "5 x 5 x 1", "6 x 6 x 1")
    add("IDX promising 4 GB", idx_folder("giant", images, idx((2**32 - 1, 1, 1), b"")), "less than its header")
    folder = make_idx_folder(path / "gzipped", zipped=True)
    put(folder / f"{images}.gz", gzip.compress(idx((40, 6, 6)))[:-12])
    add("gzipped IDX cut short", folder, "gzip data is damaged")
    folder = make_idx_folder(path / "bomb", zipped=True)
    put(folder / f"{images}.gz", gzip.compress(idx((2**20, 2**10, 2**10), b"")))
    add("gzipped IDX promising a terabyte", folder, "more than", "compressed bytes can hold")
    folder = make_idx_folder(path / "mixed")
    put(folder / "letters-train-images-idx3-ubyte", idx((4, 2, 2)))
    add("two IDX data sets", folder, "2 IDX data sets: t10k-images", "letters-train-images")
    put(path / "odd" / "data_batch_1.bin", cifar_records(3)[:-1])
    add("CIFAR cut short", path / "odd", "9,218 bytes", "a multiple of 3,073")
    put(path / "label" / "data_batch_1.bin", cifar_records(30, classes=11))
    add("CIFAR with a label too many", path / "label", "record 11 has label 10", "labels 0..9")
    put(path / "pickled" / "data_batch_1", b"\x80\x04\x95")
    put(path / "pickled" / "test_batch", b"\x80\x04\x95")
    add("CIFAR's Python version", path / "pickled", "data_batch_1: the file is damaged, or is not CIFAR's")


def _bad_tables(path: Path, add: Callable[..., None]) -> None:
    make_good_folder(path)

    def table(name: str, data: str | bytes) -> Path:
        put(path / name, data.encode() if isinstance(data, str) else data)
        return path / name

    add(
        "a table without a path", table("a.csv", "pth,label\ncat/good0.jpg,cat\n"), "no path column", "'pth'", "to path"
    )
    add("a table without a label", table("b.csv", "path,lable\ncat/good0.jpg,cat\n"), "no label", "'lable' to label")
    add("a table of surnames", table("c.csv", "nationality,split,surname\nArabic,train,Totah\n"), "'nationality'")
    add("an empty table", table("d.csv", ""), "the table is empty")
    add("a table of a header", table("e.csv", "path,label\n"), "no labelled pictures")
    add(
        "a table of no files",
        table("f.csv", "path,label\nx.jpg,cat\ny.jpg,dog\n"),
        "none of 2 files is there",
        "looked in",
    )
    add("Latin-1", table("g.csv", "path,label\nété.jpg,cat\n".encode("latin-1")), "line 2: byte 0xe9 is not UTF-8")
    add("UTF-16", table("h.csv", "path,label\nx.jpg,cat\n".encode("utf-16")), "UTF-16", "UTF-8")
    add("a zero byte", table("i.csv", b"path,label\na\0b.jpg,cat\n"), "line 2: a zero byte")
    add("a cell without end", table("j.csv", 'path,label\n"' + "x" * 200_000), "not a table", "field larger")
    add("a broken Parquet", table("k.parquet", b"PAR1 and no more"), "not a Parquet table")
    rows = "".join(f"{name}/good{i}.jpg,{name}{i}\n" for name in ("cat", "dog") for i in range(12))
    add("a label for every picture", table("l.csv", f"path,label\n{rows}"), "has a label of its own", "right one?")
