"""``convscope predict``: classes and probabilities of files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from convscope.cli.json_output import echo_json
from convscope.cli.messages import report_skipped
from convscope.cli.option_types import FILE, MODEL
from convscope.cli.options import command, json_option, option, setting_option
from convscope.errors import UserError

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
        listed = [line.rstrip("\n") for line in sys.stdin if line.strip()] if entry == "-" else [entry]
        names += expand(listed)
    if not names:
        raise UserError("standard input", "the list is empty", "one file a line")
    done = answer(loaded, names, top, sure)
    if not as_json:
        report_skipped(done.skipped)
    if as_json:
        echo_json(done.to_dict())
    elif as_csv:
        _print_csv(done, top)
    else:
        _print_text(done)
    if not done.answers:
        raise UserError("convscope predict", f"none of {len(done.skipped)} files could be read", "pictures")


def _print_csv(done: Predictions, top: int) -> None:
    import csv

    if any(answer.value is not None for answer in done):
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([("row", "value"), *((answer.file, repr(answer.value)) for answer in done)])
        return
    places = min(top, max((len(answer.top) for answer in done), default=0))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    heads = [head for k in range(2, places + 1) for head in (f"class{k}", f"probability{k}")]
    writer.writerow(["file", "class", "probability", *heads])
    for answer in done:
        first = "unknown" if answer.unknown else answer.name
        others = [value for name, p in answer.top[1:] for value in (name, f"{p:.6f}")]
        writer.writerow([answer.file, first, f"{answer.probability:.6f}", *others])


def _print_text(done: Predictions) -> None:
    widest = max((len(answer.file) for answer in done), default=0)
    for answer in done:
        if answer.value is not None:
            click.echo(f"{answer.file:{widest}}  {answer.name}")
            continue
        rest = answer.top if answer.unknown else answer.top[1:]
        others = "   ".join(f"{name} {100 * p:.1f} %" for name, p in rest if p >= 0.001)
        first = "unknown" if answer.unknown else f"{answer.name} {100 * answer.probability:.1f} %"
        line = f"{answer.file:{widest}}  {first}"
        click.echo(f"{line}   ({others})" if others else line)
