"""First weights: named schemes, every tensor drawn from its own seed.

N below is the number of values that an output sums, ``in / groups * kernel`` for a convolution (its "fan in").
Weights of variance 1/N keep the size of the values from layer to layer; a ReLU, which zeroes half of them, asks for
twice that. Too small a variance lets the values vanish with depth, too large a one lets them explode: the schemes
``small``, ``large`` and ``zeros`` are there to show it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod, sqrt

import torch
from torch import Tensor

from convscope import ops
from convscope.errors import UserError, did_you_mean
from convscope.network.graph import Graph, Node
from convscope.seeds import stream_seed


@dataclass(frozen=True)
class _Draw:
    """What a scheme knows of the tensor it draws: its shape, fan in, fan out, name, the activation after it, and
    whether it is the last layer.
    """

    shape: ops.Shape
    fan_in: int
    fan_out: int
    name: str
    activation: ops.Op | None
    last: bool
    generator: torch.Generator

    def normal(self, std: float) -> Tensor:
        """Normal, with mean 0."""
        return torch.empty(self.shape).normal_(0.0, std, generator=self.generator)

    def uniform(self, bound: float) -> Tensor:
        """Uniform from -bound to bound."""
        return torch.empty(self.shape).uniform_(-bound, bound, generator=self.generator)

    def zeros(self) -> Tensor:
        """Zeros."""
        return torch.zeros(self.shape)


def _nonlinearity(draw: _Draw) -> str:
    return draw.activation.traits.nonlinearity if draw.activation is not None else "none"


def _kaiming(draw: _Draw) -> Tensor:
    slope = getattr(draw.activation, "negative_slope", 0.0)
    gain = sqrt(2 / (1 + slope**2)) if _nonlinearity(draw) == "rectifier" else 1.0
    return draw.normal(gain / sqrt(draw.fan_in))


def _xavier(draw: _Draw) -> Tensor:
    return draw.uniform(sqrt(6 / (draw.fan_in + draw.fan_out)))


def _lecun(draw: _Draw) -> Tensor:
    return draw.normal(1 / sqrt(draw.fan_in))


UNDECIDED = 0.1
"""Of a last layer's usual spread: all classes then start about as likely as each other, at a loss of ln(classes)."""


def _default(draw: _Draw) -> Tensor:
    if draw.last:
        return draw.normal(UNDECIDED / sqrt(draw.fan_in))
    return _xavier(draw) if _nonlinearity(draw) == "saturating" else _kaiming(draw)


def _identity(draw: _Draw) -> Tensor:
    if draw.last or len(draw.shape) < 3:
        return _default(draw)
    weight = draw.uniform(1 / sqrt(draw.fan_in))
    passed = min(draw.shape[0], draw.shape[1])
    torch.nn.init.dirac_(weight[:passed])
    return weight


def _weights_by(draw_weight: Callable[[_Draw], Tensor]) -> Callable[[_Draw], Tensor]:
    """A scheme that draws weights and leaves biases at zero."""
    return lambda draw: draw.zeros() if draw.name == "bias" else draw_weight(draw)


