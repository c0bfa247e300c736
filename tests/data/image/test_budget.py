"""The memory of decoding: what bombs take in a process of their own, on few and many threads."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convscope.data.dataset import Unreadable
from convscope.data.image import budget
from convscope.data.image.decode import ImagePreprocess, decode, measure

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads its peak from /proc")

LIMIT = 1.5e9
SMALL = ImagePreprocess(3, 32, 32)
BOMBS = {
    "float.tif": ("F", "TIFF", {"compression": "tiff_lzw"}),
    "deflated.tif": ("F", "TIFF", {"compression": "tiff_adobe_deflate"}),
    "integers.tif": ("I", "TIFF", {"compression": "tiff_adobe_deflate"}),
    "sixteen.png": ("I;16", "PNG", {}),
    "palette.png": ("P", "PNG", {"transparency": 0}),
    "alpha.png": ("RGBA", "PNG", {}),
    "alpha.tif": ("RGBA", "TIFF", {"compression": "tiff_adobe_deflate"}),
    "cmyk.tif": ("CMYK", "TIFF", {"compression": "tiff_adobe_deflate"}),
    "bits.png": ("1", "PNG", {}),
    "progressive.jpg": ("RGB", "JPEG", {"progressive": True}),
    "cmyk.jpg": ("CMYK", "JPEG", {}),
    "picture.webp": ("RGB", "WEBP", {"method": 0, "quality": 1}),
    "first.gif": ("P", "GIF", {}),
}
_CHILD = """
import sys, threading
from pathlib import Path
from convscope.data.dataset import Unreadable
from convscope.data.image.decode import ImagePreprocess, decode
files = [Path(name) for name in sys.argv[2:]] * 2
small = ImagePreprocess(3, 32, 32)
def status(key):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(key)) * 1024
base, said = status("VmRSS"), []
def work():
    while files:
        try:
            file = files.pop()
        except IndexError:
            return
        try:
            decode(file, small)
        except Unreadable as error:
            said.append(file.name + ": " + error.reason)
