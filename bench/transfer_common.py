"""What the neighbours of the transfer race share: the network with its weights, its pixels, the pictures."""

import importlib
import json
import sys
from pathlib import Path

import safetensors.torch
from torch import nn

NET = "efficientnet_lite0"


def with_weights(folder: Path) -> nn.Sequential:
    """The plain PyTorch that `convscope code` wrote, with its weights."""
    sys.path.insert(0, str(folder))
    model = getattr(importlib.import_module(NET), NET)()
    model.load_state_dict(safetensors.torch.load_file(folder / "weights.safetensors"))
    return model


def normalise(folder: Path) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of the pixels."""
    found = json.loads((folder / "model.json").read_text())["normalise"]
    return found["mean"], found["std"]
