"""The name of one number of a network: ``conv1[3,10,12]`` a unit's, ``conv1.weight[3,0,1,2]`` a weight's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from convscope.errors import UserError, did_you_mean
from convscope.network.graph import INPUT, Graph
from convscope.ops import Shape, spell_shape

_WRITTEN = re.compile(r"\s*(?P<path>[^\s\[\]]+)\s*\[\s*(?P<index>\d{1,9}(?:\s*,\s*\d{1,9})*)\s*\]\s*")


@dataclass(frozen=True)
class Address:
    """Where one number of a network is.

    Args:
        path: the node's, or ``"input"``.
        index: its place in the node's output without the batch, or in the tensor; from 0.
        tensor: ``"weight"``, ``"bias"``, ``"running_mean"`` or ``"running_var"``; empty for the node's output.

    Example:
        >>> str(Address("conv1", (3, 10, 12))), str(Address("conv1", (3, 0, 1, 2), "weight"))
        ('conv1[3,10,12]', 'conv1.weight[3,0,1,2]')
    """

    path: str
    index: tuple[int, ...]
    tensor: str = ""

    def __str__(self) -> str:
        name = f"{self.path}.{self.tensor}" if self.tensor else self.path
        return f"{name}[{','.join(map(str, self.index))}]"


def tensors(graph: Graph, path: str) -> dict[str, Shape]:
    """The shapes of a node's own tensors by name, buffers included; none for the input."""
    if path == INPUT:
        return {}
    node = graph.by_path[path]
    return {**node.parameters, **node.buffers}


def parse_address(graph: Graph, text: str) -> Address:
    """The address that a person wrote, if the network has such a number.

    Raises:
        UserError: it is no address, the network has no such node or tensor, or the place is outside of it.

    Example:
        >>> from convscope.network import zoo
        >>> parse_address(zoo.known("lenet5").graph(), "conv2[15,9,9]")
        Address(path='conv2', index=(15, 9, 9), tensor='')
    """
    found = _WRITTEN.fullmatch(text)
    name = found["path"] if found else re.split(r"[\[\s]", text.strip())[0]
    path, tensor, shape = _named(graph, name)
    if found is None:
        example = Address(path, tuple(n // 2 for n in shape), tensor)
        numbers = "one number" if len(shape) == 1 else f"{len(shape)} numbers"
        raise UserError(f"address {text!r}", "no place in brackets", f"{numbers} from 0, such as {example}")
    index = tuple(int(number) for number in found["index"].split(","))
    if len(index) != len(shape):
        numbers = f"{len(index)} number{'s' if len(index) > 1 else ''}"
        raise UserError(f"address {text!r}", f"{numbers} in brackets", f"{len(shape)}: {name} is {spell_shape(shape)}")
    if any(place >= length for place, length in zip(index, shape, strict=True)):
        last = Address(path, tuple(n - 1 for n in shape), tensor)
        raise UserError(f"address {text!r}", f"{name} is {spell_shape(shape)}", f"at most {last}")
    return Address(path, index, tensor)


def _named(graph: Graph, name: str) -> tuple[str, str, Shape]:
    """Path, tensor and shape of ``conv1`` or ``conv1.weight``."""
    if name == INPUT:
        return INPUT, "", graph.input
    if name in graph.by_path:
        return name, "", graph.by_path[name].shape
    path, _, tensor = name.rpartition(".")
    if path in graph.by_path:
        of = tensors(graph, path)
        if tensor in of:
            return path, tensor, of[tensor]
        known = [f"{path}.{one}" for one in of]
        hint = did_you_mean(name, known) if known else f"{path} ({graph.by_path[path].op.word}) has no weights"
        raise UserError(f"address {name!r}", "no such node or tensor", hint=hint)
    names = [INPUT, *graph.by_path]
    hint = did_you_mean(name, names) or "convscope describe lists the nodes"
    raise UserError(f"address {name!r}", "the network has no such node", hint=hint)
