"""What ``model.json`` may say: types, ranges and lengths, checked when a model is loaded, never later."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from convscope.data.image.decode import Fit
from convscope.data.modality import Modality
from convscope.errors import UserError
from convscope.model.risk_coverage import RiskCoverageCurve

LEAST_STD, GREATEST = 1e-30, 1e30
"""Of means and deviations: columns of a table may be in any unit, but float32 must hold what comes of them."""
TEMPERATURES = 1e-3, 1e3
MAPPINGS = ("metrics", "trained_on", "recipe", "versions", "weights", "calibration", "task")
_SHOWN = 60


def parse(text: str) -> Any:
    """JSON as Python reads it, but NaN and infinities are None: no number that anybody could reckon with.

    Raises:
        ValueError, RecursionError: it is something else.

    Example:
        >>> parse('{"temperature": NaN, "seed": 1e999}')
        {'temperature': None, 'seed': None}
    """
    return json.loads(text, parse_constant=lambda word: None, parse_float=_finite)


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def _wrong(key: str, got: Any, expected: str) -> UserError:
    shown = json.dumps(got, ensure_ascii=False, default=str)
    shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."
    return UserError("model.json", f"{key} is {shown}", expected)


def _number(key: str, value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise _wrong(key, value, f"a number from {low:g} to {high:g}")
    return float(value)


def _integer(key: str, value: Any, low: int = 0, high: int = 2**64) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _wrong(key, value, f"a whole number from {low:,} to {high:,}")
    return value


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(key, value, "a text")
    return value


def _mapping(key: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(key, value, "an object")
    return value


def _list(key: str, value: Any, length: int | None = None) -> list[Any]:
    if not isinstance(value, list) or (length is not None and len(value) != length):
        raise _wrong(key, value, "a list" if length is None else f"a list of {length:,}")
    return value


def check_inputs(document: Mapping[str, Any], shape: Sequence[int]) -> None:
    """Refuse classes, preprocess and normalise of wrong types or ranges, or for other inputs than the network's.

    Args:
        document: of ``model.json``.
        shape: of the network's input.

    Raises:
        UserError: names the key, what it holds and what is expected.
    """
    for key in ("classes", "preprocess", "normalise"):
        if key not in document:
            raise UserError("model.json", f"the entry {key} is missing", "a model that convscope saved")
    for index, name in enumerate(_list("classes", document["classes"])):
        _text(f"classes[{index}]", name)
    preprocess = _mapping("preprocess", document["preprocess"])
    if preprocess.get("modality", "image") == "image":
        for key in ("channels", "height", "width"):
            _integer(f"preprocess.{key}", preprocess.get(key), 1, 2**31)
        found = tuple(preprocess[key] for key in ("channels", "height", "width"))
        if preprocess.get("fit", "stretch") not in get_args(Fit):
            raise _wrong("preprocess.fit", preprocess["fit"], " or ".join(get_args(Fit)))
        _number("preprocess.keep", preprocess.get("keep", 1.0), 0.1, 1)
    elif preprocess["modality"] == "vector":
        columns = _list("preprocess.columns", preprocess.get("columns"))
        for index, name in enumerate(columns):
            _text(f"preprocess.columns[{index}]", name)
        _text("preprocess.target", preprocess.get("target"))
        if not isinstance(preprocess.get("numeric"), bool):
            raise _wrong("preprocess.numeric", preprocess.get("numeric"), "true or false")
        found = (len(columns),)
    else:
        raise _wrong("preprocess.modality", preprocess["modality"], "image or vector")
    if found != tuple(shape):
        raise _wrong("preprocess", list(found), f"the network's input, {'x'.join(map(str, shape))}")
    normalise = _mapping("normalise", document["normalise"])
    for key, low in (("mean", -GREATEST), ("std", LEAST_STD if len(found) == 1 else 1e-6)):
        for index, value in enumerate(_list(f"normalise.{key}", normalise.get(key), found[0])):
            _number(f"normalise.{key}[{index}]", value, low, GREATEST)


def check_facts(document: Mapping[str, Any], modality: Modality, kind: str) -> None:
    """Refuse what else answers are made with: temperature, views, accuracy asked for, its curve, target, seed.

    Args:
        document: of ``model.json``.
        modality: of the inputs.
        kind: of the task that follows from network and classes.

    Raises:
        UserError: names the key, what it holds and what is expected.
    """
    for key in MAPPINGS:
        if document.get(key) is not None:
            _mapping(key, document[key])
    if "temperature" in document:
        _number("temperature", document["temperature"], *TEMPERATURES)
    if "seed" in document:
        _integer("seed", document["seed"])
    if document.get("tta", "none") not in ("none", *modality.views):
        raise _wrong("tta", document["tta"], " or ".join(("none", *modality.views)))
    if document.get("sure") is not None:
        sure = _number("sure", document["sure"], 0, 1)
        if sure in (0, 1):
            raise _wrong("sure", sure, "above 0 and below 1")
    metrics = document.get("metrics") or {}
    if "top1" in metrics:
        _number("metrics.top1", metrics["top1"], 0, 1)
        for index, value in enumerate(_list("metrics.interval", metrics.get("interval"), 2)):
            _number(f"metrics.interval[{index}]", value, 0, 1)
        _integer("metrics.count", metrics.get("count"))
    curve = (document.get("calibration") or {}).get("curve")
    if curve is not None:
        _check_curve(_mapping("calibration.curve", curve))


def check_target(document: Mapping[str, Any]) -> None:
    """Refuse a task that is not one: of a number its name, mean and deviation.

    Raises:
        UserError: names the key, what it holds and what is expected.
    """
    task = document.get("task")
    if task is None:
        return
    _mapping("task", task)
    if document["classes"]:
        if task.get("kind") not in (None, "classification", "binary"):
            raise _wrong("task.kind", task["kind"], "classification or binary: there are classes")
        return
    if task.get("kind", "regression") != "regression":
        raise _wrong("task.kind", task["kind"], "regression: there are no classes")
    _text("task.target", task.get("target"))
    _number("task.mean", task.get("mean"), -GREATEST, GREATEST)
    _number("task.std", task.get("std"), LEAST_STD, GREATEST)


def _check_curve(entry: Mapping[str, Any]) -> None:
    key = "calibration.curve"
    count = _integer(f"{key}.count", entry.get("count"))
    _text(f"{key}.of", entry.get("of", ""))
    before = 0.0
    for index, point in enumerate(_list(f"{key}.from", entry.get("from"))):
        here = f"{key}.from[{index}]"
        probability, answered, right = _list(here, point, 3)
        before = _number(f"{here}[0]", probability, before, 1)
        _integer(f"{here}[2]", right, 0, _integer(f"{here}[1]", answered, 0, count))
    RiskCoverageCurve.from_dict(entry)
