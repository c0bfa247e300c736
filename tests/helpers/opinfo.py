"""PyTorch's own samples (OpInfo) said as our operations: the mapping, and by name what cannot be said.

A sample's tensors become our layout (examples first, then channels) by reshapes alone, so that values and gradients of
both sides are compared through the same view.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor

from convscope import ops
from convscope.ops import Misfit, Op

View = Callable[[Tensor], Tensor]


SampleInput = Any
"""``torch.testing._internal.opinfo.core.SampleInput``: ``input``, ``args``, ``kwargs``."""


class UnsaidError(Exception):
    """A sample that our vocabulary has no words for; the message says why."""


class RefusedError(UnsaidError):
    """A sample that our operation can say and does not take; the message names the argument."""


@dataclass(frozen=True)
class Seen:
    """A tensor of a sample and how it looks in our layout."""

    tensor: Tensor
    view: View

    @property
    def ours(self) -> Tensor:
        return self.view(self.tensor.detach())


@dataclass(frozen=True)
class Case:
    """A sample as one of our operations."""

    op: Op
    inputs: Sequence[Seen]
    out: View
    parameters: Mapping[str, Seen] = field(default_factory=dict)
    buffers: Mapping[str, Tensor] = field(default_factory=dict)
    training: bool = False


def named(sample: SampleInput, *names: str, **defaults: Any) -> dict[str, Any]:
    """A sample's arguments by their names, in the order of torch's signature."""
    given = dict(zip(names, sample.args, strict=False)) | dict(sample.kwargs)
    unknown = set(given) - set(names)
    if unknown:
        raise UnsaidError(f"{', '.join(sorted(unknown))} given")
    return {name: given.get(name, defaults.get(name)) for name in names}


def same(tensor: Tensor) -> Tensor:
    return tensor


def _values(tensor: Tensor) -> Tensor:
    """Any tensor as one example of a vector; an empty one as no examples."""
    return tensor.reshape(1, -1) if tensor.numel() else tensor.reshape(0, 1)


def _batched(rank: int, tensor: Tensor) -> View:
    """Examples first where a sample has none."""
    if tensor.ndim not in (rank + 1, rank + 2):
        raise UnsaidError("a tensor of another rank")  # ours go by the rank that they are given
    return (lambda t: t[None]) if tensor.ndim == rank + 1 else same


def _size(value: Any) -> Any:
    """A number for all dimensions or one each; torch takes a tuple of one for the former."""
    if not isinstance(value, (list, tuple)):
        return value
    return value[0] if len(value) == 1 else tuple(value)


def _affine(weight: Tensor | None, bias: Tensor | None, view: View = same) -> tuple[bool, dict[str, Seen]]:
    """Weight and bias of a normalisation; ours has both or neither, so a missing one is ones or zeros."""
    if weight is None and bias is None:
        return False, {}
    like = weight if weight is not None else bias
    assert like is not None
    return True, {
        "weight": Seen(torch.ones_like(like) if weight is None else weight, view),
        "bias": Seen(torch.zeros_like(like) if bias is None else bias, view),
    }


def _elementwise(make: Callable[..., Op], *names: str, **defaults: Any) -> Callable[[SampleInput], Case]:
    def said(sample: SampleInput) -> Case:
        given = named(sample, *names, "inplace", **defaults, inplace=False)
        given.pop("inplace")
        return Case(make(**given), [Seen(sample.input, _values)], _values)

    return said


def _hardtanh(min_val: float, max_val: float) -> Op:
    return ops.ReLU6() if (min_val, max_val) == (0, 6) else ops.Clip(min_val, max_val)


def _softplus(beta: float, threshold: float) -> Op:
    if threshold != 20:
        raise UnsaidError("another threshold than 20")
    return ops.Softplus(beta)


def _prelu(sample: SampleInput) -> Case:
    weight = named(sample, "weight")["weight"]
    if weight.ndim > 1:
        raise UnsaidError("slopes of two dimensions")
    view: View = _values if weight.numel() == 1 else same
    op = ops.PReLU(weight.numel())
    return Case(op, [Seen(sample.input, view)], view, {"weight": Seen(weight, lambda t: t.reshape(-1))})


def _rms_norm(sample: SampleInput) -> Case:
    given = named(sample, "normalized_shape", "weight", "eps")
    features, weight = math.prod(given["normalized_shape"]), given["weight"]
    if not features or tuple(sample.input.shape[-len(given["normalized_shape"]) :]) != tuple(given["normalized_shape"]):
        raise UnsaidError("a shape that is not the input's")
    eps = torch.finfo(sample.input.dtype).eps if given["eps"] is None else given["eps"]
    parameters = {} if weight is None else {"weight": Seen(weight, lambda t: t.reshape(-1))}

    def view(tensor: Tensor) -> Tensor:
        return tensor.reshape(-1, features)

    return Case(
        ops.RMSNorm(eps=eps, over="all", affine=weight is not None), [Seen(sample.input, view)], view, parameters
    )


def _channel_shuffle(sample: SampleInput) -> Case:
    return Case(ops.ChannelShuffle(named(sample, "groups")["groups"]), [Seen(sample.input, same)], same)


def _dropout(sample: SampleInput) -> Case:
    given = named(sample, "p", "training", "inplace", p=0.5, training=True)
    if given["training"] and given["p"]:
        raise UnsaidError("random")
    return Case(ops.Dropout(given["p"]), [Seen(sample.input, _values)], _values)


def _softmax(sample: SampleInput, make: Callable[[], Op] = ops.Softmax) -> Case:
    given = named(sample, "dim", "dtype", "_stacklevel")
    if given["dtype"] not in (None, sample.input.dtype):
        raise UnsaidError("a result of another precision")

    def view(tensor: Tensor) -> Tensor:
        channels = tensor.movedim(given["dim"], 0) if tensor.ndim else tensor[None]
        if not tensor.numel():
            return tensor.reshape(0, 1)
        return channels.reshape(1, len(channels), -1)

    return Case(make(), [Seen(sample.input, view)], view)


def _conv(rank: int) -> Callable[[SampleInput], Case]:
    def said(sample: SampleInput) -> Case:
        given = named(
            sample,
            "weight",
            "bias",
            "stride",
            "padding",
            "dilation",
            "groups",
            stride=1,
            padding=0,
            dilation=1,
            groups=1,
        )
        weight, bias = given["weight"], given["bias"]
        if weight.ndim != rank + 2:
            raise UnsaidError("a weight of another rank")
        if len({t.dtype for t in (sample.input, weight, bias) if t is not None}) > 1:
            raise UnsaidError("tensors of several types")
        op = ops.Conv(
            out_channels=len(weight),
            kernel_size=tuple(weight.shape[2:]),
            bias=bias is not None,
            **{name: _size(given[name]) for name in ("stride", "padding", "dilation", "groups")},
        )
        view = _batched(rank, sample.input)
        parameters = {"weight": Seen(weight, same)} | ({} if bias is None else {"bias": Seen(bias, same)})
        return Case(op, [Seen(sample.input, view)], view, parameters)

    return said


def _linear(sample: SampleInput) -> Case:
    given = named(sample, "weight", "bias")
    weight, bias = given["weight"], given["bias"]
    features = weight.shape[-1]
    parameters = {"weight": Seen(weight, same)} | ({} if bias is None else {"bias": Seen(bias, same)})
    return Case(
        ops.Linear(len(weight), bias=bias is not None),
        [Seen(sample.input, lambda t: t.reshape(-1, features))],
        lambda t: t.reshape(-1, len(weight)),
        parameters,
    )


def _max_pool(rank: int) -> Callable[[SampleInput], Case]:
    names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")

    def said(sample: SampleInput) -> Case:
        given = named(sample, *names, padding=0, dilation=1, ceil_mode=False)
        given.pop("return_indices")  # the values are ours; which of them won shows in the gradient
        if given["stride"] in ((), []):
            given["stride"] = None
        view = _batched(rank, sample.input)
        op = ops.MaxPool(**{name: _size(value) for name, value in given.items()})
        return Case(op, [Seen(sample.input, view)], view)

    return said


def _avg_pool(rank: int) -> Callable[[SampleInput], Case]:
    names = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")

    def said(sample: SampleInput) -> Case:
        given = named(sample, *names, padding=0, ceil_mode=False, count_include_pad=True)
        if given["stride"] in ((), []):
            given["stride"] = None
        view = _batched(rank, sample.input)
        op = ops.AvgPool(**{name: _size(value) for name, value in given.items()})
        return Case(op, [Seen(sample.input, view)], view)

    return said


def _adaptive(make: type[Op], rank: int) -> Callable[[SampleInput], Case]:
    def said(sample: SampleInput) -> Case:
        given = named(sample, "output_size", "return_indices")
        size = _size(given["output_size"])
        places = tuple(sample.input.shape[-rank:])
        if isinstance(size, tuple):
            size = tuple(own if wanted is None else wanted for wanted, own in zip(size, places, strict=False))
        view = _batched(rank, sample.input)
        return Case(make(size), [Seen(sample.input, view)], view)

    return said


def _batch_norm(sample: SampleInput) -> Case:
    names = ("running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
    given = named(sample, *names, training=False, momentum=0.1, eps=1e-5)
    affine, parameters = _affine(given["weight"], given["bias"])
    channels = sample.input.shape[1:2]
    # Where statistics are of the batch, the running ones and their momentum do not show.
    momentum = 0.1 if given["momentum"] is None or not 0 <= given["momentum"] <= 1 else given["momentum"]
    mean, var = given["running_mean"], given["running_var"]
    buffers = {
        "running_mean": sample.input.new_zeros(channels) if mean is None else mean.requires_grad_(False).clone(),
        "running_var": sample.input.new_ones(channels) if var is None else var.requires_grad_(False).clone(),
    }
    op = ops.BatchNorm(eps=given["eps"], momentum=momentum, affine=affine)
    if sample.input.ndim < 2:
        raise UnsaidError("no channels")
    return Case(op, [Seen(sample.input, same)], same, parameters, buffers, given["training"])


def _layer_norm(sample: SampleInput) -> Case:
    given = named(sample, "normalized_shape", "weight", "bias", "eps", eps=1e-5)
    features = math.prod(given["normalized_shape"])
    affine, parameters = _affine(given["weight"], given["bias"], lambda t: t.reshape(-1))

    def view(tensor: Tensor) -> Tensor:
        return tensor.reshape(-1, features)

    op = ops.LayerNorm(eps=given["eps"], over="all", affine=affine)
    return Case(op, [Seen(sample.input, view)], view, parameters)


def _group_norm(sample: SampleInput) -> Case:
    given = named(sample, "num_groups", "weight", "bias", "eps", eps=1e-5)
    affine, parameters = _affine(given["weight"], given["bias"])
    op = ops.GroupNorm(given["num_groups"], eps=given["eps"], affine=affine)
    return Case(op, [Seen(sample.input, same)], same, parameters)


def _instance_norm(sample: SampleInput) -> Case:
    """A group a channel."""
    names = ("running_mean", "running_var", "weight", "bias", "use_input_stats", "momentum", "eps")
    given = named(sample, *names, use_input_stats=True, momentum=0.1, eps=1e-5)
    if not given["use_input_stats"]:
        raise UnsaidError("running statistics of an instance norm")
    for name in ("running_mean", "running_var"):
        if given[name] is not None:
            given[name].requires_grad_(False)
    affine, parameters = _affine(given["weight"], given["bias"])
    op = ops.GroupNorm(sample.input.shape[1], eps=given["eps"], affine=affine)
    return Case(op, [Seen(sample.input, same)], same, parameters)


def _local_response_norm(sample: SampleInput) -> Case:
    given = named(sample, "size", "alpha", "beta", "k", alpha=1e-4, beta=0.75, k=1.0)
    return Case(ops.LocalResponseNorm(**given), [Seen(sample.input, same)], same)


def _merge(make: type[Op]) -> Callable[[SampleInput], Case]:
    def said(sample: SampleInput) -> Case:
        given = named(sample, "other", "alpha", alpha=1)
        other = given["other"]
        if given["alpha"] != 1:
            raise UnsaidError("alpha")
        rank = max(sample.input.ndim, other.ndim)

        def view(tensor: Tensor) -> Tensor:
            return tensor.reshape(1, *[1] * (max(1, rank) - tensor.ndim), *tensor.shape)

        if sample.input.shape == other.shape:
            view = _values  # type: ignore[assignment]
        return Case(make(), [Seen(sample.input, view), Seen(other, view)], view)

    return said


def _cat(sample: SampleInput) -> Case:
    if not isinstance(sample.input, (list, tuple)) or not all(isinstance(t, Tensor) for t in sample.input):
        raise UnsaidError("no list of tensors")
    given = named(sample, "dim", dim=0)
    if len({t.ndim for t in sample.input}) > 1:
        raise UnsaidError("tensors of several ranks")
    if not all(t.ndim for t in sample.input):
        raise UnsaidError("a single number")

    def view(tensor: Tensor) -> Tensor:
        return tensor.movedim(given["dim"], 0)[None]

    return Case(ops.Concat(), [Seen(t, view) for t in sample.input], view)


def _flatten(sample: SampleInput) -> Case:
    given = named(sample, "start_dim", "end_dim", start_dim=0, end_dim=-1)
    if given["end_dim"] not in (-1, sample.input.ndim - 1):
        raise UnsaidError("dimensions in the middle")
    first = given["start_dim"]
    kept = sample.input.shape[:first]

    def view(tensor: Tensor) -> Tensor:
        return tensor.reshape(math.prod(kept), *(sample.input.shape[first:] or (1,)))

    return Case(ops.Flatten(), [Seen(sample.input, view)], lambda t: t.reshape(math.prod(kept), -1))


SAID: dict[str, Callable[[SampleInput], Case]] = {
    "add": _merge(ops.Add),
    "cat": _cat,
    "flatten": _flatten,
    "mul": _merge(ops.Mul),
    "nn.functional.batch_norm": _batch_norm,
    "nn.functional.dropout": _dropout,
    "nn.functional.gelu": _elementwise(ops.GELU, "approximate", approximate="none"),
    "log_softmax": lambda sample: _softmax(sample, ops.LogSoftmax),
    "nn.functional.channel_shuffle": _channel_shuffle,
    "nn.functional.elu": _elementwise(ops.ELU, "alpha", alpha=1.0),
    "nn.functional.group_norm": _group_norm,
    "nn.functional.hardsigmoid": _elementwise(ops.Hardsigmoid),
    "nn.functional.hardswish": _elementwise(ops.Hardswish),
    "nn.functional.hardtanh": _elementwise(_hardtanh, "min_val", "max_val", min_val=-1.0, max_val=1.0),
    "nn.functional.instance_norm": _instance_norm,
    "nn.functional.layer_norm": _layer_norm,
    "nn.functional.leaky_relu": _elementwise(ops.LeakyReLU, "negative_slope", negative_slope=0.01),
    "nn.functional.linear": _linear,
    "nn.functional.local_response_norm": _local_response_norm,
    "nn.functional.mish": _elementwise(ops.Mish),
    "nn.functional.prelu": _prelu,
    "nn.functional.rms_norm": _rms_norm,
    "nn.functional.selu": _elementwise(ops.SELU),
    "nn.functional.softplus": _elementwise(_softplus, "beta", "threshold", beta=1.0, threshold=20.0),
    "nn.functional.relu": _elementwise(ops.ReLU),
    "nn.functional.relu6": _elementwise(ops.ReLU6),
    "nn.functional.silu": _elementwise(ops.SiLU),
    "sigmoid": _elementwise(ops.Sigmoid),
    "softmax": _softmax,
    "tanh": _elementwise(ops.Tanh),
}
"""By the name in PyTorch's database: a sample as one of our operations."""
for _rank in (1, 2, 3):
    SAID[f"nn.functional.conv{_rank}d"] = _conv(_rank)
    SAID[f"nn.functional.max_pool{_rank}d"] = _max_pool(_rank)
    SAID[f"nn.functional.avg_pool{_rank}d"] = _avg_pool(_rank)
    SAID[f"nn.functional.adaptive_avg_pool{_rank}d"] = _adaptive(ops.AdaptiveAvgPool, _rank)
    SAID[f"nn.functional.adaptive_max_pool{_rank}d"] = _adaptive(ops.AdaptiveMaxPool, _rank)


