"""``convscope format``: a file of networks in its canonical layout."""

from __future__ import annotations

from pathlib import Path

import click

from convscope.cli.messages import echo
from convscope.cli.option_types import FILE
from convscope.cli.options import command, option
from convscope.errors import UserError


@command(
    examples=[
        "convscope format mine.net",
        "convscope format mine.net --check",
        "for file in nets/*.net; do convscope format $file; done",
    ]
)
@click.argument("file", type=FILE)
@option("--check", is_flag=True, help="Change nothing; exit with status 2 if the layout is not canonical.")
def format(file: str, check: bool) -> None:  # noqa: A001  the command's name
    """Rewrite a .net FILE, of one network or several, in the canonical layout."""
    from convscope.files import write_atomically
    from convscope.network.formatter import format_statements
    from convscope.network.network import read_text
    from convscope.network.notation import parse

    path = Path(file)
    written = read_text(path)
    text = format_statements(parse(written, path.name)[0])
    if written == text:
        echo("{}: already formatted", file, err=True)
    elif check:
        raise UserError(file, "not formatted", hint=f"convscope format {file}")
    else:
        write_atomically(path, text.encode())
        echo("{}: formatted", file, err=True)
