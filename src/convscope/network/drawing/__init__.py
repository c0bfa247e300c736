"""A picture of a network: what flows where, in which shape, and where the cost is.

``structure`` reads a graph as runs, forks and stages; ``layout`` and ``columns`` place them; ``svg`` writes them.
"""

from __future__ import annotations

from convscope.errors import UserError, did_you_mean
from convscope.network.costs import RULE, Costs, receptive_fields
from convscope.network.drawing import svg
from convscope.network.drawing.columns import Plan, plan
from convscope.network.drawing.layout import Words
from convscope.network.drawing.plain import plain
from convscope.network.drawing.structure import Stage, asides_of_input, every_node, parts_of, runs
from convscope.network.drawing.text import (
    COST_NAMES,
    COSTS,
    cost_of,
    cost_text,
    lines_of,
    short,
    shortened,
    tooltip,
    width,
    wrapped,
)
from convscope.network.graph import Graph, Node
from convscope.network.table import MARKED, to_html
from convscope.ops import spell_shape

MARGIN = 26.0
NARROWEST = 560.0
"""A name and the legend fit; where the facts below the name are longer, they say how wide the picture is."""
_HEAD, _LEGEND, _RULE = 62.0, 48.0, 14.0
_FACTS = 12.5
"""The size of the facts below the name."""
_STEPS, _STEP = 40, 5.0
"""Of the legend's scale: how many, how wide."""


def plan_drawing(graph: Graph, cost: str = "macs") -> Plan:
    """Where everything of a graph's picture is, its head and legend left out.

    Args:
        graph: any.
        cost: what boxes say and stages sum up: ``macs``, ``parameters`` or ``memory``.

    Example:
        >>> from convscope.network import zoo
        >>> [box.key for box in plan_drawing(zoo.known("lenet5").graph()).boxes][:3]
        ['input', 'conv1', 'avgpool1']
    """
    total = max(1, _cost(graph.nodes, cost))

    def note(stage: Stage) -> str:
        every = [
            n for r in runs(stage.parts if stage.counted is None else stage.counted) for n in (*r.nodes, *r.copies)
        ]
        summed = _cost(every, cost)
        if not summed:
            return ""
        each = f"{stage.times} × {cost_text(summed / stage.times, cost)} = " if stage.times > 1 else ""
        return f"{each}{cost_text(summed, cost)}, {_percent(summed / total)}"

    words = Words(lambda run: lines_of(run, cost), note)
    parts = parts_of(graph)
    if parts is None:
        return plain(graph, words)
    return plan(graph.input, asides_of_input(graph), parts, words, _HEAD + _LEGEND + 2 * MARGIN)


def draw(graph: Graph, cost: str = "macs", name: str = "network") -> str:
    """A network as one SVG picture that needs nothing else: no scripts, no fonts, no requests.

    Boxes are coloured by their fraction of the cost; of the five most expensive each has its number. Where stages in a
    row are equal in every operation, shape and cost, one is drawn and says for how many.

    Args:
        graph: what to draw.
        cost: ``macs``, ``parameters``, or ``memory`` (bytes of what each operation gives, float32).
        name: what stands above it.

    Raises:
        UserError: there is no such cost.

    Example:
        >>> from convscope.network.network import Network
        >>> picture = draw(Network.parse("input 1x8x8\\nconv 4 3x3 > flatten > linear 10").graph(), name="small")
        >>> picture[:5], "2.74\\xa0k MACs" in picture
        ('<svg ', True)
    """
    if cost not in COSTS:
        raise UserError("colour", f"{cost!r}", ", ".join(COSTS), did_you_mean(cost, COSTS))
    placed = plan_drawing(graph, cost)
    total = _cost(graph.nodes, cost)
    costs = {box.key: _cost(box.run.nodes, cost) for box in placed.boxes if box.run and not box.aside}
    dearest = max([1, *costs.values()])
    fractions = {key: value / dearest for key, value in costs.items() if value}
    ordered = sorted(fractions, key=lambda key: -costs[key])
    ranks = {key: 1 + i for i, key in enumerate(ordered[:MARKED])} if len(ordered) > 2 * MARKED else {}
    fields = receptive_fields(graph.input, every_node(graph))
    tooltips = {box.key: tooltip(box.run, fields, cost) for box in placed.boxes if box.run}

    facts = _facts(graph, cost)
    wide = max(placed.width, NARROWEST, width(facts, _FACTS)) + 2 * MARGIN
    rule = wrapped(f"Counted: {RULE}.", wide - 2 * MARGIN, 10)
    head = _head(name, facts)
    legend = _legend(cost, total, dearest, bool(ranks), any(box.run and box.run.copies for box in placed.boxes), wide)
    top = MARGIN + _HEAD + legend[1]
    high = top + placed.height + MARGIN + _RULE * len(rule) + MARGIN / 2
    left = (wide - placed.width) / 2
    foot = [
        svg.text(MARGIN, top + placed.height + MARGIN + _RULE * (i + 0.7), line, 10, fill=svg.MUTED)
        for i, line in enumerate(rule)
    ]
    moved = [f'<g transform="translate({svg.number(left)} {svg.number(top)})">']
    picture = [*head, *legend[0], *moved, *svg.drawn(placed, fractions, ranks, tooltips), "</g>", *foot]
    return svg.page(wide, high, f"The network {name}", _described(graph), picture)


