"""``convscope check``: what is wrong with a data set, as text, JSON, a page, a sheet, and a cleaned list."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import click

from convscope.data.checks import Checked, check
from convscope.data.sources import Source, open_source
from convscope.data.sources.source import ArraySource
from convscope.errors import UserError
from convscope.files import write_atomically

SUSPECT = 1
"""The exit status of --strict where something should be mended."""


def check_command(data: str, **options: Any) -> int:
    """Run the command; returns the exit status."""
    from rich.console import Console

    from convscope.surfaces.check_text import to_text
    from convscope.surfaces.progress import Watch

    fix = options["fix"]
    source = open_source(data)
    if fix is not None and isinstance(source, ArraySource):
        raise UserError("--fix", f"{data} has no picture files that a list could name", "a folder or a table")
    with Watch(Console(stderr=True)) as watch:
        counting = watch.counting()
        found = check(source, options["seed"], lambda done, total: counting("looking", done, total))
        if options["model"] is not None:
            from convscope.learning.suspicious import suspicious

            found = found.with_findings(suspicious(options["model"], source, found, counting))
    written = []
    if fix is not None:
        _write_list(found, source, Path(fix))
        written.append(("list", fix))
    if options["sheet"] is not None:
        from convscope.surfaces.check_sheet import write_sheet

        write_sheet(source, found, options["size"], Path(options["sheet"]))
        written.append(("sheet", options["sheet"]))
    if options["page"] is not None:
        from convscope.surfaces.check_page import write_page

        write_page(source, found, Path(options["page"]))
        written.append(("page", options["page"]))
    if options["as_json"]:
        document = {**found.to_dict(), "written": dict(written)}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        click.echo(to_text(found))
        for what, file in written:
            click.echo(f"{what:7} {file}")
    return SUSPECT if options["strict"] and not found.clean else 0


def _write_list(found: Checked, source: Source, file: Path) -> None:
    """The cleaned list; paths count from the list's own folder, so that it can be trained on where it lies."""
    top = Path(source.where).resolve()
    if not top.is_dir():
        raise UserError("--fix", f"{source.where} is no folder", "a folder of pictures", "unpack the archive first")
    here = file.resolve().parent
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "label", "split"])
    for name, label, side in found.kept():
        path = top / name
        try:
            shown = path.relative_to(here).as_posix()
        except ValueError:
            raise UserError(
                "--fix", f"{file} lies beside or below {source.where}", f"a list in {top} or above it"
            ) from None
        writer.writerow([shown, label, side])
    write_atomically(file, text.getvalue().encode("utf-8", "surrogateescape"))
