"""`convscope describe resnet152` beside torchinfo on the same network: whole processes, in turn, medians.

    python bench/describe.py           (needs torchinfo: pip install torchinfo)

torchinfo gets the network as plain PyTorch, from `convscope code`, and does not pay for importing torchvision.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 7
NETWORK = "resnet152"
TORCHINFO = f"""
import torchinfo
from {NETWORK} import {NETWORK}
print(torchinfo.summary({NETWORK}(), (1, 3, 224, 224), depth=9, device="cpu"))
"""


def measured(command: list[str], folder: str) -> tuple[float, int, str]:
    """Seconds, peak bytes and output of a process."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, output
    return time.perf_counter() - begun, usage.ru_maxrss * 1024, output


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        ours = [str(Path(sys.executable).with_name("convscope")), "describe", NETWORK]
        written = subprocess.run([*ours[:1], "code", NETWORK], capture_output=True, text=True, check=True).stdout
        Path(folder, f"{NETWORK}.py").write_text(written)
        theirs = [sys.executable, "-c", TORCHINFO]
        contestants = {"convscope describe": ours, "torchinfo": theirs}
        found: dict[str, list[tuple[float, int]]] = {name: [] for name in contestants}
        for _ in range(ROUNDS):
            for name, command in contestants.items():
                seconds, peak, output = measured(command, folder)
                assert "60,192,808" in output
                found[name].append((seconds, peak))
    medians = {name: statistics.median(s for s, _ in runs) for name, runs in found.items()}
    for name, runs in found.items():
        peak = max(peak for _, peak in runs) / 2**20
        spread = f"{min(s for s, _ in runs):.2f} to {max(s for s, _ in runs):.2f}"
        print(f"{name:20} {medians[name]:6.2f} s ({spread})  {peak:6.0f} MiB")
    print(f"ratio {medians['torchinfo'] / medians['convscope describe']:.1f}")


if __name__ == "__main__":
    main()
