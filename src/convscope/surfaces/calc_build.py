"""The words of ``convscope calc`` -> one calculation: which operation, its operands, its arguments."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from convscope.arithmetic.calculation import Calculation, batch_statistics, calculate
from convscope.arithmetic.calculation_functions import (
    BinaryCrossEntropy,
    CrossEntropy,
    DropoutDrawn,
    Im2col,
    Logit,
    Odds,
    OneHot,
    RowSoftmax,
)
from convscope.errors import UserError, did_you_mean
from convscope.network import ops
from convscope.network.ops import OPERATIONS, Misfit, build, spell_shape
from convscope.network.rules import FOREIGN
from convscope.seeds import stream_seed
from convscope.surfaces.numbers import Reading, Values, read_numbers

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


@dataclass(frozen=True)
class Use:
    """How an operation is called.

    Args:
        values: its operands, for people.
        make: the calculation.
        options: those it takes.
        example: a command that works.
        least, most: how many operands.
        size: the argument that may stand behind the input.
    """

    values: str
    make: Callable[[Given], Calculation]
    options: frozenset[str]
    example: str
    least: int = 1
    most: int = 1
    size: str = ""


def build_calculation(word: str, words: Sequence[str], options: Options, reading: Reading) -> Calculation:
    """The calculation that a person asks for.

    Args:
        word: the operation: ``"conv"``.
        words: its operands as typed.
        options: those given.
        reading: how words become numbers.

    Raises:
        UserError: an unknown operation, an operand or option that does not fit.

    Example:
        >>> done = build_calculation("conv", ["1 2 3 / 0 1 5 / 1 0 2", "1 0 1 / 0 1 0 / 1 0 1"], {}, Reading())
        >>> done.op.text(), done.output
        ('conv 1 3x3 bias=no', array([[[8.]]]))
    """
    name = word.lower().replace("-", "").replace("_", "")
    if name not in USES:
        foreign = FOREIGN.get(name, _FOREIGN.get(name))
        hint = f"here it is called {foreign}" if foreign in USES else did_you_mean(name, USES)
        raise UserError("calc", f"no operation {word!r}", ", ".join(USES), hint)
    use, where = USES[name], f"calc {name}"
    wrong = [option for option in options if option not in use.options]
    if wrong:
        takes = ", ".join(sorted(f"--{option.replace('_', '-')}" for option in use.options)) or "no options of its own"
        raise UserError(where, f"{name} takes no --{wrong[0].replace('_', '-')}", takes)
    if not use.least <= len(words) <= use.most:
        got = f"{len(words)} operand{'s' * (len(words) != 1)}"
        raise UserError(where, got, f"convscope calc {name} {use.values}", f"for example: {use.example}")
    if use.size and len(words) > 1:
        if use.size in options:
            raise UserError(where, "the window twice", f"behind the input or as --{use.size.replace('_', '-')}")
        words, options = words[:1], {**options, use.size: words[1]}
    given = Given(name, tuple(_operands(name, words, reading)), options)
    try:
        return use.make(given)
    except Misfit as misfit:
        hint = re.sub(r"\b([a-z_]+)=(\S+)", lambda m: f"--{m[1].replace('_', '-')} {m[2]}", misfit.hint)
        raise UserError(where, misfit.got, misfit.expected, hint) from None


_FOREIGN = {
    "unfold": "im2col",
    "ce": "crossentropy",
    "crossentropyloss": "crossentropy",
    "bceloss": "bce",
    "binarycrossentropy": "bce",
    "bcewithlogitsloss": "bce",
}
"""Words of other tools for functions that only calc has."""


def _operands(name: str, words: Sequence[str], reading: Reading) -> list[Values]:
    """The operands as arrays; the kernels of a convolution one after another, however they were given."""
    several = name in ("conv", "im2col")
    found = []
    for at, word in enumerate(words):
        which = OPERAND_NAMES.get(name, ("input",))
        where = which[min(at, len(which) - 1)] + (f" {at}" if several and at and len(words) > 2 else "")
        values = read_numbers(word, where, reading)
        if values.ndim == 4 and not (several and at):
            raise UserError(where, f"{spell_shape(values.shape)} has four dimensions", "channels x rows x columns")
        found += list(values) if values.ndim == 4 else [values]
    return found


OPERAND_NAMES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("conv", "im2col"), ("input", "kernel")),
    "linear": ("input", "weight"),
    "crossentropy": ("scores", "labels"),
    "bce": ("probabilities", "labels"),
    "onehot": ("labels",),
    **dict.fromkeys(("odds", "logit"), ("probabilities",)),
}
"""What an operation's operands are called."""


