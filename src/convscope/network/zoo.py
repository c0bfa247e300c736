"""Networks by name, and what a person may give where a network is asked for."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from convscope.errors import UserError, did_you_mean, nearest
from convscope.files import refuse_special
from convscope.network import notation
from convscope.network.network import Network
from convscope.network.tree import Comment, Expect, Input, Variant
from convscope.ops import OPERATIONS, Shape

FOLDER = Path(__file__).with_name("zoo")
_MEMBER = re.compile(r"^network (\w+) \{", re.MULTILINE)
_SHOWN = 8


@functools.cache
def _files() -> dict[str, Path]:
    """The file of every known network. The files are not parsed, only one of them is needed."""
    texts = {file: file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("*.net"))}
    return {name: file for file, text in texts.items() for name in _MEMBER.findall(text)}


def names() -> list[str]:
    """The names of the known networks, families together."""
    return list(_files())


def family(name: str) -> str:
    """The family of a known network, which is its file's name.

    Example:
        >>> family("wide_resnet50_2")
        'resnet'
    """
    return _files()[name].stem


@dataclass(frozen=True)
class ZooEntry:
    """A known network as its file states it; a test holds every number against the network itself."""

    name: str
    family: str
    input: Shape
    output: int
    parameters: int
    macs: int
    year: int
    """Of the family's first paper."""
    source: str
    """The family's head: papers, and what differs from them."""


def entries() -> list[ZooEntry]:
    """Every known network, families together."""
    return [entry for file in sorted(FOLDER.glob("*.net")) for entry in _entries(file)]


def _entries(file: Path) -> list[ZooEntry]:
    statements, _ = notation.parse(file.read_text(encoding="utf-8"), file.name)
    head = []
    for statement in statements:
        if not isinstance(statement, Comment) or statement.text is None:
            break
        head.append(statement.text)
    source = " ".join(head)
    found = re.search(r"\b(19|20)\d\d\b", source)
    made = []
    for variant in statements:
        if isinstance(variant, Variant):
            shape = next(s.shape for s in variant.statements if isinstance(s, Input))
            stated = {a.name: a.value for s in variant.statements if isinstance(s, Expect) for a in s.arguments}
            output, params, macs = (
                value if isinstance(value, int) else 0 for value in map(stated.get, ("output", "params", "macs"))
            )
            year = int(found[0]) if found else 0
            made.append(ZooEntry(variant.name, file.stem, shape, output, params, macs, year, source))
    return made


def _is_file(name: str) -> bool:
    try:
        refuse_special(name)
        return Path(name).is_file()
    except (OSError, ValueError):  # longer than any file's name, or with a zero in it: the notation itself
        return False


def known(name: str) -> Network:
    """A known network.

    Raises:
        UserError: there is none of this name; the nearest is named.
    """
    if name not in _files():
        raise UserError(f"network {name!r}", "no known network has this name", hint=did_you_mean(name, names()))
    return Network.load(_files()[name], name)


def find(net: str) -> Network:
    """The network that a person means: a known name, a ``.net`` or ``.json`` file, or the notation itself.

    Of a file with several networks, ``FILE:NAME`` is one.

    Raises:
        UserError: it is none of these, or does not parse.

    Example:
        >>> find("lenet5").graph().macs
        416520
        >>> find("conv 8 3x3 > relu").input is None
        True
    """
    if net in _files():
        return known(net)
    if _is_file(net):
        return Network.load(net)
    file, _, member = net.rpartition(":")
    if file.endswith(".net"):
        if _is_file(file):
            return Network.load(file, member)
        net = net if "\n" in net else file
    words = net.split()
    if len(words) > 1 or ">" in net or net in OPERATIONS:
        return Network.parse(net)
    if net.endswith((".net", ".json")):
        folder = Path(net).parent
        near = nearest(Path(net).name, [p.name for p in folder.glob("*")] if folder.is_dir() else [])
        raise UserError(net, "there is no such file", hint=f"did you mean {folder / near}?" if near else "")
    listed = ", ".join([*names()[:_SHOWN], "..."])
    raise UserError(
        f"network {net!r}",
        "neither a known network, a file, nor the notation",
        f"a name ({listed}), a .net file, or text such as 'conv 8 3x3 > relu > flatten > linear 10'",
        did_you_mean(net, names()) or "convscope zoo lists the names",
    )
