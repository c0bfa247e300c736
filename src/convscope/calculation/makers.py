"""What ``convscope calc`` makes of its operands: one function a kind of operation, from a person's words to a value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from convscope import ops
from convscope.calculation.calculation import Calculation, batch_statistics, calculate
from convscope.calculation.functions import BinaryCrossEntropy, CrossEntropy, DropoutDrawn, Im2col, OneHot, RowSoftmax
from convscope.calculation.numbers import Values, read_numbers
from convscope.errors import UserError
from convscope.ops import OPERATIONS, Misfit, build, spell_shape
from convscope.seeds import stream_seed

Options = Mapping[str, Any]
"""The options that were given, by PyTorch's names: ``stride``, ``ceil_mode``; words as they were typed."""


@dataclass(frozen=True)
class Given:
    """What a person gave: the operation, its operands, the options."""

    word: str
    values: tuple[Values, ...]
    options: Options

    @property
    def where(self) -> str:
        """The place that messages name."""
        return f"calc {self.word}"

    @property
    def first(self) -> Values:
        """The first operand, ``(C, H, W)``."""
        return self.values[0]


# Arguments


def _size(text: str | int | tuple[int, ...], where: str) -> int | tuple[int, ...]:
    """``3``, ``3x3`` or ``3,3``; from Python also 3 or (3, 3)."""
    if not isinstance(text, str):
        return text
    words = re.split(r"[x,×\s]+", text.strip().lower())
    if not all(word.isascii() and word.isdigit() and len(word) < 10 for word in words):
        raise UserError(where, f"{text!r}", "a whole number, or one a dimension such as 3x3")
    return int(words[0]) if len(words) == 1 else tuple(map(int, words))


_SIZES = ("stride", "padding", "dilation", "kernel_size", "output_size")


def _arguments(given: Given, *names: str) -> dict[str, Any]:
    """Some options as an operation takes them."""
    found: dict[str, Any] = {}
    for name in names:
        if name not in given.options:
            continue
        value = given.options[name]
        if name in _SIZES and value not in ("same", "valid"):
            value = _size(value, f"--{name.replace('_', '-')}")
        found[name] = value
    return found


def _vector(given: Given, name: str) -> Values:
    return read_numbers(given.options[name], f"--{name.replace('_', '-')}").reshape(-1)


def _tensors(given: Given, *names: str) -> dict[str, Values]:
    return {name: _vector(given, name) for name in names if name in given.options}


def _flat(values: Values) -> Values:
    """One row of one channel as a vector."""
    return values[0, 0] if values.shape[:2] == (1, 1) else _signal(values)


def _signal(values: Values) -> Values:
    """One row a channel as signals ``(C, L)``."""
    return values[:, 0] if values.shape[1] == 1 else values


# Windows


def _rank(given: Given, arrays: Sequence[Values], *sizes: Any) -> int:
    """1 where everything has one row, else 2."""
    wanted = given.options.get("dimensions")
    flat = all(values.shape[1] == 1 for values in arrays)
    if wanted == 1 and not flat:
        raise UserError("--dimensions 1", "several rows", "one row a channel: '1 2 3 | 4 5 6'")
    return wanted or (1 if flat and all(not isinstance(size, tuple) or len(size) == 1 for size in sizes) else 2)


def make_conv(given: Given) -> Calculation:
    """Kernels over an input, in one or two dimensions."""
    image, kernels = given.first, given.values[1:]
    arguments = _arguments(given, "stride", "padding", "dilation", "groups")
    for number, kernel in enumerate(kernels[1:], 2):
        if kernel.shape != kernels[0].shape:
            got = f"kernel {number} is {spell_shape(kernel.shape)}, kernel 1 is {spell_shape(kernels[0].shape)}"
            raise UserError(given.where, got, "kernels of one size")
    rank = _rank(given, given.values, *(arguments.get(name) for name in ("stride", "padding", "dilation")))
    weight = np.stack(kernels)
    if rank == 1:
        image, weight = image[:, 0], weight[:, :, 0]
    groups = arguments.get("groups", 1)
    bias = _tensors(given, "bias")
    op = build(ops.Conv, (len(kernels), weight.shape[2:]), {**arguments, "bias": bool(bias)})
    op.shape([image.shape])
    if weight.shape[1] != len(image) // groups:
        got = f"a kernel of {_channels(weight.shape[1])} for an input of {_channels(len(image))}"
        share = f"{_channels(len(image) // groups)} in every kernel" + (f", for {groups} groups" if groups > 1 else "")
        hint = "channels are separated by |" if groups == 1 else ""
        raise UserError(given.where, got, share, hint)
    return calculate(op, [image], {"weight": weight, **bias})


