"""Source + Preprocess -> Dataset: every input decoded and fitted once, then memory-mapped."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from convscope.cores import cores
from convscope.data.content import MAX_BYTES
from convscope.data.dataset import Dataset, Inputs, Labelled, Preprocess, Skipped, Split, Unreadable
from convscope.data.entries import DecodedBlock, DecodedInputs, default_folder, read_entry, sweep, write_entry
from convscope.data.image.budget import lane
from convscope.data.sources.place import listed
from convscope.data.sources.source import ArraySource, FileSource, Source, TableSource
from convscope.data.splits import measured_part, split
from convscope.errors import UserError

Indices = NDArray[np.int64]
Progress = Callable[[int, int], None]
Blocks = Generator[DecodedBlock, None, None]

#: A part of every key: counts up whenever the same source would be decoded to other bytes.
_FORMAT = 1
#: Arrays that need no resizing and are no larger stay in memory and are not written to the disk.
_IN_MEMORY = 512 << 20
_BLOCK_BYTES = 8 << 20
_BLOCK_INPUTS = 256
TINY = 20
"""Rows of a table below which none is held out: what a handful says of a model is chance."""


def prepare(
    source: Source,
    preprocess: Preprocess,
    seed: int = 0,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Split the source's inputs, decode and fit them, and keep the result for the next time.

    They lie on the disk in the order train, val, test, so that each split is a plain slice of one memory-mapped
    array. What cannot be decoded is named in ``skipped``. Arrays that fit as they are (digits, MNIST, CIFAR, tables)
    stay in memory: fitting them anew is as fast as finding them on the disk.

    Args:
        source: from :func:`~convscope.data.sources.open_source`.
        preprocess: how its inputs are stored; of the source's modality.
        seed: of the split, see :func:`~convscope.data.splits.split`.
        cache: the folder for decoded inputs; default ``$CONVSCOPE_CACHE``, ``$XDG_CACHE_HOME/convscope`` or
            ``~/.cache/convscope``. It may be deleted at any time.
        progress: called with (inputs done, inputs in all), from the calling thread.

    Raises:
        UserError: too few inputs, none of a class or a split can be decoded, or the cache cannot be written.

    Example:
        >>> from convscope.data.sources import open_source
        >>> from convscope.data.image.decode import ImagePreprocess
        >>> dataset = prepare(open_source("digits"), ImagePreprocess(1, 8, 8))
        >>> dataset.train.inputs_N.shape
        (1258, 8, 8, 1)
    """
    sides = _sides(source, seed)
    entry = _entry(source, preprocess, list(sides.values()), cache, progress)
    train, val, test = _splits(source, entry, list(sides.values()))
    _check(source, entry, sides["train"], {"training": train, "validation": val, "test": test})
    return Dataset(
        name=source.name,
        classes=source.classes,
        train=train,
        val=val,
        test=test,
        preprocess=preprocess,
        skipped=_skipped(source, entry),
        fingerprint=_fingerprint(source, entry),
        measured_part=measured_part(source.given),
        remark=source.remark,
    )


def prepare_all(
    source: Source, preprocess: Preprocess, cache: Path | None = None, progress: Progress | None = None
) -> Labelled:
    """Decode the inputs that a model is measured on: the given test split, else a given val, else all.

    One class, or one input, is enough; open the source with ``training=False``.

    Args:
        source, preprocess, cache, progress: as for :func:`prepare`.

    Raises:
        UserError: nothing can be decoded, or the cache cannot be written.
    """
    part: Literal["test", "val", "all"]
    if "test" in source.given:
        part, indices = "test", source.given["test"]
    elif "val" in source.given:
        # As prepare() has it: a val beside train, without test, is what a model is measured on.
        part, indices = "val", source.given["val"]
    else:
        part, indices = "all", np.arange(len(source.labels_N), dtype=np.int64)
    entry = _entry(source, preprocess, [indices], cache, progress)
    (chosen,) = _splits(source, entry, [indices])
    _check(source, entry, indices[:0], {part: chosen})
    return Labelled(
        name=source.name,
        classes=source.classes,
        split=chosen,
        part=part,
        preprocess=preprocess,
        skipped=_skipped(source, entry),
        fingerprint=_fingerprint(source, entry),
        remark=source.remark,
    )


def _sides(source: Source, seed: int) -> dict[str, Indices]:
    """Which inputs train, validate and test; of a table of a few rows all train and all are measured on."""
    if isinstance(source, TableSource) and not source.given and len(source.labels_N) < TINY:
        every = np.arange(len(source.labels_N), dtype=np.int64)
        return {"train": every, "val": every[:0], "test": every}
    strata_N = source.labels_N if source.classes else np.zeros(len(source.labels_N), np.int64)
    return split(strata_N, source.given, source.names, seed, where=source.where)