@cache
def database() -> Mapping[str, Sequence[Any]]:
    """PyTorch's operations by name, the variants that hold real numbers; its module takes seconds to load."""
    from torch.testing._internal import common_utils
    from torch.testing._internal.common_methods_invocations import op_db

    # For every sample it looks for a unittest in the whole stack, a fifth of a second; there is none here.
    common_utils.extract_test_fn = lambda: None
    found: dict[str, list[Any]] = {}
    for info in op_db:
        if info.variant_test_name in ("", "with_dtype"):
            found.setdefault(info.name, []).append(info)
        else:
            found.setdefault(info.name, [])
    return found


def samples(info: Any) -> Iterator[SampleInput]:
    """A database entry's samples in float64, each tensor a leaf of its own."""
    for sample in info.sample_inputs("cpu", torch.float64, requires_grad=False):
        yield sample.transform(lambda t: _leaf(t) if isinstance(t, Tensor) else t)


def _leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().clone().requires_grad_(tensor.is_floating_point())


def said(name: str, sample: SampleInput) -> Case:
    """A sample as our operation.

    Raises:
        UnsaidError: there are no words for it.
        RefusedError: there are, and our operation refuses the arguments or the shapes.
    """
    try:
        case = SAID[name](sample)
        case.op.shape([tuple(seen.ours.shape[1:]) for seen in case.inputs])
    except Misfit as error:
        raise RefusedError(f"refused: {error.argument or 'shape'}") from error
    return case
