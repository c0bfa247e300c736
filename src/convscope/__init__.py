"""convscope: convolutional networks you can see through.

The names here are the whole public face; each loads its part on first use, so that importing convscope is instant.

    >>> import convscope
    >>> net = convscope.Network.parse("input 1x8x8 > conv 4 3x3 > relu > flatten > linear 10")
    >>> net.graph().macs
    2736
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convscope.api import calc, check, compare, describe, evaluate, look, predict, train, training, zoo
    from convscope.api import format as format  # noqa: A004  the command's name
    from convscope.errors import UserError
    from convscope.learning.recipe import Recipe
    from convscope.model.export.source import code
    from convscope.model.folder import Model
    from convscope.model.load_weights import load
    from convscope.network.network import Network

__all__ = [
    "Model",
    "Network",
    "Recipe",
    "UserError",
    "calc",
    "check",
    "code",
    "compare",
    "describe",
    "evaluate",
    "format",
    "load",
    "look",
    "predict",
    "train",
    "training",
    "zoo",
]

_HOMES = {
    "Model": "convscope.model.folder",
    "Network": "convscope.network.network",
    "Recipe": "convscope.learning.recipe",
    "UserError": "convscope.errors",
    "calc": "convscope.api",
    "check": "convscope.api",
    "code": "convscope.model.export.source",
    "compare": "convscope.api",
    "describe": "convscope.api",
    "evaluate": "convscope.api",
    "format": "convscope.api",
    "load": "convscope.model.load_weights",
    "look": "convscope.api",
    "predict": "convscope.api",
    "train": "convscope.api",
    "training": "convscope.api",
    "zoo": "convscope.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'convscope' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
