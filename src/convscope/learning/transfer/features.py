"""A node's output for many pictures, computed once and kept: what transfer learns on.

A body that is frozen gives a picture the same features in every epoch. They are kept on the disk beside the decoded
pictures, found again by the picture's own bytes: another seed, another split or ten more pictures compute only what
is new.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import shutil
import time
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.data.dataset import Inputs
from convscope.data.entries import default_folder
from convscope.data.modality import Modality, Normalisation
from convscope.engine.inference import NodeFunction, prepare
from convscope.engine.module import GraphModule
from convscope.errors import UserError
from convscope.files import write_atomically
from convscope.learning.events import Featured
from convscope.network.graph import INPUT
from convscope.network.plan import needed_nodes

PLAIN = "plain"
"""The view of an input as it is; others are its modality's."""
BLOCK = 128
"""Pictures that are computed and written together: what a kill can lose."""
FOLDER = "features"

#: A part of every key: counts up whenever the same body would be kept in another way.
_FORMAT = 1
_DAY = 86_400
_UNUSED_DAYS = 30
_MOST_BYTES = 8 << 30
#: A float16 has 11 bits from here to there; outside it features are kept as float32.
_HALF = (2.0**-6, 2.0**15)


@dataclass(frozen=True)
class Body:
    """The part of a network that is frozen: with a picture's bytes, all that decides its features.

    Args:
        module: the network with its weights.
        normalise: makes the network's input of stored ones.
        path: the node whose output is wanted.
        precision: of the arithmetic; None takes bfloat16 where the device computes in it, else float32.
    """

    module: GraphModule
    normalise: Normalisation
    path: str
    precision: torch.dtype | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one picture's features."""
        graph = self.module.graph
        return graph.input if self.path == INPUT else graph.by_path[self.path].shape

    def key(self, view: str) -> str:
        """A name for these features: other weights, another node, other numbers, another name."""
        graph = self.module.graph
        needed = needed_nodes(graph, [self.path])
        nodes = [(node.path, repr(node.op), node.inputs) for node in graph.nodes if node.path in needed]
        how = (graph.input, self.path, self.normalise.to_dict(), str(self.precision), view)
        digest = hashlib.sha256(json.dumps([_FORMAT, torch.__version__, how, nodes]).encode())
        for name, value in self.module.state_dict().items():
            if name.rpartition(".")[0] in needed:
                digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()[:32]


@dataclass(frozen=True)
class Features:
    """Features of pictures, where they lie on the disk.

    Args:
        blocks: arrays of records, memory-mapped; the field ``value`` holds the features.
        places_N2: of each picture: which block, which record; -1 where there are none, since the time was over.
        shape: of one picture's features.
        computed: how many pictures were computed now, the others were found.
        seconds: that took.
        kept: whether all are on the disk now.
    """

    blocks: Sequence[NDArray[Any]]
    places_N2: NDArray[np.int64]
    shape: tuple[int, ...]
    computed: int
    seconds: float
    kept: bool = True

    def __len__(self) -> int:
        return len(self.places_N2)

    @property
    def there(self) -> NDArray[np.int64]:
        """Which pictures have features."""
        return np.flatnonzero(self.places_N2[:, 0] >= 0)

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.float32]:
        """The features of some pictures: (N, *shape)."""
        out = np.empty((len(indices), *self.shape), np.float32)
        places_N2 = self.places_N2[indices]
        for block in np.unique(places_N2[:, 0]).tolist():
            here = places_N2[:, 0] == block
            out[here] = self.blocks[block]["value"][places_N2[here, 1]]
        return out

    def all(self) -> NDArray[np.float32]:
        """The features of all pictures: (N, *shape)."""
        return self.take(np.arange(len(self)))