def _entry(
    source: Source, preprocess: Preprocess, sides: Sequence[Indices], cache: Path | None, progress: Progress | None
) -> DecodedInputs:
    """The stored inputs of all sides, in this order: from the disk, or decoded now."""
    if source.modality != preprocess.modality:
        got = f"{source.many} ({source.modality} data)"
        raise UserError(source.where, got, f"data of the network's modality, {preprocess.modality}")
    # The same rows train and are measured on where there are very few.
    order = np.concatenate([side for i, side in enumerate(sides) if not i or not np.array_equal(side, sides[0])])
    if not isinstance(source, FileSource) and _is_quick(source, preprocess):
        return _gather(preprocess, len(order), _reported(_arrays(source, order, preprocess), len(order), progress))
    cache = cache or default_folder()
    content = _digest(_FORMAT, source.identity, preprocess.key())[:32]
    folder = cache / f"{content}-{hashlib.sha256(order.tobytes()).hexdigest()[:16]}"
    entry = read_entry(folder)
    if entry is not None and _holds(entry, order):
        return entry
    sweep(cache)
    known = _sibling(cache, content, order)
    if known is not None:
        blocks = _copies(known, order, preprocess)
    elif not isinstance(source, FileSource):
        blocks = _arrays(source, order, preprocess)
    else:
        blocks = _files(source, order, preprocess)
    # Closed, so that an interrupted run leaves no thread at work.
    with closing(_reported(blocks, len(order), progress)) as reported:
        write_entry(folder, preprocess.stored, preprocess.dtype, len(order), reported)
    entry = read_entry(folder)
    if entry is None or not _holds(entry, order):
        raise UserError(str(folder), "the decoded inputs are not as they were written", hint="is the disk failing?")
    return entry


def _is_quick(source: ArraySource | TableSource, preprocess: Preprocess) -> bool:
    """Whether fitting the arrays is hardly any work, and needs no great memory."""
    return preprocess.is_quick(source.shape()) and len(source.labels_N) * _bytes_each(preprocess) <= _IN_MEMORY


def _sibling(cache: Path, content: str, order: Indices) -> DecodedInputs | None:
    """An entry that has all these inputs in another order (another seed, a part): copied, not decoded again."""
    for other in sorted(cache.glob(f"{content}-*")) if cache.is_dir() else ():
        entry = read_entry(other) if other.suffix != ".part" else None
        if entry is not None and np.isin(order, np.concatenate([entry.rows_N, _bad(entry)])).all():
            return entry
    return None


def _holds(entry: DecodedInputs, order: Indices) -> bool:
    """Whether an entry is the answer to ``order``: all its inputs in turn, but for the bad ones."""
    return np.array_equal(entry.rows_N, order[~np.isin(order, _bad(entry))])


def _bad(entry: DecodedInputs) -> Indices:
    return np.fromiter(entry.bad, np.int64, len(entry.bad))


def _reported(blocks: Blocks, total: int, progress: Progress | None) -> Blocks:
    """The same blocks, told to ``progress`` as they pass."""
    done = 0
    with closing(blocks):
        for block in blocks:
            yield block
            done += len(block.rows_B) + len(block.bad)
            if progress is not None:
                progress(done, total)


def _arrays(source: ArraySource | TableSource, order: Indices, preprocess: Preprocess) -> Blocks:
    size = _block_size(preprocess)
    for start in range(0, len(order), size):
        rows_B = order[start : start + size]
        values_B = source.take(rows_B)
        digests = b"".join(hashlib.sha256(value.data).digest() for value in values_B)
        digests_B = np.frombuffer(digests, np.uint8).reshape(-1, 32)
        yield DecodedBlock(rows_B, preprocess.fit_arrays(values_B), digests_B, {})


def _copies(known: DecodedInputs, order: Indices, preprocess: Preprocess) -> Blocks:
    size = _block_size(preprocess)
    place = np.full(int(order.max(initial=0)) + 1, -1, np.int64)
    here = known.rows_N < len(place)
    place[known.rows_N[here]] = np.flatnonzero(here)
    for start in range(0, len(order), size):
        rows_B = order[start : start + size]
        at_B = place[rows_B]
        good = at_B >= 0
        bad = {row: known.bad[row] for row in rows_B[~good].tolist()}
        yield DecodedBlock(rows_B[good], known.inputs_N[at_B[good]], known.digests_N[at_B[good]], bad)