LONG = 40
"""Rows from which a notebook folds the table away."""


def beside_table(summary: Costs, name: str = "network") -> str:
    """A summary as HTML for a notebook or a page: the drawing, below it the table; folds for a long network.

    Args:
        summary: as :func:`~convscope.network.summary.summarise` gives it.
        name: what stands above the drawing.
    """
    table = to_html(summary)
    if summary.graph is None:
        return table
    drawn = f'<div style="overflow-x:auto;max-width:100%">{draw(summary.graph, name=name)}</div>'
    if len(summary.rows) < LONG:
        return drawn + table
    return (
        f"<details open><summary>drawing</summary>{drawn}</details>"
        f"<details><summary>table of {len(summary.rows)} operations</summary>{table}</details>"
    )


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.0f}\N{NO-BREAK SPACE}%" if fraction >= 0.005 else "< 1\N{NO-BREAK SPACE}%"


def _cost(nodes: tuple[Node, ...] | list[Node], cost: str) -> int:
    return sum(cost_of(node, cost) for node in nodes)


def _described(graph: Graph) -> str:
    return (
        f"{len(graph.nodes)} operations from an input of {spell_shape(graph.input)} to an output of "
        f"{spell_shape(graph.output.shape)}: {graph.parameter_count:,} parameters, {graph.macs:,} multiply-adds."
    )


def _facts(graph: Graph, cost: str) -> str:
    """The line below the name."""
    facts = [
        f"input {spell_shape(graph.input)}",
        f"output {spell_shape(graph.output.shape)}",
        f"{short(graph.parameter_count)} parameters",
        f"{short(graph.macs)} MACs",
        *([f"{cost_text(_cost(graph.nodes, cost), cost)} of values"] if cost == "memory" else []),
    ]
    return "  ·  ".join(facts)


def _head(name: str, facts: str) -> list[str]:
    most = 60
    while most > 8 and width(shortened(name, most), 22, bold=True) > NARROWEST:
        most -= 4
    return [
        svg.text(MARGIN, MARGIN + 18, shortened(name, most), 22, bold=True),
        svg.text(MARGIN, MARGIN + 40, facts, _FACTS, fill=svg.MUTED),
    ]


def _legend(cost: str, total: int, dearest: int, ranked: bool, folded: bool, wide: float) -> tuple[list[str], float]:
    """The scale of colours with its ends, what boxes say, and the height of both."""
    y = MARGIN + _HEAD
    parts = [
        f'<rect x="{svg.number(MARGIN + i * _STEP)}" y="{svg.number(y - 8)}" width="{svg.number(_STEP + 0.5)}" '
        f'height="10" fill="{svg.colour((i / (_STEPS - 1)) ** 2)}"/>'
        for i in range(_STEPS)
    ]
    for place in (0, 0.5, 1):
        x = MARGIN + place * _STEPS * _STEP
        value = cost_text(dearest * place**2, cost) if place else "0"
        anchor = ("start", "middle", "end")[round(2 * place)]
        parts.append(svg.text(x, y + 14, value, 10, fill=svg.MUTED, anchor=anchor))
    what = {"macs": "MACs for one example", "memory": "bytes of what is given on, float32, for one example"}.get(
        cost, cost
    )
    of_all = f", up to {_percent(dearest / total)} of {cost_text(total, cost)} {COST_NAMES[cost]}" if total else ""
    said = [f"Colour of a box: {what}{of_all}."]
    said.append("In a box: its memory." if cost == "memory" else "In a box: MACs · parameters.")
    said += [f"1 to {MARKED}: the most expensive boxes."] if ranked else []
    said += ["×N: N equal stages drawn as one, each box coloured as one of them."] if folded else []
    x = MARGIN + _STEPS * _STEP + 24
    lines = wrapped(" ".join(said), wide - MARGIN - x, 11)
    parts += [svg.text(x, y + 1 + 15 * i, line, 11) for i, line in enumerate(lines)]
    return parts, max(36.0, 15.0 * len(lines)) + 14