# Arguments


def _size(text: str, where: str) -> int | tuple[int, ...]:
    """``3``, ``3x3`` or ``3,3``."""
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


def _conv(given: Given) -> Calculation:
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


def _im2col(given: Given) -> Calculation:
    if len(given.values) > 1:
        return _conv(given)
    arguments = _arguments(given, "kernel_size", "stride", "padding", "dilation")
    if "kernel_size" not in arguments:
        raise UserError(given.where, "neither a kernel nor its size", f"convscope calc im2col {USES['im2col'].values}",
                        f"for example: {USES['im2col'].example}")  # fmt: skip
    for name in ("groups", "bias"):
        if name in given.options:
            raise UserError(given.where, f"--{name} without a kernel", "a kernel behind the input")
    rank = _rank(given, given.values, *arguments.values())
    return calculate(build(Im2col, (), arguments), [given.first[:, 0] if rank == 1 else given.first])


def _pool(given: Given) -> Calculation:
    cls = OPERATIONS[given.word]
    size_name = cls.positional[0]
    names = (size_name, "stride", "padding", "dilation", "ceil_mode", "count_include_pad")
    arguments = _arguments(given, *names)
    if size_name not in arguments:
        raise UserError(given.where, "no window", f"convscope calc {given.word} {USES[given.word].values}",
                        f"for example: {USES[given.word].example}")  # fmt: skip
    rank = _rank(given, given.values, *(v for v in arguments.values() if not isinstance(v, str | bool)))
    return calculate(build(cls, (), arguments), [given.first[:, 0] if rank == 1 else given.first])


def _global_pool(given: Given) -> Calculation:
    return calculate(OPERATIONS[given.word](), [_signal(given.first)])


# Vectors


def _linear(given: Given) -> Calculation:
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


def _pointwise(given: Given) -> Calculation:
    cls = OPERATIONS[given.word]
    return calculate(build(cls, (), _arguments(given, "negative_slope", "approximate")), [_flat(given.first)])


def _function(op: ops.Op) -> Callable[[Given], Calculation]:
    return lambda given: calculate(op, [_flat(given.first)])


def _softmax(given: Given) -> Calculation:
    image = given.first
    if len(image) == 1 and image.shape[1] > 1:
        return calculate(RowSoftmax(), [image[0]])
    return calculate(ops.Softmax(), [_flat(image)])


def _merge(given: Given) -> Calculation:
    return calculate(OPERATIONS[given.word](), [_flat(values) for values in given.values])


def _flatten(given: Given) -> Calculation:
    return calculate(ops.Flatten(), [_signal(given.first)])


def _dropout(given: Given) -> Calculation:
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


def _batch_norm(given: Given) -> Calculation:
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


def _layer_norm(given: Given) -> Calculation:
    image, arguments = _flat(given.first), {"over": "all", **_arguments(given, "eps", "over")}
    tensors = _affine(given, image.shape if arguments["over"] == "all" else image.shape[:1])
    return calculate(build(ops.LayerNorm, (), {**arguments, "affine": bool(tensors)}), [image], tensors)


def _group_norm(given: Given) -> Calculation:
    image, arguments = _flat(given.first), _arguments(given, "num_groups", "eps")
    tensors = _affine(given, image.shape[:1])
    return calculate(build(ops.GroupNorm, (), {**arguments, "affine": bool(tensors)}), [image], tensors)


def _local_response_norm(given: Given) -> Calculation:
    arguments = _arguments(given, "size", "alpha", "beta", "k")
    return calculate(build(ops.LocalResponseNorm, (), arguments), [_signal(given.first)])


def _scale(given: Given) -> Calculation:
    image, tensors = _signal(given.first), _tensors(given, "weight", "bias")
    return calculate(build(ops.Scale, (), {"bias": "bias" in tensors}), [image], tensors)


# Losses


def _cross_entropy(given: Given) -> Calculation:
    scores, labels = given.values
    if len(scores) > 1:
        raise UserError("scores", _channels(len(scores)), "a row an example, a column a class")
    return calculate(CrossEntropy(), [scores[0], labels.reshape(-1)])


def _binary_cross_entropy(given: Given) -> Calculation:
    op = BinaryCrossEntropy(logits=bool(given.options.get("logits", False)))
    return calculate(op, [values.reshape(-1) for values in given.values])


def _one_hot(given: Given) -> Calculation:
    labels = given.first.reshape(-1)
    classes = int(given.options.get("classes") or max(labels.max(), 0) + 1)
    if classes * labels.size > 10_000_000:
        raise UserError(given.where, f"{labels.size:,} labels of {classes:,} classes", "fewer of them")
    return calculate(OneHot(classes), [labels])


