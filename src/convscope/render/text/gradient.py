"""One number's part in a training step, as text for a terminal and as plain values for JSON."""

from __future__ import annotations

from typing import Any

from convscope.inspection.training_step import OpenedGradient, TrainingStep
from convscope.ops.step import Step
from convscope.reference.backward_terms import GradientTerms
from convscope.reference.gradient_walk import Chain, Link
from convscope.render.text.walk import spell_number, step_text
from convscope.render.wording import printable
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
    blocks = [_head(step, opened), _terms(opened, most), _sums(opened)]
    if opened.update is not None:
        blocks.append(step_text(opened.update.step))
    blocks += [_way(opened.way), _loss(step, opened.way)]
    return "\n\n".join(block for block in blocks if block)


def _head(step: TrainingStep, opened: OpenedGradient) -> str:
    count = len(step.labels)
    of = (
        f" of picture {opened.example} ({printable(step.labels[opened.example])})" if opened.example is not None else ""
    )
    batch = "1 picture" if count == 1 else f"{count} pictures"
    before, after = spell_number(step.loss_before), spell_number(step.loss_after)
    change = f"loss of {batch}: {before}, after a step of learning rate {step.lr:g}: {after}"
    return f"{opened.address}{of} = {spell_number(opened.number)}\n{change}"


def _terms(opened: OpenedGradient, most: int | None) -> str:
    walk = opened.walk
    lines = [] if walk.loss is None else [f"the loss reads it: {spell_number(walk.from_loss)}"]
    for part in walk.parts:
        terms = part.largest_first(most)
        what = FACTORS[part.uses.kind]
        rows: list[tuple[str, ...]] = [("gradient", "factor", "product", "of the unit", "factor at")]
        rows += [
            (
                *map(spell_number, (term.gradient, term.factor, term.product)),
                f"{term.unit}" + _picture(part, term.example),
                "" if term.factor_at is None else str(term.factor_at),
            )
            for term in terms
        ]
        lines.append(f"{len(part)} use{'s' * (len(part) != 1)} in {part.path}; the factor: {what}")
        lines.append(text_table(rows, ">>><<"))
        if len(part) > len(terms):
            rest = part.value - sum(term.product for term in terms)
            lines.append(f"{len(part) - len(terms)} more: {spell_number(rest)}")
    return "\n".join(lines) if lines else "nothing that the loss depends on reads it"


def _picture(part: GradientTerms, example: int) -> str:
    """The picture a unit is of, where a gradient has terms of several."""
    several = len(set(part.uses.example_N.tolist())) > 1
    return f" of picture {example}" if several else ""


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
    lines.append(f"\nthe loss of picture {way.example} ({printable(step.labels[way.example])}):")
    return "\n".join([*lines, *map(step_text, way.loss.steps)])


def gradient_dict(step: TrainingStep, opened: OpenedGradient, most: int | None = 12) -> dict[str, Any]:
    """The same as plain values.

    Args:
        step: the training step.
        opened: the number.
        most: so many terms of each node, the largest first; None for all.
    """
    way = opened.way
    return {
        "at": str(opened.address),
        "example": opened.example,
        "number": opened.number,
        "labels": list(step.labels),
        "loss": step.loss_before,
        "loss_after": step.loss_after,
        "gradient": opened.value,
        "engine": opened.engine,
        "difference": opened.difference,
        "agrees": opened.agrees,
        "from_loss": opened.walk.from_loss,
        "parts": [_part(part, most) for part in opened.walk.parts],
        "update": None if opened.update is None else _step(opened.update.step),
        "chain": [
            {
                "unit": str(link.unit),
                "example": link.example,
                "value": link.value,
                "gradient": link.gradient,
                "kind": link.kind,
                "factor": link.factor,
                "factor_at": None if link.factor_at is None else str(link.factor_at),
                "steps": [_step(one) for one in link.steps],
                "running": link.running,
                "uses": link.uses,
                "share": link.share,
            }
            for link in way.links
        ],
        "along": way.along,
        "loss_slope": None if way.last_step is None else _step(way.last_step),
        "loss_steps": [] if way.loss is None else [_step(one) for one in way.loss.steps],
    }


def _part(part: GradientTerms, most: int | None) -> dict[str, Any]:
    terms = [
        {
            "example": term.example,
            "unit": str(term.unit),
            "gradient": term.gradient,
            "factor": term.factor,
            "factor_at": None if term.factor_at is None else str(term.factor_at),
            "product": term.product,
        }
        for term in part.largest_first(most)
    ]
    return {"node": part.path, "kind": part.uses.kind, "count": len(part), "sum": part.value, "terms": terms}


def _step(step: Step) -> dict[str, Any]:
    operands = {operand.name: operand.value for operand in step.operands}
    return {"name": step.name, "form": step.form, "operands": operands, "value": step.value}
