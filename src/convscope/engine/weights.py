"""Others' checkpoints: read without executing anything, named by the family's map, every shape verified."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from convscope import ops
from convscope.engine.weight_names import NAMES, holders
from convscope.errors import UserError
from convscope.files import named_in_utf8, refuse_special
from convscope.network.graph import INPUT, Graph, Node
from convscope.ops import spell_shape

WRAPPERS = ("state_dict", "model_state_dict", "state_dict_ema", "model", "net")
"""Under these a checkpoint may hold its weights beside other things."""
PREFIXES = ("module.", "_orig_mod.", "model.")
"""What data parallelism, torch.compile and Lightning put before every name."""
IGNORED = "num_batches_tracked"
SHOWN = 5


@dataclass(frozen=True)
class Loaded:
    """Weights for a graph, and what was done to make them fit.

    Args:
        state: tensors by our names; those of ``fresh`` nodes are not among them.
        fresh: nodes that start anew, since the checkpoint has another number of classes.
        adapted: sentences on what was changed.
        left_over: names in the file that the network has no place for.
    """

    state: Mapping[str, Tensor]
    fresh: tuple[str, ...]
    adapted: tuple[str, ...]
    left_over: tuple[str, ...]


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a ``.pth``, ``.pt``, ``.bin`` or ``.safetensors`` file by name, prefixes removed.

    Nothing in the file is executed: pickled code is refused.

    Raises:
        UserError: the file cannot be read, is damaged, holds code or no weights.
    """
    where = str(path)
    refuse_special(path)
    if not path.is_file():
        raise UserError(where, "there is no such file", "a checkpoint: .safetensors or .pth")
    if path.suffix == ".safetensors":
        try:
            with named_in_utf8(path) as name:
                return _without_prefix(load_file(name))
        except (SafetensorError, OSError, ValueError) as error:
            raise UserError(where, f"this is not a safetensors file, or a part of it is missing: {error}") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters of a strange file is said below
            document = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            where,
            "the file holds more than tensors: " + str(error).split("\n")[0][:120],
            "a state_dict, which is names and tensors; nothing else is read, and nothing was executed",
            "where you trust it, save it again with torch.save(model.state_dict(), FILE)",
        ) from None
    except Exception as error:  # damaged archives raise whatever the reader met
        got = "this is not a checkpoint, or a part of it is missing"
        raise UserError(where, f"{got}: {str(error).split(chr(10))[0][:120]}", "a whole .pth file") from None
    return _without_prefix(_tensors(document, where))


def _tensors(document: Any, where: str) -> dict[str, Tensor]:
    for _ in range(3):
        if isinstance(document, Mapping):
            found = {str(k): v for k, v in document.items() if isinstance(v, Tensor)}
            if found:
                return found
            document = next((document[name] for name in WRAPPERS if name in document), None)
    raise UserError(where, "there are no weights in this file", "a state_dict: names and tensors")


def _without_prefix(state: dict[str, Tensor]) -> dict[str, Tensor]:
    changed = True
    while changed:
        changed = False
        for prefix in PREFIXES:
            if state and all(name.startswith(prefix) for name in state):
                state = {name.removeprefix(prefix): value for name, value in state.items()}
                changed = True
    return state


