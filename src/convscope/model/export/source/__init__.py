"""A network as a source file of another framework: readable, without convscope, its weights loadable."""

from __future__ import annotations

import re

from convscope.errors import UserError, did_you_mean
from convscope.model.export.source import keras, pytorch
from convscope.network import zoo
from convscope.network.classes import with_classes
from convscope.network.graph import Graph
from convscope.network.network import Network
from convscope.network.tree import Comment
from convscope.ops import Shape, spell_shape

WRITERS = {"pytorch": pytorch.write, "keras": keras.write}


def code(
    net: str | Network | Graph,
    framework: str = "pytorch",
    input: Shape | None = None,  # noqa: A002  the option's name
    classes: int | None = None,
) -> str:
    """A network as plain source: blocks are functions, repeats are loops.

    The file's weights are those of a model folder: PyTorch's ``state_dict`` has the same names, a Keras file holds a
    function that turns them. Auxiliary heads, which no model folder holds, are left out.

    Args:
        net: a known name, a ``.net`` file, the notation, a network, or a graph from wherever.
        framework: ``pytorch`` or ``keras`` (Keras 3, channels last).
        input: (C, H, W) in place of the network's own.
        classes: the number of outputs in place of the network's own.

    Raises:
        UserError: the network does not work out, or holds what the framework cannot say.

    Example:
        >>> print(code("input 4 > linear 3 > relu").split("def network")[1])
        ():
            \"""The network, for inputs of 4.\"""
            return named(
                linear1=nn.Linear(4, 3),
                relu1=nn.ReLU(),
            )
        <BLANKLINE>
    """
    if framework not in WRITERS:
        hint = did_you_mean(framework, WRITERS)
        raise UserError("--framework", repr(framework), " or ".join(WRITERS), hint)
    known = net if isinstance(net, str) and net in zoo.names() else ""
    network = zoo.find(net) if isinstance(net, str) else net
    where = network.source.name if isinstance(network, Network) else "network"
    if isinstance(network, Graph):
        graph = network if input is None else network.at(input)
    else:
        graph = network.graph() if input is None else network.with_input(input).graph()
    if classes is not None:
        graph = with_classes(graph, classes, where)
    title = _title(graph, known)
    title += [
        "",
        f"Input {spell_shape(graph.input)}; {graph.parameter_count:,} parameters, {graph.macs:,} multiply-adds.",
    ]
    if graph.heads:
        title.append("The auxiliary heads, which only training uses, are left out.")
    return WRITERS[framework](graph, title, known or _name(where))


def _name(where: str) -> str:
    stem = where.rpartition(".")[0] or where
    name = re.sub(r"\W+", "_", stem, flags=re.ASCII).strip("_").lower()
    return name if name and not name[0].isdigit() else "network"


def _title(graph: Graph, known: str) -> list[str]:
    """What stands at the network's head, or its name."""
    head = []
    for statement in () if graph.structure is None else graph.structure.statements:
        if not isinstance(statement, Comment) or statement.text is None:
            break
        head.append("".join(c if c.isprintable() else " " for c in statement.text).strip())
    return [*([f"{known}."] if known else []), *([""] if known and head else []), *head] or ["A network."]
