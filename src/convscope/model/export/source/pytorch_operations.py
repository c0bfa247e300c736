"""An operation as it is written in PyTorch; how it is spelled stands in its room, :mod:`convscope.ops.spelling`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from convscope import ops
from convscope.errors import UserError
from convscope.model.export.source.python import names_in
from convscope.model.export.source.python import spell as spell_expression
from convscope.network.graph import Node
from convscope.network.tree import Expression, Name
from convscope.ops.spec import Value
from convscope.ops.spelling import PYTORCH, Code, Helper


class WrittenInPyTorch:
    """An operation as it is written: its arguments as Python texts, else their defaults.

    Args:
        op: the operation.
        said: its arguments as expressions, by PyTorch's names; none: all are numbers.
        channels: that arrive.
        everywhere: the text stands for more than one use, so that no number of this one may be in it.
        helpers: is told which the file needs.
    """

    def __init__(
        self,
        op: ops.Op,
        said: Mapping[str, Expression],
        channels: Expression,
        everywhere: bool = False,
        helpers: set[Helper] | None = None,
    ) -> None:
        self.op, self.said, self.channels, self.everywhere = op, said, spell_expression(channels), everywhere
        self.helpers: set[Helper] = set() if helpers is None else helpers

    def text(self, name: str) -> str:
        """One argument."""
        value = self.said.get(name)
        if value is None or (isinstance(value, Name) and value.name in ("yes", "no", "none", "same", "valid")):
            return spell_expression(getattr(self.op, name))
        return spell_expression(value)

    def is_number(self, name: str) -> bool:
        """Whether an argument is a number in every use."""
        return not names_in(self.said.get(name, 1))

    def changed(self, *names: str, **defaults: Value) -> dict[str, Code]:
        """Those that differ from PyTorch's default, which is the operation's own where it is not told."""
        own = {entry.name: entry.default for entry in dataclasses.fields(self.op)}
        found: dict[str, Code] = {}
        for name in names:
            default = defaults.get(name, own[name])
            written = self.said.get(name)
            symbolic = (
                written is not None
                and bool(names_in(written))
                and self.text(name) != spell_expression(getattr(self.op, name))
            )
            if symbolic or getattr(self.op, name) != default:
                found[name] = self.text(name)
        return found


def spell(op: WrittenInPyTorch, node: Node) -> Code:
    """An operation as a module of PyTorch.

    Args:
        op: as it is written.
        node: at its first use.

    Raises:
        UserError: PyTorch has no such thing.
        NeedsNumbers: it takes the numbers of one use.
    """
    try:
        return PYTORCH.of(type(node.op))(node.op, op, node)
    except ops.Misfit as misfit:
        raise UserError(node.path, misfit.got, misfit.expected, misfit.hint) from None
