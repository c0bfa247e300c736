"""Others' weights as a model folder: what they say of themselves is little, so input, pixels and classes are told."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from convscope.data.image.decode import Fit, ImagePreprocess
from convscope.data.image.normalise import Normalise
from convscope.engine.inference import laid_out
from convscope.engine.module import GraphModule, load_state
from convscope.engine.weights import fit_state, read_state
from convscope.errors import UserError
from convscope.files import read_regular
from convscope.model import pretrained
from convscope.model.download import Progress
from convscope.model.folder import Model
from convscope.model.pretrained import IMAGENET, Pretrained
from convscope.network import zoo
from convscope.network.network import Network
from convscope.ops import Shape, spell_shape
from convscope.printable import printable

GREY = Normalise((0.449,), (0.226,))
"""The mean of its three colours: what weights that were summed over the colours expect."""


def read_names(file: Path) -> tuple[str, ...]:
    """Class names, one a line; blank lines do not count. Equal ones carry their number, from 0: ImageNet's crane is
    a bird, ``crane (134)``, and a machine, ``crane (517)``.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        names = [printable(line.strip()) for line in read_regular(file).decode("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        raise UserError(str(file), "the file cannot be read", "a text file with one class name a line") from None
    times = Counter(names)
    return tuple(f"{name} ({index})" if times[name] > 1 else name for index, name in enumerate(names))


def load(
    net: str | Network,
    weights: str | Path,
    *,
    names: Sequence[str] | None = None,
    input: Shape | None = None,  # noqa: A002  the option's name
    classes: int | None = None,
    fit: Fit = "crop",
    keep: float | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    progress: Progress = lambda done, total: None,
) -> Model:
    """A model of a network and someone's weights for it; ``model.save(folder)`` makes a model folder.

    Args:
        net: a network or what :func:`convscope.network.zoo.find` takes; a known name tells what torchvision and timm
            call its tensors.
        weights: a ``.pth`` or ``.safetensors`` file, nothing in which is executed; or the name of public weights, which
            are downloaded into the cache once (see :mod:`convscope.model.pretrained`).
        names: of the classes, in the order of the outputs; None: ``"0"``, ``"1"``, ...
        input: (C, H, W) in place of the network's own.
        classes: the number of outputs in place of the network's own.
        fit: how pictures come to the input's size.
        keep: of a crop; see :class:`~convscope.data.image.decode.ImagePreprocess`; None: what named weights
            were measured with, else 1.
        mean: of the pixels' channels, from 0 to 1; None: those of named weights, else ImageNet's; for grey pictures the
            mean of the colours'.
        std: likewise.
        progress: told (bytes there, bytes in all) while weights are downloaded.

    Returns:
        the model; ``model.facts["weights"]`` says what was adapted and what was left over.

    Raises:
        UserError: the weights cannot be read or are of another network, or what is told of them does not fit it.

    Example:
        >>> model = load("mobilenet_v2", "mobilenet_v2-b0353104.pth", keep=0.875)  # doctest: +SKIP
    """
    named = pretrained.find(weights)
    if keep is None:
        keep = named.keep if named is not None and fit == "crop" else 1.0
    if not 0.1 <= keep <= 1:
        raise UserError("--keep", f"{keep:g}", "from 0.1 to 1: how much of the picture's shorter side a crop keeps")
    if keep != 1 and fit != "crop":
        raise UserError("--keep", f"--fit {fit} keeps the whole picture", "--keep with --fit crop alone")
    network = zoo.find(net) if isinstance(net, str) else net
    if input is not None:
        network = network.with_input(input)
    if classes is not None:
        network = network.with_classes(classes)
    graph = network.graph()
    if len(graph.input) != 3 or graph.input[0] not in (1, 3):
        raise UserError("--input", spell_shape(graph.input), "CxHxW with 1 or 3 channels, for example 3x224x224")
    if len(graph.output.shape) != 1:
        raise UserError(network.source.name, f"outputs of {spell_shape(graph.output.shape)}", "a score a class")
    outputs = graph.output.shape[0]
    names = [str(n) for n in range(outputs)] if names is None else names
    if len(names) != outputs:
        raise UserError("--names", f"{len(names):,} class names", f"{outputs:,}, one for each output")
    channels, height, width = graph.input
    normalise = _normalise(channels, mean, std, named)

    file = Path(weights) if named is None else pretrained.fetch(named, progress)
    fitted = fit_state(graph, read_state(file), family_of(network), str(file))
    if fitted.fresh:
        hint = "leave --classes out, or train a new head"
        raise UserError(str(file), fitted.adapted[-1], "weights with as many classes", hint)
    module = GraphModule(graph)
    wanted = module.state_dict().keys()
    load_state(module, {name: value.float() for name, value in fitted.state.items() if name in wanted})
    facts = {"weights": {"file": file.name, "adapted": list(fitted.adapted), "left_over": list(fitted.left_over)}}
    preprocess = ImagePreprocess(channels, height, width, fit, keep)
    return Model(graph, laid_out(module).eval(), tuple(names), preprocess, normalise, facts)


def family_of(network: Network) -> str:
    """The family whose names others' weights of a network probably have: the file of the zoo that it came from."""
    return Path(network.source.name).stem


def normalise_of(named: Pretrained | None, channels: int) -> Normalise:
    """What the pixels of a network with others' weights are brought to."""
    usual = IMAGENET if named is None else named.normalise
    if channels == len(usual.mean):
        return usual
    return GREY if usual == IMAGENET else Normalise(usual.mean[:1], usual.std[:1])


def _normalise(
    channels: int, mean: Sequence[float] | None, std: Sequence[float] | None, named: Pretrained | None
) -> Normalise:
    if mean is None and std is None:
        return normalise_of(named, channels)
    if mean is None or std is None:
        raise UserError("--mean" if std is None else "--std", "one without the other", "both or neither")
    if len(mean) != channels or len(std) != channels:
        raise UserError("--mean", f"{len(mean)} means, {len(std)} deviations", f"{channels} of each")
    if not all(map(math.isfinite, mean)) or not all(0 < value < math.inf for value in std):
        raise UserError("--std", f"means {mean}, deviations {std}", "numbers, the deviations above 0")
    return Normalise(tuple(mean), tuple(std))
