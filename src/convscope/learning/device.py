"""Where a recipe computes, and in which numbers."""

from __future__ import annotations

import torch

from convscope.errors import UserError
from convscope.learning.recipe import Recipe


def device_of(recipe: Recipe) -> torch.device:
    """The device a recipe means.

    Raises:
        UserError: it asks for a GPU and there is none.
    """
    if recipe.device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda", "there is no CUDA device", "cpu or auto")
    use_cuda = recipe.device != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if use_cuda else "cpu")


def precision_of(recipe: Recipe, device: torch.device) -> torch.dtype:
    """bfloat16 where it is asked for, or where ``auto`` finds hardware that computes in it; else float32."""
    if recipe.precision == "auto":
        if device.type == "cuda":
            native = torch.cuda.is_bf16_supported(including_emulation=False)
        else:
            capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
            native = bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
        return torch.bfloat16 if native else torch.float32
    return torch.bfloat16 if recipe.precision == "bfloat16" else torch.float32