def _channels(count: int) -> str:
    return f"{count} channel{'s' * (count != 1)}"


def make_im2col(given: Given) -> Calculation:
    """The windows as a matrix: of a convolution where kernels are given, else of a window's size."""
    if len(given.values) > 1:
        return make_conv(given)
    arguments = _arguments(given, "kernel_size", "stride", "padding", "dilation")
    if "kernel_size" not in arguments:
        raise Misfit("neither a kernel nor its size")
    for name in ("groups", "bias"):
        if name in given.options:
            raise UserError(given.where, f"--{name} without a kernel", "a kernel behind the input")
    rank = _rank(given, given.values, *arguments.values())
    return calculate(build(Im2col, (), arguments), [given.first[:, 0] if rank == 1 else given.first])


def make_pool(given: Given) -> Calculation:
    """A sliding or adaptive pooling."""
    cls = OPERATIONS[given.word]
    size_name = cls.positional[0]
    names = (size_name, "stride", "padding", "dilation", "ceil_mode", "count_include_pad")
    arguments = _arguments(given, *names)
    if size_name not in arguments:
        raise Misfit("no window")
    rank = _rank(given, given.values, *(v for v in arguments.values() if not isinstance(v, str | bool)))
    return calculate(build(cls, (), arguments), [given.first[:, 0] if rank == 1 else given.first])


def make_global_pool(given: Given) -> Calculation:
    """One value a channel."""
    return calculate(OPERATIONS[given.word](), [_signal(given.first)])


# Vectors


def make_linear(given: Given) -> Calculation:
    """A vector and a weight whose rows are the outputs."""
    weight, bias = given.values[1], _tensors(given, "bias")
    if len(weight) > 1:
        raise UserError("weight", f"{len(weight)} channels", "a row an output: '0.5 1 / -1 2'")
    image = _flat(given.first)
    op = build(ops.Linear, (weight.shape[1],), {"bias": bool(bias)})
    op.shape([image.shape])
    if weight.shape[2] != image.size:
        got = f"rows of {weight.shape[2]} weights for {image.size} inputs"
        raise UserError("weight", got, f"{image.size} weights in each row, a row an output")
    return calculate(op, [image], {"weight": weight[0], **bias})


def make_pointwise(given: Given) -> Calculation:
    """An activation."""
    cls = OPERATIONS[given.word]
    return calculate(build(cls, (), _arguments(given, "negative_slope", "approximate")), [_flat(given.first)])


def make_function(op: ops.Op) -> Callable[[Given], Calculation]:
    """A function of each value that has no arguments."""
    return lambda given: calculate(op, [_flat(given.first)])


def make_softmax(given: Given) -> Calculation:
    """Over a row, or over the channels of a picture."""
    image = given.first
    if len(image) == 1 and image.shape[1] > 1:
        return calculate(RowSoftmax(), [image[0]])
    return calculate(ops.Softmax(), [_flat(image)])


def make_merge(given: Given) -> Calculation:
    """Several inputs into one."""
    return calculate(OPERATIONS[given.word](), [_flat(values) for values in given.values])


def make_flatten(given: Given) -> Calculation:
    """All values in one vector."""
    return calculate(ops.Flatten(), [_signal(given.first)])


