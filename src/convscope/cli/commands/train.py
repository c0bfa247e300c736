"""``convscope train``: words to a recipe, events to the terminal, the result to files and one last message."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from convscope.cli.json_output import echo_json
from convscope.cli.messages import echo
from convscope.cli.option_types import DATA, FILE, NET, Named, ShapeType
from convscope.cli.options import (
    command,
    data_options,
    fit_named,
    fit_option,
    json_option,
    lang_option,
    option,
    recipe_options,
)
from convscope.errors import UserError
from convscope.files import keeping
from convscope.printable import printable

if TYPE_CHECKING:
    from convscope.data.dataset import Dataset
    from convscope.evaluation.metrics import Evaluation
    from convscope.learning.events import Finished
    from convscope.learning.recipe import Recipe
    from convscope.learning.run import Result
    from convscope.network.network import Network
    from convscope.render.i18n import Words

_STARTED = time.monotonic()


@command(
    examples=[
        "convscope train digits --epochs 5",
        "convscope train photos/ --time 5m --augment medium",
        "convscope train mnist/ --net lenet5 --lr 0.001 --out runs/lenet5",
        "convscope train --resume --out runs/lenet5",
    ]
)
@click.argument("data", required=False, type=DATA)
@option(
    "--net", group="network", type=NET, help="A known name, a .net file, or the notation. Default: chosen by the data."
)
@option(
    "--weights",
    group="network",
    type=Named("FILE|NAME", otherwise="file"),
    help="Start from a .pth or .safetensors file, or public weights by name: resnet18; none.",
)
@option("--input", "shape", group="network", type=ShapeType(), help="Input shape instead of the network's or data's.")
@fit_option()
@option("--out", type=FILE, help="The run's folder. Default: runs/DATA-N.")
@option("--resume", is_flag=True, help="Resume the run in --out; it ends with the same weights.")
@data_options
@recipe_options
@option("--preview", type=FILE, help="Draw what the network will see as a PNG, and train nothing.")
@option("--no-report", is_flag=True, help="Write no report.html.")
@lang_option
@json_option
def train(data: str | None, allow_outside: bool, skip_unreadable: bool, **options: Any) -> None:
    """Train on DATA, evaluate on held-out data, save the model and a report.

    Interrupt it when you like: a resumed run ends with the same weights, bit for bit.
    """
    from convscope.data.data_path import DataPath

    permitted = None if data is None else DataPath(data, allow_outside, skip_unreadable)
    sys.exit(train_command(permitted, **options))


def train_command(data: str | os.PathLike[str] | None, **options: Any) -> int:
    """Run the command; returns the exit status."""
    from dataclasses import fields

    from rich.console import Console

    from convscope.cli.process import keep_freed_memory
    from convscope.learning.recipe import Recipe
    from convscope.learning.run_folder import kept_of, latest_run, next_run_folder
    from convscope.network import zoo

    resume, fit, out = options["resume"], options["fit"], options["out"]
    names = [field.name for field in fields(Recipe)]
    recipe = Recipe(**{name: options[name] for name in names if options[name] is not None})
    if fit is not None:
        fit_named(fit)
    if resume and out is None:
        raise UserError("--resume", "it is not said which run", "--out with the run's folder", latest_run())
    if not resume and data is None:
        raise UserError("convscope train", "DATA is missing", "digits, a folder, a file", "convscope train digits")
    network = zoo.find(options["net"]) if options["net"] else None
    if options["preview"] is not None:
        if resume:
            raise UserError("--preview", "with --resume", "the options of the run that is to be shown", "leave one out")
        return _preview(data or "", network, recipe, options)
    folder = Path(out) if out else next_run_folder(str(data or ""), options["net"])

    console = Console(stderr=True)
    console.print("loading ...", end="\r", style="dim") if console.is_terminal else None
    keep_freed_memory()
    from convscope.learning.run import run
    from convscope.render.progress import Watch

    interrupted = _Interrupted()
    with interrupted, Watch(console) as watch:
        events = run(
            data or "",
            folder,
            network,
            recipe,
            input=options["shape"],
            fit=fit,
            weights=options["weights"],
            resume=resume,
            started=_STARTED,
            stop=interrupted,
            progress=watch.decoding(),
            downloading=watch.downloading(),
        )
        finished: Any = None
        with keeping(lambda: "" if finished is None else kept_of(folder)):
            while True:
                try:
                    finished = next(events)
                except StopIteration as stopped:
                    result = stopped.value
                    break
                watch.show(finished)
    if result is None:
        if options["as_json"]:
            error = UserError("convscope", "interrupted", hint=f"convscope train --resume --out {folder}")
            echo_json({"error": error.to_dict(), "run": str(folder)})
        echo("saved; go on with: convscope train --resume --out {}", folder, err=True)
        return 130
    with keeping(lambda: kept_of(folder)):
        _tell(result, finished, folder, options)
    return 0


def _tell(result: Result, finished: Finished, folder: Path, options: dict[str, Any]) -> None:
    """Write the report, and print what came out."""
    from convscope.learning.run_folder import kept_of
    from convscope.render.i18n import words

    said = words("evaluation", options["lang"], result.model.modality.name)
    report = None if options["no_report"] else folder / "report.html"
    if report is not None:
        with keeping(lambda: kept_of(folder), "the report could not be written"):
            from convscope.render.html.run_report import write_run_report

            write_run_report(result, report, said)
    if options["as_json"]:
        echo_json(_document(result, finished, report))
        return
    _summarise(result, finished, said)
    echo("model   {}", finished.model)
    if report is not None:
        echo("report  {}", report)


def _document(result: Result, finished: Finished, report: Path | None) -> dict[str, Any]:
    from convscope.evaluation.metrics import Evaluation

    metrics: dict[str, Any] = dict(finished.metrics)
    if isinstance(result.evaluation, Evaluation):
        metrics |= {"interval": list(result.evaluation.interval), "loss": result.evaluation.loss}
    else:
        metrics = {**metrics, "intervals": result.evaluation.to_dict()["intervals"]}
    return {
        "model": finished.model,
        "run": finished.run,
        "report": None if report is None else str(report),
        "metrics": metrics,
        "measured_on": "train" if result.dataset.measured_on_train else result.dataset.measured_part,
        "sure": [one.to_dict() for one in result.sure],
        "sizes": [] if result.report is None else [one.to_dict() for one in result.report.sizes],
        "balance": result.balance.to_dict() if result.dataset.classes else None,
        "classes": result.evaluation.to_dict().get("classes", []),
        "waiting": result.data_stall.to_dict(),
        "seconds": round(time.monotonic() - _STARTED, 3),
        "train_seconds": round(result.seconds, 3),
        "images_per_second": round(finished.images_per_second, 1),
        "skipped": [vars(entry) for entry in result.dataset.skipped],
    }


def _preview(data: str | os.PathLike[str], network: Network | None, recipe: Recipe, options: dict[str, Any]) -> int:
    """Draw what a run with these options would show its network."""
    from rich.console import Console

    from convscope.data.image.decode import of_pictures
    from convscope.learning.setup import RunRequest, run_setup
    from convscope.render.images.preview_sheet import write_preview
    from convscope.render.progress import Watch

    request = RunRequest(data, network, recipe, options["shape"], options["fit"], options["weights"])
    with Watch(Console(stderr=True)) as watch:
        setup = run_setup(request, watch.decoding(), watch.downloading())
        for decided in setup.decided:
            watch.show(decided)
        file = Path(options["preview"])
        found = write_preview(setup, file)
    fit = of_pictures(setup.dataset.preprocess, "--preview").fit
    varied = found.augmentation.words()
    if options["as_json"]:
        document = {"preview": str(file), "fit": fit, "augment": varied, "pictures": len(found.rows)}
        echo_json(document)
    else:
        echo("{}: {} pictures, fit {}; varied: {}", file, len(found.rows), fit, varied)
    return 0


def _summarise(result: Result, finished: Finished, words: Words) -> None:
    """What came out, in a few lines."""
    from convscope.evaluation.regression import RegressionEvaluation
    from convscope.render.text.evaluation import binary_text
    from convscope.render.text.regression import to_text
    from convscope.render.wording import pictures_text

    evaluation = result.evaluation
    took = words["took"].format(
        seconds=f"{result.seconds:.1f}",
        pace=f"{finished.images_per_second:,.0f}",
        whole=f"{time.monotonic() - _STARTED:.1f}",
    )
    if isinstance(evaluation, RegressionEvaluation):
        echo(f"{to_text(evaluation, words)}\n\n{took}")
        return
    low, high = (f"{100 * end:.1f}" for end in evaluation.interval)
    accuracy = words[_summary_of(result.dataset)].format(
        part=result.dataset.measured_part,
        top1=f"{100 * evaluation.top1:.2f} %",
        low=low,
        high=high,
        pictures=pictures_text(evaluation.count, words),
    )
    echo(f"{accuracy}; {took}")
    if result.dataset.measured_on_train:
        echo(words["none held out"])
    if evaluation.binary is not None:
        echo(binary_text(evaluation.binary, words))
    if result.balance.is_worth_saying:
        echo(_recall(evaluation, words))
    if result.data_stall.is_bound:
        echo(result.data_stall.words)
    facts = result.model.facts
    calibration = facts.get("calibration")
    if calibration and not calibration["fitted"]:
        count, fewest = calibration["curve"]["count"], calibration["fewest"]
        echo(words["not calibrated summary"].format(count=count, fewest=fewest))
    elif calibration:
        echo(
            words["calibration summary"].format(
                before=f"{100 * facts['metrics']['ece_uncalibrated']:.1f} %",
                after=f"{100 * evaluation.ece:.1f} %",
                temperature=f"{result.model.temperature:.2f}",
            )
        )


def _summary_of(dataset: Dataset) -> str:
    """The words for what was measured, by what the data calls that."""
    return "training summary" if dataset.measured_on_train else f"{dataset.measured_part} summary"


def _recall(evaluation: Evaluation, words: Words) -> str:
    """What class imbalance hides in the accuracy.

    Example:
        >>> import numpy as np
        >>> from convscope.evaluation.metrics import evaluate_probabilities
        >>> from convscope.render.i18n import ENGLISH
        >>> _recall(evaluate_probabilities(np.eye(2)[[0, 0, 0, 1]], np.array([0, 0, 1, 1]), ("cat", "dog")), ENGLISH)
        'recall: 75.00 % on average over the classes; the lowest 50.0 %, dog'
    """
    recalls = [(score.recall, score.name) for score in evaluation.per_class if score.recall is not None]
    least, name = min(recalls)
    mean = f"{100 * evaluation.balanced_accuracy:.2f} %"
    return words["recall summary"].format(mean=mean, least=f"{100 * least:.1f} %", name=printable(name))


class _Interrupted:
    """Ctrl-C and SIGTERM ask the run to stop between two steps; a second Ctrl-C stops at once."""

    def __init__(self) -> None:
        self.asked = False
        self.before: dict[int, Any] = {}

    def __call__(self) -> bool:
        return self.asked

    def __enter__(self) -> _Interrupted:
        for number in (signal.SIGINT, signal.SIGTERM):
            self.before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True
        # What is being written at this moment may not be written to again.
        with contextlib.suppress(RuntimeError, OSError):
            print("\nstopping after this step; once more stops at once", file=sys.stderr)
