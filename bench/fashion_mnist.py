"""Keras's example network on Fashion-MNIST: convscope, a plain PyTorch loop and Keras on TensorFlow in one run.

    python bench/fashion_mnist.py FOLDER [--repeats 3] [--to 0.90] [--only NAME ...]

FOLDER holds the four IDX files. Each contestant runs in a process of its own, one after the other, the whole round
``--repeats`` times, until its test accuracy at the end of an epoch is at least ``--to``. Two figures: seconds an
epoch (median over rounds of each round's median epoch), and seconds of training until then. TensorFlow goes into an
environment of its own, .venv-bench, made on first use; without it Keras is left out and that is said.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BATCH = 128
NETWORK = """input 1x28x28
conv 32 3x3 > relu > maxpool 2
conv 64 3x3 > relu > maxpool 2
flatten > dropout 0.5 > linear 10
"""
CONTESTANTS = ("convscope", "pytorch", "keras")


def python_of(name: str) -> str | None:
    """The interpreter of a contestant; makes Keras's environment on first use."""
    if name != "keras":
        return sys.executable
    folder = ROOT / ".venv-bench"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    if subprocess.run([str(python), "-c", "import tensorflow, keras"], capture_output=True, check=False).returncode:
        words = ["-m", "pip", "install", "--quiet", "-r", str(HERE / "requirements-keras.txt")]
        if subprocess.run([str(python), *words], check=False).returncode:
            return None
    return str(python)


def processor() -> str:
    """The processor's name, where the system tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def contest(name: str, data: Path, epochs: int, to: float, number: int) -> dict[str, Any] | None:
    """One contestant's run in a process of its own."""
    python = python_of(name)
    if python is None:
        print(f"{name}: TensorFlow cannot be installed here; left out", flush=True)
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
    print(f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}")
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
    print("\ncontestant                          s/epoch   ratio   s to accuracy   ratio")
    if not epochs.get("convscope"):
        return
    ours, race = statistics.median(epochs["convscope"]), statistics.median(races["convscope"])
    for name in options.only:
        if epochs[name]:
            one, two = statistics.median(epochs[name]), statistics.median(races[name])
            print(f"{name + ' ' + versions[name]:34} {one:8.2f} {ours / one:7.2f} {two:15.1f} {race / two:7.2f}")
    print("\nratio: convscope's time over the contestant's; medians of the rounds")


if __name__ == "__main__":
    main()
