"""The network a person wrote: one immutable value, its two spellings, and the graph that follows from it."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from pathlib import Path

from convscope.errors import UserError
from convscope.files import read_regular
from convscope.network import notation, tree_json
from convscope.network.classes import with_classes
from convscope.network.expand import GraphError, expand, with_input
from convscope.network.family import choose, only
from convscope.network.formatter import format_statements
from convscope.network.graph import Graph
from convscope.network.notate import notate
from convscope.network.tree import Expect, Input, Source, Statement
from convscope.ops import Shape, spell


@dataclass(frozen=True)
class Network:
    """A network as data. Make one with :meth:`parse`, :meth:`from_json` or :meth:`load`.

    Example:
        >>> net = Network.parse("input 1x8x8\\nconv 4 3x3 > relu > flatten > linear 10")
        >>> net.graph().parameter_count
        1490
        >>> Network.from_json(net.to_json()) == net
        True
    """

    statements: tuple[Statement, ...]
    source: Source = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str, name: str = "network") -> Network:
        """Read the notation; ``name`` is what messages call the text.

        Raises:
            UserError: with line, column, a caret, what would fit, the nearest word.
        """
        statements, source = notation.parse(text, name)
        return cls(only(statements, source), source)

    @classmethod
    def from_json(cls, text: str, name: str = "network.json") -> Network:
        """Read the JSON spelling.

        Raises:
            UserError: it is not JSON, or breaks a rule of the notation (lines are those of its canonical text).
        """
        return cls.parse(format_statements(tree_json.from_json(text, name)), name)

    @classmethod
    def load(cls, path: str | Path, member: str | None = None) -> Network:
        """Read a ``.net`` or ``.json`` file; ``member`` is the one that is meant in a file of several networks.

        Raises:
            UserError: the file cannot be read or is not a network.
        """
        path = Path(path)
        text = read_text(path)
        if path.suffix == ".json" and member is None:
            return cls.from_json(text, path.name)
        if member is None:
            return cls.parse(text, path.name)
        statements, source = notation.parse(text, path.name)
        return cls(choose(statements, source, member), replace(source, member=member))

    @classmethod
    def from_graph(cls, graph: Graph, name: str | None = None) -> Network:
        """The network that a graph is: its structure where it has one, else its nodes one after the other.

        The text gives the same graph again, wherever the graph comes from: see :mod:`convscope.network.notate`.

        Raises:
            UserError: a node that the notation cannot say.

        Example:
            >>> graph = Network.parse("input 3x8x8\\nconv 8 3x3 > relu").graph()
            >>> Network.from_graph(graph).graph() == graph
            True
        """
        structure = graph.structure
        if name is None:
            name = "network" if structure is None else structure.name
        if structure is not None:
            network = cls.parse(format_statements(structure.statements), name)
            if network.graph() == graph:
                return network
        network = cls.parse(format_statements(notate(graph)), name)
        if network.graph() != graph:
            raise UserError(name, "the notation cannot say this graph", "windows of one number for each dimension")
        return network

    def text(self) -> str:
        """The canonical text; parsing it gives this value back."""
        return format_statements(self.statements)

    def to_json(self) -> str:
        """The JSON spelling."""
        return tree_json.to_json(self.statements)

    @property
    def input(self) -> Shape | None:
        """The declared input, channels first, or None."""
        return next((s.shape for s in self.statements if isinstance(s, Input)), None)

    @functools.cached_property
    def _declared(self) -> Graph:
        graph = expand(self.statements, self.source, self.input or ())
        _check_expectations(self, graph)
        return graph

    def graph(self, input: Shape | None = None) -> Graph:  # noqa: A002  the word of the notation
        """The flat graph for the declared input, or for another; ``expect`` is checked for the declared one.

        Raises:
            GraphError: a shape does not fit; it carries the nodes that did.
            UserError: no input is known, or an ``expect`` does not hold.
        """
        if input is None and self.input is None:
            raise UserError(
                self.source.name,
                "the network does not say its input",
                "a first line such as: input 1x28x28",
                "or the option --input 1x28x28",
            )
        if input is None or input == self.input:
            return self._declared
        return expand(with_input(self.statements, tuple(input)), self.source, input)

    def with_input(self, shape: Shape) -> Network:
        """The same network for another input; its ``expect`` no longer holds and is left out."""
        return self if shape == self.input else self._made(with_input(self.statements, shape))

    def with_classes(self, classes: int, input: Shape | None = None) -> Network:  # noqa: A002
        """The same network with another number of outputs: its last linear or conv is rewritten.

        Raises:
            UserError: no last linear or conv at the top level decides the outputs.
        """
        graph = self.graph(input)
        made = with_classes(graph, classes, self.source.name)
        if made is graph or made.structure is None:
            return self
        statements = made.structure.statements
        if self.input is None:
            statements = tuple(s for s in statements if not isinstance(s, Input))
        elif self.input != graph.input:
            statements = with_input(statements, self.input)
        return self._made(statements)

    def _made(self, statements: tuple[Statement, ...]) -> Network:
        made = Network.parse(format_statements(statements), self.source.name)
        return replace(made, source=replace(made.source, member=self.source.member))

    def _repr_html_(self) -> str:
        from convscope.network.costs import costs_of  # no one else pays for them
        from convscope.network.drawing import beside_table

        return beside_table(costs_of(self.graph()), self.source.title)

    def __str__(self) -> str:
        return self.text()


def read_text(path: Path) -> str:
    """A file's text.

    Raises:
        UserError: it cannot be read, or is no text.
    """
    try:
        return read_regular(path).decode("utf-8")
    except OSError as error:
        raise UserError(str(path), f"the file cannot be read: {(error.strerror or '').lower()}") from None
    except UnicodeDecodeError:
        raise UserError(str(path), "this is not text", "a network in the notation, UTF-8") from None


def _check_expectations(network: Network, graph: Graph) -> None:
    found = {"params": graph.parameter_count, "macs": graph.macs, "output": graph.output.shape}
    for statement in network.statements:
        if not isinstance(statement, Expect):
            continue
        for argument in statement.arguments:
            wanted = argument.value
            got = found[argument.name or ""]
            if wanted != got and (wanted,) != got:
                shown = f"{got:,}" if isinstance(got, int) else spell(got)
                expected = f"{wanted:,}" if isinstance(wanted, int) else spell(wanted)
                error = network.source.mistake(
                    argument.at, f"{argument.name} is {shown}", f"{expected}, as this line says"
                )
                raise GraphError(error, graph.nodes)
