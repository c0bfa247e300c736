"""``convscope predict``: classes and probabilities of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from convscope.cli.json_output import echo_json, with_document
from convscope.cli.messages import echo, report_skipped
from convscope.cli.option_types import FILE, MODEL
from convscope.cli.options import command, json_option, option, setting_option
from convscope.cli.streams import listed_names
from convscope.errors import UserError
from convscope.printable import printable
from convscope.tables import cell_width, csv_text

if TYPE_CHECKING:
    from convscope.model.predict import Predictions


@command(
    examples=[
        "convscope predict runs/photos-1 new/*.jpg",
        "convscope predict runs/photos-1 new/ --sure 99% --csv > answers.csv",
        "find new -name '*.png' | convscope predict runs/photos-1 - --json",
    ]
)
@click.argument("model", type=MODEL)
@click.argument("files", nargs=-1, required=True, type=FILE)
@option("--top", type=click.IntRange(min=1), default=3, show_default=True, help="Number of classes to list.")
@setting_option("sure", "Answer unknown below this accuracy when it answers: 99%.")
@option("--csv", "as_csv", is_flag=True, help="Print CSV: file, class, probability, and the next best.")
@json_option
def predict(model: str, files: tuple[str, ...], top: int, sure: float | None, as_csv: bool, as_json: bool) -> None:
    """Predict the class of each of FILES: pictures, tables, folders, globs, or - for a list on standard input."""
    from convscope.model.folder import Model
    from convscope.model.predict import expand
    from convscope.model.predict import predict as answer

    if as_csv and as_json:
        raise UserError("convscope predict", "--csv and --json together", "one of them")
    names: list[str] = []
    loaded = Model.load(model)
    for entry in files:
        listed = listed_names() if entry == "-" else [entry]
        names += expand(listed)
    if not names:
        raise UserError("standard input", "the list is empty", "one file a line")
    done = answer(loaded, names, top, sure)
    if not as_json:
        report_skipped(done.skipped)
    if not done.answers:
        error = UserError("convscope predict", f"none of {len(done.skipped)} files could be read", "pictures")
        raise with_document(error, done.to_dict())
    if as_json:
        echo_json(done.to_dict())
    elif as_csv:
        _print_csv(done, top)
    else:
        _print_text(done)


def _print_csv(done: Predictions, top: int) -> None:
    if any(answer.value is not None for answer in done):
        rows = [("row", "value"), *((printable(answer.file), repr(answer.value)) for answer in done)]
        echo(csv_text(rows), nl=False)
        return
    places = min(top, max((len(answer.top) for answer in done), default=0))
    heads = [head for k in range(2, places + 1) for head in (f"class{k}", f"probability{k}")]
    lines = [["file", "class", "probability", *heads]]
    for answer in done:
        first = "unknown" if answer.unknown else printable(answer.name)
        others = [value for name, p in answer.top[1:] for value in (printable(name), f"{p:.6f}")]
        lines.append([printable(answer.file), first, f"{answer.probability:.6f}", *others])
    echo(csv_text(lines), nl=False)


def _print_text(done: Predictions) -> None:
    files = [printable(answer.file) for answer in done]
    widest = max(map(cell_width, files), default=0)
    for answer, file in zip(done, files, strict=True):
        start = file + " " * (widest - cell_width(file))
        if answer.value is not None:
            echo("{}  {}", start, answer.name)
            continue
        rest = answer.top if answer.unknown else answer.top[1:]
        others = "   ".join(f"{name} {100 * p:.1f} %" for name, p in rest if p >= 0.001)
        first = "unknown" if answer.unknown else f"{answer.name} {100 * answer.probability:.1f} %"
        echo("{}  {}{}", start, first, f"   ({others})" if others else "")
