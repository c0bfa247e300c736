"""Picture files to classes and probabilities; a file that cannot be read is named, never fatal."""

from __future__ import annotations

import glob
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convscope.data.dataset import Inputs, Preprocess, Skipped, Unreadable
from convscope.data.image.decode import quiet
from convscope.data.sources import TableColumns, TableSource, open_source
from convscope.data.vector.preprocess import VectorPreprocess
from convscope.engine.inference import NodeFunction
from convscope.engine.workers import in_order, one_thread_each
from convscope.errors import UserError
from convscope.model.risk_coverage import Threshold
from convscope.model.task import Regression, Task
from convscope.printable import printable

PICTURES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".jfif")
"""Endings that are looked for in folders; a file that is named itself may have any."""


class Classifier(Protocol):
    """What is asked of a model: see :class:`convscope.model.folder.Model`."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the outputs."""

    @property
    def preprocess(self) -> Preprocess:
        """How a picture becomes the input."""

    def threshold(self, sure: float | None = None) -> Threshold | None:
        """Below which probability the answer is ``unknown``."""

    def prepared(self) -> NodeFunction:
        """The scores as a function of pictures."""

    def probabilities(self, inputs_N: Inputs, prepared: NodeFunction | None = None) -> NDArray[np.float64]:
        """Class probabilities (N, K)."""

    @property
    def task(self) -> Task:
        """What the network is asked for."""

    def numbers(self, inputs_N: Inputs, prepared: NodeFunction | None = None) -> NDArray[np.float64]:
        """Predicted numbers (N), where that is the task."""


