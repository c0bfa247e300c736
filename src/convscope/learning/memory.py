"""Whether a batch fits into memory: refused before the run where it cannot, explained where it did not."""

from __future__ import annotations

from typing import NoReturn

import psutil
import torch

from convscope.errors import UserError
from convscope.learning.device import precision_of
from convscope.learning.recipe import Recipe
from convscope.network.graph import Graph
from convscope.network.memory import Dtype, memory
from convscope.network.table import bytes_text


def _free(device: torch.device) -> int:
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else int(psutil.virtual_memory().available)


def training_bytes(graph: Graph, batch: int, recipe: Recipe, device: torch.device) -> int:
    """What a step of ``batch`` pictures takes on the device, as predicted."""
    dtype: Dtype = "bfloat16" if precision_of(recipe, device) == torch.bfloat16 else "float32"
    found = memory(graph, min(batch, recipe.micro_batch or batch), dtype, recipe.optimizer or "adamw")
    return found.training if device.type == "cuda" else found.training_held


def fitting_batch(graph: Graph, available: int, recipe: Recipe, device: torch.device) -> int:
    """The largest batch, as a power of two, whose predicted training memory is below ``available`` bytes."""
    batch = 1
    while batch < 2**20 and training_bytes(graph, batch * 2, recipe, device) < available:
        batch *= 2
    return batch


def check_memory(graph: Graph, recipe: Recipe, device: torch.device) -> None:
    """Refuse a run that cannot fit before it starts.

    Raises:
        UserError: the predicted memory is more than there is; a batch size that fits is named.
    """
    free = _free(device)
    if training_bytes(graph, recipe.batch_size or 1, recipe, device) > free:
        raise _too_large(graph, recipe, device, free)


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
    text = str(error).lower()
    out = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "alloc" in text or "out of memory" in text
    if not out:
        raise error
    raise _too_large(graph, recipe, device, _free(device)) from None
