"""fastai: the network of the PyTorch contestant in a Learner, its one-cycle schedule and Adam, float32.

Its schedule must know the epochs beforehand, so it runs short plans until one of them ends good enough; only the last
is counted.
"""

import json
import sys
import time
from pathlib import Path

import plain_torchvision  # noqa: F401  so that torchvision loads

# isort: split
import numpy as np
import torch
from fastai import __version__
from fastai.callback import progress, schedule  # noqa: F401  they add methods to the Learner
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner
from fastai.metrics import accuracy
from torch import nn
from torch.utils.data import TensorDataset

data, epochs, batch, to = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])


def pictures(name: str) -> torch.Tensor:
    raw = np.frombuffer((data / name).read_bytes(), np.uint8, offset=16)
    return torch.from_numpy(raw.reshape(-1, 1, 28, 28).astype("float32") / 255)


def labels(name: str) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer((data / name).read_bytes(), np.uint8, offset=8).astype("int64"))


train = TensorDataset(pictures("train-images-idx3-ubyte"), labels("train-labels-idx1-ubyte"))
test = TensorDataset(pictures("t10k-images-idx3-ubyte"), labels("t10k-labels-idx1-ubyte"))
loaders = DataLoaders(DataLoader(train, bs=batch, shuffle=True), DataLoader(test, bs=1000))
seconds, accuracies, reached = [], [], None
for count in range(3, epochs + 1, 2):
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10),
    )  # fmt: skip
    learner = Learner(loaders, model, loss_func=nn.CrossEntropyLoss(), metrics=accuracy)
    begun = time.perf_counter()
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(count, 3e-3)
    took = time.perf_counter() - begun
    # Validation is inside, as its users see it: the test set forward, about a twentieth of an epoch.
    seconds.append(took / count)
    accuracies.append(round(float(learner.recorder.values[-1][-1]), 4))
    if not to or accuracies[-1] >= to:
        reached = took if to else None
        break
found = {"epoch_seconds": seconds, "accuracies": accuracies, "seconds_to": reached}
print(json.dumps({**found, "version": __version__}))
