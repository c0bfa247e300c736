"""Where runs lie: ``runs/DATA-N``."""

from __future__ import annotations

import re
from pathlib import Path

RUNS = Path("runs")
CHECKPOINT, CHECKPOINT_BEFORE = "checkpoint.safetensors", "checkpoint-before.safetensors"
LONGEST = 200
"""Bytes of a run's name made of others' names, without its number; file systems take 255."""


def next_run_folder(data: str, net: str | None) -> Path:
    """``runs/DATA-N`` with the first free number.

    Args:
        data: what is trained on, as a person wrote it.
        net: the network's name or file; the notation is left out.

    Example:
        >>> next_run_folder("pictures/cats and dogs", "lenet5").parts[-1].startswith("cats-and-dogs-lenet5-")
        True
    """
    words = [Path(data).name.removesuffix(".zip") or "run"]
    if net and re.fullmatch(r"[\w./-]+", net):
        words.append(Path(net).stem)
    stem = "-".join(re.sub(r"[^\w.]+", "-", word).strip("-.") or "data" for word in words)
    stem = stem.encode()[:LONGEST].decode(errors="ignore").rstrip("-.")
    taken = {entry.name for entry in RUNS.iterdir()} if RUNS.is_dir() else set()
    number = next(n for n in range(1, 10**6) if f"{stem}-{n}" not in taken)
    return RUNS / f"{stem}-{number}"


def latest_run() -> str:
    """The hint for someone who does not say which run: ``the latest is --out runs/digits-3``; empty without any."""
    runs = sorted(RUNS.glob("*/settings.json"), key=lambda p: p.stat().st_mtime) if RUNS.is_dir() else []
    return f"the latest is --out {runs[-1].parent}" if runs else ""


def kept_of(folder: Path) -> str:
    """What a run that fails leaves behind, in words; empty where that is nothing."""
    if (folder / "model" / "model.json").exists():
        return f"the model is saved in {folder / 'model'}"
    if any((folder / name).exists() for name in (CHECKPOINT, CHECKPOINT_BEFORE)):
        return f"the run up to its last checkpoint: convscope train --resume --out {folder}"
    return ""
