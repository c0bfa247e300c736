"""CIFAR-10 from nothing within a time: convscope against the recipe of airbench94, on this machine, in one run.

    python bench/cifar10.py FOLDER [--times 4m 12m] [--reference-steps 24]

FOLDER holds CIFAR-10's binary files. convscope runs as anyone would run it, ``convscope train FOLDER --time TIME``;
its seconds are those of the whole process, reading and testing included. The reference's are of training alone, as its
author counts; with ``--reference-steps 0`` it is trained to its end, else that many steps are taken and multiplied.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from machine import conditions, peaks

HERE = Path(__file__).resolve().parent


def ours(data: Path, allowed: str) -> tuple[float, dict]:
    """Seconds of the whole process, and what it printed as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "convscope", "train", str(data), "--time", allowed, "--out", f"{folder}/run"]
        begun = time.perf_counter()
        done = subprocess.run([*words, "--json"], stdout=subprocess.PIPE, text=True, check=True)
        return time.perf_counter() - begun, json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--times", nargs="*", default=["4m", "12m"])
    parser.add_argument("--reference-steps", type=int, default=24)
    options = parser.parse_args()
    print(conditions())
    convolution, _ = peaks(torch.bfloat16)
    print(f"a bfloat16 convolution reaches {2 * convolution / 1e9:.0f} GFLOP/s here\n", flush=True)
    steps = [str(options.reference_steps)] if options.reference_steps else []
    words = [sys.executable, str(HERE / "contestant_airbench.py"), str(options.data), *steps]
    found = json.loads(subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout)
    reference = found["whole_seconds"]
    reached = "" if found["accuracy"] is None else f", {100 * found['accuracy']:.2f} %"
    taken = f"median of {found['steps']} steps, times {found['whole']}" if steps else "measured to its end"
    print(f"airbench94's recipe      {reference:7.1f} s of training ({taken}){reached}", flush=True)
    for allowed in options.times:
        seconds, document = ours(options.data, allowed)
        top1, low, high = (100 * x for x in (document["metrics"]["top1"], *document["metrics"]["interval"]))
        print(
            f"convscope --time {allowed:6} {seconds:7.1f} s in all, {document['train_seconds']:.1f} s of training: "
            f"{top1:.2f} % ({low:.1f} to {high:.1f}), {document['images_per_second']:,.0f} images/s; "
            f"{seconds / reference:.2f} of the reference's time",
            flush=True,
        )


if __name__ == "__main__":
    main()
