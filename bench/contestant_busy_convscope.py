"""Images a second of convscope, by its own code: ``TASK SECONDS WEIGHTS_OR_DATA``; see ``bench/busy.py``."""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from convscope.cli.entry import main  # as a command does, before torch is loaded

task, where = sys.argv[1], sys.argv[2]
TRAININGS = {
    "lenet5": ["train", where, "--net", "lenet5", "--epochs", "0.6"],
    "digits": ["train", "digits", "--epochs", "12"],
}


def trained(words: list[str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        try:
            main([*words, "--out", str(run), "--no-report", "--json"])
        except SystemExit as ended:
            if ended.code:
                raise
        events = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    epochs = [event for event in events if event["event"] == "epochended"]
    return sorted(event["images_per_second"] for event in epochs)[len(epochs) // 2]


def computed(images_NHWC: np.ndarray) -> float:
    import convscope
    from convscope.engine.inference import features
    from convscope.network.plan import scores_path

    model = convscope.Model.load(where)
    path = scores_path(model.graph)
    before = next(node.inputs[0] for node in model.graph.nodes if node.path == path)
    features(model.module, images_NHWC[:64], model.normalise, before)
    begun = time.perf_counter()
    features(model.module, images_NHWC, model.normalise, before)
    return len(images_NHWC) / (time.perf_counter() - begun)


def predicted(files: list[Path]) -> float:
    import convscope

    model = convscope.Model.load(where)
    model.predict(files[:64], top=1)
    begun = time.perf_counter()
    model.predict(files, top=1)
    return len(files) / (time.perf_counter() - begun)


if task in TRAININGS:
    speed = trained(TRAININGS[task])
elif task == "features":
    speed = computed(np.random.default_rng(0).integers(0, 256, (256, 224, 224, 3), np.uint8))
else:
    speed = predicted(sorted(path for path in Path(sys.argv[3]).rglob("*") if path.is_file())[:256])
print(json.dumps({"images_per_second": speed}))
