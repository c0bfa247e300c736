"""An operation as it is written in Keras; how it is spelled stands in its room, :mod:`convscope.ops.spelling`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from convscope import ops
from convscope.errors import UserError
from convscope.model.export.source.python import OWN, names_in
from convscope.model.export.source.python import spell as spell_expression
from convscope.network.graph import Node
from convscope.network.tree import Arithmetic, Expression, Name
from convscope.ops.spelling import KERAS, Code, Layer


def with_channels(value: Expression, tensor: str) -> Expression:
    """An expression where ``in_channels`` is a tensor's last dimension."""
    if isinstance(value, Name):
        return Name(f"{OWN}{tensor}.shape[-1]") if value.name == "in_channels" else value
    if isinstance(value, Arithmetic):
        left, right = with_channels(value.left, tensor), with_channels(value.right, tensor)
        return Arithmetic(value.operator, left, right)
    return value


class WrittenInKeras:
    """An operation as it is written: its arguments as Python texts.

    Args:
        op: the operation.
        said: its arguments as expressions, by PyTorch's names.
        tensor: the variable that it reads.
        name: of the layer, a Python text.
    """

    def __init__(self, op: ops.Op, said: Mapping[str, Expression], tensor: str, name: str) -> None:
        self.op, self.said, self.tensor, self.name = op, said, tensor, name

    def text(self, name: str) -> str:
        """One argument."""
        written = self.said.get(name)
        words = ("yes", "no", "none", "same", "valid")
        if written is None or (isinstance(written, Name) and written.name in words):
            return spell_expression(getattr(self.op, name))
        return spell_expression(with_channels(written, self.tensor))

    def given(self, *names: str) -> dict[str, Code]:
        """Those that are written, or differ from what the operation does untold."""
        own = {entry.name: entry.default for entry in dataclasses.fields(self.op)}
        found: dict[str, Code] = {}
        for name in names:
            written = self.said.get(name)
            if (written is not None and names_in(written) - {"yes", "no"}) or getattr(self.op, name) != own[name]:
                found[name] = self.text(name)
        return found


def spell(op: WrittenInKeras, node: Node) -> Layer | None:
    """An operation as a layer of Keras; None for one that does nothing.

    Args:
        op: as it is written.
        node: at its first use.

    Raises:
        UserError: Keras has no such thing.
    """
    try:
        return KERAS.of(type(node.op))(node.op, op, node)
    except ops.Misfit as misfit:
        raise UserError(node.path, misfit.got, misfit.expected, misfit.hint) from None
