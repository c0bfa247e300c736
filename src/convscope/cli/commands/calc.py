"""``convscope calc``: one operation on numbers that a person types; words in, a calculation shown."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convscope.cli.json_output import echo_json
from convscope.cli.messages import echo
from convscope.cli.option_types import FILE, OPERATION
from convscope.cli.options import Command, Option, command, json_option, later, option
from convscope.errors import UserError
from convscope.printable import printable_lines

if TYPE_CHECKING:
    from convscope.calculation.build import Index
    from convscope.calculation.calculation import Calculation
    from convscope.calculation.numbers import Values
    from convscope.ops.arrays import Gradients


class Numeric(Command):
    """Takes ``-1 0 1`` and ``-2`` for numbers, not for options; its help names the operations."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """A blank before a number keeps click from reading its sign as an option's."""
        return super().parse_args(ctx, [f" {word}" if re.match(r"-[\d.]", word) else word for word in args])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The operations, as :mod:`convscope.calculation` knows them."""
        from convscope.calculation.build import USES

        formatter.write_paragraph()
        formatter.write_text(f"OPERATION: {', '.join(USES)}.")
        super().format_epilog(ctx, formatter)


# Options of operations are PyTorch's arguments; which operation takes which says convscope.calculation.
_WORDS = {
    "--stride": "Step of the window: 2, or 2x1 for rows and columns.",
    "--padding": "Zeros around the input; or same, valid, or, of a signal, causal.",
    "--before": "pad, padchannels: zeros before; 1x0 for rows and columns.",
    "--after": "pad, padchannels: zeros after.",
    "--dilation": "Distance between the values under the window.",
    "--bias": "One number for each output channel.",
    "--weight": "Normalisation, scale, prelu: one number for each channel.",
    "--kernel-size": "Size of the window: 2 or 3x3.",
    "--output-size": "Adaptive pooling: size of the output.",
    "--running-mean": "batchnorm: one number for each channel. Default: the input's own.",
    "--running-var": "batchnorm: one number for each channel. Default: the input's own.",
    "--over": "layernorm: all values, or channels at each position.",
    "--approximate": "gelu: tanh for its approximation.",
}
_NUMBERS = {
    "--eps": "Normalisation: added to the variance.",
    "--negative-slope": "leakyrelu: slope below 0.",
    "--p": "dropout: probability that a value is dropped.",
    "--alpha": "localresponsenorm, as --beta and --k; elu; hardsigmoid, as --beta.",
    "--beta": "softplus: what x is multiplied by.",
    "--min": "clip: the smallest value.",
    "--max": "clip: the largest value.",
    "--k": "",
}
_COUNTS = {
    "--groups": "conv: number of groups of channels.",
    "--size": "localresponsenorm: number of channels.",
    "--classes": "onehot: number of classes.",
    "--seed": "Seed of random numbers.",
}


def _argument_options(function: Any) -> Any:
    """The options that are arguments of operations."""
    for table, kind in ((_COUNTS, int), (_NUMBERS, float), (_WORDS, str)):
        for name, text in reversed(table.items()):
            function = option(name, group="operation", type=kind, help=text, hidden=not text)(function)
    return later(function, _other_arguments, of=_words)


def _words() -> tuple[str, ...]:
    from convscope.ops import OPERATIONS

    return tuple(OPERATIONS)


_TYPES = {"count": int, "number": float, "size": str, "word": str}


def _other_arguments() -> list[click.Parameter]:
    """The arguments of operations that stand in no table here, each told by the operation itself."""
    from convscope.ops import OPERATIONS

    known = {*_WORDS, *_NUMBERS, *_COUNTS, "--out-channels", "--out-features", "--init", "--momentum", "--affine"}
    made: dict[str, click.Parameter] = {}
    for cls in OPERATIONS.values():
        for entry in dataclasses.fields(cls):
            name, kind = f"--{entry.name.replace('_', '-')}", entry.metadata["kind"]
            if name not in known and kind.what in _TYPES:
                told = f"{cls.word}: {kind.describe()}."
                made.setdefault(name, Option([name], group="operation", type=_TYPES[kind.what], help=told))
    return list(made.values())


@command(
    cls=Numeric,
    examples=[
        "convscope calc conv '1 2 3 / 0 1 5 / 1 0 2' '1 0 1 / 0 1 0 / 1 0 1'",
        "convscope calc maxpool '1 1 2 3 / 4 6 6 8 / 3 1 1 0 / 1 2 2 4' 2",
        "convscope calc conv photo.png '0 -1 0 / -1 5 -1 / 0 -1 0' --grey --padding 1",
        "convscope calc softmax '2 1 0.1' --backward",
    ],
)
@click.argument("operation", type=OPERATION)
@click.argument("values", nargs=-1, type=FILE)
@_argument_options
@option(
    "--ceil-mode",
    group="operation",
    is_flag=True,
    default=None,
    help="Pooling: keep a last window that reaches past the end.",
)
@option(
    "--count-include-pad/--no-count-include-pad", group="operation", default=None, help="avgpool: count the padding."
)
@option("--return-indices", group="operation", is_flag=True, default=None, help="maxpool: where each maximum is.")
@option("--logits", group="operation", is_flag=True, default=None, help="bce: scores instead of probabilities.")
@option("--dimensions", group="operation", type=click.IntRange(1, 2), help="1 or 2. Default: 1 for a single row.")
@option(
    "--channels-last",
    group="data",
    is_flag=True,
    help="Inputs are (height, width, channels), kernels (height, width, in, out), as in TensorFlow.",
)
@option(
    "--kernel-layout",
    group="data",
    help="Order of the kernels' dimensions: oihw (PyTorch), hwio (TensorFlow), ohwi; of linear's weight: oi, io.",
)
@option("--grey", group="data", is_flag=True, help="Read a picture as one channel.")
@option("--unit-range", group="data", is_flag=True, help="Read a picture's values as 0 to 1 instead of 0 to 255.")
@option("--resize", group="data", help="Read a picture at this size, rows x columns: 28x28.")
@option("--at", help="The output to open: row,column or channel,row,column, from 0. Default: the first.")
@option("--all", "everything", is_flag=True, help="The terms of every output.")
@option("--step", "stepwise", is_flag=True, help="Slide the window one position at a time: Enter, b back, q quit.")
@option("--backward", is_flag=True, help="Also the gradients of the input and the weights.")
@option("--gradient", help="For --backward: gradient of the loss at the output. Default: ones.")
@option("--html", type=FILE, help="Write a page on which the window slides.")
@option("--lang", type=click.Choice(["en", "ko"]), help="Language of the page. Default: the reader's.")
@json_option
def calc(operation: str, values: tuple[str, ...], **options: Any) -> None:
    """Calculate one OPERATION on numbers that you type: its output, the formula for its shape, any output term by term.

    VALUES are numbers separated by spaces or commas, rows by /, channels by |; or a CSV table, a picture, or generated:
    'count 1x4x4', 'random 3x4x4', 'ones 7x3x3x3'. The input comes first, then kernels, weights or labels.
    """
    calc_command(operation, values, options)


def calc_command(operation: str, values: Sequence[str], options: Mapping[str, Any]) -> None:
    """Run ``convscope calc``.

    Args:
        operation: its word.
        values: its operands as typed.
        options: all of the command line; those that were not given are None or False.
    """
    from convscope.calculation.build import build_calculation, first_place, parse_place
    from convscope.calculation.numbers import Reading

    size = options["resize"]
    if size is not None and not re.fullmatch(r"[1-9]\d{0,4}x[1-9]\d{0,4}", size):
        raise UserError("--resize", f"{size!r}", "rows x columns, for example 28x28")
    resize = None if size is None else (int(size.split("x")[0]), int(size.split("x")[1]))
    seed = options["seed"] or 0
    reading = Reading(options["grey"], options["unit_range"], resize, seed, options["channels_last"])
    own = {name: value for name, value in options.items() if name not in COMMON and value is not None}
    calculation = build_calculation(operation, values, own, reading)
    outward, found = _gradients(calculation, options)
    at = options["at"]
    index = parse_place(at, calculation) if at is not None else first_place(calculation)
    if options["html"] is not None:
        from convscope.render.html.calc_page import write_calc_page

        backward = (outward, found) if found is not None else None
        write_calc_page(Path(options["html"]), calculation, options["lang"], backward)
        echo("wrote {}", options["html"], err=True)
    unfolded = operation.lower() == "im2col"
    if options["as_json"]:
        from convscope.render.text.calc import gradients_dict, to_dict

        indices = list(calculation.indices) if options["everything"] else [index]
        document = to_dict(calculation, indices, unfolded)
        if found is not None:
            document["gradients"] = gradients_dict(outward, found)
        echo_json(document, indent=None)
    elif options["stepwise"]:
        walk_through(calculation, index if at is not None else None)
    else:
        from convscope.render.text.calc import calculation_text, gradient_text

        winners = bool(options["return_indices"])
        lines = calculation_text(calculation, index, options["everything"], unfolded, winners)
        lines += ["", *gradient_text(calculation, outward, found)] if found is not None else []
        echo(_emphasised(lines), styled=True)


COMMON = {
    *("at", "everything", "stepwise", "backward", "gradient", "html", "lang", "as_json"),
    *("channels_last", "grey", "unit_range", "resize", "seed"),
}
"""Options that every operation takes."""


def _gradients(calculation: Calculation, options: Mapping[str, Any]) -> tuple[Values, Gradients | None]:
    """The gradient at the output and those that follow from it, if they are asked for."""
    if not options["backward"]:
        if options["gradient"] is not None:
            raise UserError("--gradient", "given without --backward", "both, or neither")
        return calculation.output, None
    from convscope.calculation.calculation import default_gradient, gradients
    from convscope.calculation.numbers import read_numbers
    from convscope.ops import Misfit, spell_shape

    outward = default_gradient(calculation)
    if options["gradient"] is not None:
        typed = read_numbers(options["gradient"], "--gradient")
        if typed.size != outward.size:
            got, expected = spell_shape(typed.shape), spell_shape(outward.shape)
            raise UserError("--gradient", f"{typed.size} numbers ({got})", f"one an output: {expected}")
        outward = typed.reshape(outward.shape)
    try:
        return outward, gradients(calculation, outward)
    except Misfit as misfit:
        raise UserError("--backward", misfit.got, misfit.expected) from None


def _emphasised(lines: Sequence[str]) -> str:
    """The window in bold on a terminal; click leaves colours out elsewhere."""
    shown = map(printable_lines, lines)
    bold = [re.sub(r"\[[^\[\]]*\]", lambda window: click.style(window[0], bold=True), line) for line in shown]
    return "\n".join(bold)


# Step by step


def walk_through(calculation: Calculation, start: Index | None = None) -> None:
    """The window's places one after another: Enter goes on, b back, q ends; all at once where nobody can press keys."""
    from convscope.render.text.calc import heading, rule_lines

    order = list(calculation.indices)
    at = 0 if start is None else order.index(start)
    echo("\n".join([heading(calculation), "", *rule_lines(calculation.rules)]))
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        for number, index in enumerate(order):
            echo("\n".join(["", *_one_step(calculation, order, number, index)]))
        return
    while True:
        echo(_emphasised(["", *_one_step(calculation, order, at, order[at])]), styled=True)
        last = at == len(order) - 1
        echo(f"\n  {'that was the last' if last else 'Enter next'}, b back, q quit ", nl=False)
        key = click.getchar().lower()
        echo()
        if key in ("q", "\x1b", "\x04", ""):
            return
        at = max(0, at - 1) if key in ("b", "\x7f", "\x1b[d", "\x1b[a") else at + 1
        if at == len(order):
            return


def _one_step(calculation: Calculation, order: Sequence[Index], number: int, index: Index) -> list[str]:
    from convscope.render.text.calc import stage_lines, unit_lines

    if calculation.is_matrix:
        return [f"{number + 1} of {len(order)}", *unit_lines(calculation, index)]
    stage = stage_lines(calculation, index, set(order[: number + 1]))
    return [f"{number + 1} of {len(order)}", *stage, "", *unit_lines(calculation, index)]
