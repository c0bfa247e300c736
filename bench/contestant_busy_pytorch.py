"""Images a second of plain PyTorch on the same networks: ``TASK FOLDER MODULE CLASS``; see ``bench/busy.py``.

The loop of the tutorials, without what a DataLoader costs: float32, all of torch's threads, batches from memory.
"""

import importlib
import json
import sys
import time

import torch
from torch.nn import functional

task, folder, file, name = sys.argv[1:5]
SHAPES = {"lenet5": (128, 1, 32, 32), "digits": (32, 1, 8, 8), "features": (32, 3, 224, 224)}
SECONDS = 4.0
sys.path.insert(0, folder)
model = getattr(importlib.import_module(file), name)()
images = torch.rand(SHAPES[task])
labels = torch.randint(0, 10, (len(images),))
optimizer = torch.optim.AdamW(model.parameters())


def step() -> None:
    if task == "features":
        with torch.inference_mode():
            model.eval()(images)
        return
    optimizer.zero_grad()
    functional.cross_entropy(model(images), labels).backward()
    optimizer.step()


step()
steps, begun = 0, time.perf_counter()
while time.perf_counter() - begun < SECONDS:
    step()
    steps += 1
print(json.dumps({"images_per_second": steps * len(images) / (time.perf_counter() - begun)}))
