"""A run in its folder: settings, environment, metrics, checkpoints, and at the end the model and what it is worth."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.data.dataset import Dataset
from convscope.data.image.decode import Fit
from convscope.data.modalities import modality_of
from convscope.data.modality import Normalisation
from convscope.errors import UserError
from convscope.evaluation.metrics import Evaluation
from convscope.evaluation.regression import RegressionEvaluation
from convscope.evaluation.report import EvaluationReport
from convscope.evaluation.selective_prediction import SelectiveResult
from convscope.files import make_folder, write_atomically
from convscope.learning import checkpoint
from convscope.learning.balance import Balance, balance_of
from convscope.learning.data_stall import DataStall, data_stall_of
from convscope.learning.device import device_of
from convscope.learning.events import (
    Compared,
    DataPrepared,
    Decided,
    Divided,
    EpochEnded,
    Event,
    Featured,
    Finished,
    HeadTrained,
    Planned,
    Resumed,
    Saved,
    Slowed,
    Started,
    Stepped,
    Stopped,
)
from convscope.learning.final_evaluation import final_evaluation
from convscope.learning.initial_weights import initial_weights, read_start, save_start
from convscope.learning.recipe import Recipe
from convscope.learning.record import (
    ENVIRONMENT,
    METRICS,
    SETTINGS,
    Settings,
    divisions,
    environment,
    forget_after,
    log,
    read_settings,
)
from convscope.learning.setup import RunRequest, RunSetup, resumed_run_setup, run_setup
from convscope.learning.state import TrainingState, begin, restore, to_tensors
from convscope.learning.train import INTERRUPTED, train
from convscope.learning.transfer.run import Job, TransferResult, transfer
from convscope.lock import held
from convscope.model.download import Progress
from convscope.model.folder import Model
from convscope.network.network import Network
from convscope.ops import Shape

LOG_EVERY = 50
"""Steps between two lines of single steps in metrics.jsonl."""
SHARE = 0.1
"""Of --time, kept for the evaluation, the saving and the report; at most :data:`MOST_KEPT` seconds."""
MOST_KEPT = 6.0


@dataclass(frozen=True)
class Result:
    """A finished run: the model, the data, and how the model did on the test pictures.

    Args:
        model: as saved.
        folder: the run's folder; the model's is ``folder / "model"``.
        dataset: what it was trained, validated and tested on.
        evaluation: on ``dataset.test``.
        probabilities_NK: of the test pictures.
        history: one entry an epoch.
        seconds: of training, all sittings together.
        report: what the numbers leave open: calibration, ``unknown``, the pictures behind mistakes, sizes.
    """

    model: Model
    folder: Path
    dataset: Dataset
    evaluation: Evaluation | RegressionEvaluation
    probabilities_NK: NDArray[np.float64]
    history: tuple[Mapping[str, Any], ...]
    seconds: float
    report: EvaluationReport | None

    @property
    def sure(self) -> tuple[SelectiveResult, ...]:
        """What came of asking for a precision on the test pictures."""
        return () if self.report is None else self.report.sure

    @property
    def balance(self) -> Balance:
        """How unequal the classes' training inputs are, and what was done about it."""
        return balance_of(self.model.facts["recipe"]["balance"], self.dataset.train.labels_N, self.dataset.classes)

    @property
    def data_stall(self) -> DataStall:
        """How long a step of this run waited for its pictures."""
        return data_stall_of(self.history)

    def _repr_html_(self) -> str:
        return self.evaluation._repr_html_()


