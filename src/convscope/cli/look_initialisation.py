"""``convscope look --init``: what initialisation and depth do to values and gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from convscope.cli.json_output import echo_json
from convscope.cli.messages import echo
from convscope.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from convscope.inspection.signal import DepthExperiment, Signal
    from convscope.render.i18n import Lang

COMPARED = ("default", "small", "large")
"""Schemes of initialisation that are shown of a person's own network: a good one, and what goes wrong on both sides."""


def init_command(net: str | None, scheme: str | None, html: str | None, lang: Lang | None, as_json: bool) -> None:
    """Without NET, the classroom experiment of twenty layers; with NET, that network's own layers."""
    from convscope.engine.initialise import SCHEMES
    from convscope.inspection.signal import depth_experiment, signal
    from convscope.network import zoo
    from convscope.render.text.signal import depth_table, signal_table

    if scheme is not None and scheme not in SCHEMES:
        raise UserError("--scheme", f"{scheme!r}", ", ".join(SCHEMES), did_you_mean(scheme, SCHEMES))
    schemes = COMPARED if scheme is None else (scheme,)
    experiment: DepthExperiment | None = None
    signals: Mapping[str, Sequence[Signal]] = {}
    if net is None:
        experiment = depth_experiment() if scheme is None else depth_experiment(schemes=(scheme,))
    else:
        graph = zoo.find(net).graph()
        signals = {one: signal(graph, one, examples=8) for one in schemes}
    if html is not None:
        from convscope.render.html.signal_page import write_signal_page

        write_signal_page(Path(html), experiment, signals, net or "", lang)
    if as_json:
        from dataclasses import asdict

        document = {
            "experiment": None if experiment is None else asdict(experiment),
            "network": {one: [asdict(row) for row in rows] for one, rows in signals.items()},
            "page": html,
        }
        echo_json(document)
        return
    if experiment is not None:
        echo(depth_table(experiment, lang or "en"))
    for one, rows in signals.items():
        echo(f"{one}:\n{signal_table(rows, lang or 'en')}\n")
    if html is not None:
        echo("wrote {}", html)
