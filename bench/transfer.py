"""Ten classes of photographs, EfficientNet-Lite0's ImageNet weights, the body frozen: seconds to an accuracy.

    python bench/transfer.py [--rounds 3] [--to 0.98] [--only NAME ...]

convscope (as it is, and with ``--time 10s``), the loop of the PyTorch tutorial, and fastai, in turn, each in a process
of its own, on the same pictures and weights; the file that `convscope code` writes is the others' network. Two figures
for an accuracy on the validation pictures: seconds of training (features and head; the others' loops without
validation), and seconds of everything: of convscope the whole process from an empty cache to the report, of the others
what comes after their imports.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from machine import conditions
from neighbours import python_of
from predict import IMAGENETTE, write_model
from transfer_common import NET

HERE = Path(__file__).resolve().parent
CONTESTANTS = ("convscope", "convscope-10s", "pytorch", "fastai")
TARGETS = (0.95, 0.97, 0.98, 0.985)


def unpack(folder: Path, each: int) -> Path:
    """The pictures as ``train`` and ``val`` folders of class folders; ``each`` limits the pictures of a class."""
    counts: dict[str, int] = {}
    with zipfile.ZipFile(IMAGENETTE) as archive:
        for name in archive.namelist():
            path = folder.joinpath(*Path(name).parts[1:])
            if not path.suffix or counts.get(str(path.parent), 0) >= each:
                continue
            counts[str(path.parent)] = counts.get(str(path.parent), 0) + 1
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(name))
    return folder


def contest(name: str, model: Path, data: Path, options: argparse.Namespace, number: int) -> dict[str, Any]:
    """One contestant's race in a process of its own."""
    kind, _, planned = name.partition("-")
    python = sys.executable if kind == "convscope" else python_of("fastai")
    words = [str(model), str(data), str(options.to), str(options.most), str(number), NET, planned or "none"]
    program = str(HERE / f"contestant_transfer_{kind}.py")
    done = subprocess.run([python, "-W", "ignore", program, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--to", type=float, default=0.98, help="the others stop at this accuracy")
    parser.add_argument("--most", type=int, default=4, help="epochs after which a race is given up; fastai's plan")
    parser.add_argument("--each", type=int, default=10**6, help="at most so many pictures of a class: a short trial")
    parser.add_argument("--only", nargs="*", default=CONTESTANTS, choices=CONTESTANTS)
    options = parser.parse_args()
    print(conditions(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        data = unpack(Path(folder, "pictures"), options.each)
        model = write_model(NET, Path(folder))
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in options.only}
        for number in range(options.rounds):
            for name in options.only:
                run = contest(name, model, data, options, number)
                found[name].append(run)
                again = f", {run['again']:.1f} s the second time" if "again" in run else ""
                trail = "; ".join(f"{a:.1f} s, {b:.1f} s in all: {c:.1%}" for a, b, c in run["trail"])
                print(f"{name:14} {run['version']:12} {trail}{again}", flush=True)
    for target in TARGETS:
        print(f"\nto {target:.1%}: seconds of training, of everything")
        for name, runs in found.items():
            training, whole = (statistics.median(seconds_to(run, target, kind) for run in runs) for kind in (0, 1))
            print(f"{name:14} {training:7.1f} {whole:7.1f}")


def seconds_to(run: dict[str, Any], target: float, kind: int) -> float:
    """The seconds to an accuracy, of training (0) or everything (1); infinite where it was not reached."""
    return next((entry[kind] for entry in run["trail"] if entry[2] >= target), float("inf"))


if __name__ == "__main__":
    main()
