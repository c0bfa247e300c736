"""Keras's example network on Fashion-MNIST: convscope, a plain PyTorch loop, Keras, Lightning and fastai in one run.

    python bench/fashion_mnist.py FOLDER [--repeats 3] [--to 0.90] [--only NAME ...]

FOLDER holds the four IDX files. Each contestant runs in a process of its own, one after the other, the whole round
``--repeats`` times, until its test accuracy at the end of an epoch is at least ``--to``. Two figures: seconds an
epoch (median over rounds of each round's median epoch), and seconds of training until then. TensorFlow goes into an
environment of its own, .venv-bench, Lightning and fastai into .venv-fastai, made on first use; what cannot be installed
is left out and that is said.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from machine import conditions
from neighbours import python_of

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BATCH = 128
NETWORK = """input 1x28x28
conv 32 3x3 > relu > maxpool 2
conv 64 3x3 > relu > maxpool 2
flatten > dropout 0.5 > linear 10
"""
CONTESTANTS = ("convscope", "pytorch", "keras", "lightning", "fastai")
PICTURES = 60_000


def interpreter(name: str) -> str | None:
    """The interpreter of a contestant, None where its framework cannot be installed here."""
    environment = {"keras": "keras", "lightning": "fastai", "fastai": "fastai"}.get(name)
    try:
        return sys.executable if environment is None else python_of(environment)
    except subprocess.CalledProcessError:
        return None


def contest(name: str, data: Path, epochs: int, to: float, number: int) -> dict[str, Any] | None:
    """One contestant's run in a process of its own."""
    python = interpreter(name)
    if python is None:
        print(f"{name} cannot be installed here; left out", flush=True)
        return None
    words = [python, str(HERE / f"contestant_{name}.py"), str(data), str(epochs), str(BATCH), str(to)]
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "BENCH_NETWORK": NETWORK, "BENCH_ROUND": str(number)},
    )
    if done.returncode:
        print(f"{name} failed:\n{done.stderr[-2000:]}", flush=True)
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--to", type=float, default=0.90)
    parser.add_argument("--most", type=int, default=15, help="epochs after which the race is given up")
    parser.add_argument("--only", nargs="*", default=CONTESTANTS, choices=CONTESTANTS)
    options = parser.parse_args()
    print(conditions())
    print(f"batch {BATCH}, {options.repeats} rounds, each until {options.to:.0%} test accuracy\n", flush=True)
    epochs: dict[str, list[float]] = {name: [] for name in options.only}
    races: dict[str, list[float]] = {name: [] for name in options.only}
    versions: dict[str, str] = {}
    for number in range(options.repeats):
        for name in options.only:
            found = contest(name, options.data, options.most, options.to, number)
            if found is None:
                continue
            versions[name] = found["version"]
            epochs[name].append(statistics.median(found["epoch_seconds"]))
            races[name].append(found["seconds_to"] or float("inf"))
            print(
                f"{name:10} {epochs[name][-1]:6.2f} s an epoch, {races[name][-1]:6.1f} s to {options.to:.0%}   "
                f"accuracies {found['accuracies']}",
                flush=True,
            )
    print("\ncontestant                          s/epoch   ratio  images/s   s to accuracy   ratio")
    if not epochs.get("convscope"):
        return
    ours, race = statistics.median(epochs["convscope"]), statistics.median(races["convscope"])
    for name in options.only:
        if epochs[name]:
            one, two = statistics.median(epochs[name]), statistics.median(races[name])
            speed = f"{one:8.2f} {ours / one:7.2f} {PICTURES / one:9.0f}"
            print(f"{name + ' ' + versions[name]:34} {speed} {two:15.1f} {race / two:7.2f}")
    print("\nratio: convscope's time over the contestant's; medians of the rounds")


if __name__ == "__main__":
    main()
