"""Commands as processes of their own, to be killed or starved: forked from one that has loaded what every run loads.

Loading takes most of a short run; whether commands start at all from nothing is the command line's tests' to say.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.process import BaseProcess
from pathlib import Path

from convscope.cli.entry import main

_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload(["torch._dynamo", "sklearn.datasets", "convscope.learning.run"])


def start(*words: str, said: Path, largest: int | None = None) -> BaseProcess:
    """``convscope WORDS`` in a process; what it prints goes to a file, and no file may be larger than so many bytes."""
    process = _FORKED.Process(target=_run, args=(words, said, largest))
    process.start()
    return process


def _run(words: tuple[str, ...], said: Path, largest: int | None) -> None:
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    if largest is not None:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    main(list(words))
