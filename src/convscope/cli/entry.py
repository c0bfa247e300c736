"""From the shell to a command and back: what it said becomes an exit status, and a mistake one readable message."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from convscope.cli.group import cli
from convscope.cli.process import wait_briefly
from convscope.errors import UserError, nearest

DONE, OURS, MISTAKE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its status: 0 done, 2 a mistake of the user's, 1 ours, 130 interrupted."""
    # What a command imports lives as long as the process; looking through it for garbage is a tenth of a start.
    gc.set_threshold(20_000, 10, 10)
    wait_briefly()
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = _run(words or ["--help"])
        sys.exit(status if isinstance(status, int) else DONE)
    except UserError as error:
        _tell(error, words)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(MISTAKE)
    except click.UsageError as error:
        _tell(_usage_mistake(error), words)
    except click.ClickException as error:
        _tell(UserError("convscope", error.format_message()), words)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader, head for example, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(DONE)
    except Exception as error:
        import traceback

        traceback.print_exc()
        click.echo(f"convscope failed; this is our fault, not yours: {type(error).__name__}: {error}", err=True)
        sys.exit(OURS)


def _run(words: list[str]) -> object:
    """Run a command; an operation that is not known is looked for in installed packages, then it runs once more."""
    try:
        return cli.main(words, prog_name="convscope", standalone_mode=False)
    except UserError as error:
        if "operation" not in error.got:
            raise
        from convscope import ops

        before = set(ops.OPERATIONS)
        ops.load_installed()
        if before == set(ops.OPERATIONS):
            raise
        return cli.main(words, prog_name="convscope", standalone_mode=False)


def _tell(error: UserError, words: Sequence[str]) -> NoReturn:
    if "--json" in words:
        import json

        click.echo(json.dumps({"error": error.to_dict()}, indent=2, ensure_ascii=False))
    click.echo(click.style("error: ", fg="red", bold=True) + str(error), err=True)
    sys.exit(MISTAKE)


def _usage_mistake(error: click.UsageError) -> UserError:
    context = error.ctx
    where = context.command_path if context is not None else "convscope"
    usage = context.get_usage().removeprefix("Usage: ") if context is not None else ""
    if isinstance(error, click.NoSuchOption):
        options = [o for p in context.command.params for o in p.opts] if context is not None else []
        match = nearest(error.option_name, options)
        return UserError(
            where, f"no option {error.option_name}", usage, f"did you mean {match}?" if match else f"{where} --help"
        )
    return UserError(where, error.format_message().rstrip("."), usage, f"{where} --help")
