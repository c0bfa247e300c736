"""``convscope evaluate``: what a model is worth on labelled data."""

from __future__ import annotations

from pathlib import Path

import click

from convscope.cli.json_output import echo_json
from convscope.cli.messages import echo, report_skipped
from convscope.cli.option_types import DATA, FILE, MODEL
from convscope.cli.options import command, data_options, json_option, lang_option, option, setting_option, split_option


@command(
    examples=[
        "convscope evaluate runs/digits-1 digits",
        "convscope evaluate runs/photos-1 photos/ --split test --report report.html",
        "convscope evaluate runs/photos-1 photos/ --robustness --sure 99%",
    ]
)
@click.argument("model", type=MODEL)
@click.argument("data", type=DATA)
@split_option
@data_options
@option(
    "--robustness",
    group="data",
    is_flag=True,
    help="Also on corrupted pictures: blur, noise, JPEG, brightness, contrast.",
)
@setting_option("sure", "Also when it may answer unknown: accuracy required when it answers, such as 99%.")
@option("--report", type=FILE, help="Write a self-contained HTML report to this file.")
@lang_option
@json_option
def evaluate(
    model: str,
    data: str,
    split: str | None,
    allow_outside: bool,
    skip_unreadable: bool,
    report: str | None,
    robustness: bool,
    sure: float | None,
    lang: str,
    as_json: bool,
) -> None:
    """Evaluate MODEL on the labelled pictures or rows of DATA."""
    from rich.console import Console

    from convscope.data.data_path import DataPath
    from convscope.data.image.decode import of_pictures
    from convscope.evaluation.evaluate import evaluate as measure
    from convscope.evaluation.metrics import Evaluation
    from convscope.model.folder import Model
    from convscope.render.i18n import words
    from convscope.render.progress import Watch
    from convscope.render.text.evaluation import binary_text, to_text
    from convscope.render.text.regression import to_text as numbers_text

    loaded = Model.load(model)
    said = words("evaluation", lang, loaded.modality.name)
    with Watch(Console(stderr=True)) as watch:
        permitted = DataPath(data, allow_outside, skip_unreadable)
        done = measure(loaded, permitted, split, progress=watch.decoding(), sure=sure)
    report_skipped(done.skipped)
    spoilt = None
    if robustness:
        of_pictures(loaded.preprocess, "--robustness")
        from convscope.evaluation.robustness import robustness as measured

        spoilt = measured(loaded, done.split)
    if report is not None:
        from convscope.render.html.run_report import write_evaluation_report

        write_evaluation_report(loaded, done, data, Path(report), said, spoilt)
    if as_json:
        document = {**done.evaluation.to_dict(), "of": done.of, "remark": done.remark, "report": report}
        document["robustness"] = None if spoilt is None else spoilt.to_dict()
        if done.report is not None and isinstance(done.evaluation, Evaluation):
            document |= done.report.to_dict(done.evaluation.classes)
        document["skipped"] = [vars(entry) for entry in done.skipped]
        echo_json(document)
        return
    echo("{} on {}", model, done.of)
    echo(f"{done.remark}\n" if done.remark else "")
    if isinstance(done.evaluation, Evaluation):
        echo(to_text(done.evaluation, said, done.report))
    else:
        echo(numbers_text(done.evaluation, said))
    if isinstance(done.evaluation, Evaluation) and done.evaluation.binary is not None:
        echo("\n" + binary_text(done.evaluation.binary, said))
    if spoilt is not None:
        from convscope.render.text.evaluation import robustness_text

        echo("\n" + robustness_text(spoilt, said))
    if report is not None:
        echo("report  {}", report)