@dataclass(frozen=True)
class Prediction:
    """One picture's answer.

    Args:
        file: as it was given.
        name: the most probable class.
        probability: of it, from 0 to 1.
        top: the most probable classes in order, with their probabilities.
        unknown: whether the model is not sure enough to say so.
        value: of a model that predicts a number: that number; ``name`` spells it.
    """

    file: str
    name: str
    probability: float
    top: tuple[tuple[str, float], ...]
    unknown: bool = False
    value: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As ``{"file", "class", "probability", "unknown", "top"}``; the class is there even where it is not sure."""
        if self.value is not None:
            return {"file": self.file, "value": self.value}
        top = [{"class": name, "probability": p} for name, p in self.top]
        answer = {"file": self.file, "class": self.name, "probability": self.probability}
        return {**answer, "unknown": self.unknown, "top": top}


@dataclass(frozen=True)
class Predictions(Sequence[Prediction]):
    """The answers in the order of the files, and the files left out; a notebook shows them as a table.

    Args:
        answers: one a file that could be read.
        skipped: the others, and why.
        threshold: below which an answer is ``unknown``; None: it always answers.
    """

    answers: tuple[Prediction, ...]
    skipped: tuple[Skipped, ...]
    threshold: Threshold | None = None

    def __len__(self) -> int:
        return len(self.answers)

    def __getitem__(self, index: Any) -> Any:
        return self.answers[index]

    def to_dict(self) -> dict[str, Any]:
        """As ``{"predictions": [...], "skipped": [...], "unknown_below": ..., "sure": ...}``.

        ``sure`` is the accuracy that was asked for, ``unknown_below`` the probability that it takes; both null where
        the model always answers, the latter also where it never may.
        """
        asked = self.threshold
        least = None if asked is None or math.isinf(asked.probability) else asked.probability
        return {
            "sure": None if asked is None else asked.precision,
            "unknown_below": least,
            "predictions": [answer.to_dict() for answer in self.answers],
            "skipped": [vars(entry) for entry in self.skipped],
        }

    def _repr_html_(self) -> str:
        import html

        said = ["unknown" if answer.unknown else html.escape(printable(answer.name)) for answer in self.answers]
        rows = "".join(
            f"<tr><td>{html.escape(printable(a.file))}</td><td>{name}</td><td>{a.probability:.3f}</td></tr>"
            for a, name in zip(self.answers, said, strict=True)
        )
        return f"<table><tr><th>file</th><th>class</th><th>probability</th></tr>{rows}</table>"


def predict(model: Classifier, files: Sequence[str | Path], top: int = 5, sure: float | None = None) -> Predictions:
    """Classes and probabilities of pictures.

    Args:
        model: a loaded model.
        files: picture files, folders (searched through), globs.
        top: how many classes to name, at most all.
        sure: the accuracy that its answers must have: others are ``unknown``. None: what the model was trained with,
            which usually is that it always answers.

    Raises:
        UserError: none of ``files`` names a picture, or the model cannot be so sure.
    """
    if isinstance(model.preprocess, VectorPreprocess):
        return _of_tables(model, files, top, sure)
    threshold = model.threshold(sure)
    least = 0.0 if threshold is None else threshold.probability
    names = expand(files)
    prepared = model.prepared()
    answers: list[Prediction] = []
    skipped: list[Skipped] = []
    with quiet(), one_thread_each() as cores:
        # Every core decodes some pictures and computes them: none waits for the other's kind of work, and the last
        # pieces end at nearly the same time.
        size = max(1, min(prepared.chunk, -(-len(names) // cores)))
        pieces = [names[start : start + size] for start in range(0, len(names), size)]
        for some in in_order(lambda piece: _piece(model, prepared, piece, top, least), pieces, cores):
            answers += [entry for entry in some if isinstance(entry, Prediction)]
            skipped += [entry for entry in some if isinstance(entry, Skipped)]
    return Predictions(tuple(answers), tuple(skipped), threshold)


def _of_tables(model: Classifier, tables: Sequence[str | Path], top: int, sure: float | None) -> Predictions:
    """The answers to every row of some tables."""
    answers: list[Prediction] = []
    skipped: list[Skipped] = []
    numbers = isinstance(model.task, Regression)
    if numbers and sure is not None:
        raise UserError("--sure", "the model predicts a number", "a model of classes")
    threshold = None if numbers else model.threshold(sure)
    least = 0.0 if threshold is None else threshold.probability
    prepared = model.prepared()
    for table in tables:
        source = open_source(table, training=False, columns=TableColumns.like(model.preprocess, labelled=False))
        if not isinstance(source, TableSource):
            raise UserError(str(table), f"it holds {source.many}", "a table of numbers: the model reads rows")
        skipped += source.skipped
        if numbers:
            values = model.numbers(source.rows_ND).tolist()
            named = zip(source.names, values, strict=True)
            answers += [Prediction(name, f"{value:.6g}", math.nan, (), value=value) for name, value in named]
        else:
            answers += _answers(model, prepared, source.names, source.rows_ND, top, least)
    return Predictions(tuple(answers), tuple(skipped), threshold)


def _piece(
    model: Classifier, prepared: NodeFunction, files: Sequence[str], top: int, least: float
) -> list[Prediction | Skipped]:
    """The answers for a few files, in the calling thread; the skipped ones before the others."""
    found = [(name, _decoded(name, model)) for name in files]
    skipped = [entry for _, entry in found if isinstance(entry, Skipped)]
    good = [(name, one) for name, one in found if not isinstance(one, Skipped)]
    if not good:
        return [*skipped]
    names, inputs = zip(*good, strict=True)
    return [*skipped, *_answers(model, prepared, names, np.stack(inputs), top, least)]


def _decoded(name: str, model: Classifier) -> Inputs | Skipped:
    try:
        return model.preprocess.decode(name)
    except Unreadable as error:
        return Skipped(name, error.reason)


def _answers(
    model: Classifier, prepared: NodeFunction, names: Sequence[str], inputs_N: Inputs, top: int, least: float
) -> Iterator[Prediction]:
    probabilities = model.probabilities(inputs_N, prepared)
    best_NT = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    for name, row, best in zip(names, probabilities, best_NT, strict=True):
        ranked = tuple((model.classes[k], float(row[k])) for k in best)
        yield Prediction(name, *ranked[0], ranked, unknown=ranked[0][1] < least)


def expand(files: Iterable[str | Path]) -> list[str]:
    """Folders and globs written out, in order.

    Raises:
        UserError: a name that is neither a file, a folder nor a glob that finds one; a folder without pictures.
    """
    found: list[str] = []
    for entry in files:
        path = Path(entry)
        if path.is_dir():
            inside = sorted(str(p) for p in path.rglob("*") if p.suffix.lower() in PICTURES and p.is_file())
            if not inside:
                raise UserError(str(entry), "there are no pictures in this folder", f"files such as {PICTURES[0]}")
            found += inside
        elif path.is_file() or os.path.lexists(path):
            found.append(str(entry))
        else:
            matches = sorted(glob.glob(str(entry), recursive=True)) if glob.has_magic(str(entry)) else []  # noqa: PTH207
            if not matches:
                what = "nothing matches" if glob.has_magic(str(entry)) else "there is no such file"
                raise UserError(str(entry), what, "a picture, a folder or a glob")
            found += expand(matches)
    return found