def _files(source: FileSource, order: Indices, preprocess: Preprocess) -> Blocks:
    """Decode in threads (Pillow lets go of the interpreter while it works), blocks in the order asked for."""
    workers = cores()
    size = _block_size(preprocess, at_most=32)
    pending: deque[Future[DecodedBlock]] = deque()
    with source.opening() as opener, ThreadPoolExecutor(workers) as pool:

        def work(rows: list[int]) -> DecodedBlock:
            inputs, digests, good, failed = [], [], [], {}
            for row in rows:
                try:
                    with lane(source.members[row].size):
                        data = _read(opener, row)
                        inputs.append(preprocess.decode(data))
                except Unreadable as error:
                    failed[row] = error.reason
                    continue
                digests.append(hashlib.sha256(data).digest())
                good.append(row)
            none_B = np.empty((0, *preprocess.stored), preprocess.dtype)
            stacked = np.stack(inputs) if inputs else none_B
            digests_B = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32)
            return DecodedBlock(np.array(good, np.int64), stacked, digests_B, failed)

        try:
            for start in range(0, len(order), size):
                pending.append(pool.submit(work, order[start : start + size].tolist()))
                if len(pending) > 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _read(opener: Callable[[int], BinaryIO], row: int) -> bytes:
    try:
        with opener(row) as file:
            data = file.read(MAX_BYTES + 1)
    except Unreadable:
        raise
    except Exception as error:
        # A damaged member of an archive raises zlib.error, BadZipFile, EOFError, ...
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Unreadable(f"cannot be read: {words.lower()}") from error
    if len(data) > MAX_BYTES:
        raise Unreadable(f"over {MAX_BYTES >> 30} GiB; no more is read")
    return data


def _gather(preprocess: Preprocess, count: int, blocks: Blocks) -> DecodedInputs:
    """All blocks as one entry in memory."""
    inputs_N: Inputs = np.empty((count, *preprocess.stored), preprocess.dtype)
    rows, digests = [], []
    start = 0
    for block in blocks:
        inputs_N[start : start + len(block.rows_B)] = block.inputs_B
        start += len(block.rows_B)
        rows.append(block.rows_B)
        digests.append(block.digests_B)
    inputs_N.flags.writeable = False
    return DecodedInputs(np.concatenate(rows), inputs_N, np.concatenate(digests), {})


def _splits(source: Source, entry: DecodedInputs, sides: Sequence[Indices]) -> list[Split]:
    """The entry's inputs as one split a side, each a slice."""
    splits: list[Split] = []
    start = 0
    for side in sides:
        if splits and np.array_equal(side, sides[0]):
            splits.append(splits[0])
            continue
        stop = start + int((~np.isin(side, _bad(entry))).sum())
        rows = entry.rows_N[start:stop]
        names = tuple(source.names[row] for row in rows.tolist())
        splits.append(Split(entry.inputs_N[start:stop], source.labels_N[rows], names))
        start = stop
    return splits


def _check(source: Source, entry: DecodedInputs, train: Indices, splits: Mapping[str, Split]) -> None:
    """Refuse data of which too little could be decoded."""
    reason = ""
    if entry.bad:
        first = min(entry.bad)
        reason = f" ({source.names[first]}: {entry.bad[first]})"
    for name, side in splits.items():
        if not len(side) and not (name == "validation" and splits["test"] is splits["training"]):
            which = f"the {name} {source.many}" if len(entry.rows_N) else f"{len(entry.bad):,} {source.many}"
            raise UserError(source.where, f"none of {which} can be read{reason}", "pictures, e.g. JPEG or PNG")
    if not len(train):
        return
    left = set(source.labels_N[entry.rows_N[np.isin(entry.rows_N, train)]].tolist())
    lost = [source.classes[label] for label in np.unique(source.labels_N[train]) if label not in left]
    if lost:
        got = f"no training picture of {listed(lost)} can be read{reason}"
        raise UserError(source.where, got, "pictures of every class", "mend the files or take the class out")


def _skipped(source: Source, entry: DecodedInputs) -> tuple[Skipped, ...]:
    return source.skipped + tuple(Skipped(source.names[row], entry.bad[row]) for row in sorted(entry.bad))


def _fingerprint(source: Source, entry: DecodedInputs) -> str:
    """The same for the same inputs, labels and classes, whatever the seed and the size they are fitted to."""
    order = np.argsort(entry.rows_N, kind="stable")
    columns = [source.columns, source.target] if isinstance(source, TableSource) else []
    digest = hashlib.sha256(json.dumps([*source.classes, *columns] if columns else source.classes).encode())
    digest.update(entry.digests_N[order].tobytes())
    digest.update(source.labels_N[entry.rows_N[order]].astype("<i8" if source.classes else "<f8").tobytes())
    return digest.hexdigest()


def _digest(*values: object) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _block_size(preprocess: Preprocess, at_most: int = _BLOCK_INPUTS) -> int:
    return max(1, min(at_most, _BLOCK_BYTES // _bytes_each(preprocess)))


def _bytes_each(preprocess: Preprocess) -> int:
    return int(np.prod(preprocess.stored)) * preprocess.dtype.itemsize
