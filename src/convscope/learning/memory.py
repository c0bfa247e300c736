"""How many pictures of a step fit into memory at a time: settled before the run, explained where it went wrong."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NoReturn

import psutil
import torch

from convscope.engine.workers import cores
from convscope.errors import UserError, is_out_of_memory
from convscope.learning.device import precision_of
from convscope.learning.recipe import Recipe
from convscope.network.graph import Graph
from convscope.network.memory import memory
from convscope.network.operation_memory import Dtype
from convscope.network.table import bytes_text

LEAST = 2
"""Pictures at a time that batch norm needs at least."""
AT_A_TIME = 16
"""Pictures at a time for which a network is chosen, so that batch norm sees enough of them."""
MARGIN = 0.9
"""Of the free memory, what training may take: others take some of it later."""
GROUP = Path("/sys/fs/cgroup")


def free_bytes(device: torch.device) -> int:
    """Memory that is free now on the device; on a processor no more than what the container is allowed."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free = int(psutil.virtual_memory().available)
    try:
        allowed = int((GROUP / "memory.max").read_text()) - int((GROUP / "memory.current").read_text())
    except (OSError, ValueError):
        return free
    return max(0, min(free, allowed))


def budget(recipe: Recipe, device: torch.device) -> int:
    """Bytes that a training step may take: of ``recipe.memory`` what the process does not hold yet, or what is free."""
    free = int(MARGIN * free_bytes(device))
    if recipe.memory is None:
        return free
    held = torch.cuda.memory_reserved(device) if device.type == "cuda" else psutil.Process().memory_info().rss
    return max(0, min(free, recipe.memory - held))


def training_bytes(graph: Graph, batch: int, recipe: Recipe, device: torch.device) -> int:
    """What a step of ``batch`` pictures takes on the device, as predicted, with one piece of it at a time."""
    return _bytes_of(graph, -(-batch // recipe.pieces(batch)), recipe, device)


def _bytes_of(graph: Graph, pictures: int, recipe: Recipe, device: torch.device) -> int:
    """What a step takes in which so many pictures are computed at the same time."""
    dtype: Dtype = "bfloat16" if precision_of(recipe, device) == torch.bfloat16 else "float32"
    found = memory(graph, pictures, dtype, recipe.optimizer or "adamw")
    return found.training if device.type == "cuda" else found.training_held


def pieces_at_once(graph: Graph, recipe: Recipe, device: torch.device) -> int:
    """How many pieces of a step are computed at the same time: on a processor as many as there are cores and memory."""
    pieces = recipe.pieces(recipe.batch_size or 1)
    if device.type != "cpu":
        return 1
    limit = budget(recipe, device)
    together = min(pieces, cores())
    while together > 1 and _bytes_of(graph, together * -(-(recipe.batch_size or 1) // pieces), recipe, device) > limit:
        together -= 1
    return together


def fitting_batch(graph: Graph, available: int, recipe: Recipe, device: torch.device) -> int:
    """The largest batch, as a power of two, whose predicted training memory is below ``available`` bytes."""
    batch = 1
    while batch < 2**20 and training_bytes(graph, batch * 2, recipe, device) < available:
        batch *= 2
    return batch


def fitted(graph: Graph, recipe: Recipe, device: torch.device, limit: int | None = None) -> Recipe:
    """The recipe, with a step computed in as few pieces as the memory asks for; the step itself stays the same.

    Args:
        graph: of the network.
        recipe: resolved.
        device: where it is trained.
        limit: bytes; None: :func:`budget`.

    Raises:
        UserError: not even two or three pictures at a time fit, which is the least that batch norm can do with.

    Example:
        >>> from convscope.network.network import Network
        >>> graph = Network.parse("input 3x64x64 > conv 64 3x3 > relu > flatten > linear 2").graph()
        >>> recipe = Recipe(batch_size=128, precision="float32")
        >>> fitted(graph, recipe, torch.device("cpu"), 10**9).micro_batch is None
        True
        >>> fitted(graph, recipe, torch.device("cpu"), 10**8).micro_batch
        16
    """
    limit = budget(recipe, device) if limit is None else limit
    batch = recipe.batch_size or 1
    while training_bytes(graph, batch, recipe, device) > limit:
        size = -(-batch // recipe.pieces(batch))
        smaller = max(LEAST, size // 2)
        if size <= LEAST or smaller == recipe.micro_batch:
            raise _nothing_fits(graph, size, recipe, device, limit)
        recipe = dataclasses.replace(recipe, micro_batch=smaller)
    return recipe


def in_words(graph: Graph, recipe: Recipe, device: torch.device) -> str:
    """What training takes, and why a step is computed in pieces."""
    whole = training_bytes(graph, recipe.batch_size or 1, dataclasses.replace(recipe, micro_batch=None), device)
    pieces = training_bytes(graph, recipe.batch_size or 1, recipe, device)
    return (
        f"all {recipe.batch_size} of a step at once would take {bytes_text(whole)}, this takes {bytes_text(pieces)}; "
        "the gradients are added up"
    )


def check_memory(graph: Graph, recipe: Recipe, device: torch.device) -> None:
    """Refuse to go on with a run that does not fit any more: its pieces cannot be changed without changing it.

    Raises:
        UserError: the predicted memory is more than there is; a batch size that fits is named.
    """
    limit = budget(recipe, device)
    if training_bytes(graph, recipe.batch_size or 1, recipe, device) > limit:
        raise _too_large(graph, recipe, device, limit)


def _nothing_fits(graph: Graph, size: int, recipe: Recipe, device: torch.device, limit: int) -> UserError:
    taken = bytes_text(training_bytes(graph, size, dataclasses.replace(recipe, micro_batch=None), device))
    asked = recipe.memory is not None and limit < int(MARGIN * free_bytes(device))
    most = f"at most {bytes_text(limit)}, what is free"
    if asked and recipe.memory is not None:
        most = f"at most {bytes_text(limit)}: of {bytes_text(recipe.memory)} the rest is taken already"
    return UserError(
        "--memory" if asked else "memory",
        f"training takes about {taken} even {size} pictures at a time",
        most,
        "a smaller --input or network",
    )


def _too_large(graph: Graph, recipe: Recipe, device: torch.device, free: int) -> UserError:
    batch_size = recipe.batch_size or 1
    if training_bytes(graph, 1, recipe, device) > free:
        hint = "a smaller network or input"
    else:
        fits = fitting_batch(graph, int(free * 0.7), recipe, device)
        hint = f"--batch-size {min(fits, max(1, batch_size // 2))} would fit"
    return UserError(
        f"--batch-size {batch_size}",
        f"training takes about {bytes_text(training_bytes(graph, batch_size, recipe, device))} of memory",
        f"at most the {bytes_text(free)} that are free",
        hint,
    )


def explain_memory(error: Exception, graph: Graph, recipe: Recipe, device: torch.device) -> NoReturn:
    """Raise a :class:`UserError` with a batch size that would fit where memory ran out, else the error itself."""
    if not is_out_of_memory(error):
        raise error
    raise _too_large(graph, recipe, device, free_bytes(device)) from None