def run(
    data: str | os.PathLike[str],
    folder: Path,
    network: Network | None = None,
    recipe: Recipe | None = None,
    *,
    input: Shape | None = None,  # noqa: A002  the option's name
    fit: Fit | None = None,
    weights: str | Path | None = None,
    resume: bool = False,
    started: float | None = None,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] | None = None,
    downloading: Progress = lambda done, total: None,
) -> Generator[Event, None, Result | None]:
    """Train a network on labelled pictures, in a folder.

    Args:
        data: what :func:`convscope.data.sources.open_source` reads.
        folder: of the run; made if it is not there.
        network: None: the default network for these pictures.
        recipe: None: the defaults.
        input: (C, H, W) in place of the network's or the data's.
        fit: how pictures come to that size.
        weights: what to start from: a file, or the name of public weights, which also says the network. None: for
            photographs trained weights that are at hand, where no network is named. ``none``: drawn ones.
        resume: go on with the run that the folder holds; its own settings count, not the ones given here.
        started: the :func:`time.monotonic` second from which ``recipe.time`` counts; None: now.
        stop: asked between steps; True saves a checkpoint and ends the generator.
        progress: told (pictures decoded, of so many) while the cache is filled.
        downloading: told (bytes, of so many) while weights are downloaded.

    Yields:
        events, see :mod:`convscope.learning.events`.

    Returns:
        the result, or None where the run was stopped.

    Raises:
        UserError: the data, the network, the folder or the recipe does not work out.
    """
    started = time.monotonic() if started is None else started
    if resume:
        read_settings(folder)  # where there is no run, no lock is made either
        with held(folder, "trains"):
            setup = resumed_run_setup(folder, progress)
    elif (folder / SETTINGS).exists():
        raise _run_is_there(folder)
    else:
        setup = run_setup(RunRequest(data, network, recipe or Recipe(), input, fit, weights), progress, downloading)
    settings, network, dataset, start = setup.settings, setup.network, setup.dataset, setup.start
    recipe = settings.recipe
    yield from setup.decided
    yield _prepared(dataset, time.monotonic() - started)

    graph, device = network.graph(), device_of(recipe)
    normalise = _normalisation(settings, dataset)
    begun = _begun(folder, setup, normalise)
    frozen = settings.weights is not None and recipe.freeze not in (None, "none")
    # What does not work out is refused before anything is written.
    state = None if frozen else begin(graph, recipe, device, begun)
    make_folder(folder)
    with held(folder, "trains"):
        saved = _saved(folder, resume)
        if start is not None:
            save_start(folder, start.state)
            yield Started(start.weights, start.adapted, start.left_over)
        if not resume:
            write_atomically(folder / ENVIRONMENT, (json.dumps(environment(), indent=2) + "\n").encode())
            write_atomically(folder / METRICS, b"")
            write_atomically(folder / SETTINGS, settings.to_json().encode())

        deadline = None
        if recipe.time is not None:
            deadline = started + recipe.time - min(MOST_KEPT, SHARE * recipe.time)

        def trains(
            state: TrainingState, dataset: Dataset, normalise: Normalisation, deadline: float | None
        ) -> Generator[Event, None, bool]:
            """From its beginning, or from where the checkpoint stands."""
            if saved is not None:
                threads = restore(state, saved.tensors, saved.text)
                if device.type == "cpu" and threads != torch.get_num_threads():
                    torch.set_num_threads(threads)  # sums run in another order with another number of threads
                state.divided += [change for change in divisions(folder / METRICS) if change[0] >= state.step]
            damaged = forget_after(folder / METRICS, state.step) if resume else 0
            if saved is not None:
                yield Resumed(state.step, len(state.history), damaged, saved.fallback)
            ends = None if deadline is None else deadline - state.seconds
            return (yield from _trained(folder, state, dataset, normalise, ends, stop))

        if state is None:
            job = Job(graph, begun, dataset, normalise, recipe, deadline, stop, trains)
            found = yield from _logged(folder, transfer(job))
        else:
            finished = yield from trains(state, dataset, normalise, deadline)
            found = TransferResult.of(state) if finished else None
        if found is None:
            return None
        worth = final_evaluation(found, dataset, normalise, network, settings)
        model, evaluation, probabilities = worth.model, worth.evaluation, worth.probabilities_NK
        model.save(folder / "model")
        result = Result(model, folder, dataset, evaluation, probabilities, found.history, found.seconds, worth.report)
        event = Finished(
            model=str(folder / "model"),
            run=str(folder),
            metrics=_metrics(result.evaluation),
            seconds=time.monotonic() - started,
            images_per_second=found.images / max(1e-9, found.seconds),
        )
        log(folder / METRICS, event)
        yield event
        return result


