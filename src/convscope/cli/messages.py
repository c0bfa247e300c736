"""What several commands say on standard error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from convscope.data.dataset import Skipped

MOST_SKIPPED = 5
"""Skipped files that are named; the others are counted."""


def report_skipped(skipped: Sequence[Skipped]) -> None:
    """Name the files that were left out."""
    for entry in skipped[:MOST_SKIPPED]:
        click.echo(f"skipped {entry.file}: {entry.reason}", err=True)
    if len(skipped) > MOST_SKIPPED:
        click.echo(f"skipped {len(skipped) - MOST_SKIPPED:,} more", err=True)