# The table


def _uses() -> dict[str, Use]:
    def use(
        values: str, make: Callable[[Given], Calculation], options: str, example: str, least: int = 1, most: int = 1
    ) -> Use:
        size = next((option for option in ("kernel_size", "output_size") if option in options), "")
        behind = size if values == "INPUT SIZE" else ""
        return Use(values, make, frozenset(options.split()), f"convscope calc {example}", least, most, behind)

    picture = "'1 2 3 / 0 1 5 / 1 0 2'"
    window = "stride padding dilation dimensions"
    found = {
        "conv": use("INPUT KERNEL...", _conv, f"{window} groups bias", f"conv {picture} '1 0 / 0 1'", 2, 10_000),
        "im2col": use("INPUT [KERNEL...]", _im2col, f"{window} groups bias kernel_size",
                      f"im2col {picture} --kernel-size 2", 1, 10_000),
        "maxpool": use("INPUT SIZE", _pool, f"{window} kernel_size ceil_mode return_indices",
                       "maxpool '1 1 2 3 / 4 6 6 8' 2", 1, 2),
        "avgpool": use("INPUT SIZE", _pool, "stride padding dimensions kernel_size ceil_mode count_include_pad",
                       "avgpool '1 1 2 3 / 4 6 6 8' 2", 1, 2),
        "adaptiveavgpool": use("INPUT SIZE", _pool, "output_size dimensions", f"adaptiveavgpool {picture} 2", 1, 2),
        "adaptivemaxpool": use("INPUT SIZE", _pool, "output_size dimensions", f"adaptivemaxpool {picture} 2", 1, 2),
        "globalavgpool": use("INPUT", _global_pool, "", f"globalavgpool {picture}"),
        "globalmaxpool": use("INPUT", _global_pool, "", f"globalmaxpool {picture}"),
        "linear": use("INPUT WEIGHT", _linear, "bias", "linear '1 2 3' '0.5 1 -1 / 0 1 2' --bias '0.1 0'", 2, 2),
        "flatten": use("INPUT", _flatten, "", f"flatten {picture}"),
    }  # fmt: skip
    for word in ("relu", "relu6", "leakyrelu", "gelu", "silu", "hardswish", "hardsigmoid", "tanh", "sigmoid"):
        own = {"leakyrelu": "negative_slope", "gelu": "approximate"}.get(word, "")
        found[word] = use("INPUT", _pointwise, own, f"{word} '-2 -1 0 1 2'")
    found |= {
        "softmax": use("INPUT", _softmax, "", "softmax '2 1 0.1'"),
        "odds": use("PROBABILITIES", _function(Odds()), "", "odds '0.5 0.8'"),
        "logit": use("PROBABILITIES", _function(Logit()), "", "logit '0.5 0.8'"),
        "crossentropy": use("SCORES LABELS", _cross_entropy, "", "crossentropy '2 1 0.1' 0", 2, 2),
        "bce": use("PROBABILITIES LABELS", _binary_cross_entropy, "logits", "bce '0.9 0.2' '1 0'", 2, 2),
        "onehot": use("LABELS", _one_hot, "classes", "onehot '0 2 1' --classes 3"),
        "batchnorm": use("INPUT", _batch_norm, "running_mean running_var weight bias eps", "batchnorm '1 2 3 6'"),
        "layernorm": use("INPUT", _layer_norm, "weight bias eps over", "layernorm '1 2 3 6'"),
        "groupnorm": use("INPUT", _group_norm, "num_groups weight bias eps", "groupnorm '1 2 | 3 6' --num-groups 2"),
        "localresponsenorm": use("INPUT", _local_response_norm, "size alpha beta k",
                                 "localresponsenorm '1 2 | 3 4 | 5 6' --size 3"),
        "scale": use("INPUT", _scale, "weight bias", "scale '1 2 | 3 4' --weight '2 3'"),
        "dropout": use("INPUT", _dropout, "p seed", "dropout '1 2 3 4' --p 0.5"),
        "add": use("INPUT INPUT...", _merge, "", "add '1 2 3' '10 20 30'", 2, 100),
        "mul": use("INPUT INPUT...", _merge, "", "mul '1 2 3' '10 20 30'", 2, 100),
        "concat": use("INPUT INPUT...", _merge, "", "concat '1 2 3' '10 20 30'", 2, 100),
    }  # fmt: skip
    return found


USES = _uses()
"""Every operation that calc knows, by its word."""
