"""Networks by name, and what a person may give where a network is asked for."""

from __future__ import annotations

from pathlib import Path

from convscope.errors import UserError, nearest
from convscope.network.network import Network
from convscope.network.ops import OPERATIONS

FOLDER = Path(__file__).with_name("zoo")


def names() -> list[str]:
    """The names of the known networks."""
    return sorted(file.stem for file in FOLDER.glob("*.net"))


def known(name: str) -> Network:
    """A known network.

    Raises:
        UserError: there is none of this name; the nearest is named.
    """
    if name not in names():
        match = nearest(name, names())
        raise UserError(
            f"network {name!r}", "no known network has this name", hint=f"did you mean {match}?" if match else ""
        )
    return Network.load(FOLDER / f"{name}.net")


def find(net: str) -> Network:
    """The network that a person means: a known name, a ``.net`` or ``.json`` file, or the notation itself.

    Raises:
        UserError: it is none of these, or does not parse.

    Example:
        >>> find("lenet5").graph().macs
        416520
        >>> find("conv 8 3x3 > relu").input is None
        True
    """
    if net in names():
        return known(net)
    if "\n" not in net and len(net) < 1000 and Path(net).is_file():
        return Network.load(net)
    words = net.split()
    if len(words) > 1 or ">" in net or net in OPERATIONS:
        return Network.parse(net)
    if net.endswith((".net", ".json")):
        folder = Path(net).parent
        near = nearest(Path(net).name, [p.name for p in folder.glob("*")] if folder.is_dir() else [])
        raise UserError(net, "there is no such file", hint=f"did you mean {folder / near}?" if near else "")
    match = nearest(net, names())
    raise UserError(
        f"network {net!r}",
        "neither a known network, a file, nor the notation",
        f"a name ({', '.join(names())}), a .net file, or text such as 'conv 8 3x3 > relu > flatten > linear 10'",
        f"did you mean {match}?" if match else "",
    )
