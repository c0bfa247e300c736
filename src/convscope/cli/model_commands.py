"""``convscope evaluate`` and ``convscope predict``."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from convscope.data.dataset import Skipped
from convscope.errors import UserError
from convscope.render.progress import MOST_SKIPPED


def load_command(
    net: str,
    weights: str,
    out: str,
    names: str | None,
    shape: tuple[int, ...] | None,
    classes: int | None,
    fit: str,
    keep: float | None,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    as_json: bool,
) -> None:
    """Run ``convscope load``."""
    from rich.console import Console

    from convscope.cli.train import fit_named
    from convscope.model.folder import FACTS
    from convscope.model.load_weights import load, read_names
    from convscope.render.progress import Watch

    how = fit_named(fit)
    if (Path(out) / FACTS).exists():
        raise UserError(out, "there is a model in this folder", "", "another --out")
    listed = None if names is None else read_names(Path(names))
    numbered = [name for index, name in enumerate(listed or ()) if name.endswith(f" ({index})")]
    if numbered:
        click.echo(f"names that stand twice carry their number: {', '.join(numbered[:MOST_SKIPPED])}", err=True)
    with Watch(Console(stderr=True)) as watch:
        model = load(
            net,
            weights,
            names=listed,
            input=shape,
            classes=classes,
            fit=how,
            keep=keep,
            mean=mean,
            std=std,
            progress=watch.downloading(),
        )
    folder, told = model.save(out), model.facts["weights"]
    if as_json:
        document = {"model": str(folder), "adapted": told["adapted"], "left_over": told["left_over"]}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    for sentence in told["adapted"]:
        click.echo(f"adapted  {sentence}")
    left_over = told["left_over"]
    if left_over:
        more = f" and {len(left_over) - MOST_SKIPPED} more" if len(left_over) > MOST_SKIPPED else ""
        click.echo(f"no place for {', '.join(left_over[:MOST_SKIPPED])}{more}")
    click.echo("every tensor's name and shape is as the network says")
    click.echo(f"model    {folder}")


def evaluate_command(
    model: str,
    data: str,
    split: str | None,
    report: str | None,
    robustness: bool,
    sure: float | None,
    lang: str,
    as_json: bool,
) -> None:
    """Run ``convscope evaluate``."""
    from rich.console import Console

    from convscope.evaluation.evaluate import evaluate
    from convscope.model.folder import Model
    from convscope.render.i18n import words
    from convscope.render.progress import Watch
    from convscope.render.text.evaluation import to_text

    loaded = Model.load(model)
    console = Console(stderr=True)
    with Watch(console) as watch:
        done = evaluate(loaded, data, split, progress=watch.decoding(), sure=sure)
    _name_skipped(done.skipped)
    spoilt = None
    if robustness:
        from convscope.evaluation.robustness import robustness as measured

        spoilt = measured(loaded, done.split)
    if report is not None:
        from convscope.render.html.run_report import write_evaluation_report

        write_evaluation_report(loaded, done, data, Path(report), words("evaluation", lang), spoilt)
    if as_json:
        document = {**done.evaluation.to_dict(), "of": done.of, "report": report}
        document["robustness"] = None if spoilt is None else spoilt.to_dict()
        document |= done.account.to_dict(done.evaluation.classes)
        document["skipped"] = [vars(entry) for entry in done.skipped]
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    click.echo(f"{model} on {done.of}\n")
    click.echo(to_text(done.evaluation, words("evaluation", lang), done.account))
    if spoilt is not None:
        from convscope.render.html.robustness_section import to_text as robustness_text

        click.echo("\n" + robustness_text(spoilt, words("evaluation", lang)))
    if report is not None:
        click.echo(f"report  {report}")


def predict_command(
    model: str, files: Sequence[str], top: int, sure: float | None, as_csv: bool, as_json: bool
) -> None:
    """Run ``convscope predict``; exit status 2 where not one file could be read."""
    from convscope.model.folder import Model
    from convscope.model.predict import expand, predict

    if as_csv and as_json:
        raise UserError("convscope predict", "--csv and --json together", "one of them")
    names: list[str] = []
    for entry in files:
        listed = [line.rstrip("\n") for line in sys.stdin if line.strip()] if entry == "-" else [entry]
        names += expand(listed)
    if not names:
        raise UserError("standard input", "the list is empty", "one file a line")
    done = predict(Model.load(model), names, top, sure)
    if not as_json:
        _name_skipped(done.skipped)
    if as_json:
        click.echo(json.dumps(done.to_dict(), indent=2, ensure_ascii=False))
    elif as_csv:
        places = min(top, max((len(answer.top) for answer in done), default=0))
        writer = csv.writer(sys.stdout, lineterminator="\n")
        heads = [head for k in range(2, places + 1) for head in (f"class{k}", f"probability{k}")]
        writer.writerow(["file", "class", "probability", *heads])
        for answer in done:
            first = "unknown" if answer.unknown else answer.name
            writer.writerow(
                [
                    answer.file,
                    first,
                    f"{answer.probability:.6f}",
                    *[v for name, p in answer.top[1:] for v in (name, f"{p:.6f}")],
                ]
            )
    else:
        widest = max((len(answer.file) for answer in done), default=0)
        for answer in done:
            rest = answer.top if answer.unknown else answer.top[1:]
            others = "   ".join(f"{name} {100 * p:.1f} %" for name, p in rest if p >= 0.001)
            said = "unknown" if answer.unknown else f"{answer.name} {100 * answer.probability:.1f} %"
            first = f"{answer.file:{widest}}  {said}"
            click.echo(f"{first}   ({others})" if others else first)
    if not done.answers:
        raise UserError("convscope predict", f"none of {len(done.skipped)} files could be read", "pictures")


def _name_skipped(skipped: Sequence[Skipped]) -> None:
    for entry in skipped[:MOST_SKIPPED]:
        click.echo(f"left out: {entry.file}: {entry.reason}", err=True)
    if len(skipped) > MOST_SKIPPED:
        click.echo(f"left out: {len(skipped) - MOST_SKIPPED:,} more", err=True)
