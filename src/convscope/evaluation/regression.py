"""What predicted numbers are worth: how far they are off, in the target's own unit, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import UserError
from convscope.seeds import stream_seed

DRAWS = 2000
"""Samples of a bootstrap."""
DEFINITIONS = {
    "r2": "1 - sum of squared errors / sum of squared differences from the mean of these targets",
    "mae": "mean absolute error, in the target's unit",
    "rmse": "root of the mean squared error, in the target's unit",
    "interval": "95 %: percentile bootstrap, {draws:,} samples of the rows with replacement (Efron 1979)",
}
"""What the numbers are, said where they are printed."""

Floats = NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True)
class WorstPrediction:
    """A prediction that is far off: which, what it should be, what was said."""

    index: int
    name: str
    target: float
    predicted: float


@dataclass(frozen=True)
class RegressionEvaluation:
    """Predicted numbers beside the targets.

    Args:
        target: what the number is called.
        count: predictions.
        r2: coefficient of determination; None where all targets are one number.
        mae, rmse: see :data:`DEFINITIONS`.
        baseline_mae, baseline_rmse: of always predicting the mean of the training targets.
        intervals: of ``r2``, ``mae``, ``rmse``; None where they cannot be had.
        worst: the predictions that are farthest off.
        part: ``new``, ``learnt`` or ``judged``, as for classes.
    """

    target: str
    count: int
    r2: float | None
    mae: float
    rmse: float
    baseline_mae: float
    baseline_rmse: float
    intervals: dict[str, Interval | None]
    worst: tuple[WorstPrediction, ...]
    part: str = "new"

    def _repr_html_(self) -> str:
        rows = (("R2", self.r2), ("MAE", self.mae), ("RMSE", self.rmse))
        cells = "".join(f"<tr><th>{name}</th><td>{value:.4g}</td></tr>" for name, value in rows if value is not None)
        return f"<table>{cells}</table>"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, never NaN."""
        return {
            "task": "regression",
            "target": self.target,
            "count": self.count,
            "r2": self.r2,
            "mae": self.mae,
            "rmse": self.rmse,
            "baseline": {"mae": self.baseline_mae, "rmse": self.baseline_rmse},
            "intervals": {key: None if pair is None else list(pair) for key, pair in self.intervals.items()},
            "definitions": {**DEFINITIONS, "interval": DEFINITIONS["interval"].format(draws=DRAWS)},
            "worst": [vars(one) for one in self.worst],
            "part": self.part,
        }


def evaluate_numbers(
    predicted_N: Floats,
    targets_N: Floats,
    target: str,
    training_mean: float,
    names: tuple[str, ...] | list[str] = (),
    part: str = "new",
    seed: int = 0,
) -> RegressionEvaluation:
    """Compare predicted numbers with the targets.

    Args:
        predicted_N, targets_N: float64, in the target's unit.
        target: what the number is called.
        training_mean: of the training targets: what a model that has learnt nothing says.
        names: of the inputs.
        part: what these inputs are to the model.
        seed: of the bootstrap.

    Raises:
        UserError: there is nothing to evaluate on, or a prediction is not a number.

    Example:
        >>> found = evaluate_numbers(np.array([1.0, 2.5, 3.0]), np.array([1.0, 2.0, 3.0]), "y", 2.0)
        >>> found.r2, round(found.mae, 4), round(found.rmse, 4)
        (0.875, 0.1667, 0.2887)
    """
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    if not len(targets_N):
        raise UserError("evaluation", "there is nothing to evaluate on", "at least one row with a target")
    if not np.isfinite(predicted_N).all():
        broken = int((~np.isfinite(predicted_N)).sum())
        raise UserError(
            "evaluation",
            f"{broken:,} of {len(predicted_N):,} predictions are not numbers",
            hint="its training diverged: train again with a lower learning rate",
        )
    differs = len(targets_N) > 1 and bool((targets_N != targets_N[0]).any())
    plain_N = np.full(len(targets_N), training_mean)
    far = np.argsort(-np.abs(predicted_N - targets_N), kind="stable")[:10].tolist()
    worst = [WorstPrediction(i, names[i] if names else str(i), float(targets_N[i]), float(predicted_N[i])) for i in far]
    return RegressionEvaluation(
        target=target,
        count=len(targets_N),
        r2=float(r2_score(targets_N, predicted_N)) if differs else None,
        mae=float(mean_absolute_error(targets_N, predicted_N)),
        rmse=float(root_mean_squared_error(targets_N, predicted_N)),
        baseline_mae=float(mean_absolute_error(targets_N, plain_N)),
        baseline_rmse=float(root_mean_squared_error(targets_N, plain_N)),
        intervals=bootstrap(predicted_N, targets_N, seed),
        worst=tuple(worst),
        part=part,
    )


def bootstrap(predicted_N: Floats, targets_N: Floats, seed: int = 0, draws: int = DRAWS) -> dict[str, Interval | None]:
    """95 % percentile intervals of R2, MAE and RMSE (Efron 1979): the rows drawn again with replacement.

    Args:
        predicted_N, targets_N: as for :func:`evaluate_numbers`.
        seed: of the draws.
        draws: how many.
    """
    count = len(targets_N)
    if count < 2:
        return {"r2": None, "mae": None, "rmse": None}
    rng = np.random.Generator(np.random.PCG64(stream_seed(seed, "bootstrap")))
    found: dict[str, list[float]] = {"r2": [], "mae": [], "rmse": []}
    for _ in range(draws):
        rows = rng.integers(0, count, count)
        error, target = predicted_N[rows] - targets_N[rows], targets_N[rows]
        square, spread = float((error**2).sum()), float(((target - target.mean()) ** 2).sum())
        found["mae"].append(float(np.abs(error).mean()))
        found["rmse"].append((square / count) ** 0.5)
        if spread > 0:
            found["r2"].append(1 - square / spread)
    return {key: _interval(values) for key, values in found.items()}


def _interval(values: list[float]) -> Interval | None:
    if not values:
        return None
    low, high = np.quantile(values, [0.025, 0.975]).tolist()
    return low, high