SCHEMES: Mapping[str, Callable[[_Draw], Tensor]] = {
    "default": _weights_by(_default),
    "kaiming": _weights_by(_kaiming),
    "xavier": _weights_by(_xavier),
    "lecun": _weights_by(_lecun),
    "pytorch": lambda draw: draw.uniform(1 / sqrt(draw.fan_in)),
    "identity": _weights_by(_identity),
    "small": _weights_by(lambda draw: draw.normal(0.01)),
    "large": _weights_by(lambda draw: draw.normal(1.0)),
    "zeros": _Draw.zeros,
}
"""How the weights of convolutions and linear layers are drawn, by name.

- ``default``: ``xavier`` before tanh and sigmoid, else ``kaiming``; the last layer a tenth of ``lecun``, so that a
  network starts undecided.
- ``kaiming``: normal of variance 2/N before a rectifier, 1/N elsewhere (He et al. 2015). By the fan in, which keeps
  the forward values in size and holds for grouped convolutions too; the paper finds fan in and fan out equally good.
- ``xavier``: uniform of variance 2 / (fan in + fan out) (Glorot and Bengio 2010).
- ``lecun``: normal of standard deviation 1/sqrt(N) (LeCun et al. 1998, Efficient BackProp).
- ``pytorch``: weights and biases uniform within 1/sqrt(N), what ``torch.nn.Conv2d`` and ``Linear`` do.
- ``identity``: the first kernels of a convolution pass their input on, the others are as in ``pytorch``; linear layers
  as in ``default`` (Zagoruyko and Komodakis 2017, DiracNets). ``whitened`` in a recipe is this with a first layer
  computed from the pictures, see :mod:`convscope.engine.whitening`.
- ``small``, ``large``: normal of standard deviation 0.01 and 1, whatever N is. ``zeros``: every unit alike.
"""


def initialise(graph: Graph, scheme: str = "default", seed: int = 0) -> dict[str, Tensor]:
    """The first state of a network.

    A tensor's numbers depend on the seed, its name and its shape alone: a layer added elsewhere changes none of
    them, unless it changes the activation that a scheme looks at. Normalisations start as they are in every
    scheme: weight 1, bias 0, running mean 0 and variance 1.

    Args:
        graph: the network.
        scheme: one of :data:`SCHEMES`.
        seed: of the draw; the global generator is neither read nor moved.

    Returns:
        float32 tensors as ``path.weight``, ``path.bias``, ``path.running_mean``, ``path.running_var``.

    Raises:
        UserError: an unknown scheme.

    Example:
        >>> node = Node("linear1", ops.Linear(2), ("input",), ((3,),), (2,))
        >>> {name: tuple(value.shape) for name, value in initialise(Graph((3,), (node,))).items()}
        {'linear1.weight': (2, 3), 'linear1.bias': (2,)}
    """
    if scheme not in SCHEMES:
        raise UserError("init", f"unknown scheme {scheme!r}", ", ".join(SCHEMES), did_you_mean(scheme, SCHEMES))
    readers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for path in node.inputs:
            readers.setdefault(path, []).append(node)
    state: dict[str, Tensor] = {}
    for node in graph.nodes:
        for name, shape in {**node.parameters, **node.buffers}.items():
            key = f"{node.path}.{name}"
            if node.op.traits.product:
                weight = node.parameters["weight"]
                state[key] = SCHEMES[scheme](
                    _Draw(
                        shape,
                        fan_in=prod(weight[1:]),
                        fan_out=weight[0] * prod(weight[2:]) // getattr(node.op, "groups", 1),
                        name=name,
                        activation=_activation_after(node, readers),
                        last=_is_last(node, readers),
                        generator=torch.Generator().manual_seed(stream_seed(seed, "initialise", key)),
                    )
                )
            else:
                state[key] = torch.full(shape, node.op.initial(name))
    return state


def _activation_after(node: Node, readers: Mapping[str, list[Node]]) -> ops.Op | None:
    """The first activation that the values meet before the next layer, or None."""
    waiting = list(readers.get(node.path, ()))
    seen: set[str] = set()
    while waiting:
        reader = waiting.pop(0)
        traits = reader.op.traits
        if traits.nonlinearity in ("rectifier", "saturating"):
            return reader.op
        if traits.nonlinearity == "none" and not traits.product and reader.path not in seen:
            seen.add(reader.path)
            waiting += readers.get(reader.path, ())
    return None


def _is_last(node: Node, readers: Mapping[str, list[Node]]) -> bool:
    """Whether no later convolution or linear layer reads what a layer gives."""
    waiting = list(readers.get(node.path, ()))
    seen = {reader.path for reader in waiting}
    while waiting:
        reader = waiting.pop()
        if reader.op.traits.product:
            return False
        further = [r for r in readers.get(reader.path, ()) if r.path not in seen]
        seen.update(r.path for r in further)
        waiting += further
    return True
