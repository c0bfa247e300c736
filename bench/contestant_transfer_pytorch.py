"""Transfer as the PyTorch tutorial does it (a fixed feature extractor): ImageFolder, random crops and mirror images, a
DataLoader, the body frozen, SGD with momentum on a new head; after each epoch the validation pictures.

Milder than the tutorial: batches of 32 instead of 4, a rate of 0.01 instead of 0.001, the body in evaluation mode.
"""

import json
import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

from plain_torchvision import datasets, transforms
from transfer_common import normalise, with_weights

folder, data, target, most = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
torch.manual_seed(int(sys.argv[5]))
begun = time.perf_counter()
pixels = [transforms.ToTensor(), transforms.Normalize(*normalise(folder))]
varied = transforms.Compose([transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip(), *pixels])
plain = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), *pixels])
loader = DataLoader(datasets.ImageFolder(data / "train", varied), batch_size=32, shuffle=True, num_workers=2)
tester = DataLoader(datasets.ImageFolder(data / "val", plain), batch_size=32, num_workers=2)
model = with_weights(folder)
for parameter in model.parameters():
    parameter.requires_grad = False
model.linear1 = nn.Linear(1280, len(loader.dataset.classes))
model.eval()
optimizer = torch.optim.SGD(model.linear1.parameters(), lr=0.01, momentum=0.9)
loss_of = nn.CrossEntropyLoss()
training, trail = 0.0, []
for _ in range(most):
    started = time.perf_counter()
    for images, targets in loader:
        optimizer.zero_grad()
        loss = loss_of(model(images), targets)
        loss.backward()
        optimizer.step()
    training += time.perf_counter() - started
    with torch.no_grad():
        right = sum((model(images).argmax(1) == targets).sum().item() for images, targets in tester)
    trail.append((training, time.perf_counter() - begun, right / len(tester.dataset)))
    if trail[-1][2] >= target:
        break
print(json.dumps({"trail": trail, "version": torch.__version__}))
