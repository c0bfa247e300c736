"""A folder of photographs with everything wrong that people's folders have, and the count of each.

    python tests/data/hostile_folder.py IMAGENETTE_ZIP DEST

One fifth of the pictures copied across the splits (as they are, saved again, made smaller, mirrored), 3 % of the labels
wrong, one class forty times the other, one file in twenty broken or odd, names in Unicode and with spaces, loops of
symbolic links, pictures of 60 megapixels, bombs. What was planted is printed as JSON.
"""

from __future__ import annotations

import io
import json
import random
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

CLASSES = {
    "n01440764": "tench 잉어",
    "n02102040": "springer spaniel",
    "n02979186": "cassette player",
    "n03000684": "Kettensäge",
    "n03028079": "교회",
    "n03394916": "French horn",
    "n03417042": "müllwagen",
    "n03425413": "gas pump ⛽",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}
COUNTS = (120, 100, 90, 80, 70, 60, 40, 30, 10, 3)
"""Training pictures of each class: 1 to 40."""
VAL = 20
COPIED, WRONG, BROKEN = 0.2, 0.03, 0.05


def plant(archive: Path, folder: Path, seed: int = 0, most: int = 10**6) -> dict[str, object]:
    """Build the folder; what was planted, by kind, with the names of the files.

    Args:
        archive: imagenette_subset.zip.
        folder: is made.
        seed: of all choices.
        most: training pictures of a class, at most: a small folder for quick tests.
    """
    rng = random.Random(seed)
    pool = _pictures(archive)
    train: list[tuple[str, str]] = []
    val: list[tuple[str, str]] = []
    for (key, name), count in zip(CLASSES.items(), COUNTS, strict=True):
        members = pool[key]
        train += [(member, name) for member in members[: min(count, most)]]
        val += [(member, name) for member in members[-min(VAL, most) :]]
    planted: dict[str, list[str]] = {
        kind: [] for kind in ("leak", "wrong", "unreadable", "odd", "huge", "blank", "contradiction")
    }
    with zipfile.ZipFile(archive) as source:
        files: dict[str, bytes] = {}
        for side, rows in (("train", train), ("val", val)):
            for number, (member, name) in enumerate(rows):
                files[f"{side}/{name}/photo {number:04} {Path(member).stem}.jpg"] = source.read(member)
    names = [name for name in files if name.startswith("train/")]
    rng.shuffle(names)
    copied, rest = names[: round(COPIED * len(names))], names[round(COPIED * len(names)) :]
    for number, name in enumerate(copied):
        _, label, _ = name.split("/")
        copy = f"val/{label}/copy {number:03}.jpg"
        files[copy] = _again(files[name], number % 4)
        planted["leak"].append(name)
    # Where a class has three pictures, a wrong label more would be most of it.
    frequent = [name for name in rest if COUNTS[list(CLASSES.values()).index(name.split("/")[1])] >= 30]
    wrong = frequent[: round(WRONG * len(names))]
    for name in wrong:
        side, label, file = name.split("/")
        other = rng.choice([x for x in list(CLASSES.values())[:8] if x != label])
        moved = f"{side}/{other}/{file}"
        files[moved] = files.pop(name)
        planted["wrong"].append(moved)
    some = [name for name in rest if name not in wrong][:3]
    for name in some:
        side, label, _ = name.split("/")
        other = next(x for x in CLASSES.values() if x != label)
        files[f"{side}/{other}/said otherwise {len(planted['contradiction'])}.jpg"] = files[name]
        planted["contradiction"].append(name)
    base = files[rest[-1]]
    broken = max(len(_BROKEN), round(BROKEN * len(names) / 2))
    labels = list(CLASSES.values())
    for number in range(broken):
        what, make = list(_BROKEN.items())[number % len(_BROKEN)]
        name = f"train/{labels[number % 8]}/{what} {number:03}.jpg"
        files[name] = make(files[rng.choice(rest[:-20])] if rest[0] in files else base)
        planted["unreadable"].append(name)
    good = [name for name in rest if name in files]
    odd = max(len(_ODD), round(BROKEN * len(names) / 2))
    for number in range(odd):
        what, make = list(_ODD.items())[number % len(_ODD)]
        # In place of the picture, so that it is no copy of another.
        victim = good[-1 - number]
        name = victim.rsplit("/", 1)[0] + f"/{what} {number:03}.{'jpg' if what == 'png as' else _ENDING[what]}"
        files[name] = make(files.pop(victim))
        planted["odd"].append(name)
    for number in range(2):
        victim = good[-1 - odd - number]
        image = Image.open(io.BytesIO(files.pop(victim))).convert("RGB").resize((7750 + number, 7750))
        name = victim.rsplit("/", 1)[0] + f"/sixty megapixels {number}.jpg"
        files[name] = _jpeg(image)
        planted["huge"].append(name)
    for number, grey in enumerate((0, 255, 128)):
        name = f"train/{labels[number]}/blank {grey}.jpg"
        files[name] = _jpeg(Image.new("RGB", (300 + number, 200), (grey,) * 3))
        planted["blank"].append(name)
    for name, data in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    _loops(folder, labels[0])
    classes = sorted({name.split("/")[1] for name in files})
    return {"classes": classes, "counts": {kind: len(names) for kind, names in planted.items()}, **planted}


