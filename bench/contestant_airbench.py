"""The recipe of airbench94 (K. Jordan 2024, arXiv:2404.00498), written from its description, in bfloat16.

    python bench/contestant_airbench.py FOLDER [STEPS]

SGD with Nesterov momentum, batches of 1024, 9.9 epochs, whitened first layer, alternating flip, shifts of 2 reflected
pixels, label smoothing 0.2, biases learning 64 times as fast, Lookahead, averages over mirror images and shifts of one
pixel at the end. With STEPS only so many are taken, and the whole is as many times as long.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

EPOCHS, BATCH, RATE, MOMENTUM, DECAY = 9.9, 1024, 11.5, 0.85, 0.0153
BIAS_SCALE, SMOOTHING, BIAS_EPOCHS, SHIFT = 64.0, 0.2, 3, 2
MEAN, STD = torch.tensor([125.3, 123.0, 113.9]), torch.tensor([63.0, 62.1, 66.7])


def pictures(folder: Path, names: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    raw = np.concatenate([np.frombuffer((folder / n).read_bytes(), np.uint8).reshape(-1, 3073) for n in names])
    labels = torch.from_numpy(raw[:, 0].astype("int64"))
    images = torch.from_numpy(raw[:, 1:].reshape(-1, 3, 32, 32).astype("float32"))
    images = (images - MEAN.view(1, 3, 1, 1)) / STD.view(1, 3, 1, 1)
    return images.bfloat16().contiguous(memory_format=torch.channels_last), labels


class Halve(nn.Module):
    def __init__(self, inside: int, out: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(i, out, 3, padding=1, bias=False) for i in (inside, out))
        self.norm1, self.norm2 = nn.BatchNorm2d(out, momentum=0.4), nn.BatchNorm2d(out, momentum=0.4)
        for norm in (self.norm1, self.norm2):
            norm.weight.requires_grad_(False)
        for conv in (self.conv1, self.conv2):
            width = conv.weight.shape[1]
            nn.init.dirac_(conv.weight.data[:width])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.gelu(self.norm1(functional.max_pool2d(self.conv1(x), 2)))
        return functional.gelu(self.norm2(self.conv2(x)))


class Net(nn.Module):
    def __init__(self, images: torch.Tensor) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 24, 2)
        self.blocks = nn.Sequential(Halve(24, 64), Halve(64, 256), Halve(256, 256))
        self.last = nn.Linear(256, 10, bias=False)
        patches = images[:5000].float().unfold(2, 2, 1).unfold(3, 2, 1).transpose(1, 3).reshape(-1, 12)
        values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
        kernels = (vectors / (values + 5e-4).sqrt()).T.reshape(12, 3, 2, 2)
        self.first.weight.data = torch.cat([kernels, -kernels])
        self.first.weight.requires_grad_(False)

    def forward(self, x: torch.Tensor, learns: bool = True) -> torch.Tensor:
        bias = self.first.bias if learns else self.first.bias.detach()
        x = self.blocks(functional.gelu(functional.conv2d(x, self.first.weight, bias)))
        return self.last(functional.max_pool2d(x, 3).flatten(1)) / 9


def share(progress: float, start: float = 0.2, peak: float = 0.23, end: float = 0.07) -> float:
    if progress < peak:
        return start + (1 - start) * progress / peak
    return 1 - (1 - end) * (progress - peak) / (1 - peak)


def shifted(images: torch.Tensor) -> torch.Tensor:
    padded = functional.pad(images, (SHIFT,) * 4, "reflect")
    out, offsets = torch.empty_like(images), torch.randint(0, 2 * SHIFT + 1, (len(images), 2))
    for down in range(2 * SHIFT + 1):
        for right in range(2 * SHIFT + 1):
            these = (offsets[:, 0] == down) & (offsets[:, 1] == right)
            out[these] = padded[these, :, down : down + 32, right : right + 32]
    return out


def views(net: Net, images: torch.Tensor) -> torch.Tensor:
    """The scores of a picture and its mirror image, and of both shifted by a pixel up and left, down and right."""

    def mirrored(x: torch.Tensor) -> torch.Tensor:
        return (net(x) + net(x.flip(-1))).float() / 2

    padded = functional.pad(images, (1,) * 4, "reflect")
    moved = [mirrored(padded[:, :, i : i + 32, i : i + 32]) for i in (0, 2)]
    return mirrored(images) / 2 + (moved[0] + moved[1]) / 4


def main() -> None:
    folder = Path(sys.argv[1])
    torch.manual_seed(0)
    images, labels = pictures(folder, [f"data_batch_{i}.bin" for i in range(1, 6)])
    test, truth = pictures(folder, ["test_batch.bin"])
    begun = time.perf_counter()
    net = Net(images).to(memory_format=torch.channels_last)
    whole = round(EPOCHS * (len(images) // BATCH))
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else whole
    scale = 1024 * (1 + 1 / (1 - MOMENTUM))
    rate, decay = RATE / scale, DECAY * BATCH / scale
    biases = [p for n, p in net.named_parameters() if p.requires_grad and "norm" in n]
    others = [p for n, p in net.named_parameters() if p.requires_grad and "norm" not in n]
    groups = [
        {"params": biases, "peak": rate * BIAS_SCALE, "weight_decay": decay / rate / BIAS_SCALE},
        {"params": others, "peak": rate, "weight_decay": decay / rate},
    ]
    optimizer = torch.optim.SGD(groups, lr=rate, momentum=MOMENTUM, nesterov=True)
    ahead = {name: value.clone() for name, value in net.state_dict().items()}
    step_seconds: list[float] = []
    step = 0
    flips = torch.rand(len(images)) < 0.5
    while step < steps:
        epoch = step // (len(images) // BATCH)
        now = flips if epoch % 2 == 0 else ~flips
        order = torch.randperm(len(images))
        for i in range(len(images) // BATCH):
            started = time.perf_counter()
            indices = order[i * BATCH : (i + 1) * BATCH]
            batch = images[indices]
            batch = torch.where(now[indices][:, None, None, None], batch.flip(-1), batch)
            batch = shifted(batch).contiguous(memory_format=torch.channels_last)
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * share(step / whole)
            with torch.autocast("cpu", torch.bfloat16):
                scores = net(batch, epoch < BIAS_EPOCHS)
            loss = functional.cross_entropy(scores.float(), labels[indices], label_smoothing=SMOOTHING, reduction="sum")
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            step += 1
            if step % 5 == 0 or step == whole:
                # Lookahead (Zhang et al. 2019): the weights go back to an average of themselves that follows.
                follow = 1.0 if step == whole else 1 - 0.95**5 * (step / whole) ** 3
                for name, value in net.state_dict().items():
                    if value.is_floating_point():
                        ahead[name].lerp_(value, follow)
                        value.copy_(ahead[name])
            step_seconds.append(time.perf_counter() - started)
            if step >= steps:
                break
    seconds = time.perf_counter() - begun
    accuracy = None
    if steps == whole:
        net.eval()
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            scores = torch.cat([views(net, some) for some in test.split(1000)])
        accuracy = float((scores.argmax(1) == truth).float().mean())
    median = sorted(step_seconds)[len(step_seconds) // 2]
    print(
        json.dumps(
            {
                "steps": steps,
                "whole": whole,
                "seconds": seconds,
                "step_seconds": median,
                "whole_seconds": seconds if steps == whole else median * whole,
                "accuracy": accuracy,
                "version": torch.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
