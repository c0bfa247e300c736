"""From JPEG files on disk to answers: convscope beside PIL, DataLoader and the network run eagerly.

    python bench/predict.py [--nets efficientnet_lite0 mobilenet_v2] [--rounds 3] [--most 500]

The same network and weights for all, as a model folder and as the plain PyTorch that `convscope code` writes of it. Two
kinds of pictures: small ones as they are (224x224) and 1600x1200 ones, as a camera's, made by enlarging photographs.
Each contestant is a process of its own, in turn; it predicts all files twice (first and second run). Printed: medians
of the rounds, peak memory (the loop's workers counted), and how many answers are the same as convscope's.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from PIL import Image

from machine import conditions
from neighbours import python_of

HERE = Path(__file__).resolve().parent
SETS = HERE.parent / ".shared-sets"
IMAGENETTE = HERE.parent.parent / "shared" / "data" / "imagenette_subset.zip"
CONTESTANTS = ("convscope", "loop float32", "loop bfloat16")


def write_pictures(folder: Path, most: int) -> dict[str, Path]:
    """Small and large JPEG files."""
    small, large = folder / "224x224", folder / "1600x1200"
    small.mkdir()
    large.mkdir()
    with zipfile.ZipFile(IMAGENETTE) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith((".jpg", ".jpeg"))]
        for index, name in enumerate(names[:: max(1, len(names) // most)][:most]):
            (small / f"{index:05}.jpg").write_bytes(archive.read(name))
    photographs = sorted((SETS / "imagenet-20").glob("*.jpg"))
    for index in range(most // 2):
        with Image.open(photographs[index % len(photographs)]) as image:
            resized = image.convert("RGB").resize((1600, 1200), Image.Resampling.LANCZOS)
        resized.save(large / f"{index:05}.jpg", quality=90)
    return {path.name: path for path in (small, large)}


def write_model(net: str, folder: Path) -> Path:
    """A model folder with the network's plain PyTorch beside it."""
    ours = str(Path(sys.executable).with_name("convscope"))
    weights = "efficientnet_lite0"
    if net == "mobilenet_v2":
        weights = str(next((SETS / "mobilenet_v2").glob("*.pth")))
    out = folder / net
    words = [ours, "load", net, "--weights", weights, "--out", str(out), "--keep", "0.875"]
    subprocess.run(words, check=True, capture_output=True)
    subprocess.run([ours, "code", net, "--out", str(out / f"{net}.py")], check=True, capture_output=True)
    return out


def contest(name: str, model: Path, pictures: Path, net: str) -> dict[str, Any]:
    """One contestant's two runs in a process of its own."""
    kind, _, mode = name.partition(" ")
    python = sys.executable if kind == "convscope" else python_of("fastai")
    words = [python, str(HERE / f"contestant_predict_{kind}.py"), str(model), str(pictures), net, mode]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", nargs="*", default=["efficientnet_lite0", "mobilenet_v2"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--most", type=int, default=500, help="small pictures; half as many large ones")
    parser.add_argument("--only", nargs="*", default=CONTESTANTS, choices=CONTESTANTS)
    options = parser.parse_args()
    assert importlib.util.find_spec("convscope") is not None
    needed = {"imagenet-20"} | set(options.nets) & {"mobilenet_v2"}
    if missing := sorted(name for name in needed if not (SETS / name).is_dir()):
        raise SystemExit(f"{', '.join(missing)}: not in {SETS}; fetch by ../shared/get_data .shared-sets NAME")
    print(conditions(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        kinds = write_pictures(Path(folder), options.most)
        for net in options.nets:
            model = write_model(net, Path(folder))
            for size, pictures in kinds.items():
                found: dict[str, list[dict[str, Any]]] = {name: [] for name in options.only}
                for _ in range(options.rounds):
                    for name in options.only:
                        found[name].append(contest(name, model, pictures, net))
                show(net, size, len(list(pictures.iterdir())), found)


def show(net: str, size: str, count: int, found: dict[str, list[dict[str, Any]]]) -> None:
    """One table."""
    print(f"\n{net}, {count} files of {size}\n{'':16} first images/s  second images/s  ratio   MiB  same answers")
    reference = next(iter(found.values()))[0]["classes"]
    base = statistics.median(run["seconds"][1] for run in next(iter(found.values())))
    for name, runs in found.items():
        first, second = (statistics.median(run["seconds"][k] for run in runs) for k in (0, 1))
        same = sum(a == b for a, b in zip(runs[0]["classes"], reference, strict=True)) / count
        peak = max(run["peak_kib"] for run in runs) / 1024
        print(f"{name:16} {count / first:14.1f}  {count / second:15.1f}  {second / base:5.2f} {peak:5.0f}  {same:.1%}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
