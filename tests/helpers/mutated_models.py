"""A model folder with one thing changed, by a seed: what JSON says, the network, the weights, the files themselves.

    python tests/helpers/mutated_models.py MODEL_FOLDER COUNT [FIRST_SEED]

prints how many were answered, refused with our own error, wrong, and the peak of the memory above the base.
"""

from __future__ import annotations

import json
import random
import resource
import shutil
import struct
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from convscope.errors import UserError
from convscope.model.folder import FACTS, NETWORK, WEIGHTS, Model

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1e-45, 2**40, 10**400, 1e308, -1e308, float("nan"), float("inf"), "", "x", "\x1b[31m",
    [], [1], {}, {"a": 1}, [[[]]], "0" * 5000, [float("nan")] * 3, -0.5, 0.5, 1.5,
)  # fmt: skip


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, each in inner for place in places(each, (*at, key)))]


def change_facts(folder: Path, rng: random.Random) -> str:
    """A value replaced, or a key dropped, or the text mangled."""
    path = folder / FACTS
    if rng.random() < 0.1:
        return change_bytes(path, rng)
    document = json.loads(path.read_text())
    # Every key is as likely, however long the list is that it holds.
    key = rng.choice(list(document))
    *way, last = (key, *rng.choice(places(document[key])))
    inside = document
    for step in way:
        inside = inside[step]
    drop, odd = rng.random() < 0.2, rng.choice(ODD)
    if drop:
        del inside[last]
    else:
        inside[last] = odd
    path.write_text(json.dumps(document))
    return f"{FACTS} {[*way, last]} {'dropped' if drop else repr(odd)[:40]}"


def change_bytes(path: Path, rng: random.Random) -> str:
    """Some bytes flipped, cut out or put in."""
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 1, 5))):
        where, what = rng.randrange(len(data)), rng.randrange(3)
        if what == 0:
            data[where] ^= 1 << rng.randrange(8)
        elif what == 1:
            del data[where : where + rng.choice((1, 4, 40))]
        else:
            data[where:where] = rng.randbytes(rng.choice((1, 4, 40)))
    path.write_bytes(data)
    return f"{path.name} bytes"


def change_network(folder: Path, rng: random.Random) -> str:
    """A number replaced, a line dropped or doubled, or bytes."""
    path = folder / NETWORK
    if rng.random() < 0.3:
        return change_bytes(path, rng)
    words = path.read_text().split(" ")
    where = rng.randrange(len(words))
    words[where] = rng.choice(("", words[where] * 2, "99999999", "0", "-1", "1e9", rng.choice(words)))
    path.write_text(" ".join(words))
    return f"{NETWORK} {words[where][:30]!r}"


def change_weights(folder: Path, rng: random.Random) -> str:
    """The header's shapes, types and places; numbers that are none; bytes."""
    path, what = folder / WEIGHTS, rng.random()
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    if what < 0.25:
        values = np.frombuffer(data[8 + length :], np.float32).copy()
        values[rng.randrange(len(values))] = odd = rng.choice((np.nan, np.inf, -np.inf, 3e38))
        path.write_bytes(data[: 8 + length] + values.tobytes())
        return f"{WEIGHTS} holds {odd}"
    if what < 0.5:
        return change_bytes(path, rng)
    if what < 0.6:
        path.write_bytes(struct.pack("<Q", rng.choice((0, 1, length + 1, 10**8, 2**63, 2**64 - 1))) + data[8:])
        return f"{WEIGHTS} length"
    header = json.loads(data[8 : 8 + length])
    *way, last = rng.choice([place for place in places(header) if place])
    inside: Any = header
    for step in way:
        inside = inside[step]
    inside[last] = odd = rng.choice((*ODD[:8], "F64", "I64", "F8_E4M3", 10**12))
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
    return f"{WEIGHTS} {[*way, last]} {odd!r}"[:100]


def change_files(folder: Path, rng: random.Random) -> str:
    """A file missing, empty, cut or a directory."""
    path, what = folder / rng.choice((FACTS, NETWORK, WEIGHTS)), rng.choice(("missing", "empty", "cut", "directory"))
    data = path.read_bytes()
    path.unlink()
    if what == "directory":
        path.mkdir()
    elif what != "missing":
        path.write_bytes(b"" if what == "empty" else data[: rng.randrange(len(data))])
    return f"{path.name} {what}"


CHANGES: tuple[Callable[[Path, random.Random], str], ...] = (
    change_facts, change_facts, change_network, change_weights, change_files,
)  # fmt: skip


def strict(document: Any) -> None:
    """Fail on numbers that JSON has not."""
    json.dumps(document, allow_nan=False)


def outcome(source: Path, seed: int, pictures: np.ndarray[Any, Any]) -> tuple[str, str]:
    """``answered``, ``refused`` or ``wrong``, and what was changed."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(source, Path(place) / "model"))
        said = rng.choice(CHANGES)(folder, rng)
        try:
            model = Model.load(folder)
            probabilities = model.probabilities(pictures)
            model.threshold()
        except UserError as error:
            return ("refused" if len(str(error)) < 2000 else "wrong"), said
        except Exception as error:  # what the proof looks for
            return "wrong", f"{said}: {type(error).__name__}: {error}"[:300]
    # Right: probabilities of exactly the network that the folder now holds.
    whole = bool(np.isfinite(probabilities).all()) and bool(np.allclose(probabilities.sum(1), 1))
    return ("answered" if whole else "wrong"), said


def peak_bytes() -> int:
    """The most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(source: Path, count: int, first: int = 0) -> int:
    """Print the counts; 1 where any was wrong or took more than 1 GB."""
    pictures = np.random.default_rng(0).integers(0, 256, (2, *Model.load(source).preprocess.stored), np.uint8)
    Model.load(source).probabilities(pictures)
    base, found = peak_bytes(), Counter[str]()
    for seed in range(first, first + count):
        kind, said = outcome(source, seed, pictures)
        found[kind] += 1
        if kind == "wrong":
            print(seed, said, flush=True)
    above = peak_bytes() - base
    print(dict(found), f"peak {above / 2**20:.0f} MiB above the base")
    return int(found["wrong"] > 0 or above > 10**9)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *map(int, sys.argv[2:])))
