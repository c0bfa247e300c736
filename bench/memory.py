"""Predicted against measured peak memory: a process a network, so that none lives in what another left behind.

    python bench/memory.py

Measured is the growth of the resident set's peak over a process that has already computed with every kind of
operation, so that the engine's own code does not count. Three steps are taken with pictures of noise.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

NETWORKS = {
    "lenet5": 4096, "alexnet": 32, "vgg11": 8, "googlenet": 16, "resnet18": 16, "resnet50": 8, "densenet121": 8,
    "squeezenet1_1": 16, "mobilenet_v2": 16, "efficientnet_lite0": 16, "convnext_tiny": 8,
}  # fmt: skip
WARM = """input 3x64x64
conv 64 7x7 stride=2 padding=3 > batchnorm > relu6 > maxpool 3x3 stride=2 padding=1
conv 64 1x1 bias=no > batchnorm > relu > conv 64 3x3 padding=1 groups=64
concat { conv 64 3x3 stride=2 padding=1 > gelu | conv 64 1x1 stride=2 > tanh }
add { conv 128 3x3 padding=1 bias=no > batchnorm | identity } > layernorm > avgpool 2
conv 64 5x5 padding=2 > dropout > globalavgpool > flatten > linear 1000 > relu > linear 10"""


def resident(entry: str) -> int:
    return 1024 * int(re.search(rf"{entry}:\s+(\d+)", Path("/proc/self/status").read_text())[1])  # type: ignore[index]


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def contestant(name: str, batch: int, what: str) -> None:
    """Print the bytes predicted and measured, in a process of its own."""
    import torch

    from convscope.data.image.modality import IMAGE
    from convscope.data.image.normalise import Normalise
    from convscope.engine.inference import laid_out
    from convscope.engine.module import to_module
    from convscope.engine.workers import Workers
    from convscope.learning.gradients import Objective
    from convscope.learning.loader import Batch
    from convscope.learning.recipe import Recipe
    from convscope.learning.state import begin
    from convscope.learning.step import Stepper
    from convscope.model.task import task_of
    from convscope.network import zoo
    from convscope.network.memory import memory
    from convscope.network.network import Network

    def work(network: Network, batch: int) -> None:
        graph = network.graph()
        channels, height, width = graph.input
        normalise = Normalise((0.5,) * channels, (0.5,) * channels)
        images = torch.randint(0, 255, (batch, height, width, channels), dtype=torch.uint8)
        if what == "training":
            labels = torch.randint(0, graph.output.shape[0], (batch,))
            state = begin(graph, Recipe().resolved(1000), torch.device("cpu"))
            state.module.train()
            task = task_of(graph, [str(k) for k in range(graph.output.shape[0])])
            objective = Objective(IMAGE, normalise, task, torch.float32)
            for _ in range(3):
                Stepper(state, Workers(1)).step(Batch(images, labels), objective)[0].item()
        else:
            module = laid_out(to_module(graph)).eval()
            forget_peak()  # of the weights' drawing
            with torch.inference_mode():
                for _ in range(3):
                    module(normalise(images))

    work(Network.parse(WARM), 4)
    before = resident("VmRSS")
    forget_peak()
    network = zoo.known(name)
    work(network, batch)
    measured = resident("VmHWM") - before
    found = memory(network.graph(), batch)
    print(found.training_held if what == "training" else found.inference_held, measured)


def main() -> None:
    if len(sys.argv) == 4:
        contestant(sys.argv[1], int(sys.argv[2]), sys.argv[3])
        return
    print(f"{'network':20} {'batch':>5}  {'':9} {'predicted':>10} {'measured':>10}  ratio   (MiB, float32, AdamW)")
    for name, batch in NETWORKS.items():
        for what in ("training", "inference"):
            command = [sys.executable, __file__, name, str(batch), what]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            predicted, measured = map(int, done.stdout.split())
            sizes = f"{predicted / 2**20:10.1f} {measured / 2**20:10.1f}"
            print(f"{name:20} {batch:5}  {what:9} {sizes}  {predicted / measured:5.2f}", flush=True)


if __name__ == "__main__":
    main()