def fit_state(graph: Graph, state: Mapping[str, Tensor], family: str, where: str = "weights") -> Loaded:
    """The state under our names, for a network of a known family or with our own names.

    Another number of classes keeps the body and starts the last layer anew; a network for grey pictures sums the
    first layer's weights over the colours, which is the same as showing it the picture in all three.

    Args:
        graph: the network.
        state: from :func:`read_state`.
        family: of the zoo, whose map of names is used where the names are not ours; may be unknown.
        where: what to call the checkpoint in messages.

    Raises:
        UserError: tensors are missing or of other shapes.
    """
    keys = _keys(graph, state, family, where)
    optional = {f"{node.path}." for head in graph.heads for node in head.nodes}
    lasts = {_last(nodes) for nodes in (graph.nodes, *(head.nodes for head in graph.heads))}
    fitted: dict[str, Tensor] = {}
    fresh: list[str] = []
    adapted: list[str] = []
    missing: list[str] = []
    wrong: list[str] = []
    for node in holders(graph):
        for name, shape in {**node.parameters, **node.buffers}.items():
            ours = f"{node.path}.{name}"
            value = state.get(keys[ours])
            if value is None:
                if not any(ours.startswith(prefix) for prefix in optional):
                    missing.append(keys[ours])
                continue
            changed = _adapted(node, name, value, shape)
            if changed is not None:
                fitted[ours] = changed
                if prod(value.shape) != prod(shape):
                    adapted.append(f"{ours}: the weights of {value.shape[1]} colours were summed")
            elif node.path in lasts and tuple(value.shape[1:]) == shape[1:]:
                if node.path not in fresh:
                    fresh.append(node.path)
                    adapted.append(f"{node.path} starts anew: {value.shape[0]:,} classes there, {shape[0]:,} here")
            else:
                wrong.append(f"{keys[ours]} is {spell_shape(tuple(value.shape))}, {ours} is {spell_shape(shape)}")
    if missing or wrong:
        raise _other_network(where, missing, wrong)
    left = sorted(set(state) - set(keys.values()))
    left_over = tuple(name for name in left if not name.endswith(IGNORED))
    return Loaded(fitted, tuple(fresh), tuple(adapted), left_over)


def _keys(graph: Graph, state: Mapping[str, Tensor], family: str, where: str) -> dict[str, str]:
    """The foreign name of each of our tensors; our own names where the file uses them."""
    tensors = {f"{node.path}.{name}": node for node in holders(graph) for name in {**node.parameters, **node.buffers}}
    own = sum(name in state for name in tensors)
    if own >= len(tensors) / 2 or family not in NAMES:
        if own == 0:
            raise UserError(
                where,
                "none of its names is a node of this network",
                "weights of a network that convscope knows by name, or saved by convscope",
                f"it begins with {', '.join(list(state)[:3])}",
            )
        return {name: name for name in tensors}
    return max(
        (_named(tensors, names(graph)) for names in NAMES[family]), key=lambda n: sum(v in state for v in n.values())
    )


def _named(tensors: Mapping[str, Node], prefixes: Mapping[str, str]) -> dict[str, str]:
    return {
        ours: prefixes.get(node.path, node.path) + ("" if isinstance(node.op, ops.Scale) else ours[len(node.path) :])
        for ours, node in tensors.items()
    }


def _last(nodes: tuple[Node, ...]) -> str:
    """The node that decides the number of outputs."""
    return next((node.path for node in reversed(nodes) if isinstance(node.op, (ops.Linear, ops.Conv))), "")


def _adapted(node: Node, name: str, value: Tensor, shape: ops.Shape) -> Tensor | None:
    """The value in our shape where it has one, else None."""
    got = tuple(value.shape)
    if got == shape:
        return value
    if [n for n in got if n != 1] == [n for n in shape if n != 1]:
        return value.reshape(shape)  # a 1x1 convolution written as a linear product, a scale with ones behind it
    first = isinstance(node.op, ops.Conv) and node.inputs == (INPUT,) and name == "weight"
    if first and len(got) == len(shape) and shape[1] == 1 and (got[0], *got[2:]) == (shape[0], *shape[2:]):
        return value.sum(1, keepdim=True)
    return None


def _other_network(where: str, missing: list[str], wrong: list[str]) -> UserError:
    parts = []
    if missing:
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        parts.append(f"it lacks {', '.join(missing[:SHOWN])}{more}")
    if wrong:
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        parts.append(f"{'; '.join(wrong[:SHOWN])}{more}")
    return UserError(where, "; ".join(parts), "the weights of this network", "is it the right --net?")
