"""Where a recipe computes, and in which numbers."""

from __future__ import annotations

import torch

from convscope.engine.precision import native_bfloat16
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
        return torch.bfloat16 if native_bfloat16(device) else torch.float32
    return torch.bfloat16 if recipe.precision == "bfloat16" else torch.float32
