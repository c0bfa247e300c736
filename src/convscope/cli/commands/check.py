"""``convscope check``: what is wrong with a data set, as text, JSON, a page, a sheet, and a cleaned list."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convscope.cli.json_output import echo_json
from convscope.cli.messages import echo
from convscope.cli.option_types import DATA, FILE, MODEL
from convscope.cli.options import command, data_options, json_option, option, setting_option
from convscope.errors import UserError

if TYPE_CHECKING:
    from convscope.data.audit import Checked
    from convscope.data.sources.source import FileSource

SUSPECT = 1
"""The exit status of --strict if something should be fixed."""
NAMED = 5
"""Pictures left out of the list that are named; all are in --json."""


@command(
    examples=[
        "convscope check photos/",
        "convscope check photos/ --html photos.html --fix photos.csv",
        "convscope check photos/ --model runs/photos-1 --strict",
    ]
)
@click.argument("data", type=DATA)
@option("--model", group="network", type=MODEL, help="A model folder: also find labels that are probably wrong.")
@option("--html", "page", type=FILE, help="Write a page with the pictures to this file.")
@option("--sheet", type=FILE, help="Draw a PNG of what a network sees with each --fit.")
@option(
    "--size",
    type=click.IntRange(min=8),
    default=96,
    show_default=True,
    help="Width and height on the sheet, in pixels.",
)
@option("--fix", type=FILE, help="Write a cleaned list (CSV) to train on; no picture is touched.")
@setting_option("target", "Tables: the column with the labels.")
@setting_option("seed", "Seed of the split that training would make. Default: 0.")
@data_options
@option("--strict", is_flag=True, help="Exit with status 1 if something should be fixed.")
@json_option
def check(data: str, allow_outside: bool, skip_unreadable: bool, **options: Any) -> None:
    """Find what is wrong with DATA before training on it.

    Files that cannot be read, duplicates, test pictures that are also in training, contradicting and suspicious labels,
    blank pictures, rare classes.
    """
    from convscope.data.data_path import DataPath

    if options["seed"] is None:
        options["seed"] = 0
    sys.exit(check_command(DataPath(data, allow_outside, skip_unreadable), **options))


def check_command(data: str | os.PathLike[str], **options: Any) -> int:
    """Run the command; returns the exit status."""
    from rich.console import Console

    from convscope.data.audit import check as audit
    from convscope.data.sources import TableColumns, open_source
    from convscope.data.sources.source import ArraySource, FileSource, TableSource
    from convscope.render.progress import Watch
    from convscope.render.text.audit import to_text

    fix = options["fix"]
    source = open_source(data, columns=TableColumns(options["target"]))
    if fix is not None and isinstance(source, ArraySource):
        raise UserError("--fix", f"{data} has no picture files that a list could name", "a folder or a table")
    if isinstance(source, TableSource):
        for name, given in (("--sheet", options["sheet"]), ("--html", options["page"]), ("--fix", fix)):
            if given is not None:
                raise UserError(name, f"{data} is a table of numbers", "it is for pictures alone", "leave it out")
    with Watch(Console(stderr=True)) as watch:
        counting = watch.counting()
        found = audit(source, options["seed"], lambda done, total: counting("looking", done, total))
        if options["model"] is not None:
            from convscope.learning.label_errors import suspicious

            found = found.with_findings(suspicious(options["model"], source, found, counting))
    written: list[tuple[str, str]] = []
    lost: list[str] = []
    if fix is not None:
        assert isinstance(source, FileSource)
        lost = _write_list(found, source, Path(fix))
        written.append(("list", fix))
    if options["sheet"] is not None:
        from convscope.render.images.audit_sheet import write_sheet

        write_sheet(source, found, options["size"], Path(options["sheet"]))
        written.append(("sheet", options["sheet"]))
    if options["page"] is not None:
        from convscope.render.html.audit_page import write_page

        write_page(source, found, Path(options["page"]))
        written.append(("page", options["page"]))
    if options["as_json"]:
        document = {**found.to_dict(), "written": dict(written), "not_listed": lost}
        echo_json(document)
    else:
        echo(to_text(found))
        for what, file in written:
            echo(f"{what:7} {{}}", file)
        if lost:
            named = ", ".join(lost[:NAMED]) + (", ..." if len(lost) > NAMED else "")
            said = f"no table can name {len(lost):,} of the pictures; rename them to have them in the list: {{}}"
            echo(said, named)
    return SUSPECT if options["strict"] and not found.clean else 0


def _write_list(found: Checked, source: FileSource, file: Path) -> list[str]:
    """Write the cleaned list; paths count from its own folder, so that it can be trained on where it lies.

    Returns:
        pictures that it should name and cannot, for no table could: names that are not UTF-8, or that end in a blank.
    """
    from convscope.data.data_path import DataPath
    from convscope.data.sources import open_source
    from convscope.data.sources.place import Folder
    from convscope.data.sources.source import FileSource
    from convscope.files import write_atomically
    from convscope.tables import csv_text

    if not isinstance(source.place, Folder):
        raise UserError("--fix", f"{source.where} is no folder", "a folder of pictures", "unpack the archive first")
    top, here = source.place.path.resolve(), file.resolve().parent
    if not top.is_relative_to(here):
        raise UserError("--fix", f"{file} lies beside or below {top}", f"a list in {top} or above it")
    members = dict(zip(reversed(source.names), reversed(source.members), strict=True))
    rows, lost = [], []
    for name, label, side in found.kept():
        shown = (top / members[name].name).relative_to(here).as_posix()
        if shown != shown.strip() or not _is_utf8(shown):
            lost.append(name)
        else:
            rows.append((shown, label, side))
    write_atomically(file, csv_text([("path", "label", "split"), *rows]).encode())
    if rows:
        # Links in the folder may lead elsewhere, as it was read.
        again = open_source(DataPath(str(file), allow_outside=True))
        read = {(here / member.name).resolve() for member in again.members} if isinstance(again, FileSource) else set()
        lost += [shown for shown, _, _ in rows if (here / shown).resolve() not in read]
    return lost


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
