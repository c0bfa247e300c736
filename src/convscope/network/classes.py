"""The same graph with another number of outputs: the operation that decides them, changed on the graph."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar, cast

from convscope.errors import UserError
from convscope.network.expand import expand
from convscope.network.graph import INPUT, AuxiliaryHead, Graph, Node
from convscope.network.tree import Aux, Call, Expect, Line, Source, Statement
from convscope.ops import OPERATIONS, Conv, Linear, Misfit, Shape, spell_shape


def with_classes(graph: Graph, classes: int, where: str = "network") -> Graph:
    """The graph with ``classes`` outputs: its last linear or conv outside of blocks and branches gives so many.

    What auxiliary heads give changes with it; what a graph's structure expects is left out.

    Args:
        graph: any.
        classes: how many.
        where: what messages call the graph.

    Raises:
        UserError: no such linear or conv decides the outputs.

    Example:
        >>> from convscope.network.network import Network
        >>> graph = Network.parse("input 1x8x8\\nconv 4 3x3 > flatten > linear 10 > softmax").graph()
        >>> [node.op.text() for node in with_classes(graph, 3).nodes]
        ['conv 4 3x3', 'flatten', 'linear 3', 'softmax']
    """
    if graph.output.shape == (classes,):
        return graph
    made = _rewritten(graph, classes)
    if made is None or made.output.shape != (classes,):
        shape = graph.output.shape
        raise UserError(
            where,
            f"the network gives {spell_shape(shape)}, the data has {classes} classes",
            f"a last step such as: linear {classes}",
            f"end it with: flatten > linear {classes}" if len(shape) > 1 else "",
        )
    return made


def _rewritten(graph: Graph, classes: int) -> Graph | None:
    path = _deciding(graph, graph.nodes)
    if path is None:
        return None
    changed = {path, *(last for head in graph.heads if (last := _deciding(graph, head.nodes)) is not None)}
    structure = None
    if graph.structure is not None:
        statements = _rewritten_statements(graph.structure.statements, classes)
        if statements is None:
            return None
        kept = tuple(_with_heads(s, classes) for s in statements if not isinstance(s, Expect))
        structure = replace(graph.structure, statements=kept)
    shapes = {INPUT: graph.input}
    try:
        nodes = tuple(_followed(node, shapes, classes, changed) for node in graph.nodes)
        heads = tuple(
            AuxiliaryHead(head.weight, tuple(_followed(node, shapes, classes, changed) for node in head.nodes))
            for head in graph.heads
        )
    except Misfit:
        return None
    made = Graph(graph.input, nodes, heads, structure)
    if structure is not None and expand(structure.statements, Source("network", ""), graph.input) != made:
        # Another step than the one that the text would change: one in a repeat.
        return None
    return made


def _followed(node: Node, shapes: dict[str, Shape], classes: int, changed: set[str]) -> Node:
    op = node.op
    if node.path in changed:
        op = replace(op, **{op.positional[0]: classes})
    seen = tuple(shapes[name] for name in node.inputs)
    made = replace(node, op=op, input_shapes=seen, shape=op.shape(seen))
    shapes[node.path] = made.shape
    return made


def _deciding(graph: Graph, nodes: tuple[Node, ...]) -> str | None:
    """The last linear or conv of some nodes that stands in no block and no branch and that the last one depends on."""
    merges = tuple(f"{node.path}." for node in nodes if node.op.inputs == "several")
    groups = () if graph.structure is None else graph.structure.groups
    inside = (*merges, *(f"{group.path}." for group in groups))
    needed = {nodes[-1].path}
    for node in reversed(nodes):
        if node.path in needed:
            if isinstance(node.op, (Linear, Conv)) and not node.path.startswith(inside):
                return node.path
            needed.update(node.inputs)
    return None


_Statements = TypeVar("_Statements", bound=tuple[Statement, ...])


def _rewritten_statements(statements: _Statements, classes: int) -> _Statements | None:
    """The statements with ``classes`` outputs in the last linear or conv at their top level; None without one."""
    for index in range(len(statements) - 1, -1, -1):
        line = statements[index]
        if not isinstance(line, Line):
            continue
        for place in range(len(line.steps) - 1, -1, -1):
            step = line.steps[place]
            if isinstance(step, Call) and step.word in ("linear", "conv"):
                steps = (*line.steps[:place], _with_outputs(step, classes), *line.steps[place + 1 :])
                made = (*statements[:index], replace(line, steps=steps), *statements[index + 1 :])
                return cast("_Statements", made)
    return None


def _with_heads(statement: Statement, classes: int) -> Statement:
    """A statement whose auxiliary heads have ``classes`` outputs too."""
    if not isinstance(statement, Line):
        return statement
    steps = [
        replace(s, body=_rewritten_statements(s.body, classes) or s.body) if isinstance(s, Aux) else s
        for s in statement.steps
    ]
    return replace(statement, steps=tuple(steps))


def _with_outputs(step: Call, outputs: int) -> Call:
    name = OPERATIONS[step.word].positional[0]
    arguments = list(step.arguments)
    for index, argument in enumerate(arguments):
        if argument.name == name or (index == 0 and argument.name is None):
            arguments[index] = replace(argument, value=outputs)
    return replace(step, arguments=tuple(arguments))
