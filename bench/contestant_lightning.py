"""Lightning: the network of the PyTorch contestant as a LightningModule, ``Trainer.fit``, Adam, float32."""

import json
import logging
import sys
import time
import warnings
from pathlib import Path

import plain_torchvision  # noqa: F401  so that torchvision loads, which Lightning's metrics import

# isort: split
import lightning
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
data, epochs, batch, to = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])


def pictures(name: str) -> torch.Tensor:
    raw = np.frombuffer((data / name).read_bytes(), np.uint8, offset=16)
    return torch.from_numpy(raw.reshape(-1, 1, 28, 28).astype("float32") / 255)


def labels(name: str) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer((data / name).read_bytes(), np.uint8, offset=8).astype("int64"))


train = TensorDataset(pictures("train-images-idx3-ubyte"), labels("train-labels-idx1-ubyte"))
test = TensorDataset(pictures("t10k-images-idx3-ubyte"), labels("t10k-labels-idx1-ubyte"))
tester = DataLoader(test, 1000)
seconds, accuracies, reached = [], [], []


class Classifier(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10),
        )  # fmt: skip
        self.begun = 0.0

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters())

    def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
        images, targets = batch
        return nn.functional.cross_entropy(self.model(images), targets)

    def on_train_epoch_start(self) -> None:
        self.begun = time.perf_counter()

    def on_train_epoch_end(self) -> None:
        seconds.append(time.perf_counter() - self.begun)
        self.model.eval()
        with torch.no_grad():
            right = sum((self.model(images).argmax(1) == targets).sum().item() for images, targets in tester)
        self.model.train()
        accuracies.append(round(right / len(test), 4))
        if to and accuracies[-1] >= to:
            reached.append(sum(seconds))
            self.trainer.should_stop = True


trainer = lightning.Trainer(
    max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
    enable_model_summary=False,
)  # fmt: skip
trainer.fit(Classifier(), DataLoader(train, batch, shuffle=True))
found = {"epoch_seconds": seconds, "accuracies": accuracies, "seconds_to": reached[0] if reached else None}
print(json.dumps({**found, "version": lightning.__version__}))
