"""The command line: finds a command by its file and its words; tensors load only where a command needs them."""

from __future__ import annotations

import functools
import importlib
from pathlib import Path
from typing import Any

import click

from convscope.errors import UserError, did_you_mean

COMMANDS = Path(__file__).with_name("commands")


@functools.cache
def names() -> list[str]:
    """Every command: the files of ``commands/``.

    Example:
        >>> names()[:3]
        ['calc', 'check', 'code']
    """
    return sorted(file.stem for file in COMMANDS.glob("[a-z]*.py"))


class Commands(click.Group):
    """Loads a command's file when it is asked for; names the nearest command where one is not known."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return names()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in names():
            return None
        found: click.Command = getattr(importlib.import_module(f"convscope.cli.commands.{cmd_name}"), cmd_name)
        return found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As Click does it, but with a better word where there is none."""
        name = args[0]
        if name not in names() and not name.startswith("-") and not ctx.resilient_parsing:
            raise UserError("convscope", f"no command {name!r}", ", ".join(names()), did_you_mean(name, names()))
        return super().resolve_command(ctx, args)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="DATA: digits, a folder of class folders, IDX, CIFAR, STL-10 or Kuzushiji files, a table with paths or "
    "pictures and labels, or a zip.",
)
@click.option(
    "--operations",
    "files",
    type=click.Path(),
    multiple=True,
    help="A Python file that defines operations of your own; its code is run.",
)
@click.version_option(package_name="convscope", message="convscope %(version)s")
def cli(files: tuple[str, ...]) -> None:
    """Neural networks you can see through.

    From a few lines of network and labelled pictures to a trained, evaluated model in which every number can be opened.

    \b
      convscope describe lenet5                 what a network costs, node by node
      convscope train digits                    train, evaluate, save, report
      convscope check DIR                       what is wrong with these pictures
      convscope train DIR --time 2m
      convscope evaluate runs/digits-1 digits
      convscope predict runs/digits-1 *.png
      convscope calc conv '1 2 3 / 0 1 5 / 1 0 2' '1 0 / 0 1'
    """
    if files:
        from convscope import ops

        for file in files:
            ops.load(file)
