"""``convscope look``: a model on one picture, any number of it opened; words in, values of ``looking`` out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from convscope.errors import UserError

if TYPE_CHECKING:
    from convscope.looking.look import Look, Unit
    from convscope.looking.picture import Picture

MOST_TERMS = 12
"""Of a unit, on a terminal."""


def look_command(
    model: str,
    picture: str,
    at: str | None,
    trail: bool,
    most: str | None,
    precision: str,
    as_json: bool,
) -> None:
    """Run ``convscope look``; an engine's number that rounding does not explain is our fault, not the person's."""
    found, look = _looked(model, picture, precision)
    if at is None:
        _overview(found, look, as_json)
        return
    units = look.trail(at) if trail else (look.unit(at),)
    _units(units, trail, _most(most), as_json)
    wrong = [unit for unit in units if not unit.agrees]
    if wrong:
        raise AssertionError(f"{wrong[0].address}: rounding does not explain {wrong[0].difference:.1e}")


def _looked(model: str, picture: str, precision: str) -> tuple[Picture, Look]:
    from rich.console import Console

    from convscope.delivery.model import Model
    from convscope.looking.look import look_at, precision_named
    from convscope.looking.picture import find_picture
    from convscope.surfaces.progress import Watch

    chosen, loaded = precision_named(precision), Model.load(model)
    with Watch(Console(stderr=True)) as watch:
        found = find_picture(loaded, picture, watch.decoding())
    return found, look_at(loaded, found.image_HWC, chosen)


def _most(text: str | None) -> int | None:
    """How many terms are shown; None for all."""
    if text is None:
        return MOST_TERMS
    if text.strip().lower() == "all":
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**31):
        raise UserError("--most", f"{text!r}", "a number of terms, or all")
    return int(text)


def _overview(picture: Picture, look: Look, as_json: bool) -> None:
    from convscope.surfaces.look_text import answer_text, look_dict, nodes_text

    if as_json:
        document = {"picture": picture.name, "label": picture.label, **look_dict(look)}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    label = "" if picture.label is None else f", labelled {picture.label}"
    click.echo(f"{picture.name}{label}: {answer_text(look)}\n")
    click.echo(nodes_text(look))
    node = look.model.module.graph.nodes[0]
    example = ",".join(str(n // 2) for n in node.shape)
    click.echo(f"\nOpen any number: --at '{node.path}[{example}]', with --trail back to the pixels")


def _units(units: Sequence[Unit], trail: bool, most: int | None, as_json: bool) -> None:
    from convscope.surfaces.look_text import trail_text, unit_dict, unit_text

    if as_json:
        document: Any = unit_dict(units[0])
        if trail:
            document["trail"] = [unit_dict(unit) for unit in units[1:]]
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    click.echo(unit_text(units[0], most))
    if trail:
        click.echo("\nthe way back, always on to the term that moves the number most:\n")
        click.echo(trail_text(units))
