"""Models that were never trained, with weights drawn from a seed."""

from __future__ import annotations

from convscope.data.image.decode import ImagePreprocess
from convscope.data.image.normalise import Normalise
from convscope.engine.module import to_module
from convscope.model.folder import Model
from convscope.network import zoo
from convscope.network.network import Network


def untrained_model(text: str, classes: tuple[str, ...] = (), seed: int = 0) -> Model:
    """A model of a network, given as notation or by its name."""
    network = Network.parse(text) if "input" in text else zoo.known(text)
    graph = network.graph()
    channels, height, width = graph.input
    names = classes or tuple(f"class {k}" for k in range(graph.output.shape[0]))
    normalise = Normalise((0.4, 0.5, 0.6)[:channels], (0.25, 0.2, 0.3)[:channels])
    module = to_module(graph, seed=seed).eval()
    return Model(graph, module, names, ImagePreprocess(channels, height, width), normalise)
