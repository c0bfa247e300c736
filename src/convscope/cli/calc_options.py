"""The options of ``convscope calc``: PyTorch's names, and those of calc itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click


class Numeric(click.Command):
    """Takes ``-1 0 1`` and ``-2`` for numbers, not for options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """A blank before a number keeps click from reading its sign as an option's."""
        return super().parse_args(ctx, [f" {word}" if re.match(r"-[\d.]", word) else word for word in args])


WORDS = {
    "--stride": "Of the window: 2, or 2x1 for rows and columns.",
    "--padding": "Zeros around the input, or same, or valid.",
    "--dilation": "The step between the values under the window.",
    "--bias": "One number an output channel.",
    "--weight": "Of a normalisation or scale, a number a channel.",
    "--kernel-size": "The window: 2 or 3x3.",
    "--output-size": "Of an adaptive pooling.",
    "--running-mean": "batchnorm: a number a channel; without it the input's own.",
    "--running-var": "batchnorm: a number a channel.",
    "--over": "layernorm: all values, or channels at each place.",
    "--approximate": "gelu: tanh for its approximation.",
}
NUMBERS = {
    "--eps": "Of a normalisation.",
    "--negative-slope": "leakyrelu.",
    "--p": "dropout: how likely a value is dropped.",
    "--alpha": "localresponsenorm; as --beta and --k.",
    "--beta": "",
    "--k": "",
}
COUNTS = {
    "--groups": "conv: the channels are split into so many.",
    "--num-groups": "groupnorm.",
    "--size": "localresponsenorm: channels.",
    "--classes": "onehot.",
    "--seed": "Of random numbers.",
}


FLAGS: tuple[Callable[[Any], Any], ...] = (
    click.option("--ceil-mode", is_flag=True, default=None, help="Pooling: a last window that runs over the end."),
    click.option("--count-include-pad/--no-count-include-pad", default=None, help="avgpool: whether padding counts."),
    click.option("--return-indices", is_flag=True, default=None, help="maxpool: where each maximum was found."),
    click.option("--logits", is_flag=True, default=None, help="bce: scores in place of probabilities."),
    click.option("--dimensions", type=click.IntRange(1, 2), help="1 or 2. Default: 1 where everything has one row."),
    click.option("--at", help="The output to open: row,column or channel,row,column, from 0. Default: the first."),
    click.option("--all", "everything", is_flag=True, help="The terms of every output."),
    click.option("--step", "stepwise", is_flag=True, help="Move the window place by place: Enter, b back, q quit."),
    click.option("--backward", is_flag=True, help="The gradients of the input and the weights too."),
    click.option("--gradient", help="Of the loss with respect to the output, for --backward. Default: ones."),
    click.option("--channels-last", is_flag=True, help="What is typed is (H, W, C), as TensorFlow's pictures."),
    click.option("--grey", is_flag=True, help="Read a picture as one channel."),
    click.option("--unit-range", is_flag=True, help="Read a picture's values as 0 to 1 in place of 0 to 255."),
    click.option("--resize", help="Read a picture as so many rows and columns: 28x28."),
    click.option("--html", type=click.Path(), help="Write a page where the window slides."),
    click.option("--lang", type=click.Choice(["en", "ko"]), help="Of the page. Default: the reader's."),
)


def calc_options(function: Any) -> Any:
    """All of them on a command."""
    for option in reversed(FLAGS):
        function = option(function)
    for table, kind in ((COUNTS, int), (NUMBERS, float), (WORDS, str)):
        for name, text in reversed(table.items()):
            function = click.option(name, type=kind, help=text, hidden=not text)(function)
    return function
