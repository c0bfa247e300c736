"""What is refused before it costs anything: other weights, inputs beyond the memory; and numbers that are none."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from numpy.typing import NDArray

from convscope.engine.inference import ToTensor
from convscope.engine.module import GraphModule
from convscope.errors import UserError
from convscope.files import open_regular
from convscope.network.graph import Graph
from convscope.network.memory import memory
from convscope.network.table import bytes_text
from convscope.ops import Shape, elements, spell_shape

HEADER = 100_000_000
"""Bytes of a header that the format allows."""
WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}


def wanted_shapes(graph: Graph) -> dict[str, Shape]:
    """The tensors of a network by name, as its module will hold them; nothing is allocated."""
    return {
        f"{node.path}.{name}": tuple(shape)
        for node in graph.nodes
        for name, shape in {**node.parameters, **node.buffers}.items()
    }


def check_weights(graph: Graph, path: Path) -> None:
    """Refuse a file whose header has other tensors than the network, before either is allocated.

    Raises:
        UserError: it cannot be read, lacks a tensor, or has one more or of another shape, or is longer than it says.
    """
    try:
        with open_regular(path) as file:
            size = path.stat().st_size
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(HEADER, size):
                raise ValueError(f"a header of {length:,} bytes in a file of {size:,}")
            header: dict[str, Any] = json.loads(file.read(length).decode("utf-8"))
            header.pop("__metadata__", None)
            found = {str(name): tuple(entry["shape"]) for name, entry in header.items()}
            taken = sum(WIDTHS[entry["dtype"]] * elements(entry["shape"]) for entry in header.values())
    except KeyError as error:
        raise UserError(
            str(path), f"the weights cannot be read: {error}"[:200], f"numbers: {', '.join(WIDTHS)}"
        ) from None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, struct.error) as error:
        raise UserError(str(path), f"the weights cannot be read: {error}"[:200]) from None
    wanted = wanted_shapes(graph)
    for name, shape in wanted.items():
        if found.get(name) != shape:
            got = f"{name} is {spell_shape(found[name])}" if name in found else f"{name} is missing"
            raise UserError(str(path), got, f"{spell_shape(shape)}, as the network says")
    extra = sorted(set(found) - set(wanted))
    if extra:
        raise UserError(str(path), f"{extra[0]} is not in the network", "weights of this network alone")
    if size != 8 + length + taken:
        raise UserError(str(path), f"the weights cannot be read: {size:,} bytes", f"{8 + length + taken:,} bytes")


def check_activations(graph: Graph, where: str) -> None:
    """Refuse a network that cannot compute a single input in this machine's memory.

    Raises:
        UserError: says how much it takes, and how much there is.
    """
    needed, there = memory(graph, 1).inference, int(psutil.virtual_memory().total)
    if needed > there:
        got = f"one input takes {bytes_text(needed)} of memory"
        raise UserError(where, got, f"at most {bytes_text(there)}, all that this machine has")


def finite(scores_NO: torch.Tensor, module: GraphModule, normalise: ToTensor, inputs_N: NDArray[Any]) -> torch.Tensor:
    """The scores, refused where one is not a number or infinite.

    Raises:
        UserError: names the first operation whose weights or output are not finite.
    """
    bad_N = ~torch.isfinite(scores_NO).flatten(1).all(1)
    if not bool(bad_N.any()):
        return scores_NO
    expected = "finite numbers: train or load the model again"
    for name, value in module.state_dict().items():
        if not bool(torch.isfinite(value).all()):
            raise UserError("model", f"its answers are not finite, for {name} holds {_named(value)}", expected)
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    index = int(bad_N.nonzero()[0, 0])
    with torch.inference_mode():
        example = normalise(torch.from_numpy(np.array(inputs_N[index : index + 1])).to(device))
        if not bool(torch.isfinite(example).all()):
            raise UserError("model", f"input {index} is not finite after normalisation", "finite numbers")
        for path, value in module.forward_all(example).items():
            if not bool(torch.isfinite(value).all()):
                got = f"its answers are not finite: {path} is the first whose output holds {_named(value)}"
                raise UserError("model", got, expected)
    raise UserError("model", f"its answers are not finite: the scores hold {_named(scores_NO)}", expected)


def _named(value: torch.Tensor) -> str:
    return "NaN" if bool(torch.isnan(value).any()) else "infinity"
