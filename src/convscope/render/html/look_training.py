"""The section of one training step: the loss, the gradient layer by layer, single weights opened up to the loss."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10

import numpy as np

from convscope import ops
from convscope.inspection.training_step import OpenedGradient, TrainingStep
from convscope.network.address import Address
from convscope.reference.gradient_walk import Chain, Link
from convscope.render.html.formula import DIGITS, steps_list
from convscope.render.html.languages import both
from convscope.render.html.markup import name as isolated
from convscope.render.html.markup import text
from convscope.render.html.numerals import shown
from convscope.render.html.page import paragraph, section
from convscope.render.wording import percent

CLASSES, TERMS = 5, 8
"""Rows of the table of classes and of a gradient's terms."""
WEIGHTS = 3
"""How many are opened, where none is asked for."""


def training(step: TrainingStep, at: Sequence[str] = ()) -> str:
    """A training step on one picture, as a section.

    Args:
        step: taken; its first example is shown.
        at: weights or units to open; none: the weight with the largest gradient of the first, the middle and the last
            layer.

    Raises:
        UserError: the network has no such number.
    """
    opened = [step.open(one) for one in (at or map(str, steepest(step)))]
    change = step.loss_after - step.loss_before
    tiles = "".join(
        f"<div><dt>{both(key)}</dt><dd>{value}</dd></div>"
        for key, value in (
            ("loss before", shown(step.loss_before, DIGITS)),
            ("loss after", shown(step.loss_after, DIGITS)),
            ("loss change", shown(change, 3)),
        )
    )
    return section(
        "training",
        "training",
        paragraph("training text", label=f"<b>{isolated(step.labels[0])}</b>", lr=shown(step.lr)),
        f'<dl class="three">{tiles}</dl>',
        f"<h3>{both('the loss')}</h3>",
        _loss(step),
        f"<h3>{both('gradients by layer')}</h3>",
        paragraph("gradients by layer text"),
        _layers(step),
        f"<h3>{both('weights opened')}</h3>",
        paragraph("weights opened text"),
        *(_opened(one, first=number == 0) for number, one in enumerate(opened)),
    )


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


def _loss(step: TrainingStep) -> str:
    """From the scores to the loss, and the gradient that goes back into them."""
    loss = step.loss_of()
    if loss.kind == "classification":
        order = sorted(range(len(loss.scores_K)), key=lambda k: (k != loss.label, -float(loss.scores_K[k])))
        names = [step.model.classes[k] for k in range(len(loss.scores_K))]
    else:
        order, names = [0], [step.model.classes[1] if loss.kind == "binary" else step.model.task.to_dict()["target"]]
    rows = []
    for k in order[:CLASSES]:
        prediction = float(loss.predictions_K[k])
        mark = ' class="won"' if loss.kind == "classification" and k == loss.label else ""
        cells = [
            shown(prediction, 5) if loss.kind == "regression" else text(percent(prediction)),
            shown(float(loss.target_K[k]), 3),
            shown(float(loss.gradient_K[k]), 4),
        ]
        if loss.kind != "regression":
            cells.insert(0, shown(float(loss.scores_K[k]), 5))
        numbers = "".join(f'<td class="number">{cell}</td>' for cell in cells)
        rows.append(f"<tr{mark}><td>{isolated(names[k])}</td>{numbers}</tr>")
    if loss.kind == "regression":
        table = _table(("number", "prediction", "target", "gradient"), rows, left=1)
        return paragraph("standardised target") + table + steps_list(loss.steps)
    table = _table(("class", "score", "probability", "target", "gradient"), rows, left=1)
    return table + steps_list(loss.steps)


def _layers(step: TrainingStep) -> str:
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
    rows = []
    for name, (gradient, weight) in sizes.items():
        share = (log10(gradient) - low) / (high - low) if gradient > 0 else 0.0
        bar = f'<span class="bar" style="--share:{100 * share:.1f}%" aria-hidden="true"></span>'
        change = step.lr * gradient / weight if weight else 0.0
        cells = f'<td class="number">{shown(gradient, 3)}</td><td>{bar}</td><td class="number">{shown(change, 2)}</td>'
        rows.append(f"<tr><td><code>{text(name)}</code></td>{cells}</tr>")
    scale = both("logarithmic", low=f"10<sup>{low}</sup>", high=f"10<sup>{high}</sup>")
    table = _table(("weights", "root mean square", "", "step of weight"), rows, left=1, plain=(2,))
    return f'<div class="layers">{table}</div><p class="note">{scale}</p>'


