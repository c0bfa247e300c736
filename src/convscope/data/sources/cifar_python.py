"""CIFAR's Python version: its pickles are read opcode by opcode, for exactly their arrays; none is ever executed."""

from __future__ import annotations

import pickletools
import re
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.data.sources.paired import Part, refuse_doubles, together
from convscope.data.sources.place import Listing, Member, natural_key, printable, where_of
from convscope.data.sources.source import ArraySource
from convscope.errors import UserError

_TEN = re.compile(r"data_batch_\d+|test_batch")
_ARRAY, _DTYPE, _ENCODE = "array", "dtype", "encode"
_NAMES = {
    "numpy.core.multiarray _reconstruct": _ARRAY,
    "numpy._core.multiarray _reconstruct": _ARRAY,
    "numpy ndarray": "ndarray",
    "numpy dtype": _DTYPE,
    "_codecs encode": _ENCODE,
}
_VALUES = ("INT", "LONG", "UNICODE", "BYTES", "STRING")
_IGNORED = ("PROTO", "FRAME")


class _Name(str):
    """One of the few global names that such a file may mention; it is compared, never looked up."""


class _Made:
    """What a REDUCE would make: what kind it is, from which arguments, with which state; nothing is called."""

    def __init__(self, kind: str, args: tuple[Any, ...]) -> None:
        self.kind, self.args = kind, args
        self.state: tuple[Any, ...] = ()


def find_cifar_python(listing: Listing) -> dict[str, Member]:
    """``{"train": ..., ...}``: the files by name; empty if it is another kind of data."""
    files = {m.name.rpartition("/")[2]: m for m in listing.members}
    ten = {name: m for name, m in files.items() if _TEN.fullmatch(name)}
    if ten and _pickled(listing, ten):
        return ten | {name: m for name, m in files.items() if name == "batches.meta"}
    hundred = {name: m for name, m in files.items() if name in ("train", "test", "meta")}
    return hundred if len(hundred) == 3 and _pickled(listing, hundred) else {}


def _pickled(listing: Listing, files: dict[str, Member]) -> bool:
    """Whether one of them starts as a pickle does (``train`` may be any file's name), or cannot be read at all."""
    with listing.place.opening() as opener:
        for member in files.values():
            try:
                with opener(member) as file:
                    if file.read(1) == b"\x80":
                        return True
            except Exception:
                # A damaged archive refuses its members in many ways.
                return True
    return False


def open_cifar_python(listing: Listing) -> ArraySource:
    """Read CIFAR's Python batches.

    Raises:
        UserError: a file is damaged, or holds anything but the arrays, lists and texts that CIFAR's do.
    """
    files = find_cifar_python(listing)
    refuse_doubles(listing, list(files.values()))
    hundred = "meta" in files
    lists = files.get("meta" if hundred else "batches.meta")
    names: tuple[str, ...] = ()
    if lists is not None:
        found = _read(listing, lists).get("fine_label_names" if hundred else "label_names")
        if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
            raise UserError(where_of(listing.place, lists), "no names of classes", "CIFAR's list of names")
        names = tuple(printable(name) for name in found)
    batches = sorted((name for name in files if name not in ("meta", "batches.meta")), key=natural_key)
    parts = []
    for split in ("train", "test"):
        for name in [name for name in batches if ("test" in name) == (split == "test")]:
            content = _read(listing, files[name])
            where = where_of(listing.place, files[name])
            images = _pixels(content.get("data"), where)
            labels = content.get("fine_labels" if hundred else "labels")
            if not isinstance(labels, list) or not all(type(x) is int and 0 <= x < 256 for x in labels):
                raise UserError(where, "no list of labels", "CIFAR's labels")
            parts.append(Part(split, images, np.array(labels, np.int64)))
    if not parts:
        raise UserError(listing.where, "no batch in it", "data_batch_1, ..., test_batch")
    return together(listing, "cifar100" if hundred else "cifar10", parts, list(files.values()), names)


