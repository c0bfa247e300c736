"""The files that tell of a run: what it was asked for, where it took place, what happened."""

from __future__ import annotations

import contextlib
import json
import platform
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from convscope.data.data_path import DataPath
from convscope.data.image.decode import Fit
from convscope.errors import UserError
from convscope.files import named_failures, read_regular, write_atomically
from convscope.learning.events import Event, to_dict
from convscope.learning.recipe import Recipe
from convscope.printable import json_printable

SETTINGS, ENVIRONMENT, METRICS = "settings.json", "environment.json", "metrics.jsonl"


@dataclass(frozen=True)
class Settings:
    """What a run was asked for; with the data, all that decides its weights."""

    data: str
    network: str
    recipe: Recipe
    fit: Fit | None
    fingerprint: str
    weights: str | None = None
    """Those the run started from; ``start.safetensors`` holds them as they were fitted."""
    normalise: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    """Means and deviations that go with them; None: measured."""
    allow_outside: bool = False
    skip_unreadable: bool = False
    """What was permitted in reading the data, see :class:`~convscope.data.data_path.DataPath`."""

    @property
    def source(self) -> DataPath:
        """The data, with what is permitted in reading it."""
        return DataPath(self.data, self.allow_outside, self.skip_unreadable)

    def to_json(self) -> str:
        """As ``settings.json`` holds it."""
        document = {**vars(self), "recipe": self.recipe.to_dict()}
        return json_printable(json.dumps(document, indent=2, ensure_ascii=False)) + "\n"


def read_settings(folder: Path) -> Settings:
    """The settings of a run folder.

    Raises:
        UserError: there is no run in it, or its settings are damaged.
    """
    path = folder / SETTINGS
    try:
        document = json.loads(read_regular(path).decode("utf-8"))
        document["recipe"] = Recipe(**document["recipe"])
        return Settings(**document)
    except FileNotFoundError:
        raise UserError(str(folder), "there is no run to resume here", "a folder that convscope train wrote") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(str(path), f"the settings cannot be read: {error}"[:200]) from None


def versions() -> dict[str, str]:
    """Of everything whose version could matter."""
    found = {"python": platform.python_version()}
    for name in ("convscope", "torch", "numpy", "pillow", "safetensors"):
        found[name] = metadata.version(name)
    return found


def environment() -> dict[str, Any]:
    """Where a run took place."""
    return {
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "platform": platform.platform(),
        "processor": torch.cpu.get_capabilities().get("cpu_name", "") if hasattr(torch.cpu, "get_capabilities") else "",
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "executable": sys.executable,
        "versions": versions(),
    }


def log(path: Path, event: Event) -> None:
    """Add an event to a file of one JSON object a line."""
    with named_failures(path, "writing"), path.open("a", encoding="utf-8") as file:
        file.write(json_printable(json.dumps(to_dict(event), ensure_ascii=False)) + "\n")


def divisions(path: Path) -> list[tuple[int, bool]]:
    """What was logged of how cores divide a batch: from which step on, whether; a run that goes on repeats it."""
    with named_failures(path, "reading"):
        lines = path.read_bytes().splitlines() if path.exists() else []
    found = []
    for line in lines:
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
            entry = json.loads(line)
            if isinstance(entry, dict) and entry.get("event") == "divided":
                found.append((int(entry["step"]), bool(entry["divided"])))
    return sorted(found, key=lambda change: change[0])


def forget_after(path: Path, step: int) -> int:
    """Drop what was logged beyond the checkpoint: those steps are taken again.

    Returns:
        lines that were damaged, and are dropped; half a line at the end, of a killed run, is none.

    Raises:
        UserError: the file cannot be read or written.
    """
    with named_failures(path, "reading"):
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    kept, damaged = [], 0
    for line in lines:
        try:
            entry = json.loads(line.decode("utf-8"))
            kind = entry.get("event")
            goes_on = (entry.get("step", 0) <= step or kind == "divided") and kind not in ("finished", "stopped")
        except (ValueError, AttributeError, TypeError, RecursionError):
            damaged += line.endswith(b"\n")
            continue
        if goes_on:
            kept.append(line.rstrip(b"\r\n") + b"\n")
    write_atomically(path, b"".join(kept))
    return damaged