def features_of(
    inputs_N: Inputs,
    modality: Modality,
    body: Body,
    view: str = PLAIN,
    what: str = "pictures",
    order_N: NDArray[np.int64] | None = None,
    until: float = math.inf,
    cache: Path | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Generator[Featured, None, Features | None]:
    """The features of pictures: found on the disk, or computed block by block, each kept as soon as it is there.

    They are kept as float16: a mean of bfloat16 numbers, or one float32 sum, has no more than its 11 bits to say, and
    half the bytes are read. Features too large or too small for it are kept as float32. What is read is what was
    written, so a first run and a second one learn from the same numbers.

    Args:
        inputs_N: as they are stored.
        modality: theirs.
        body: what computes them.
        view: :data:`PLAIN`, or one of the modality's views: ``flip`` for mirror images.
        what: the pictures are called in the events.
        order_N: which are computed first, as indices of all; None: as they come.
        until: the :func:`time.monotonic` second after which no block is begun, but for the first.
        cache: the folder; default as for decoded pictures. It may be deleted at any time.
        stop: asked between blocks; True ends the work, and what is there is kept.

    Yields:
        a :class:`~convscope.learning.events.Featured` a block, and one at the end.

    Returns:
        the features in the order of the pictures, with gaps where the time was over; None where it was stopped.
    """
    begun = time.monotonic()
    root = (cache or default_folder()) / FOLDER
    folder = root / body.key(view)
    digests = _digests(inputs_N)
    blocks = list(_read_blocks(folder, body.shape))
    place = {digest: (b, row) for b, block in enumerate(blocks) for row, digest in enumerate(block["digest"].tolist())}
    order = range(len(digests)) if order_N is None else order_N.tolist()
    # The same picture twice is computed once.
    missing = list({digests[index]: index for index in order if digests[index] not in place}.values())
    there, done, kept = len(digests) - len(missing), 0, True
    if missing:
        sweep(root, folder)
        yield Featured(what, body.path, there, len(digests), 0, 0.0)
    prepared = prepare(body.module, body.normalise, body.path, body.precision) if missing else None
    for start in range(0, len(missing), BLOCK):
        if stop():
            return None
        if start and time.monotonic() > until:
            break
        assert prepared is not None
        rows = np.array(missing[start : start + BLOCK])
        block = _computed(prepared, _seen(modality, inputs_N, rows, view), [digests[row] for row in rows.tolist()])
        place |= {digests[row]: (len(blocks), index) for index, row in enumerate(rows.tolist())}
        blocks.append(block)
        try:
            _write_block(folder, block)
        except UserError:
            kept = False  # a full disk: they are needed now all the same
        done = start + len(rows)
        yield Featured(what, body.path, there + done, len(digests), done, time.monotonic() - begun)
    with contextlib.suppress(OSError):
        os.utime(folder)  # the time of the last use, for sweep()
    places_N2 = np.array([place.get(digest, (-1, -1)) for digest in digests], np.int64).reshape(-1, 2)
    found = Features(blocks, places_N2, body.shape, done, time.monotonic() - begun, kept)
    yield Featured(what, body.path, len(found.there), len(digests), done, found.seconds, kept, last=True)
    return found


def sweep(root: Path, needed: Path | None = None) -> None:
    """Remove features that were not used for a month, and the oldest where all together are over 8 GiB."""
    now, left = time.time(), _MOST_BYTES
    with contextlib.suppress(OSError):
        for folder in sorted(root.iterdir(), key=lambda path: -path.stat().st_mtime):
            if folder == needed:
                continue
            size = sum(file.stat().st_size for file in folder.iterdir())
            left -= size
            if now - folder.stat().st_mtime > _UNUSED_DAYS * _DAY or left < 0:
                shutil.rmtree(folder, ignore_errors=True)


def _computed(prepared: NodeFunction, inputs_N: Inputs, digests: list[bytes]) -> NDArray[Any]:
    return _records(prepared.all(inputs_N).numpy(), digests)


def _seen(modality: Modality, inputs_N: Inputs, rows: NDArray[np.int64], view: str) -> Inputs:
    return inputs_N[rows] if view == PLAIN else modality.view(view, inputs_N[rows])


def _records(values: NDArray[np.float32], digests: Sequence[bytes]) -> NDArray[Any]:
    """Features as they are kept: a record a picture, with the picture's digest and a checksum over both."""
    largest = float(np.abs(values).max(initial=0.0))
    half = _HALF[0] < largest < _HALF[1]
    block = np.empty(len(values), _dtype(values.shape[1:], np.float16 if half else np.float32))
    block["value"] = values
    block["digest"] = digests
    block["check"] = [_check(record) for record in block]
    return block


def _dtype(shape: tuple[int, ...], number: type[np.floating[Any]]) -> np.dtype[Any]:
    return np.dtype([("digest", "V16"), ("check", "<u4"), ("value", np.dtype(number).newbyteorder("<"), shape)])


def _check(record: Any) -> int:
    return zlib.crc32(np.ascontiguousarray(record["value"]).data, zlib.crc32(record["digest"].tobytes()))


def _read_blocks(folder: Path, shape: tuple[int, ...]) -> Iterator[NDArray[Any]]:
    """What of a folder is whole; a damaged block is as good as none, and its pictures are computed again."""
    known = [_dtype(shape, number) for number in (np.float16, np.float32)]
    for path in sorted(folder.glob("*.npy")) if folder.is_dir() else ():
        try:
            mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            continue
        block = np.asarray(mapped)
        if block.dtype not in known or block.ndim != 1:
            continue
        if all(_check(record) == record["check"] for record in block):
            yield block


def _write_block(folder: Path, block: NDArray[Any]) -> None:
    """Named by its pictures: two runs at once write the same file."""
    file = BytesIO()
    np.save(file, block, allow_pickle=False)
    name = hashlib.sha256(block["digest"].tobytes()).hexdigest()[:16]
    write_atomically(folder / f"{name}.npy", file.getvalue())


def _digests(inputs_N: Inputs) -> list[bytes]:
    return [hashlib.sha256(np.ascontiguousarray(one).data).digest()[:16] for one in inputs_N]
