"""Whether a batch fits into memory: refused before the run where it cannot, explained where it did not."""

from __future__ import annotations

from typing import NoReturn

import psutil
import torch

from convscope.errors import UserError
from convscope.network.graph import Graph
from convscope.network.summary import memory
from convscope.network.table import bytes_text


def _free(device: torch.device) -> int:
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else int(psutil.virtual_memory().available)


def fitting_batch(graph: Graph, available: int) -> int:
    """The largest batch, as a power of two, whose predicted training memory is below ``available`` bytes."""
    batch = 1
    while batch < 2**20 and memory(graph, batch * 2).training < available:
        batch *= 2
    return batch


def check_memory(graph: Graph, batch_size: int, device: torch.device) -> None:
    """Refuse a run that cannot fit before it starts.

    Raises:
        UserError: the predicted memory is more than there is; a batch size that fits is named.
    """
    free = _free(device)
    needed = memory(graph, batch_size).training
    if needed > free:
        raise _too_large(graph, batch_size, needed, free)


def _too_large(graph: Graph, batch_size: int, needed: int, free: int) -> UserError:
    fits = fitting_batch(graph, int(free * 0.7))
    if memory(graph, 1).training > free:
        hint = "a smaller network or input"
    else:
        hint = f"--batch-size {min(fits, max(1, batch_size // 2))} would fit"
    return UserError(
        f"--batch-size {batch_size}",
        f"training takes about {bytes_text(needed)} of memory",
        f"at most the {bytes_text(free)} that are free",
        hint,
    )


def explain_memory(error: Exception, graph: Graph, batch_size: int, device: torch.device) -> NoReturn:
    """Raise a :class:`UserError` with a batch size that would fit where memory ran out, else the error itself."""
    text = str(error).lower()
    out = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "alloc" in text or "out of memory" in text
    if not out:
        raise error
    free = _free(device)
    raise _too_large(graph, batch_size, memory(graph, batch_size).training, free) from None
