"""From the shell to a command and back: what it said becomes an exit status, and a mistake one readable message."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from convscope.cli.group import cli
from convscope.cli.json_output import echo_error
from convscope.cli.messages import echo
from convscope.cli.streams import NobodyReads, standard_streams
from convscope.errors import UserError, nearest
from convscope.files import mistake_of

DONE, OURS, MISTAKE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its status: 0 done, 2 a mistake of the user's, 1 ours, 130 interrupted."""
    # What a command imports lives as long as the process; looking through it for garbage is a tenth of a start.
    gc.set_threshold(20_000, 10, 10)
    words = list(sys.argv[1:] if arguments is None else arguments)
    with standard_streams():
        status = _status(words)
    sys.exit(status)


def _status(words: Sequence[str]) -> int:
    try:
        try:
            status = _run(list(words) or ["--help"])
        except SystemExit as left:
            status = left.code
        sys.stdout.flush()
    except NobodyReads:
        return DONE
    except (click.Abort, KeyboardInterrupt) as error:
        interrupted = UserError("convscope", "interrupted")
        return _told(click.Abort() if isinstance(error, KeyboardInterrupt) else error, interrupted, words, INTERRUPTED)
    except click.exceptions.NoArgsIsHelpError as error:
        return _told(error, _usage_mistake(error), words, MISTAKE, error.format_message())
    except click.UsageError as error:
        return _told(error, _usage_mistake(error), words, MISTAKE)
    except click.ClickException as error:
        return _told(error, UserError("convscope", error.format_message()), words, MISTAKE)
    except Exception as error:
        mistake = mistake_of(error)
        return _our_fault(error, words) if mistake is None else _told(error, mistake, words, MISTAKE)
    return status if isinstance(status, int) else DONE


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


def _told(error: Exception, mistake: UserError, words: Sequence[str], status: int, text: str = "") -> int:
    """Say what went wrong: a document on standard output where one was asked for, and a message; the exit status."""
    _document(error, mistake, words)
    if status == INTERRUPTED:
        echo("interrupted", err=True)
    elif text:
        echo(text, err=True)
    else:
        echo(click.style("error: ", fg="red", bold=True), err=True, nl=False, styled=True)
        echo(str(mistake), err=True)
    return status


def _our_fault(error: Exception, words: Sequence[str]) -> int:
    import traceback

    said = f"{type(error).__name__}: {error}"
    kept = " ".join(getattr(error, "__notes__", []))
    hint = "report it with what standard error says"
    _document(error, UserError("convscope", f"this is our fault, not yours: {said}", hint=hint, kept=kept), words)
    echo("".join(traceback.format_exception(error)), err=True, nl=False)
    echo(f"convscope failed; this is our fault, not yours: {said}", err=True)
    if kept:
        echo(kept, err=True)
    return OURS


def _document(error: Exception, mistake: UserError, words: Sequence[str]) -> None:
    """The document of a command that failed, where its words ask for one and there is somewhere to print it."""
    options = words[: list(words).index("--")] if "--" in words else words
    if "--json" not in options:
        return
    try:
        echo_error(error, mistake.to_dict())
        sys.stdout.flush()
    except (NobodyReads, UserError):
        return  # the message on standard error is what remains


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