def _begun(folder: Path, setup: RunSetup, normalise: Normalisation) -> Mapping[str, torch.Tensor]:
    """The weights before the first step."""
    if setup.start is not None:
        return setup.start.state
    if setup.settings.weights:
        return read_start(folder)
    settings = setup.settings
    return initial_weights(setup.network.graph(), settings.recipe, setup.dataset.train.inputs_N, normalise)


def _saved(folder: Path, resume: bool) -> checkpoint.Checkpoint | None:
    """What a run goes on from; a folder that another process took since this one looked is refused."""
    if not resume:
        if (folder / SETTINGS).exists():
            raise _run_is_there(folder)
        return None
    saved = checkpoint.load(folder)
    if saved is not None and saved.fallback:
        (folder / checkpoint.NAME).unlink()  # the next one saved must not keep this in place of the good one
    return saved


def _run_is_there(folder: Path) -> UserError:
    return UserError(str(folder), "there is a run in this folder", "", "--resume goes on with it; or another --out")


def _metrics(evaluation: Evaluation | RegressionEvaluation) -> dict[str, float]:
    """The numbers that are told first."""
    if isinstance(evaluation, RegressionEvaluation):
        found = {"mae": evaluation.mae, "rmse": evaluation.rmse}
        return found if evaluation.r2 is None else {"r2": evaluation.r2, **found}
    names = ("top1", "top5", "balanced_accuracy", "ece")
    found = {name: getattr(evaluation, name) for name in names}
    if evaluation.binary is not None:
        more = {"auc": evaluation.binary.auc, "f1": evaluation.binary.f1}
        found |= {name: value for name, value in more.items() if value is not None}
    return found


def _normalisation(settings: Settings, dataset: Dataset) -> Normalisation:
    """That of the weights the run starts from, else measured."""
    modality = modality_of(dataset.preprocess)
    if settings.normalise is None:
        return modality.measure(dataset.train.inputs_N)
    return modality.normalisation(dict(zip(("mean", "std"), settings.normalise, strict=True)))


def _logged(
    folder: Path, events: Generator[Event, None, TransferResult | None]
) -> Generator[Event, None, TransferResult | None]:
    """The same events; what transfer alone says is kept, training keeps its own."""
    while True:
        try:
            event = next(events)
        except StopIteration as ended:
            found: TransferResult | None = ended.value
            return found
        if isinstance(event, (Decided, HeadTrained, Compared)) or (isinstance(event, Featured) and event.last):
            log(folder / METRICS, event)
        yield event


def _prepared(dataset: Dataset, seconds: float) -> DataPrepared:
    return DataPrepared(
        data=dataset.name,
        classes=dataset.classes,
        train=len(dataset.train),
        val=len(dataset.val),
        test=len(dataset.test),
        shape=dataset.preprocess.shape,
        skipped=dataset.skipped,
        seconds=seconds,
        many=modality_of(dataset.preprocess).many,
        measured_part=dataset.measured_part,
        remark=dataset.remark,
    )


def _trained(
    folder: Path,
    state: TrainingState,
    dataset: Dataset,
    normalise: Normalisation,
    deadline: float | None,
    stop: Callable[[], bool],
) -> Generator[Event, None, bool]:
    """Pass the events on, saving the state where it is time; whether the plan (or early stopping) ended the run."""
    saved_at, last = time.monotonic(), -1
    for event in train(state, dataset, normalise, deadline, stop):
        logged = isinstance(event, (Divided, Planned, Slowed, EpochEnded, Stopped))
        if logged or (isinstance(event, Stepped) and event.step % LOG_EVERY == 0):
            log(folder / METRICS, event)
        yield event
        due = time.monotonic() - saved_at >= state.recipe.checkpoint_seconds
        ends = isinstance(event, Stopped) or (isinstance(event, EpochEnded) and state.step >= state.steps)
        # An epoch's numbers are cleared after its last step; saving between the two would lose its line.
        whole = isinstance(event, EpochEnded) or (isinstance(event, Stepped) and not event.last)
        if (ends or (due and whole)) and state.step != last:
            path = checkpoint.save(folder, *to_tensors(state))
            saved_at, last = time.monotonic(), state.step
            yield Saved(state.step, str(path))
        if isinstance(event, Stopped) and event.reason == INTERRUPTED:
            return False
    return True
