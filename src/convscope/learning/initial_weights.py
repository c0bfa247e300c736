"""What a run starts from: drawn weights, or others' with the parts that must be new drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from convscope.data.dataset import Inputs
from convscope.data.image.normalise import Normalise
from convscope.data.modality import Normalisation
from convscope.engine.initialise import initialise
from convscope.engine.weights import fit_state, read_state
from convscope.engine.whitening import whitening
from convscope.errors import UserError
from convscope.files import read_regular, write_atomically
from convscope.learning.optimise import first_conv
from convscope.learning.recipe import WHITENED, Recipe
from convscope.model import pretrained
from convscope.model.download import Progress
from convscope.model.load_weights import family_of, normalise_of
from convscope.network import zoo
from convscope.network.graph import Graph
from convscope.network.network import Network

START = "start.safetensors"


@dataclass(frozen=True)
class InitialWeights:
    """Weights for every node of a network, auxiliary heads included.

    Args:
        weights: what they were called.
        state: by our names.
        normalise: what the pixels were brought to when they were trained.
        adapted, left_over, fresh: see :class:`convscope.engine.weights.Loaded`.
    """

    weights: str
    state: Mapping[str, Tensor]
    normalise: Normalise
    adapted: tuple[str, ...]
    left_over: tuple[str, ...]
    fresh: tuple[str, ...] = ()


def initial_weights(graph: Graph, recipe: Recipe, inputs_N: Inputs, normalise: Normalisation) -> Mapping[str, Tensor]:
    """First weights by the recipe's scheme; ``whitened`` computes the first layer from the inputs.

    Raises:
        UserError: an unknown scheme, or no first layer that could be computed.
    """
    state = initialise(graph.with_heads, recipe.scheme, recipe.seed)
    if recipe.init != WHITENED:
        return state
    first = first_conv(graph)
    if first is None:
        raise UserError("--init whitened", "no convolution reads the input", "a network that starts with one")
    name = f"{first.path}.weight"
    return state | {name: whitening(tuple(state[name].shape), inputs_N, normalise)}


def network_of(weights: str | Path) -> Network:
    """The network that weights with a name are of.

    Raises:
        UserError: it is a file, which does not say.
    """
    named = pretrained.find(weights)
    if named is None:
        raise UserError("--weights", f"{weights} does not say of which network", "--net beside it")
    return zoo.known(named.name)


def start_from(
    weights: str | Path,
    network: Network,
    scheme: str,
    seed: int,
    progress: Progress = lambda done, total: None,
) -> InitialWeights:
    """Others' weights in a network; what they do not hold, such as the head for other classes, is drawn.

    Raises:
        UserError: they cannot be fetched or read, or are of another network.
    """
    graph = network.graph()
    named = pretrained.find(weights)
    file = Path(weights) if named is None else pretrained.fetch(named, progress)
    fitted = fit_state(graph, read_state(file), family_of(network), str(file))
    state = initialise(graph.with_heads, scheme, seed) | {name: value.float() for name, value in fitted.state.items()}
    normalise = normalise_of(named, graph.input[0])
    return InitialWeights(str(weights), state, normalise, fitted.adapted, fitted.left_over, fitted.fresh)


def save_start(folder: Path, state: Mapping[str, Tensor]) -> None:
    """Keep the weights in the run's folder, so that it can be resumed without the file they came from."""
    tensors = {name: value.contiguous() for name, value in state.items()}
    write_atomically(folder / START, safetensors.torch.save(tensors))


def read_start(folder: Path) -> Mapping[str, Tensor]:
    """The weights that :func:`save_start` kept.

    Raises:
        UserError: the file is missing or damaged.
    """
    path = folder / START
    try:
        return safetensors.torch.load(read_regular(path))
    except (OSError, SafetensorError) as error:
        raise UserError(str(path), f"the weights this run started from cannot be read: {error}"[:200]) from None
