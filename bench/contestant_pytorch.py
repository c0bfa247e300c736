"""The loop of the PyTorch tutorials: DataLoader, Adam, float32, one batch after the other."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

data, epochs, batch, to = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])


def pictures(name: str) -> torch.Tensor:
    raw = np.frombuffer((data / name).read_bytes(), np.uint8, offset=16)
    return torch.from_numpy(raw.reshape(-1, 1, 28, 28).astype("float32") / 255)


def labels(name: str) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer((data / name).read_bytes(), np.uint8, offset=8).astype("int64"))


train = TensorDataset(pictures("train-images-idx3-ubyte"), labels("train-labels-idx1-ubyte"))
test = TensorDataset(pictures("t10k-images-idx3-ubyte"), labels("t10k-labels-idx1-ubyte"))
model = nn.Sequential(
    nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10),
)  # fmt: skip
optimizer, loss_of = torch.optim.Adam(model.parameters()), nn.CrossEntropyLoss()
loader, tester = DataLoader(train, batch, shuffle=True), DataLoader(test, 1000)
seconds, accuracies, reached = [], [], None
for _ in range(epochs):
    begun = time.perf_counter()
    model.train()
    for images, targets in loader:
        optimizer.zero_grad()
        loss = loss_of(model(images), targets)
        loss.backward()
        optimizer.step()
    seconds.append(time.perf_counter() - begun)
    model.eval()
    with torch.no_grad():
        right = sum((model(images).argmax(1) == targets).sum().item() for images, targets in tester)
    accuracies.append(round(right / len(test), 4))
    if to and accuracies[-1] >= to:
        reached = sum(seconds)
        break
print(
    json.dumps(
        {"epoch_seconds": seconds, "accuracies": accuracies, "seconds_to": reached, "version": torch.__version__}
    )
)