def _opened(one: OpenedGradient, first: bool) -> str:
    """A number with its gradient's terms, the way to the loss, and the number after the step."""
    address = text(str(one.address))
    after = f" → {shown(one.update.after, DIGITS)}" if one.update is not None else ""
    summary = f"<code>{address}</code> <span>{shown(one.number, DIGITS)}{after}</span>"
    update = steps_list([one.update.step]) if one.update is not None else ""
    verdict = both(
        "gradient beside", numpy=shown(one.value, 7), engine=shown(one.engine, 7), difference=shown(one.difference, 2)
    )
    return f"""<details class="opened-weight"{" open" if first else ""}><summary>{summary}</summary>
{update}
<p class="note">{verdict}</p>
<h4>{both("gradient terms", n=f"{one.walk.count:,}")}</h4>
{_terms(one)}
<h4>{both("the chain")}</h4>
{_chain(one.way)}
</details>"""


def _terms(one: OpenedGradient) -> str:
    """The terms that move a gradient most: the gradient of a unit times what the number met there."""
    terms = [term for part in one.walk.parts for term in part.terms]
    order = sorted(terms, key=lambda term: -abs(term.result))
    rows = []
    for term in order[:TERMS]:
        at = one.walk.factor_at(term)
        met = f"<code>{text(str(at))}</code> " if at is not None else ""
        numbers = "".join(
            f'<td class="number">{cell}</td>' for cell in (shown(term.value, 4), met + shown(term.weight or 0.0, 4))
        )
        product = f'<td class="number">{shown(term.result, 4)}</td>'
        rows.append(f"<tr><td>{_link(one.walk.unit(term))}</td>{numbers}{product}</tr>")
    if one.walk.from_loss:
        own = shown(one.walk.from_loss, 4)
        rows.append(f'<tr><td>{both("the loss")}</td><td></td><td></td><td class="number">{own}</td></tr>')
    rest = len(order) - TERMS
    if rest > 0:
        left = sum(term.result for term in order[TERMS:])
        told = both("rest of terms", n=f"{rest:,}")
        rows.append(f'<tr><td colspan="3">{told}</td><td class="number">{shown(left, 4)}</td></tr>')
    rows.append(
        f'<tr class="total"><td colspan="3">{both("gradient")}</td><td class="number">{shown(one.value, 5)}</td></tr>'
    )
    return _table(("output there", "its gradient", "times", "product"), rows, left=1)


def _chain(way: Chain) -> str:
    """The strongest way to the loss: a factor a node, and their product so far."""
    rows = [_link_row(link) for link in way.links]
    if way.last_step is not None:
        steps = steps_list([way.last_step])
        rows.append(
            f'<tr><td>{both("the loss")}</td><td></td><td>{steps}</td><td class="number">{shown(way.last, 4)}</td>'
            f'<td class="number">{shown(way.along, 4)}</td></tr>'
        )
    share = way.along / way.gradient if way.gradient else 0.0
    note = both(
        "along the way", along=shown(way.along, 4), gradient=shown(way.gradient, 4), share=text(percent(abs(share)))
    )
    heads = ("number", "value", "derivative", "factor", "product so far")
    return f'<div class="layers">{_table(heads, rows, left=1, plain=(2,))}</div><p class="note">{note}</p>'


def _link_row(link: Link) -> str:
    met = f" <code>{text(str(link.factor_at))}</code>" if link.factor_at is not None else ""
    kind = both(f"factor {link.kind}") + met
    steps = steps_list(link.steps) if link.steps else ""
    return (
        f'<tr><td>{_link(link.unit)}</td><td class="number">{shown(link.value, 4)}</td><td>{kind}{steps}</td>'
        f'<td class="number">{shown(link.factor, 4)}</td><td class="number">{shown(link.running, 4)}</td></tr>'
    )


def _link(unit: Address) -> str:
    return f'<a href="#{text(str(unit))}"><code>{text(str(unit))}</code></a>'


def _table(heads: Sequence[str], rows: Sequence[str], left: int, plain: Sequence[int] = ()) -> str:
    """A table whose first columns are set left, the others as numbers, those of ``plain`` left too."""
    cells = []
    for at, head in enumerate(heads):
        mark = "" if at < left or at in plain else ' class="number"'
        cells.append(f'<th scope="col"{mark}>{both(head) if head else ""}</th>')
    head = "".join(cells)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
