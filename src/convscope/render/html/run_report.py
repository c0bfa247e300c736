"""A finished run, or an evaluation, as report.html and curves.svg."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convscope.data.vector.preprocess import VectorPreprocess
from convscope.evaluation.evaluate import Evaluated
from convscope.evaluation.regression import RegressionEvaluation
from convscope.evaluation.robustness import Robustness
from convscope.files import write_atomically
from convscope.learning.run import Result
from convscope.model.folder import Model
from convscope.network.drawing import beside_table
from convscope.network.summary import summarise
from convscope.ops import spell_shape
from convscope.quantities import millions
from convscope.render.charts import curves_svg
from convscope.render.html.regression_report import write_regression_report
from convscope.render.html.report import write_report
from convscope.render.i18n import ENGLISH, Words
from convscope.render.progress import duration
from convscope.render.wording import percent


def write_run_report(result: Result, path: Path, words: Words = ENGLISH) -> None:
    """The report of a finished run, with its learning curves beside it.

    Raises:
        UserError: the folder cannot be written to.
    """
    history = [dict(entry) for entry in result.history]
    write_atomically(path.with_name("curves.svg"), curves_svg(history).encode())
    test = result.dataset.test
    dataset = result.dataset
    sizes = {part: f"{len(getattr(dataset, part)):,}" for part in ("train", "val", "test", "skipped")}
    facts = {
        words["fact data"]: words["data with val" if dataset.measured_part == "val" else "data of a run"].format(
            name=dataset.name, part=dataset.measured_part, **sizes
        ),
        words["fact training"]: words["epochs trained"].format(time=duration(result.seconds), epochs=len(history)),
        **(_balance(result, words) if dataset.classes else {}),
        **({words["fact stalls"]: result.data_stall.words} if result.data_stall.is_bound else {}),
        **model_facts(result.model, words),
    }
    if isinstance(result.evaluation, RegressionEvaluation):
        title, drawn = words["title"].format(data=result.dataset.name), _network_html(result.model)
        write_regression_report(
            path, result.evaluation, title=title, history=history, network_html=drawn, facts=facts, words=words
        )
        return
    write_report(
        path,
        result.evaluation,
        title=words["title"].format(data=result.dataset.name),
        inputs_N=test.inputs_N,
        columns=_columns(result.model),
        labels_N=test.labels_N,
        probabilities_NK=result.probabilities_NK,
        names=test.names,
        history=history,
        network_html=_network_html(result.model),
        facts=facts,
        evaluation_report=result.report,
        words=words,
    )


def write_evaluation_report(
    model: Model,
    done: Evaluated,
    data: str,
    path: Path,
    words: Words = ENGLISH,
    robustness: Robustness | None = None,
) -> None:
    """The report of a model on some data.

    Raises:
        UserError: the file cannot be written.
    """
    counts = {"n": f"{len(done.split):,}", "skipped": f"{len(done.skipped):,}"}
    facts = {words["fact data"]: words["data evaluated"].format(name=done.of, **counts), **model_facts(model, words)}
    if isinstance(done.evaluation, RegressionEvaluation):
        title, drawn = words["title"].format(data=Path(data).name), _network_html(model)
        write_regression_report(path, done.evaluation, title=title, network_html=drawn, facts=facts, words=words)
        return
    write_report(
        path,
        done.evaluation,
        title=words["title"].format(data=Path(data).name),
        inputs_N=done.split.inputs_N,
        columns=_columns(model),
        labels_N=done.split.labels_N,
        probabilities_NK=done.probabilities_NK,
        names=done.split.names,
        network_html=_network_html(model),
        evaluation_report=done.report,
        robustness=robustness,
        words=words,
        facts=facts,
    )


def _balance(result: Result, words: Words) -> dict[str, str]:
    balance = result.balance
    if not balance.is_worth_saying:
        return {}
    return {words["fact balance"]: f"{balance.choice}: {balance.words(result.model.modality.many)}"}


def _columns(model: Model) -> tuple[str, ...]:
    """The names of a row's numbers; none of pictures."""
    return model.preprocess.columns if isinstance(model.preprocess, VectorPreprocess) else ()


def _network_html(model: Model) -> str:
    return beside_table(summarise(model.graph), model.network.source.title)


def _calibration(model: Model, words: Words) -> str:
    """How the probabilities were made to mean what they say."""
    found = model.facts.get("calibration")
    if not found:
        return words["not calibrated"]
    if not found.get("fitted", True):
        of = f"{found['curve']['count']:,} {found['curve']['of']}"
        return words["too few to calibrate"].format(of=of, fewest=found["fewest"])
    before, after = (percent(float(found[key])) for key in ("ece_before", "ece_after"))
    examples = f"{found['curve']['count']:,} {found['curve']['of']}"
    return words["calibrated"].format(temperature=f"{model.temperature:.3f}", of=examples, before=before, after=after)


def model_facts(model: Model, words: Words) -> dict[str, str]:
    """What a model is, for the end of its report: input, network, calibration, recipe, seed, versions."""
    graph, pre = model.graph, model.preprocess
    recipe: Mapping[str, Any] = model.facts.get("recipe", {})
    settings = ("batch_size", "lr", "optimizer", "schedule", "weight_decay", "label_smoothing", "ema", "augment")
    counted = words["network counted"].format(parameters=f"{graph.parameter_count:,}", macs=millions(graph.macs))
    return {
        words["fact input"]: f"{spell_shape(graph.input)}, {pre.words()}",
        words["fact network"]: counted,
        words["fact calibration"]: _calibration(model, words),
        words["fact recipe"]: ", ".join(f"{name} {recipe[name]}" for name in settings if recipe.get(name) is not None),
        words["fact seed"]: str(model.facts.get("seed", "")),
        words["fact versions"]: ", ".join(
            f"{name} {number}" for name, number in model.facts.get("versions", {}).items()
        ),
    }
