"""Others' weights as a model folder: what they say of themselves is little, so input, pixels and classes are told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from convscope.arithmetic.inference import Normalise, laid_out
from convscope.arithmetic.module import GraphModule, load_state
from convscope.arithmetic.weights import Loaded, fit, read_state
from convscope.data.dataset import Fit, Preprocess
from convscope.delivery.model import Model
from convscope.errors import UserError
from convscope.network.network import Network
from convscope.network.ops import spell_shape

IMAGENET = Normalise((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""What most published weights were trained with."""


def read_names(file: Path) -> tuple[str, ...]:
    """Class names, one a line; blank lines do not count.

    Raises:
        UserError: the file cannot be read, or a name stands in it twice.
    """
    try:
        names = tuple(line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError):
        raise UserError(str(file), "the file cannot be read", "a text file with one class name a line") from None
    twice = next((name for index, name in enumerate(names) if name in names[:index]), None)
    if twice is not None:
        raise UserError(str(file), f"the class {twice!r} stands in it twice", "each class once, in the weights' order")
    return names


def adopt(
    network: Network,
    weights: Path,
    family: str = "",
    names: Sequence[str] | None = None,
    normalise: Normalise | None = None,
    how: Fit = "crop",
    keep: float = 1.0,
) -> tuple[Model, Loaded]:
    """A model of a network and someone's weights for it.

    Args:
        network: with its input.
        weights: a ``.pth`` or ``.safetensors`` file.
        family: of the zoo, which tells the weights' names; empty for our own.
        names: of the classes, in the order of the outputs; None: ``"0"``, ``"1"``, ...
        normalise: of the pixels; None: ImageNet's means and deviations, 0.5 and 0.5 for grey pictures.
        how: pictures come to the input's size.
        keep: of a crop; see :class:`~convscope.data.dataset.Preprocess`.

    Raises:
        UserError: the weights cannot be read or are of another network, or there are as many names as no output has.
    """
    if not 0.1 <= keep <= 1:
        raise UserError("--keep", f"{keep:g}", "from 0.1 to 1: how much of the picture's shorter side a crop keeps")
    graph = network.graph()
    if len(graph.input) != 3 or graph.input[0] not in (1, 3):
        raise UserError("--input", spell_shape(graph.input), "CxHxW with 1 or 3 channels, for example 3x224x224")
    if len(graph.output.shape) != 1:
        raise UserError(network.source.name, f"outputs of {spell_shape(graph.output.shape)}", "a score a class")
    outputs = graph.output.shape[0]
    classes = tuple(names) if names is not None else tuple(str(n) for n in range(outputs))
    if len(classes) != outputs:
        raise UserError("--names", f"{len(classes):,} class names", f"{outputs:,}, one for each output")
    loaded = fit(graph, read_state(weights), family, str(weights))
    if loaded.fresh:
        hint = "leave --classes out, or train a new head"
        raise UserError(str(weights), loaded.adapted[-1], "weights with as many classes", hint)
    module = GraphModule(graph)
    heads = {f"{node.path}." for head in graph.heads for node in head.nodes}
    load_state(module, {k: v.float() for k, v in loaded.state.items() if not k.startswith(tuple(heads) or ("\0",))})
    channels, height, width = graph.input
    pixels = normalise or (IMAGENET if channels == 3 else Normalise((0.5,), (0.5,)))
    if len(pixels.mean) != channels or len(pixels.std) != channels:
        raise UserError("--mean", f"{len(pixels.mean)} means, {len(pixels.std)} deviations", f"{channels} of each")
    facts = {"weights": {"file": weights.name, "adapted": list(loaded.adapted), "left_over": list(loaded.left_over)}}
    model = Model(
        network, laid_out(module).eval(), classes, Preprocess(channels, height, width, how, keep), pixels, facts
    )
    return model, loaded
