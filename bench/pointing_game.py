"""The pointing game: does a method's maximum for the true class lie on an object of that class?

    python bench/pointing_game.py [PHOTOGRAPHS [MOBILENET_V2.pth [EFFICIENTNET_LITE0.pth]]]

Twenty ImageNet photographs with boxes drawn by eye (``tests/inspection/boxes_imagenet20.json``); J. Zhang et al. 2016,
without their margin of 15 pixels. Beside hits: how much of the positive heat lies in the boxes (H. Wang et al. 2020,
"Score-CAM", section 4.2), how much of the picture is hotter than half of the maximum, and the time a picture.
Random heat would score what the boxes cover.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from convscope.data.image.decode import in_photograph
from convscope.inspection.attribution.class_map import ClassMap, class_map, coarse_layer, fine_layer
from convscope.inspection.attribution.integrated import IntegratedGradients, integrated_gradients
from convscope.inspection.attribution.occlusion import Occlusion, occlusion
from convscope.inspection.look import Look, look_at
from convscope.model.folder import Model
from convscope.model.load_weights import load

ROOT = Path(__file__).resolve().parents[1]
BOXES: dict[str, list[list[int]]] = json.loads((ROOT / "tests/inspection/boxes_imagenet20.json").read_text())["boxes"]
Found = ClassMap | Occlusion | IntegratedGradients
METHODS: dict[str, Callable[[Look, str], Found]] = {
    "Grad-CAM": lambda look, name: class_map(look, name),
    "LayerCAM": lambda look, name: class_map(look, name, "layercam"),
    "HiResCAM": lambda look, name: class_map(look, name, "hirescam"),
    "Grad-CAM, finer": lambda look, name: class_map(look, name, layer=fine_layer(look.model.module.graph)),
    "LayerCAM, last": lambda look, name: class_map(look, name, "layercam", coarse_layer(look.model.module.graph)),
    "HiResCAM, last": lambda look, name: class_map(look, name, "hirescam", coarse_layer(look.model.module.graph)),
    "occlusion": lambda look, name: occlusion(look, name),
    "integrated": lambda look, name: integrated_gradients(look, name),
}


def mask(file: Path, model: Model) -> np.ndarray:
    """Where the boxes are in the network's input, (H, W)."""
    with Image.open(file) as photograph:
        size = photograph.height, photograph.width
    pre = model.preprocess
    ys = np.array([in_photograph(row + 0.5, 0, size, pre)[0] for row in range(pre.height)])
    xs = np.array([in_photograph(0, column + 0.5, size, pre)[1] for column in range(pre.width)])
    inside = [np.outer((t <= ys) & (ys <= b), (x0 <= xs) & (xs <= x1)) for x0, t, x1, b in BOXES[file.name]]
    return np.any(inside, 0)


def play(title: str, model: Model, folder: Path) -> None:
    files = [folder / name for name in BOXES]
    marks = [mask(file, model) for file in files]
    rows: dict[str, list[str]] = {file.name: [] for file in files}
    totals = []
    for method in METHODS.values():
        hits, energy, wide, seconds = [], [], [], []
        for file, inside in zip(files, marks, strict=True):
            look = look_at(model, file)
            name = model.classes[int(file.stem.split("_")[-1])]
            began = time.perf_counter()
            found = method(look, name)
            seconds.append(time.perf_counter() - began)
            peak, heat = found.peak, np.maximum(found.enlarged(), 0)
            hits.append(peak is not None and bool(inside[int(peak[0]), int(peak[1])]))
            energy.append((heat * inside).sum() / heat.sum() if heat.any() else 0)
            wide.append((heat > heat.max() / 2).mean() if heat.any() else 1)
            rows[file.name].append("hit" if hits[-1] else "-" if peak is not None else "empty")
        totals.append((sum(hits), np.mean(energy), np.mean(wide), np.median(seconds)))
    print(f"\n{title}\n{'':24}" + "".join(f"{name:>17}" for name in METHODS))
    for name, cells in rows.items():
        print(f"{name:24}" + "".join(f"{cell:>17}" for cell in cells))
    for label, text in (
        ("hits of 20", [f"{hits}" for hits, _, _, _ in totals]),
        ("heat in the boxes", [f"{share:.2f}" for _, share, _, _ in totals]),
        ("above half the maximum", [f"{share:.2f}" for _, _, share, _ in totals]),
        ("seconds, median", [f"{seconds:.3f}" for _, _, _, seconds in totals]),
    ):
        print(f"{label:24}" + "".join(f"{cell:>17}" for cell in text))
    print(f"the boxes cover {np.mean([inside.mean() for inside in marks]):.2f} of the pictures", flush=True)


def main() -> None:
    sets = ROOT / ".shared-sets"
    given = [Path(word) for word in sys.argv[1:]]
    folder = given[0] if given else sets / "imagenet-20"
    mobilenet = given[1] if len(given) > 1 else next((sets / "mobilenet_v2").glob("*.pth"))
    lite0 = given[2] if len(given) > 2 else "efficientnet_lite0"
    play("MobileNetV2", load("mobilenet_v2", mobilenet, keep=0.875), folder)
    mean = {} if len(given) < 3 else {"mean": (0.498,) * 3, "std": (0.502,) * 3}
    play("EfficientNet-Lite0", load("efficientnet_lite0", lite0, keep=0.875, **mean), folder)


if __name__ == "__main__":
    main()
