"""How torch computes each operation: a function made once a node, with every choice that its shape allows taken.

Each function takes the node's :class:`Part`, which holds its tensors, and the operands. It works in any memory
layout and precision, on any device, and under ``torch.compile`` and ``torch.export``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name by which everyone knows it

from convscope import ops
from convscope.errors import UserError
from convscope.network.graph import Node
from convscope.network.plan import Role
from convscope.ops import per_dimension


class Place(nn.Module):
    """A module whose children may have any name: a person may well call a node ``train`` or ``training``."""

    def child(self, name: str) -> Part:
        """The part of this name, made if it is not there."""
        found = self._modules.get(name)
        if found is None:
            found = self._modules[name] = Part()  # not add_module, which refuses the names of methods
        assert isinstance(found, Part)
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


class Part(Place):
    """One place in the network: the tensors of the node of this path, and the parts whose paths start with it.

    It computes nothing by itself; :class:`~convscope.engine.module.GraphModule` runs the plan.
    """

    weight: Tensor
    bias: Tensor | None
    running_mean: Tensor
    running_var: Tensor

    def hold(self, node: Node) -> None:
        """Register a node's tensors, all zero; weight and bias are None where the node has some but not these."""
        if isinstance(node.op, _WEIGHTED):
            for name in ("weight", "bias"):
                shape = node.parameters.get(name)
                self.register_parameter(name, None if shape is None else nn.Parameter(torch.zeros(shape)))
        for name, shape in node.buffers.items():
            self.register_buffer(name, torch.zeros(shape))


_WEIGHTED = (ops.Conv, ops.Linear, ops.BatchNorm, ops.LayerNorm, ops.GroupNorm, ops.Scale)


Compute = Callable[[Part, Sequence[Tensor]], Tensor]
"""From a node's tensors and its operands, ``(N, C, *spatial)`` or ``(N, features)``, to its output."""

_Make = Callable[[Any, Node], Compute]
_Made = TypeVar("_Made", bound=_Make)
_MAKERS: dict[type[ops.Op], _Make] = {}


def _computes(cls: type[ops.Op]) -> Callable[[_Made], _Made]:
    def enter(make: _Made) -> _Made:
        _MAKERS[cls] = make
        return make

    return enter


def supports(operation: type[ops.Op]) -> bool:
    """Whether torch knows an operation; a test asks it for the whole vocabulary."""
    return operation in _MAKERS


def compute_of(node: Node, in_place: bool = False, role: Role = "all") -> Compute:
    """The function that computes a node.

    Args:
        node: the operation at its place; its input shapes decide what is chosen here.
        in_place: the operand may be overwritten.
        role: of a convolution, to leave the bias out, or to add nothing but the bias.

    Raises:
        UserError: torch has no such operation in so many dimensions.
    """
    if isinstance(node.op, ops.Conv) and role == "bias":
        return _add_bias(node, in_place)
    if isinstance(node.op, ops.Conv):
        return _conv(node.op, node, biased=role == "all")
    if in_place and type(node.op) in _IN_PLACE:
        return _pointwise(_IN_PLACE[type(node.op)])
    return _MAKERS[type(node.op)](node.op, node)


def _pointwise(function: Callable[[Tensor], Tensor]) -> Compute:
    return lambda part, inputs: function(inputs[0])


def _by_rank(node: Node, name: str) -> Callable[..., Tensor]:
    """``conv2d`` for a picture, ``conv1d`` for a signal, ``conv3d`` for a volume."""
    rank = len(node.input_shapes[0]) - 1
    if rank > 3:
        raise UserError(node.path, f"{node.op.word} in {rank} dimensions", "at most 3 with torch")
    return cast("Callable[..., Tensor]", getattr(F, name.format(rank)))


# Windows


def _pads(padding: tuple[tuple[int, int], ...]) -> list[int]:
    """As ``F.pad`` takes them: the last dimension first."""
    return [value for pair in reversed(padding) for value in pair]


@_computes(ops.Conv)
def _conv(op: ops.Conv, node: Node, biased: bool = True) -> Compute:
    convolve = _by_rank(node, "conv{}d")
    window = op.window(node.input_shapes)
    stride, dilation, groups = window.stride, window.dilation, op.groups
    pads: list[int] | None = None
    padding: tuple[int, ...] | int = tuple(before for before, _ in window.padding)
    if any(before != after for before, after in window.padding):
        # "same" with an odd number of zeros: torch pads both sides alike, so the zeros are put there beforehand.
        pads, padding = _pads(window.padding), 0

    def compute(part: Part, inputs: Sequence[Tensor]) -> Tensor:
        x = inputs[0] if pads is None else F.pad(inputs[0], pads)
        return convolve(x, part.weight, part.bias if biased else None, stride, padding, dilation, groups)

    return compute


def _add_bias(node: Node, in_place: bool) -> Compute:
    add = Tensor.add_ if in_place else Tensor.add
    shape = (-1, *[1] * (len(node.shape) - 1))
    # An autocast convolution wrote bfloat16, and so it stays.
    return lambda part, inputs: add(inputs[0], cast("Tensor", part.bias).view(shape).to(inputs[0].dtype))


