"""An honest report of a model on some pictures: what the numbers of an evaluation leave open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.evaluation.by_size import SizeScore, by_size
from convscope.evaluation.calibration import chance_error, uncalibrated
from convscope.evaluation.metrics import Bin, Evaluation, Probabilities, calibration_error, reliability_bins
from convscope.evaluation.mistakes import Cell, cells
from convscope.evaluation.selective_prediction import LEVELS, SelectiveResult, selective_results
from convscope.model.folder import Model
from convscope.model.risk_coverage import RiskCoverageCurve

NEW = "new"
"""Pictures that had no part in the model."""
LEARNT = "learnt"
"""Pictures that it was trained on, among others or alone."""
JUDGED = "judged"
"""Pictures that its temperature, its thresholds or its best epoch were chosen on."""


@dataclass(frozen=True)
class EvaluationReport:
    """What a model is worth, beyond :class:`~convscope.evaluation.metrics.Evaluation`.

    Args:
        temperature: that scores were divided by; 1: not calibrated.
        bins_before: the reliability diagram with temperature 1.
        chance: the calibration error that true probabilities would show on so many pictures.
        stated: the accuracy that was asked for; None: nobody asked.
        sure: what came of asking for that one and others.
        curve: how many of these pictures are answered from each probability on, and how many rightly.
        vouching: the same of the pictures that thresholds are chosen on; None: there are none.
        cells: all mistakes with their pictures.
        sizes: by the pictures' own size; empty where they are alike.
        part: :data:`NEW`, :data:`LEARNT` or :data:`JUDGED`.
    """

    temperature: float
    bins_before: tuple[Bin, ...]
    chance: float
    stated: float | None
    sure: tuple[SelectiveResult, ...]
    curve: RiskCoverageCurve
    vouching: RiskCoverageCurve | None
    cells: tuple[Cell, ...]
    sizes: tuple[SizeScore, ...]
    part: str = NEW

    @property
    def ece_before(self) -> float:
        """The expected calibration error with temperature 1."""
        return calibration_error(self.bins_before)

    @property
    def asked(self) -> SelectiveResult | None:
        """What came of the accuracy that was asked for; of 99 % where nobody asked and it could be had; or None."""
        wanted = LEVELS[-1] if self.stated is None else self.stated
        found = [one for one in self.sure if one.stated == wanted]
        return found[0] if found and (self.stated is not None or found[0].threshold is not None) else None

    def to_dict(self, classes: Sequence[str]) -> dict[str, Any]:
        """Plain JSON; a picture is named by its file and by its index among those that were evaluated."""
        return {
            "part": self.part,
            "calibration": {
                "temperature": self.temperature,
                "ece_before": self.ece_before,
                "ece_by_chance": self.chance,
                "bins_before": [asdict(one) for one in self.bins_before],
            },
            "sure": [one.to_dict() for one in self.sure],
            "coverage": self.curve.to_dict(),
            "mistakes": [cell.to_dict(classes) for cell in self.cells],
            "sizes": [one.to_dict() for one in self.sizes],
        }


def evaluation_report(
    model: Model,
    evaluation: Evaluation,
    probabilities_NK: Probabilities,
    labels_N: NDArray[np.int64],
    names: Sequence[str],
    *,
    sizes_N2: NDArray[np.int64] | None = None,
    sure: float | None = None,
    part: str = NEW,
) -> EvaluationReport:
    """What a model is worth, by its calibrated probabilities of labelled pictures.

    Args:
        model: with its temperature and its thresholds.
        evaluation: of these pictures.
        probabilities_NK, labels_N, names: of every picture.
        sizes_N2: height and width as its file has them, see :func:`convscope.data.image.sizes.sizes_of`.
        sure: an accuracy to ask for; None: what the model was trained with.
        part: what these pictures are to the model.
    """
    stated = model.facts.get("sure") if sure is None else sure
    levels = sorted({*LEVELS, *([] if stated is None else [float(stated)])})
    curve = model.curve
    top_N, right_N = probabilities_NK.max(1), probabilities_NK.argmax(1) == labels_N
    return EvaluationReport(
        temperature=model.temperature,
        bins_before=reliability_bins(uncalibrated(probabilities_NK, model.temperature).max(1), right_N),
        chance=chance_error(top_N),
        stated=None if stated is None else float(stated),
        sure=selective_results(curve, probabilities_NK, labels_N, levels),
        curve=RiskCoverageCurve.measured(top_N, right_N),
        vouching=curve,
        cells=cells(evaluation, probabilities_NK, labels_N, names),
        sizes=by_size(sizes_N2, right_N),
        part=part,
    )