def make_dropout(given: Given) -> Calculation:
    """In training, with a mask drawn from the seed."""
    image = _flat(given.first)
    op = build(DropoutDrawn, (), _arguments(given, "p"))
    assert isinstance(op, DropoutDrawn)
    numbers = np.random.default_rng(stream_seed(int(given.options.get("seed", 0)), "calc dropout"))
    mask = (numbers.random(image.shape) >= op.p).astype(np.float64)
    return calculate(op, [image], {}, {"mask": mask})


# Normalisations


def _affine(given: Given, shape: ops.Shape) -> dict[str, Values]:
    """``--weight`` and ``--bias``; where one is given, the other is 1 or 0."""
    tensors = _tensors(given, "weight", "bias")
    if tensors:
        tensors = {"weight": np.ones(shape), "bias": np.zeros(shape), **tensors}
    return {
        name: value.reshape(shape) if value.size == ops.elements(shape) else value for name, value in tensors.items()
    }


def make_batch_norm(given: Given) -> Calculation:
    """By given statistics, or by the input's own as in training."""
    image = given.first
    buffers = _tensors(given, "running_mean", "running_var")
    sizes = {value.size for value in buffers.values()}
    features = image.shape[:2] == (1, 1) and bool(sizes) and sizes != {1}
    image = image[0, 0] if features else _signal(image)
    steps: Sequence[Any] = ()
    if len(buffers) == 1:
        expected = "both, or neither for the statistics of the input itself"
        raise UserError(given.where, f"--{next(iter(buffers)).replace('_', '-')} alone", expected)
    if not buffers:
        buffers, steps = batch_statistics(image)  # type: ignore[assignment]
    elif (buffers["running_var"] < 0).any():
        raise UserError("--running-var", "a negative variance", "variances of at least 0")
    tensors = _affine(given, image.shape[:1])
    op = build(ops.BatchNorm, (), {**_arguments(given, "eps"), "affine": bool(tensors)})
    return calculate(op, [image], tensors, buffers, steps)


def make_layer_norm(given: Given) -> Calculation:
    """Over all values, or over the channels at each place."""
    image, arguments = _flat(given.first), {"over": "all", **_arguments(given, "eps", "over")}
    tensors = _affine(given, image.shape if arguments["over"] == "all" else image.shape[:1])
    return calculate(build(ops.LayerNorm, (), {**arguments, "affine": bool(tensors)}), [image], tensors)


def make_group_norm(given: Given) -> Calculation:
    """Over groups of channels."""
    image, arguments = _flat(given.first), _arguments(given, "num_groups", "eps")
    tensors = _affine(given, image.shape[:1])
    return calculate(build(ops.GroupNorm, (), {**arguments, "affine": bool(tensors)}), [image], tensors)


def make_local_response_norm(given: Given) -> Calculation:
    """Over neighbouring channels."""
    arguments = _arguments(given, "size", "alpha", "beta", "k")
    return calculate(build(ops.LocalResponseNorm, (), arguments), [_signal(given.first)])


def make_scale(given: Given) -> Calculation:
    """A number a channel."""
    image, tensors = _signal(given.first), _tensors(given, "weight", "bias")
    return calculate(build(ops.Scale, (), {"bias": "bias" in tensors}), [image], tensors)


# Losses


def make_cross_entropy(given: Given) -> Calculation:
    """Scores, a row an example, and labels."""
    scores, labels = given.values
    if len(scores) > 1:
        raise UserError("scores", _channels(len(scores)), "a row an example, a column a class")
    return calculate(CrossEntropy(), [scores[0], labels.reshape(-1)])


def make_binary_cross_entropy(given: Given) -> Calculation:
    """Probabilities or logits, and labels."""
    op = BinaryCrossEntropy(logits=bool(given.options.get("logits", False)))
    return calculate(op, [values.reshape(-1) for values in given.values])


def make_one_hot(given: Given) -> Calculation:
    """Labels as rows."""
    labels = given.first.reshape(-1)
    classes = int(given.options.get("classes") or max(labels.max(), 0) + 1)
    if classes * labels.size > 10_000_000:
        raise UserError(given.where, f"{labels.size:,} labels of {classes:,} classes", "fewer of them")
    return calculate(OneHot(classes), [labels])
