"""Prediction as it is usually written: an image folder's files, PIL, torchvision's transforms, a DataLoader of two
workers, the network in evaluation mode. As a stronger neighbour also channels last under bfloat16 autocast.
"""

import contextlib
import importlib
import json
import resource
import sys
import time
from pathlib import Path

import safetensors.torch
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from plain_torchvision import transforms

model_folder, pictures, name, mode = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
facts = json.loads((model_folder / "model.json").read_text())
fast = mode == "bfloat16"


class Pictures(Dataset):
    def __init__(self, files: list[Path]) -> None:
        self.files = files
        self.transform = transforms.Compose([
            transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(),
            transforms.Normalize(facts["normalise"]["mean"], facts["normalise"]["std"]),
        ])  # fmt: skip

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.transform(Image.open(self.files[index]).convert("RGB"))


def answers(model: torch.nn.Module, files: list[Path]) -> list[int]:
    found = []
    with torch.inference_mode():
        for images in DataLoader(Pictures(files), batch_size=32, num_workers=2):
            with torch.autocast("cpu", torch.bfloat16) if fast else contextlib.nullcontext():
                given = images.contiguous(memory_format=torch.channels_last) if fast else images
                found.append(model(given).float().softmax(1).argmax(1))
    return torch.cat(found).tolist()


sys.path.insert(0, str(model_folder))
model = getattr(importlib.import_module(name), name)()
model.load_state_dict(safetensors.torch.load_file(model_folder / "weights.safetensors"))
model.eval()
if fast:
    model = model.to(memory_format=torch.channels_last)
files = sorted(pictures.glob("*.jpg"))
seconds = []
for _ in range(2):
    begun = time.perf_counter()
    classes = answers(model, files)
    seconds.append(time.perf_counter() - begun)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + 2 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps({"seconds": seconds, "classes": classes, "peak_kib": peak}))
