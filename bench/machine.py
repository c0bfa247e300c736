"""What this machine can do at most: convolutions and matrix products, measured, in float32 and bfloat16.

    python bench/machine.py [--net NET --batch 64 --images-per-second 2500]

The peak of a precision is the best of several well-shaped 3x3 convolutions (forward, channels last) and square matrix
products. With ``--images-per-second`` it says which share of the peak training at this speed is: forward and backward
are counted as three times the forward multiply-adds.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn import functional

CONVOLUTIONS = ((64, 64, 64, 32), (64, 128, 128, 16), (64, 256, 256, 16), (16, 64, 64, 56))
"""Pictures, channels in and out, side."""
PRODUCTS = (512, 1024, 2048)


def processor() -> str:
    """The processor's name, where the system tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def conditions() -> str:
    """The line with which every benchmark begins."""
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{processor()}, {os.cpu_count()} cores, {versions}, {platform.system()}"


def best(work: Callable[[], object], seconds: float = 0.6) -> float:
    """The shortest time of a piece of work that is done again and again for a while."""
    work()
    found, until = [], time.perf_counter() + seconds
    while time.perf_counter() < until or len(found) < 3:
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return min(found)


def peaks(dtype: torch.dtype) -> tuple[float, float]:
    """The most multiply-adds a second of a convolution and of a matrix product."""
    convolution = product = 0.0
    with torch.inference_mode():
        for batch, inside, out, side in CONVOLUTIONS:
            x = torch.randn(batch, inside, side, side).to(dtype).contiguous(memory_format=torch.channels_last)
            weight = torch.randn(out, inside, 3, 3).to(dtype).contiguous(memory_format=torch.channels_last)
            macs = batch * inside * out * side * side * 9
            convolution = max(convolution, macs / best(lambda x=x, w=weight: functional.conv2d(x, w, padding=1)))
        for side in PRODUCTS:
            a, b = torch.randn(side, side).to(dtype), torch.randn(side, side).to(dtype)
            product = max(product, side**3 / best(lambda a=a, b=b: a @ b))
    return convolution, product


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", help="a network that is known by name, or a .net file")
    parser.add_argument("--images-per-second", type=float, help="of its training, or of --forward alone")
    parser.add_argument("--forward", action="store_true", help="count the forward pass alone: prediction")
    options = parser.parse_args()
    print(conditions())
    found = {}
    for dtype in (torch.float32, torch.bfloat16):
        convolution, product = peaks(dtype)
        found[dtype] = max(convolution, product)
        name = str(dtype).removeprefix("torch.")
        print(f"{name:9} convolution {convolution / 1e9:6.0f} GMAC/s   matrix product {product / 1e9:6.0f} GMAC/s")
    if options.net and options.images_per_second:
        from convscope.network import zoo

        macs = zoo.find(options.net).graph().macs * (1 if options.forward else 3) * options.images_per_second
        for dtype, peak in found.items():
            name = str(dtype).removeprefix("torch.")
            print(f"{options.net}: {macs / 1e9:.0f} GMAC/s are {macs / peak:.0%} of the {name} peak")


if __name__ == "__main__":
    main()
