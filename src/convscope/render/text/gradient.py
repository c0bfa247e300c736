"""One number's part in a training step, as text for a terminal and as plain values for JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from convscope.inspection.training_step import OpenedGradient, TrainingStep
from convscope.ops.terms import Term
from convscope.ops.walk import Walk, step_json
from convscope.printable import printable
from convscope.reference.gradient_walk import Chain, Link
from convscope.render.text.walk import spell_number, step_text
from convscope.tables import text_table

FACTORS = {
    "value": "value it met",
    "weight": "weight",
    "slope": "slope",
    "share": "share in the mean",
    "winner": "won the maximum",
    "standardised": "standardised value",
    "others": "the other branches",
    "mask": "dropout's mask",
    "copy": "passed on",
}
"""What a derivative is, in words; see :data:`convscope.ops.uses.Factor`."""
FEW_OPERANDS = 2
"""Of a slope's formula; a longer one has no room in a line."""


def gradient_text(step: TrainingStep, opened: OpenedGradient, most: int | None = 12) -> str:
    """A number's gradient: its terms, NumPy's sum beside the engine's, the weight after, the way to the loss.

    Args:
        step: the training step.
        opened: the number, as ``step.open`` gives it.
        most: so many terms, the largest first; None for all.
    """
    blocks = [_head(step, opened), _terms(opened, most, step.model.modality.one), _sums(opened)]
    if opened.update is not None:
        blocks.append(step_text(opened.update.step))
    blocks += [_way(opened.way), _loss(step, opened.way)]
    return "\n\n".join(block for block in blocks if block)


def _head(step: TrainingStep, opened: OpenedGradient) -> str:
    count, modality = len(step.labels), step.model.modality
    of = (
        f" of {modality.one} {opened.example} ({printable(step.labels[opened.example])})"
        if opened.example is not None
        else ""
    )
    batch = f"1 {modality.one}" if count == 1 else f"{count} {modality.many}"
    before, after = spell_number(step.loss_before), spell_number(step.loss_after)
    change = f"loss of {batch}: {before}, after a step of learning rate {step.lr:g}: {after}"
    return f"{opened.address}{of} = {spell_number(opened.number)}\n{change}"


def _terms(opened: OpenedGradient, most: int | None, one: str) -> str:
    walk = opened.walk
    lines = [] if walk.loss is None else [f"the loss reads it: {spell_number(walk.from_loss)}"]
    for part in walk.parts:
        terms = part.terms.largest_first(most)
        what = FACTORS[part.terms.becomes.weight or ""]
        rows: list[tuple[str, ...]] = [("gradient", "factor", "product", "of the unit", "factor at")]
        rows += [
            (
                *(spell_number(number) for number in (*part.terms.becomes.numbers(term), term.result)),
                f"{walk.unit(term)}" + _example(part, term.example, one),
                str(walk.factor_at(term) or ""),
            )
            for term in terms
        ]
        count = len(part.terms)
        lines.append(f"{count} use{'s' * (count != 1)} in {part.name}; the factor: {what}")
        lines.append(text_table(rows, ">>><<"))
        if count > len(terms):
            rest = part.value - sum(term.result for term in terms)
            lines.append(f"{count - len(terms)} more: {spell_number(rest)}")
    return "\n".join(lines) if lines else "nothing that the loss depends on reads it"


def _example(part: Walk, example: int | None, one: str) -> str:
    """The example a unit is of, where a gradient has terms of several."""
    several = part.terms.example_N is not None and len(set(part.terms.example_N.tolist())) > 1
    return f" of {one} {example}" if several else ""


def _sums(opened: OpenedGradient) -> str:
    why = "rounding" if opened.agrees else "more than rounding: this is an error of convscope"
    return (
        f"gradient = {spell_number(opened.value, 9)}   the engine: {spell_number(opened.engine, 9)}   "
        f"difference {opened.difference:.1e} ({why})"
    )


def _way(way: Chain) -> str:
    """The strongest way to the loss, one line a node."""
    if not way.links:
        return "the loss reads it itself" if way.loss is not None else ""
    rows = [("unit", "value", "factor", "what it is", "product so far", "share")]
    rows += [
        (
            str(link.unit),
            spell_number(link.value),
            spell_number(link.factor),
            _what(link),
            spell_number(link.running),
            f"{100 * link.share:.0f} %",
        )
        for link in way.links
    ]
    return "the chain, always on along the term that moves the gradient most:\n" + text_table(rows, "<>><>>")


def _what(link: Link) -> str:
    if link.factor_at is not None and link.kind in ("value", "weight"):
        return str(link.factor_at)
    if link.kind == "slope" and link.steps:
        last = link.steps[-1]
        if len(last.operands) <= FEW_OPERANDS:
            return f"{last.name} = {last.symbols()}" if last.operands else last.name
    return FACTORS[link.kind]


def _loss(step: TrainingStep, way: Chain) -> str:
    if way.loss is None or way.last_step is None:
        return "no way leads to the loss"
    lines = [step_text(way.last_step)]
    lines.append(f"along this way: {spell_number(way.along)} of the gradient's {spell_number(way.gradient)}")
    lines.append(f"\nthe loss of {step.model.modality.one} {way.example} ({printable(step.labels[way.example])}):")
    return "\n".join([*lines, *map(step_text, way.loss.steps)])


def gradient_dict(step: TrainingStep, opened: OpenedGradient) -> dict[str, Any]:
    """The same as plain values: the walk of ``docs/walk.md``, its largest terms first, and what surrounds it.

    Args:
        step: the training step.
        opened: the number.
    """
    way, walk = opened.way, opened.walk

    def addresses(term: Term) -> dict[str, str | None]:
        at = walk.factor_at(term)
        return {"from": str(walk.unit(term)), "weight_at": None if at is None else str(at)}

    parts = tuple(replace(part, terms=part.terms.ordered()) for part in walk.parts)
    return {
        **replace(walk.sum, parts=parts).to_json(addresses),
        "address": str(opened.address),
        "example": opened.example,
        "number": opened.number,
        "labels": list(step.labels),
        "loss": step.loss_before,
        "loss_after": step.loss_after,
        "engine": opened.engine,
        "difference": opened.difference,
        "tolerance": walk.tolerance(opened.eps),
        "agrees": opened.agrees,
        "from_loss": walk.from_loss,
        "update": None if opened.update is None else step_json(opened.update.step),
        "chain": [
            {
                "unit": str(link.unit),
                "example": link.example,
                "value": link.value,
                "gradient": link.gradient,
                "kind": link.kind,
                "factor": link.factor,
                "factor_at": None if link.factor_at is None else str(link.factor_at),
                "steps": [step_json(one) for one in link.steps],
                "running": link.running,
                "uses": link.uses,
                "share": link.share,
            }
            for link in way.links
        ],
        "along": way.along,
        "loss_slope": None if way.last_step is None else step_json(way.last_step),
        "loss_steps": [] if way.loss is None else [step_json(one) for one in way.loss.steps],
    }