@_computes(ops.MaxPool)
def _max_pool(op: ops.MaxPool, node: Node) -> Compute:
    pool = _by_rank(node, "max_pool{}d")
    window = op.window(node.input_shapes)
    kernel, stride, dilation, ceil = window.kernel, window.stride, window.dilation, op.ceil_mode
    if all(before == after <= k // 2 for (before, after), k in zip(window.padding, kernel, strict=True)):
        padding = tuple(before for before, _ in window.padding)
        return lambda part, inputs: pool(inputs[0], kernel, stride, padding, dilation, ceil)
    # "same" padding that torch refuses: uneven, or more than half a window since the window is dilated.
    pads = _pads(window.padding)
    return lambda part, inputs: pool(F.pad(inputs[0], pads, value=-torch.inf), kernel, stride, 0, dilation, ceil)


@_computes(ops.AvgPool)
def _avg_pool(op: ops.AvgPool, node: Node) -> Compute:
    pool = _by_rank(node, "avg_pool{}d")
    window, lengths = op.window(node.input_shapes), node.input_shapes[0][1:]
    kernel, stride, padding = window.kernel, window.stride, tuple(before for before, _ in window.padding)
    if len(kernel) == 3 and any(k > n for k, n in zip(kernel, lengths, strict=True)):
        got = f"a window {ops.spell_shape(kernel)} larger than its input {ops.spell_shape(lengths)}"
        raise UserError(node.path, got, "in three dimensions, torch averages only within the input")
    ceil, count_pad = op.ceil_mode, op.count_include_pad
    return lambda part, inputs: pool(inputs[0], kernel, stride, padding, ceil, count_pad)


@_computes(ops.AdaptiveAvgPool)
def _adaptive_avg_pool(op: ops.AdaptiveAvgPool, node: Node) -> Compute:
    pool = _by_rank(node, "adaptive_avg_pool{}d")
    size = per_dimension("output_size", op.output_size, node.input_shapes[0])
    return lambda part, inputs: pool(inputs[0], size)


@_computes(ops.AdaptiveMaxPool)
def _adaptive_max_pool(op: ops.AdaptiveMaxPool, node: Node) -> Compute:
    pool = _by_rank(node, "adaptive_max_pool{}d")
    size = per_dimension("output_size", op.output_size, node.input_shapes[0])
    return lambda part, inputs: pool(inputs[0], size)


@_computes(ops.GlobalAvgPool)
def _global_avg_pool(op: ops.GlobalAvgPool, node: Node) -> Compute:
    dimensions = tuple(range(2, 1 + len(node.input_shapes[0])))
    return lambda part, inputs: inputs[0].mean(dimensions, keepdim=True)


@_computes(ops.GlobalMaxPool)
def _global_max_pool(op: ops.GlobalMaxPool, node: Node) -> Compute:
    # Not amax, which shares the gradient among equal values where the other maxima give it to the first.
    pool = _by_rank(node, "adaptive_max_pool{}d")
    return lambda part, inputs: pool(inputs[0], 1)


# Vectors and shapes


@_computes(ops.Linear)
def _linear(op: ops.Linear, node: Node) -> Compute:
    return lambda part, inputs: F.linear(inputs[0], part.weight, part.bias)


@_computes(ops.Flatten)
def _flatten(op: ops.Flatten, node: Node) -> Compute:
    return lambda part, inputs: inputs[0].flatten(1)


@_computes(ops.Identity)
def _identity(op: ops.Identity, node: Node) -> Compute:
    return lambda part, inputs: inputs[0]


@_computes(ops.Dropout)
def _dropout(op: ops.Dropout, node: Node) -> Compute:
    p = op.p
    return lambda part, inputs: dropout(inputs[0], p) if part.training else inputs[0]


def dropout(x: Tensor, p: float) -> Tensor:
    """Zero with probability p, the rest scaled so that the mean stays: ``F.dropout`` in training, but faster.

    torch's own draws a 53-bit number a value on a processor, which is an eighth of a small network's whole step.
    Here a value takes 16 random bits of torch's default generator, so the probability to keep is a multiple of
    1/65536; the scale is exactly its inverse. Compiled, exported or on a GPU, ``F.dropout`` is used.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> dropout(torch.ones(6), 0.5)
        tensor([2., 2., 0., 2., 2., 2.])
    """
    kept = round((1 - p) * 65536)
    if kept == 65536:
        return x
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return F.dropout(x, p, training=True)
    mask = torch.empty_like(x)
    words = torch.empty(-(-mask.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    # A tensor of empty_like is dense in some order of its dimensions, so its strides fit a flat run of numbers.
    numbers = words.view(torch.int16).as_strided(mask.shape, mask.stride())
    torch.lt(numbers, kept - 32768, out=mask)
    return x * mask.mul_(65536 / kept)


# Normalisations


@_computes(ops.BatchNorm)
def _batch_norm(op: ops.BatchNorm, node: Node) -> Compute:
    places, eps, momentum = ops.elements(node.input_shapes[0][1:]), op.eps, op.momentum

    def normalise(part: Part, inputs: Sequence[Tensor]) -> Tensor:
        x = inputs[0]
        # One value a channel has no variance: torch refuses it. A last batch of one then takes the running
        # statistics, and leaves them as they are.
        batch = part.training and (places > 1 or x.shape[0] > 1)
        weight = cast("Tensor | None", part.weight)
        return F.batch_norm(x, part.running_mean, part.running_var, weight, part.bias, batch, momentum, eps)

    return normalise


@_computes(ops.LayerNorm)
def _layer_norm(op: ops.LayerNorm, node: Node) -> Compute:
    shape, eps = node.input_shapes[0], op.eps
    if op.over == "all" or len(shape) == 1:
        return lambda part, inputs: F.layer_norm(inputs[0], shape, part.weight, part.bias, eps)
    channels = shape[:1]

    def over_channels(part: Part, inputs: Sequence[Tensor]) -> Tensor:
        # torch normalises the last dimensions, so the channels are moved there; with channels_last they are already.
        moved = F.layer_norm(inputs[0].movedim(1, -1), channels, part.weight, part.bias, eps)
        return moved.movedim(-1, 1)

    return over_channels


@_computes(ops.GroupNorm)
def _group_norm(op: ops.GroupNorm, node: Node) -> Compute:
    groups, eps = op.num_groups, op.eps
    # Not F.group_norm, which refuses a batch of one vector for having one value a channel, as if it were batch norm.
    return lambda part, inputs: torch.group_norm(inputs[0], groups, part.weight, part.bias, eps)


@_computes(ops.LocalResponseNorm)
def _local_response_norm(op: ops.LocalResponseNorm, node: Node) -> Compute:
    size, alpha, beta, k = op.size, op.alpha, op.beta, op.k
    return lambda part, inputs: F.local_response_norm(inputs[0], size, alpha, beta, k)


@_computes(ops.Scale)
def _scale(op: ops.Scale, node: Node) -> Compute:
    shape = (-1, *[1] * (len(node.shape) - 1))

    def scale(part: Part, inputs: Sequence[Tensor]) -> Tensor:
        scaled = inputs[0] * part.weight.view(shape)
        return scaled if part.bias is None else scaled + part.bias.view(shape)

    return scale


@_computes(ops.PadChannels)
def _pad_channels(op: ops.PadChannels, node: Node) -> Compute:
    pads = [*[0] * (2 * (len(node.shape) - 1)), op.before, op.after]
    return lambda part, inputs: F.pad(inputs[0], pads)


# Activations


@_computes(ops.LeakyReLU)
def _leaky_relu(op: ops.LeakyReLU, node: Node) -> Compute:
    slope = op.negative_slope
    return lambda part, inputs: F.leaky_relu(inputs[0], slope)


@_computes(ops.GELU)
def _gelu(op: ops.GELU, node: Node) -> Compute:
    approximate = op.approximate
    return lambda part, inputs: F.gelu(inputs[0], approximate=approximate)


@_computes(ops.Softmax)
def _softmax(op: ops.Softmax, node: Node) -> Compute:
    return lambda part, inputs: F.softmax(inputs[0], dim=1)


_PLAIN: dict[type[ops.Op], Callable[[Tensor], Tensor]] = {
    ops.ReLU: F.relu,
    ops.ReLU6: F.relu6,
    ops.SiLU: F.silu,
    ops.Hardswish: F.hardswish,
    ops.Hardsigmoid: F.hardsigmoid,
    ops.Tanh: torch.tanh,
    ops.Sigmoid: torch.sigmoid,
}


class _ReLU6(torch.autograd.Function):
    """``F.relu6(x, inplace=True)``, whose own backward pass keeps a copy of what it overwrites; the result says as
    much: the slope is 1 strictly between 0 and 6 and 0 elsewhere, for the result as for the operand.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.mark_dirty(x)
        x.clamp_(0, 6)
        ctx.save_for_backward(x)
        return x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return cast("Tensor", torch.ops.aten.hardtanh_backward(gradient, y, 0.0, 6.0))


def _relu6_in_place(x: Tensor) -> Tensor:
    if torch.compiler.is_compiling() or not x.requires_grad:
        return F.relu6(x, inplace=True)
    return cast("Tensor", _ReLU6.apply(x))  # type: ignore[no-untyped-call]


_IN_PLACE: dict[type[ops.Op], Callable[[Tensor], Tensor]] = {
    ops.ReLU: lambda x: F.relu(x, inplace=True),
    ops.ReLU6: _relu6_in_place,
}


def _plain(op: ops.Op, node: Node) -> Compute:
    return _pointwise(_PLAIN[type(op)])


_MAKERS.update(dict.fromkeys(_PLAIN, _plain))


# Merges


@_computes(ops.Add)
def _add(op: ops.Add, node: Node) -> Compute:
    return lambda part, inputs: reduce(operator.add, inputs)


@_computes(ops.Mul)
def _mul(op: ops.Mul, node: Node) -> Compute:
    return lambda part, inputs: reduce(operator.mul, inputs)


@_computes(ops.Concat)
def _concat(op: ops.Concat, node: Node) -> Compute:
    return lambda part, inputs: torch.cat(list(inputs), dim=1)
