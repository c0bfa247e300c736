"""How commands print: the one place where text leaves for the terminal, and what several of them say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from convscope.printable import printable, printable_lines

if TYPE_CHECKING:
    from convscope.data.dataset import Skipped

MOST_SKIPPED = 5
"""Skipped files that are named; the others are counted."""


def echo(text: str = "", *names: object, err: bool = False, nl: bool = True, styled: bool = False) -> None:
    """Print a text; nothing in it steers the terminal.

    Args:
        text: its lines are meant; with ``{}`` where names are put in.
        names: strangers' words, each on one line.
        err: to standard error.
        nl: whether the line ends.
        styled: it has the escapes of :func:`click.style` and no strangers' words.
    """
    said = text.format(*(printable(str(name)) for name in names)) if names else text
    click.echo(said if styled else printable_lines(said), err=err, nl=nl)


def report_skipped(skipped: Sequence[Skipped]) -> None:
    """Name the files that were left out."""
    for entry in skipped[:MOST_SKIPPED]:
        echo("skipped {}: {}", entry.file, entry.reason, err=True)
    if len(skipped) > MOST_SKIPPED:
        echo(f"skipped {len(skipped) - MOST_SKIPPED:,} more", err=True)