def _pictures(archive: Path) -> dict[str, list[str]]:
    with zipfile.ZipFile(archive) as source:
        found: dict[str, list[str]] = {key: [] for key in CLASSES}
        for member in sorted(source.namelist()):
            parts = member.split("/")
            if len(parts) == 4 and parts[3]:
                found[parts[2]].append(member)
    return found


def _jpeg(image: Image.Image, quality: int = 85, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality, **options)
    return data.getvalue()


def _again(data: bytes, how: int) -> bytes:
    """As it is, saved again, smaller, mirrored."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    if how == 0:
        return data
    if how == 1:
        return _jpeg(image, 60)
    if how == 2:
        return _jpeg(image.resize((image.width * 3 // 5, image.height * 3 // 5)))
    return _jpeg(ImageOps.mirror(image))


def _saved(data: bytes, mode: str, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image = Image.open(io.BytesIO(data))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    else:
        image = image.convert(mode)
    image.save(out, kind, **options)
    return out.getvalue()


def _bomb(_: bytes) -> bytes:
    """A PNG whose header promises 2,500 megapixels, in a few kilobytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    packed = zlib.compress(bytes(10**7), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def _zip_bomb(_: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(4):
            archive.writestr(f"zeros {number}.jpg", bytes(50_000_000))
    return out.getvalue()


def _turned(data: bytes) -> bytes:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    return _jpeg(image.transpose(Image.Transpose.ROTATE_90), exif=exif)


def _animated(data: bytes) -> bytes:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    out = io.BytesIO()
    image.save(out, "GIF", save_all=True, append_images=[ImageOps.invert(image)], duration=100)
    return out.getvalue()


_BROKEN = {
    "cut short": lambda data: data[: len(data) // 3],
    "empty": lambda _: b"",
    "text": lambda _: b"this is not a picture\n" * 20,
    "pdf": lambda _: b"%PDF-1.7\n" + bytes(100),
    "noise": lambda data: bytes(b ^ 0x5A for b in data[:3000]),
    "bomb": _bomb,
    "zip bomb": _zip_bomb,
    "iphone": lambda _: b"\x00\x00\x00\x18ftypheic" + bytes(200),
}
_ODD = {
    "png as": lambda data: _saved(data, "RGB", "PNG"),
    "cmyk": lambda data: _saved(data, "CMYK", "JPEG"),
    "transparent": lambda data: _saved(data, "RGBA", "PNG"),
    "deep": lambda data: _saved(data, "I;16", "PNG"),
    "turned": _turned,
    "animated": _animated,
}
_ENDING = {"png as": "jpg", "cmyk": "jpg", "transparent": "png", "deep": "png", "turned": "jpg", "animated": "gif"}


def _loops(folder: Path, label: str) -> None:
    """Links that lead back to where they are, to themselves, and to nowhere."""
    (folder / "train" / label / "loop").symlink_to(folder / "train", target_is_directory=True)
    (folder / "train" / "around").symlink_to(folder, target_is_directory=True)
    (folder / "train" / label / "itself.jpg").symlink_to(folder / "train" / label / "itself.jpg")
    (folder / "train" / label / "gone.jpg").symlink_to(folder / "nowhere.jpg")


if __name__ == "__main__":
    print(json.dumps(plant(Path(sys.argv[1]), Path(sys.argv[2])), indent=2, ensure_ascii=False))
