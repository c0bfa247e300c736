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
    test, many = result.dataset.test, result.model.modality.many
    facts = {
        "Data": f"{result.dataset.name}: {len(result.dataset.train):,} {many} to train, "
        f"{len(result.dataset.val):,} to validate, {len(test):,} to test; {len(result.dataset.skipped):,} left out",
        "Training": f"{duration(result.seconds)}, {len(history)} epochs",
        **(_balance(result) if result.dataset.classes else {}),
        **({"Data stalls": result.data_stall.words} if result.data_stall.is_bound else {}),
        **_facts(result.model),
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
    many = model.modality.many
    data_said = f"{done.of}: {len(done.split):,} {many}, {len(done.skipped):,} left out"
    if isinstance(done.evaluation, RegressionEvaluation):
        title, drawn = words["title"].format(data=Path(data).name), _network_html(model)
        facts = {"Data": data_said, **_facts(model)}
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
        facts={"Data": data_said, **_facts(model)},
    )


def _balance(result: Result) -> dict[str, str]:
    balance = result.balance
    return (
        {"Balance": f"{balance.choice}: {balance.words(result.model.modality.many)}"} if balance.is_worth_saying else {}
    )


def _columns(model: Model) -> tuple[str, ...]:
    """The names of a row's numbers; none of pictures."""
    return model.preprocess.columns if isinstance(model.preprocess, VectorPreprocess) else ()


def _network_html(model: Model) -> str:
    return beside_table(summarise(model.graph), model.network.source.title)


def _calibration(model: Model) -> str:
    """How the probabilities were made to mean what they say."""
    found = model.facts.get("calibration")
    if not found:
        return "none"
    before, after = (percent(float(found[key])) for key in ("ece_before", "ece_after"))
    pictures = f"{found['curve']['count']:,} {found['curve']['of']}"
    return f"temperature {model.temperature:.3f} by {pictures}: calibration error {before} before, {after} after"


def _facts(model: Model) -> dict[str, str]:
    graph, pre = model.graph, model.preprocess
    recipe: Mapping[str, Any] = model.facts.get("recipe", {})
    settings = ("batch_size", "lr", "optimizer", "schedule", "weight_decay", "label_smoothing", "ema", "augment")
    return {
        "Input": f"{spell_shape(graph.input)}, {pre.words()}",
        "Network": f"{graph.parameter_count:,} parameters, {graph.macs / 1e6:,.2f} M MACs a {model.modality.one}",
        "Calibration": _calibration(model),
        "Recipe": ", ".join(f"{name} {recipe[name]}" for name in settings if recipe.get(name) is not None),
        "Seed": str(model.facts.get("seed", "")),
        "Versions": ", ".join(f"{name} {version}" for name, version in model.facts.get("versions", {}).items()),
    }
