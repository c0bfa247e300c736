"""Environments of the neighbours, made on first use, so that none of them is a dependency."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODULES = {"keras": "import tensorflow, keras", "fastai": "import plain_torchvision, torchvision, fastai, lightning"}
FOLDERS = {"keras": ".venv-bench", "fastai": ".venv-fastai"}


@functools.cache
def python_of(name: str) -> str:
    """The interpreter of ``keras`` or ``fastai`` (with torchvision and Lightning); installs them on first use."""
    folder = HERE.parent / FOLDERS[name]
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    probe = [str(python), "-W", "ignore", "-c", MODULES[name]]
    if subprocess.run(probe, capture_output=True, check=False, cwd=HERE).returncode:
        words = ["-m", "pip", "install", "--quiet", "-r", str(HERE / f"requirements-{name}.txt")]
        subprocess.run([str(python), *words], check=True)
    return str(python)
