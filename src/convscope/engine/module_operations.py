"""The places of a network as modules, and the function that computes each node; see :mod:`convscope.ops.tensors`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from convscope import ops
from convscope.errors import UserError
from convscope.network.graph import Node
from convscope.network.plan import Role
from convscope.ops.convolution.engine import add_bias, conv
from convscope.ops.tensors import COMPUTE, COMPUTE_IN_PLACE, Compute, Seat


class AnyNameModule(nn.Module):
    """A module whose children may have any name: a person may well call a node ``train`` or ``training``."""

    def child(self, name: str) -> NodeModule:
        """The part of this name, made if it is not there."""
        found = self._modules.get(name)
        if found is None:
            found = self._modules[name] = NodeModule()  # not add_module, which refuses the names of methods
        assert isinstance(found, NodeModule)
        return found

    def get_submodule(self, target: str) -> nn.Module:
        """The part at a path, also where its name is that of a method."""
        found: nn.Module = self
        for name in target.split(".") if target else ():
            inner = found._modules.get(name)
            if inner is None:
                raise AttributeError(f"no part {target!r}")
            found = inner
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "training":  # train() and eval() set it; nn.Module would take a child of this name for it
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)


class NodeModule(AnyNameModule):
    """One place in the network: the tensors of the node of this path, and the parts whose paths start with it.

    It computes nothing by itself; :class:`~convscope.engine.module.GraphModule` runs the plan.
    """

    weight: Tensor
    bias: Tensor | None
    running_mean: Tensor
    running_var: Tensor
    seat: Seat | None = None
    generator: torch.Generator | None = None
    """Where its random numbers come from; None: torch's own."""

    def hold(self, node: Node) -> None:
        """Register a node's tensors, all zero; weight and bias are None where the node has none."""
        for name, shape in node.parameters.items():
            self.register_parameter(name, nn.Parameter(torch.zeros(shape)))
        for name in {"weight", "bias"} - set(node.parameters) if node.op.inputs == "one" else ():
            self.register_parameter(name, None)
        for name, shape in node.buffers.items():
            self.register_buffer(name, torch.zeros(shape))


def compute_of(node: Node, in_place: bool = False, role: Role = "all") -> Compute:
    """The function that computes a node.

    Args:
        node: the operation at its place; its input shapes decide what is chosen here.
        in_place: the operand may be overwritten.
        role: of a convolution, to leave the bias out, or to add nothing but the bias.

    Raises:
        UserError: torch has no such operation in so many dimensions.
    """
    try:
        if isinstance(node.op, ops.Conv):  # the one operation that is computed in two parts
            return add_bias(node, in_place) if role == "bias" else conv(node.op, node, biased=role == "all")
        overwriting = COMPUTE_IN_PLACE.find(type(node.op)) if in_place else None
        return (overwriting or COMPUTE.of(type(node.op)))(node.op, node)
    except ops.Misfit as misfit:
        raise UserError(node.path, misfit.got, misfit.expected, misfit.hint) from None
