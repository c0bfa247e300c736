"""The section of one training step: the loss, the gradient layer by layer, single weights opened up to the loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, floor, log10

import numpy as np
from markupsafe import Markup

from convscope import ops
from convscope.inspection.training_step import OpenedGradient, TrainingStep
from convscope.network.address import Address
from convscope.ops.step import Step
from convscope.reference.gradient_walk import Chain, Link
from convscope.render.html.formula import DIGITS, steps_list
from convscope.render.html.languages import spoken
from convscope.render.html.look_sections import bold
from convscope.render.html.numerals import shown
from convscope.render.html.report_sections import Values
from convscope.render.html.template import fill
from convscope.render.wording import percent

CLASSES, TERMS = 5, 8
"""Rows of the table of classes and of a gradient's terms."""
WEIGHTS = 3
"""How many are opened, where none is asked for."""


def training(step: TrainingStep, at: Sequence[str] = ()) -> Markup:
    """A training step on one picture, as a section.

    Args:
        step: taken; its first example is shown.
        at: weights or units to open; none: the weight with the largest gradient of the first, the middle and the last
            layer.

    Raises:
        UserError: the network has no such number.
    """
    opened = [step.open(one) for one in (at or map(str, steepest(step)))]
    squashed = _squashed(step)
    tiles = (
        ("loss before", shown(step.loss_before, DIGITS)),
        ("loss after", shown(step.loss_after, DIGITS)),
        ("loss change", shown(step.loss_after - step.loss_before, 3)),
    )
    return fill(
        "training.html",
        label=bold(step.labels[0]),
        lr=step.lr,
        tiles=tiles,
        loss=_loss(step, squashed),
        layers=_layers(step),
        opened=[_opened(one, squashed) for one in opened],
    )


def _squashed(step: TrainingStep) -> str:
    """What the loss makes of the scores is called. A page has one probability, the model's answer; where that is of
    scores divided by a temperature, which training knows nothing of, the loss's own goes by its function's name.
    """
    if step.model.temperature == 1:
        return "probability"
    return "sigmoid" if step.loss_of().kind == "binary" else "softmax"


def _named(steps: Sequence[Step], squashed: str) -> list[Step]:
    """Steps that call the loss's own probability so."""

    def renamed(name: str) -> str:
        return squashed if name == "probability" else name

    return [
        replace(step, name=renamed(step.name), operands=tuple(replace(o, name=renamed(o.name)) for o in step.operands))
        for step in steps
    ]


def steepest(step: TrainingStep) -> list[Address]:
    """The weight with the largest gradient of the first, the middle and the last layer that has weights."""
    back = step.backpropagation
    layers = [
        node
        for node in back.graph.nodes
        if isinstance(node.op, ops.Conv | ops.Linear) and np.any(back.parameters[f"{node.path}.weight"])
    ]
    chosen = dict.fromkeys(layers[round(at * (len(layers) - 1) / (WEIGHTS - 1))] for at in range(WEIGHTS) if layers)
    found = []
    for node in chosen:
        gradient = np.abs(back.parameters[f"{node.path}.weight"])
        place = np.unravel_index(int(gradient.argmax()), gradient.shape)
        found.append(Address(node.path, tuple(map(int, place)), "weight"))
    return found


