"""The words of ``convscope calc`` -> one calculation: which operation, its operands, its arguments."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from convscope.calculation.calculation import Calculation
from convscope.calculation.functions import Logit, Odds
from convscope.calculation.makers import (
    Given,
    Options,
    make_batch_norm,
    make_binary_cross_entropy,
    make_conv,
    make_cross_entropy,
    make_dropout,
    make_flatten,
    make_function,
    make_global_pool,
    make_group_norm,
    make_im2col,
    make_layer_norm,
    make_linear,
    make_local_response_norm,
    make_merge,
    make_one_hot,
    make_pointwise,
    make_pool,
    make_scale,
    make_softmax,
)
from convscope.calculation.numbers import Reading, Values, read_numbers
from convscope.errors import UserError, did_you_mean
from convscope.network.rules import FOREIGN
from convscope.ops import Misfit, spell_shape


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


def build_calculation(word: str, words: Sequence[str | ArrayLike], options: Options, reading: Reading) -> Calculation:
    """The calculation that a person asks for.

    Args:
        word: the operation: ``"conv"``.
        words: its operands as typed, or as arrays.
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
        usage = "" if misfit.expected else f"convscope calc {name} {use.values}"
        example = f"for example: {use.example}" if usage else ""
        raise UserError(where, misfit.got, misfit.expected or usage, hint or example) from None


_FOREIGN = {
    "unfold": "im2col",
    "ce": "crossentropy",
    "crossentropyloss": "crossentropy",
    "bceloss": "bce",
    "binarycrossentropy": "bce",
    "bcewithlogitsloss": "bce",
}
"""Words of other tools for functions that only calc has."""


def _operands(name: str, words: Sequence[str | ArrayLike], reading: Reading) -> list[Values]:
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
        "conv": use("INPUT KERNEL...", make_conv, f"{window} groups bias", f"conv {picture} '1 0 / 0 1'", 2, 10_000),
        "im2col": use("INPUT [KERNEL...]", make_im2col, f"{window} groups bias kernel_size",
                      f"im2col {picture} --kernel-size 2", 1, 10_000),
        "maxpool": use("INPUT SIZE", make_pool, f"{window} kernel_size ceil_mode return_indices",
                       "maxpool '1 1 2 3 / 4 6 6 8' 2", 1, 2),
        "avgpool": use("INPUT SIZE", make_pool, "stride padding dimensions kernel_size ceil_mode count_include_pad",
                       "avgpool '1 1 2 3 / 4 6 6 8' 2", 1, 2),
        "adaptiveavgpool": use("INPUT SIZE", make_pool, "output_size dimensions", f"adaptiveavgpool {picture} 2", 1, 2),
        "adaptivemaxpool": use("INPUT SIZE", make_pool, "output_size dimensions", f"adaptivemaxpool {picture} 2", 1, 2),
        "globalavgpool": use("INPUT", make_global_pool, "", f"globalavgpool {picture}"),
        "globalmaxpool": use("INPUT", make_global_pool, "", f"globalmaxpool {picture}"),
        "linear": use("INPUT WEIGHT", make_linear, "bias", "linear '1 2 3' '0.5 1 -1 / 0 1 2' --bias '0.1 0'", 2, 2),
        "flatten": use("INPUT", make_flatten, "", f"flatten {picture}"),
    }  # fmt: skip
    for word in ("relu", "relu6", "leakyrelu", "gelu", "silu", "hardswish", "hardsigmoid", "tanh", "sigmoid"):
        own = {"leakyrelu": "negative_slope", "gelu": "approximate"}.get(word, "")
        found[word] = use("INPUT", make_pointwise, own, f"{word} '-2 -1 0 1 2'")
    found |= {
        "softmax": use("INPUT", make_softmax, "", "softmax '2 1 0.1'"),
        "odds": use("PROBABILITIES", make_function(Odds()), "", "odds '0.5 0.8'"),
        "logit": use("PROBABILITIES", make_function(Logit()), "", "logit '0.5 0.8'"),
        "crossentropy": use("SCORES LABELS", make_cross_entropy, "", "crossentropy '2 1 0.1' 0", 2, 2),
        "bce": use("PROBABILITIES LABELS", make_binary_cross_entropy, "logits", "bce '0.9 0.2' '1 0'", 2, 2),
        "onehot": use("LABELS", make_one_hot, "classes", "onehot '0 2 1' --classes 3"),
        "batchnorm": use("INPUT", make_batch_norm, "running_mean running_var weight bias eps", "batchnorm '1 2 3 6'"),
        "layernorm": use("INPUT", make_layer_norm, "weight bias eps over", "layernorm '1 2 3 6'"),
        "groupnorm": use("INPUT", make_group_norm, "num_groups weight bias eps",
                         "groupnorm '1 2 | 3 6' --num-groups 2"),
        "localresponsenorm": use("INPUT", make_local_response_norm, "size alpha beta k",
                                 "localresponsenorm '1 2 | 3 4 | 5 6' --size 3"),
        "scale": use("INPUT", make_scale, "weight bias", "scale '1 2 | 3 4' --weight '2 3'"),
        "dropout": use("INPUT", make_dropout, "p seed", "dropout '1 2 3 4' --p 0.5"),
        "add": use("INPUT INPUT...", make_merge, "", "add '1 2 3' '10 20 30'", 2, 100),
        "mul": use("INPUT INPUT...", make_merge, "", "mul '1 2 3' '10 20 30'", 2, 100),
        "concat": use("INPUT INPUT...", make_merge, "", "concat '1 2 3' '10 20 30'", 2, 100),
    }  # fmt: skip
    return found


USES = _uses()
"""Every operation that calc knows, by its word."""