threads = [threading.Thread(target=work) for _ in range(int(sys.argv[1]))]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(status("VmHWM") - base)
print("\\n".join(said))
"""


def _peak(threads: int, files: list[Path]) -> tuple[int, list[str]]:
    command = [sys.executable, "-W", "ignore", "-c", _CHILD, str(threads), *map(str, files)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=1200)
    peak, *said = done.stdout.split("\n")
    return int(peak), [line for line in said if line]


def _bombs(folder: Path, side: int) -> list[Path]:
    files = []
    for name, (mode, kind, options) in BOMBS.items():
        across = min(side, 16383) if kind in ("WEBP", "GIF") else side
        Image.new(mode, (across, across)).save(folder / name, kind, **options)
        files.append(folder / name)
    return files


@pytest.mark.slow
@pytest.mark.parametrize("threads", [2, 16])
@pytest.mark.parametrize("side", [5000, 10_000, 16_000])
def test_bombs_stay_within_the_limit(tmp_path: Path, side: int, threads: int) -> None:
    peak, said = _peak(threads, _bombs(tmp_path, side))
    print(f"{side} a side, {threads} threads: {peak / 1e9:.2f} GB, {len(said)} of {2 * len(BOMBS)} refused")
    assert peak <= LIMIT
    assert all("GB is given" in line for line in said)


def test_one_bomb_takes_what_the_budget_says(tmp_path: Path) -> None:
    """A float TIFF of a few kB on four threads."""
    file = tmp_path / "float.tif"
    Image.new("F", (5000, 5000)).save(file, compression="tiff_adobe_deflate")
    peak, said = _peak(4, [file] * 2)
    assert peak <= 1.2e9
    assert said == []


def test_what_needs_more_than_all_is_refused_by_size_and_limit() -> None:
    file = io.BytesIO()
    Image.new("L", (4, 600_000)).save(file, "PNG")
    thin = ImagePreprocess(3, 32, 4096)
    with pytest.raises(Unreadable, match=r"4 x 600000: decoding takes up to 2\.\d GB; at most 1\.1 GB is given"):
        decode(file.getvalue(), thin)
    assert budget.SHARED.used == 0


def test_an_icon_is_small_inside_too() -> None:
    inside, file = io.BytesIO(), io.BytesIO()
    Image.new("1", (9000, 9000)).save(inside, "PNG")
    Image.new("RGB", (16, 16)).save(file, "ICO", sizes=[(16, 16)])
    data = file.getvalue()[:22] + inside.getvalue()
    with pytest.raises(Unreadable, match="an icon that holds a picture of 9000 x 9000"):
        decode(data, SMALL)


def test_a_webp_canvas_is_refused_before_it_is_made() -> None:
    file = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in (1, 200)]
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:])
    data = bytearray(file.getvalue())
    data[24:30] = b"\xff\xff\x00\xff\xff\x00"
    with pytest.raises(Unreadable, match="65536 x 65536 = 4,295 megapixels"):
        decode(bytes(data), SMALL)


def test_measuring_decodes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    Image.new("RGB", (30, 20)).save(file, "PNG")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
    assert measure(io.BytesIO(file.getvalue())) == (3, 20, 30)


def test_a_large_photograph_still_passes() -> None:
    file = io.BytesIO()
    Image.new("RGB", (12_000, 8500), (9, 9, 9)).save(file, "JPEG")
    assert decode(file.getvalue(), ImagePreprocess(3, 16, 16)).shape == (16, 16, 3)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "CMYK", "I;16", "F", "I", "1", "LAB", "YCbCr"])
def test_strips_become_what_the_whole_becomes(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).integers(0, 256, (40, 30, 4), np.uint8)
    image = (
        Image.frombytes(mode, (30, 40), values.tobytes()[: 1200 * len(Image.new(mode, (1, 1)).tobytes())])
        if (mode not in ("F", "P", "1"))
        else Image.fromarray(values[:, :, :3]).convert(mode)
    )
    file = io.BytesIO()
    image.save(file, "TIFF" if mode != "P" else "PNG", **({"transparency": 7} if mode == "P" else {}))
    for channels in (1, 3):
        asked = ImagePreprocess(channels, 40, 30)
        whole = decode(file.getvalue(), asked)
        monkeypatch.setattr("convscope.data.image.eight_bits.STRIP_PIXELS", 100)
        np.testing.assert_array_equal(decode(file.getvalue(), asked), whole)
        monkeypatch.undo()


def test_threads_wait_for_the_budget_in_turn() -> None:
    shared, order = budget.Budget(100), []

    def take(name: str, need: int) -> None:
        with shared.hold(need):
            order.append(name)

    with shared.hold(80):
        threads = []
        for name, need in (("large", 90), ("small", 10)):
            threads.append(threading.Thread(target=take, args=(name, need)))
            threads[-1].start()
            deadline = time.monotonic() + 20
            while len(shared._waiting) < len(threads) and time.monotonic() < deadline:
                time.sleep(0.001)
        assert order == []
    for thread in threads:
        thread.join(20)
    assert order == ["large", "small"]
    with pytest.raises(ValueError, match="101 bytes of 100"), shared.hold(101):
        pass


def _seeds() -> list[bytes]:
    """One small picture of every kind that Pillow writes."""
    Image.init()
    seeds = []
    for kind in sorted(Image.SAVE):
        if kind in ("EPS", "PDF"):
            continue
        for mode in ("RGB", "L", "RGBA", "I;16", "F"):
            file = io.BytesIO()
            try:
                Image.effect_noise((24, 20), 60).convert(mode).save(file, kind)
            except Exception:  # not every kind has every mode
                continue
            seeds.append(file.getvalue())
    return seeds


def _fuzz(rounds: int, seed: int) -> dict[str, int]:
    seeds, rng = _seeds(), np.random.default_rng(seed)
    outcomes = {"pictures": 0, "refused": 0}
    for number in range(rounds):
        data = bytearray(seeds[number % len(seeds)])
        for _ in range(int(rng.integers(1, 6))):
            at = int(rng.integers(0, min(len(data), 600)))
            if rng.random() < 0.5:
                data[at] = int(rng.integers(0, 256))
            else:
                wide = bytes(rng.choice([0x00, 0x7F, 0x40, 0xFF, 0x10], int(rng.integers(1, 5))).astype(np.uint8))
                data[at : at + len(wide)] = wide
        if rng.random() < 0.1:
            del data[int(rng.integers(1, len(data))) :]
        try:
            assert decode(bytes(data), SMALL).shape == (32, 32, 3)
            outcomes["pictures"] += 1
        except Unreadable:
            outcomes["refused"] += 1
    return outcomes


@pytest.mark.filterwarnings("ignore")
def test_mutated_pictures_are_pictures_or_refused() -> None:
    outcomes = _fuzz(150, 1)
    assert min(outcomes.values()) > 10
    assert budget.SHARED.used == 0


@pytest.mark.slow
def test_thirty_thousand_mutated_pictures() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import resource, test_budget as t;"
        "from PIL import Image; t._seeds();"
        "base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "outcomes = t._fuzz(30_000, 2);"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) * 1024, outcomes)"
    )
    command = [sys.executable, "-W", "ignore", "-c", program, str(Path(__file__).parent)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=3000)
    print(done.stdout)
    assert int(done.stdout.split()[0]) <= LIMIT