def _pixels(array: object, where: str) -> NDArray[np.uint8]:
    """An array's state, (version, shape, dtype, by column, bytes), as pictures NHWC."""
    state = array.state if isinstance(array, _Made) and array.kind == _ARRAY else ()
    if len(state) == 5 and isinstance(state[4], str):
        state = (*state[:4], state[4].encode("latin-1", "replace"))
    kind = state[2].args[:1] if len(state) == 5 and isinstance(state[2], _Made) else ()
    if kind not in (("u1",), ("uint8",)) or state[3] is True or not isinstance(state[4], bytes):
        raise UserError(where, "no array of uint8", "CIFAR's data")
    if not state[4] or len(state[4]) % 3072 or state[1] != (len(state[4]) // 3072, 3072):
        raise UserError(where, f"{len(state[4]):,} bytes", "3,072 a picture", "download it again")
    return np.frombuffer(state[4], np.uint8).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


def _read(listing: Listing, member: Member) -> dict[str, Any]:
    expected = "a dictionary of CIFAR's arrays, lists and texts"
    try:
        found = _run(listing.place.content(member).tobytes())
    except (UserError, MemoryError):
        raise
    except Exception:
        # A damaged pickle can be wrong in any way.
        raise UserError(where_of(listing.place, member), "the file is damaged, or is not CIFAR's", expected) from None
    if not isinstance(found, dict):
        raise UserError(where_of(listing.place, member), "another kind of pickle", expected)
    return found


def _run(data: bytes) -> Any:  # noqa: C901  one branch an opcode
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}
    encoded = 0

    def since_mark() -> list[Any]:
        at = marks.pop()
        items = stack[at:]
        del stack[at:]
        return items

    arg: Any
    for opcode, arg, _ in pickletools.genops(BytesIO(data)):
        name = opcode.name
        if name == "STOP":
            return stack.pop()
        if name in _IGNORED:
            continue
        if name == "MARK":
            marks.append(len(stack))
        elif name in ("NONE", "NEWTRUE", "NEWFALSE"):
            stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name])
        elif name.startswith("EMPTY_"):
            stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[name]())
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name.endswith("PUT"):
            memo[arg] = stack[-1]
        elif name.endswith("GET"):
            stack.append(memo[arg])
        elif name == "TUPLE":
            stack.append(tuple(since_mark()))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            items = [stack.pop() for _ in range(int(name[-1]))]
            stack.append(tuple(reversed(items)))
        elif name in ("APPEND", "APPENDS"):
            items = [stack.pop()] if name == "APPEND" else since_mark()
            list.extend(stack[-1], items)
        elif name in ("SETITEM", "SETITEMS"):
            items = [stack.pop(), stack.pop()][::-1] if name == "SETITEM" else since_mark()
            if not all(isinstance(key, str) for key in items[::2]):
                # The hash of a tuple that is nested deep enough overflows the interpreter's stack.
                raise ValueError(name)
            dict.update(stack[-1], zip(items[::2], items[1::2], strict=True))
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            text = arg if name == "GLOBAL" else " ".join([stack.pop(), stack.pop()][::-1])
            stack.append(_Name(_NAMES[text]))
        elif name == "REDUCE":
            args, kind = stack.pop(), stack.pop()
            if not isinstance(kind, _Name) or not isinstance(args, tuple):
                raise ValueError(name)
            if kind == _ENCODE:
                # One text, encoded again and again, would fill the memory.
                encoded += len(args[0])
                if encoded > len(data):
                    raise ValueError(name)
                stack.append(args[0].encode("latin-1"))
            else:
                stack.append(_Made(str(kind), args))
        elif name == "BUILD":
            state = stack.pop()
            if not isinstance(stack[-1], _Made) or not isinstance(state, tuple):
                raise ValueError(name)
            stack[-1].state = state
        elif any(word in name for word in _VALUES):
            stack.append(arg)
        else:
            raise ValueError(name)
    raise ValueError("no end")
