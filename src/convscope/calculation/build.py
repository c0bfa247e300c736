"""The words of ``convscope calc`` -> one calculation, and which of its outputs is meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from numpy.typing import ArrayLike

from convscope.calculation.calculation import Calculation, calculate
from convscope.calculation.functions import FUNCTIONS
from convscope.calculation.layouts import kernels_of, layout_of, weight_of
from convscope.calculation.numbers import Reading, Values, read_numbers
from convscope.errors import UserError, did_you_mean
from convscope.network.rules import FOREIGN
from convscope.ops import OPERATIONS, Misfit, spell_shape
from convscope.ops.calculate import CALCULATE, WEIGHT_LAYOUTS, Given, Options, Use


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
        raise UserError(where, got, f"convscope calc {name} {use.values}", f"for example: convscope calc {use.example}")
    if use.size and len(words) > 1:
        if use.size in options:
            raise UserError(where, "the window twice", f"behind the input or as --{use.size.replace('_', '-')}")
        words, options = words[:1], {**options, use.size: words[1]}
    if "seed" in use.options:
        options = {"seed": reading.seed, **options}
    values, told = _operands(use, words, options, reading)
    given = Given(name, tuple(values), options, read_numbers)
    try:
        made = use.make(given)
        done = calculate(made.op, made.inputs, made.parameters, made.buffers, made.before)
    except Misfit as misfit:
        hint = re.sub(r"\b([a-z_]+)=(\S+)", lambda m: f"--{m[1].replace('_', '-')} {m[2]}", misfit.hint)
        usage = "" if misfit.expected else f"convscope calc {name} {use.values}"
        example = f"for example: convscope calc {use.example}" if usage else ""
        raise UserError(where, misfit.got, misfit.expected or usage, hint or example) from None
    if reading.channels_last and done.output.ndim == 3:
        told.append(f"output {_last(done.output)} (height, width, channels)")
    return replace(done, read=tuple(told))


_FOREIGN = {
    "unfold": "im2col",
    "ce": "crossentropy",
    "crossentropyloss": "crossentropy",
    "bceloss": "bce",
    "binarycrossentropy": "bce",
    "bcewithlogitsloss": "bce",
}
"""Words of other tools for functions that only calc has."""


def _operands(
    use: Use, words: Sequence[str | ArrayLike], options: Options, reading: Reading
) -> tuple[list[Values], list[str]]:
    """The operands as arrays, the kernels of a convolution one after another, and how those with a layout were read."""
    several = use.operands[-1] == "kernel"
    layout = layout_of(options.get("kernel_layout"), use.layouts, reading.channels_last) if use.layouts else ""
    if use.layouts == WEIGHT_LAYOUTS:
        reading = replace(reading, channels_last=False)  # a vector and a matrix
    found, told = list[Values](), list[str]()
    for at, word in enumerate(words):
        which = use.operands
        where = which[min(at, len(which) - 1)] + (f" {at}" if several and at and len(words) > 2 else "")
        own = replace(reading, channels_last=layout != "oihw") if several and at else reading
        values = read_numbers(word, where, own)
        if values.ndim == 4 and not (several and at):
            raise UserError(where, f"{spell_shape(values.shape)} has four dimensions", "channels x rows x columns")
        if values.ndim == 4:
            groups = options.get("groups", 1)
            groups = groups if isinstance(groups, int) and 0 < groups <= len(found[0]) else 1
            values, said = kernels_of(values, layout, len(found[0]), groups, where)
            found, told = [*found, *values], [*told, said]
            continue
        if use.layouts == WEIGHT_LAYOUTS and at and len(values) == 1 and (layout == "io" or "kernel_layout" in options):
            values, said = weight_of(values, layout, found[0].size)
            told.append(said)
        elif own.channels_last:
            told.append(f"{where} {_last(values)} (height, width, {'in' if several and at else 'channels'})")
        found.append(values)
    return found, told


def _last(values: Values) -> str:
    """The size as it was typed, channels last."""
    return spell_shape((*values.shape[1:], len(values)))


class _Uses(Mapping[str, Use]):
    """Every operation that calc knows, by its word: those of the vocabulary, and the functions of calc alone."""

    def __getitem__(self, word: str) -> Use:
        found = CALCULATE.find(FUNCTIONS[word] if word in FUNCTIONS else OPERATIONS[word])
        if found is None:
            raise KeyError(word)
        return found

    def __iter__(self) -> Iterator[str]:
        yield from (*(word for word, cls in OPERATIONS.items() if CALCULATE.find(cls)), *FUNCTIONS)

    def __len__(self) -> int:
        return len(list(iter(self)))


USES: Mapping[str, Use] = _Uses()
"""Every operation that calc knows, by its word."""


# Which output


Index = tuple[int, ...]


def first_place(calculation: Calculation) -> Index:
    """The place that is opened where none is named."""
    return (0,) * calculation.output.ndim


def parse_place(text: str, calculation: Calculation) -> Index:
    """The output that ``--at`` names: ``row,column`` or ``channel,row,column``; of im2col the window's place.

    Raises:
        UserError: no such place.
    """
    columns = calculation.columns if calculation.is_matrix else None
    shape = calculation.output.shape
    if columns is not None:
        shape = tuple(last + 1 for last in columns.places[-1])
    found = re.fullmatch(r"\s*(?:output)?\s*\[?\s*(\d{1,9}(?:\s*[,x\s]\s*\d{1,9})*)\s*\]?\s*", text)
    names = {1: ["place"], 2: ["row", "column"], 3: ["channel", "row", "column"]}.get(
        len(shape), ["place"] * len(shape)
    )
    expected = f"{','.join(names)} in an output of {spell_shape(shape)}, counted from 0"
    if found is None:
        raise UserError("--at", f"{text!r}", expected)
    place = tuple(map(int, re.split(r"[,x\s]+", found[1].strip())))
    if len(place) == len(shape) - 1:
        place = (0, *place)
    if len(place) != len(shape) or not all(p < n for p, n in zip(place, shape, strict=True)):
        raise UserError("--at", f"no place {','.join(map(str, place))}", expected)
    return place if columns is None else (0, columns.places.index(place))
