"""Where runs lie: ``runs/DATA-N``."""

from __future__ import annotations

import re
from pathlib import Path

RUNS = Path("runs")


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
    taken = {entry.name for entry in RUNS.iterdir()} if RUNS.is_dir() else set()
    number = next(n for n in range(1, 10**6) if f"{stem}-{n}" not in taken)
    return RUNS / f"{stem}-{number}"


def latest_run() -> str:
    """The hint for someone who does not say which run: ``the latest is --out runs/digits-3``; empty without any."""
    runs = sorted(RUNS.glob("*/settings.json"), key=lambda p: p.stat().st_mtime) if RUNS.is_dir() else []
    return f"the latest is --out {runs[-1].parent}" if runs else ""
