"""This checkout beside an earlier one, in turn in one run: starting, training, predicting.

    git worktree add ../before COMMIT
    python bench/before.py ../before [--shared ../shared] [--sets .shared-sets] [--only NAME ...] [--rounds 5]

Both run in the interpreter that runs this program, each with its own ``src`` first on the path, A B B A ... after one
run of each that is not counted. Printed: medians of the whole processes' seconds, and the median of the ratios pair
by pair, which holds when the machine's speed drifts. What is compared must not depend on the clock: no ``--time``.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

from machine import conditions

HERE = Path(__file__).resolve().parent.parent


def commands(pictures: Path, sets: Path) -> dict[str, tuple[list[str], int]]:
    """What is timed, and how many times as many rounds as asked for it takes to be steady; OUT is an empty folder."""
    return {
        "help": (["--help"], 3),
        "describe": (["describe", "lenet5"], 3),
        "digits": (["train", "digits", "--out", "OUT/run"], 1),
        "fashion": (["train", str(sets / "fashion-mnist"), "--epochs", "1", "--out", "OUT/run"], 1),
        "predict": (["predict", "OUT/model", str(pictures), "--json"], 2),
    }


def run(source: Path, command: Sequence[str]) -> tuple[float, float]:
    """Seconds by the clock and of the processors, of one whole process."""
    env = {**os.environ, "PYTHONPATH": str(source / "src")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        words = [word.replace("OUT/run", f"{folder}/run") for word in command]
        used, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, "-m", "convscope", *words], env=env, stdout=subprocess.DEVNULL, check=True)
        seconds, now = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime


def main() -> None:
    """Print one line for each thing that is timed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("--shared", type=Path, default=HERE.parent / "shared")
    parser.add_argument("--sets", type=Path, default=HERE / ".shared-sets")
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    pictures = Path(tempfile.mkdtemp())
    zipfile.ZipFile(asked.shared / "data" / "imagenette_subset.zip").extractall(pictures)
    before, chosen = asked.before.resolve(), commands(pictures / "imagenette" / "val", asked.sets.resolve())
    (weights,) = (asked.sets / "efficientnet-lite0").resolve().glob("*.pth")
    print(conditions(), f"load {os.getloadavg()[0]:.1f}", sep=", ")
    print(f"{'':10}{'before s':>10}{'now s':>10}{'ratio':>8}{'before cpu':>12}{'now cpu':>10}{'ratio':>8}  pairs")
    for name in asked.only or chosen:
        command, times = chosen[name]
        with tempfile.TemporaryDirectory() as folder:
            words = {}
            for age, source in (("before", before), ("now", HERE)):  # each predicts with a model of its own making
                model = Path(folder) / age
                words[source] = [word.replace("OUT/model", str(model)) for word in command]
                if words[source] != command:
                    run(source, ["load", "efficientnet_lite0", "--weights", str(weights), "--out", str(model)])
                run(source, words[source])
            pairs = []
            for round_ in range(times * asked.rounds):  # A B, B A, ...: what goes second finds a warmer machine
                order = (before, HERE) if round_ % 2 == 0 else (HERE, before)
                timed = {source: run(source, words[source]) for source in order}
                pairs.append((timed[before], timed[HERE]))
        columns = []
        for i in range(2):
            first, second = ([pair[k][i] for pair in pairs] for k in range(2))
            ratio = statistics.median(b / a for a, b in zip(first, second, strict=True))
            columns.append((statistics.median(first), statistics.median(second), ratio))
        (a, b, c), (d, e, f) = columns
        print(f"{name:10}{a:>10.3f}{b:>10.3f}{c:>8.3f}{d:>12.3f}{e:>10.3f}{f:>8.3f}  {len(pairs)}", flush=True)


if __name__ == "__main__":
    main()