def _loss(step: TrainingStep, squashed: str) -> Values:
    """From the scores to the loss, and the gradient that goes back into them."""
    loss = step.loss_of()
    number = loss.kind == "regression"
    if loss.kind == "classification":
        order = sorted(range(len(loss.scores_K)), key=lambda k: (k != loss.label, -float(loss.scores_K[k])))
        names = [step.model.classes[k] for k in range(len(loss.scores_K))]
    else:
        order, names = [0], [step.model.classes[1] if loss.kind == "binary" else step.model.task.to_dict()["target"]]
    rows = []
    for k in order[:CLASSES]:
        prediction = float(loss.predictions_K[k])
        cells = [
            *([] if number else [shown(float(loss.scores_K[k]), 5)]),
            shown(prediction, 5) if number else percent(prediction),
            shown(float(loss.target_K[k]), 3),
            shown(float(loss.gradient_K[k]), 4),
        ]
        rows.append({"name": names[k], "won": loss.kind == "classification" and k == loss.label, "cells": cells})
    first = ("number", "prediction") if number else ("class", "score", squashed)
    columns = (*first, "target", "gradient")
    steps = steps_list(_named(loss.steps, squashed))
    undivided = None
    if squashed != "probability" and not number:
        undivided = spoken("undivided", function=spoken(squashed), temperature=f"{step.model.temperature:.3f}")
    return {"standardised": number, "undivided": undivided, "columns": columns, "rows": rows, "steps": steps}


def _layers(step: TrainingStep) -> Values:
    """How large the gradient is in every layer: its root mean square, on a logarithmic scale."""
    back = step.backpropagation
    sizes = {
        name: (float(np.sqrt(np.mean(np.square(gradient)))), float(np.sqrt(np.mean(np.square(back.state[name])))))
        for name, gradient in back.parameters.items()
        if name.endswith(".weight") and gradient.ndim > 1
    }
    there = [log10(gradient) for gradient, _ in sizes.values() if gradient > 0]
    low, high = (floor(min(there)), ceil(max(there))) if there else (0, 1)
    high = max(high, low + 1)
    rows = [
        {
            "name": name,
            "gradient": gradient,
            "fraction": (log10(gradient) - low) / (high - low) if gradient > 0 else 0.0,
            "change": step.lr * gradient / weight if weight else 0.0,
        }
        for name, (gradient, weight) in sizes.items()
    ]
    return {"rows": rows, "low": low, "high": high}


def _opened(one: OpenedGradient, squashed: str) -> Values:
    """A number with its gradient's terms, the way to the loss, and the number after the step."""
    return {
        "address": str(one.address),
        "number": shown(one.number, DIGITS),
        "after": None if one.update is None else shown(one.update.after, DIGITS),
        "after_step": "" if one.update is None else steps_list([one.update.step]),
        "gradient": one.value,
        "engine": one.engine,
        "difference": one.difference,
        "count": f"{one.walk.count:,}",
        "chain": _chain(one.way, squashed),
        **_terms(one),
    }


def _terms(one: OpenedGradient) -> Values:
    """The terms that move a gradient most, the sum of the others, and what comes from the loss itself."""
    terms = [term for part in one.walk.parts for term in part.terms]
    order = sorted(terms, key=lambda term: -abs(term.result))
    largest = []
    for term in order[:TERMS]:
        at = one.walk.factor_at(term)
        largest.append(
            {
                "unit": str(one.walk.unit(term)),
                "gradient": term.value,
                "met": None if at is None else str(at),
                "weight": term.weight or 0.0,
                "result": term.result,
            }
        )
    rest = order[TERMS:]
    return {
        "terms": largest,
        "from_loss": one.walk.from_loss,
        "rest": f"{len(rest):,}" if rest else "",
        "left": sum(term.result for term in rest),
    }


def _chain(way: Chain, squashed: str) -> Values:
    """The strongest way to the loss: a factor a node, and their product so far."""
    ends = [] if way.last_step is None else _named([way.last_step], squashed)
    last = {"steps": steps_list(ends), "factor": way.last} if ends else None
    return {
        "links": [_link(link) for link in way.links],
        "last": last,
        "along": way.along,
        "gradient": way.gradient,
        "fraction": abs(way.along / way.gradient if way.gradient else 0.0),
    }


def _link(link: Link) -> Values:
    return {
        "unit": str(link.unit),
        "value": link.value,
        "kind": spoken(f"factor {link.kind}"),
        "met": None if link.factor_at is None else str(link.factor_at),
        "steps": steps_list(link.steps) if link.steps else "",
        "factor": link.factor,
        "running": link.running,
    }
