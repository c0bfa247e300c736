"""A machine that is not quiet: speed beside none, one and two programs that only count; plain PyTorch beside us.

    python bench/busy.py [--before ../before] [--rounds 3] [--only lenet5 digits features predict time]

``--before`` is a worktree of an earlier commit, measured in turn with this one in the same run. A competitor is
``python -c "while True: pass"``. Printed: medians of the rounds in images a second, the ratio to the quiet figure of
the same contestant, and of ours to the earlier one's; then the whole seconds of ``train --time 30s`` beside two.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from machine import conditions

HERE = Path(__file__).resolve().parent.parent
BENCH = Path(__file__).resolve().parent
TASKS = ("lenet5", "digits", "features", "predict")
DIGITS = "input 1x8x8 > conv 24 3x3 padding=1 bias=no > batchnorm > relu > conv 48 3x3 padding=1 bias=no > maxpool 2 > "
DIGITS += "batchnorm > relu > conv 96 3x3 padding=1 bias=no > batchnorm > relu > flatten > dropout 0.3 > linear 10"


@contextlib.contextmanager
def competitors(count: int) -> Iterator[None]:
    """So many other programs that always have something to do."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    time.sleep(0.5 if count else 0)
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def python(source: Path, *words: str, home: Path) -> str:
    """What a program prints that imports convscope from ``source``."""
    env = {**os.environ, "PYTHONPATH": f"{source / 'src'}:{BENCH}", "XDG_CACHE_HOME": str(home)}
    return subprocess.run([sys.executable, *words], env=env, capture_output=True, text=True, check=True).stdout


def speed(kind: str, source: Path, task: str, words: list[str], home: Path) -> float:
    """Images a second."""
    printed = python(source, str(BENCH / f"contestant_busy_{kind}.py"), task, *words, home=home)
    return float(json.loads(printed.strip().splitlines()[-1])["images_per_second"])


def main() -> None:
    """Print a line for each task and number of competitors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=[*TASKS, "time"], default=[*TASKS, "time"])
    parser.add_argument("--shared", type=Path, default=HERE.parent / "shared")
    parser.add_argument("--sets", type=Path, default=HERE / ".shared-sets")
    asked = parser.parse_args()
    mnist, sets = (asked.sets / "mnist").resolve(), asked.sets.resolve()
    print(conditions(), f"load {os.getloadavg()[0]:.1f}", f"medians of {asked.rounds}", sep=", ")
    with tempfile.TemporaryDirectory() as temporary:
        folder, sources = Path(temporary), {"now": HERE}
        if asked.before:
            sources = {"before": asked.before.resolve(), **sources}
        zipfile.ZipFile(asked.shared / "data" / "imagenette_subset.zip").extractall(folder / "pictures")
        (weights,) = (sets / "efficientnet-lite0").glob("*.pth")
        for age, source in sources.items():
            load = ["load", "efficientnet_lite0", "--weights", str(weights), "--out", str(folder / age)]
            python(source, "-m", "convscope", *load, home=folder)
        classes = _as_pytorch(folder)
        for task in asked.only:
            if task != "time":
                _compare(task, sources, folder, mnist, classes.get(task), asked.rounds)
        if "time" in asked.only:
            _within_time(sources, mnist, folder)


def _as_pytorch(folder: Path) -> dict[str, str]:
    """The networks as plain modules; the name of each one's class, by task."""
    found = {}
    for task, network in {"lenet5": "lenet5", "digits": DIGITS, "features": "efficientnet_lite0"}.items():
        code = python(HERE, "-m", "convscope", "code", network, home=folder)
        (folder / f"plain_{task}.py").write_text(code)
        found[task] = code.partition("model = ")[2].partition("(")[0]
    return found


def _compare(task: str, sources: dict[str, Path], folder: Path, mnist: Path, plain: str | None, rounds: int) -> None:
    quiet: dict[str, float] = {}
    for count in (0, 1, 2):
        found: dict[str, list[float]] = {}
        for _ in range(rounds):
            for age, source in sources.items():
                words = [str(mnist)] if task in ("lenet5", "digits") else [str(folder / age), str(folder / "pictures")]
                with competitors(count):
                    found.setdefault(age, []).append(speed("convscope", source, task, words, folder))
            if plain is not None:
                with competitors(count):
                    words = [str(folder), f"plain_{task}", plain]
                    found.setdefault("PyTorch", []).append(speed("pytorch", HERE, task, words, folder))
        medians = {name: statistics.median(values) for name, values in found.items()}
        quiet = quiet or medians
        told = [f"{name} {value:8,.0f} ({value / quiet[name]:.2f})" for name, value in medians.items()]
        beside = ["none", "one", "two"][count]
        ratio = f"; now to before {medians['now'] / medians['before']:.2f}" if "before" in medians else ""
        print(f"{task:9} beside {beside:4} {'   '.join(told)}{ratio}", flush=True)


def _within_time(sources: dict[str, Path], mnist: Path, folder: Path) -> None:
    for age, source in sources.items():
        with competitors(2):
            begun = time.perf_counter()
            run = ["train", str(mnist), "--time", "30s", "--out", str(folder / f"time-{age}")]
            python(source, "-m", "convscope", *run, home=folder)
            print(f"train MNIST --time 30s beside two, {age}: {time.perf_counter() - begun:.1f} s", flush=True)


if __name__ == "__main__":
    main()
