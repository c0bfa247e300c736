"""Ten classes of photographs, EfficientNet-Lite0's ImageNet weights, the body frozen: seconds to an accuracy.

    python bench/transfer.py [--rounds 3] [--to 0.98] [--only NAME ...]

convscope, the loop of the PyTorch tutorial, and fastai, in turn, each in a process of its own, on the same pictures and
weights. convscope is charged for its whole process, from an empty cache to the report; the others for the time in their
training loops until an epoch ends with the accuracy on the validation pictures (what they take to import, and in the
PyTorch loop to measure, is left out). The file that `convscope code` writes is their network.
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
CONTESTANTS = ("convscope", "pytorch", "fastai")


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
    python = sys.executable if name == "convscope" else python_of("fastai")
    words = [str(model), str(data), str(options.to), str(options.most), str(number), NET]
    program = str(HERE / f"contestant_transfer_{name}.py")
    done = subprocess.run([python, "-W", "ignore", program, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--to", type=float, default=0.98)
    parser.add_argument("--most", type=int, default=6, help="epochs after which a race is given up")
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
                seconds = run["whole"] if run["training"] is None else run["training"]
                again = f", {run['again']:.1f} s the second time" if "again" in run else ""
                shown = " ".join(f"{accuracy:.1%}" for accuracy in run["accuracies"])
                print(f"{name:10} {run['version']:12} {seconds:7.1f} s{again}   accuracy {shown}", flush=True)
    medians = {name: statistics.median(seconds_of(run, options.to) for run in runs) for name, runs in found.items()}
    for name, seconds in medians.items():
        if "convscope" in medians:
            print(f"{name:10} {seconds:7.1f} s: {seconds / medians['convscope']:.1f} times as long as convscope")


def seconds_of(run: dict[str, Any], target: float) -> float:
    """The seconds to the accuracy, infinite where it was not reached."""
    if run["accuracies"][-1] < target:
        return float("inf")
    return run["whole"] if run["training"] is None else run["training"]


if __name__ == "__main__":
    main()
