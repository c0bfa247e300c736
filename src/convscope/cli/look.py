"""``convscope look``: a model on one picture, any number of it opened; words in, values of ``looking`` out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from convscope.errors import UserError

if TYPE_CHECKING:
    from convscope.inspection.find_input import FoundInput
    from convscope.inspection.look import Look, Unit
    from convscope.inspection.training_step import OpenedGradient
    from convscope.render.i18n import Lang

MOST_TERMS = 12
"""Of a unit, on a terminal."""


@dataclass(frozen=True)
class Asked:
    """What a person wrote after ``convscope look``; the words of the command line."""

    model: str | None
    picture: str | None
    at: str | None
    trail: bool
    most: str | None
    step: bool
    label: str | None
    lr: float
    show: str | None
    node: str | None
    class_name: str | None
    png: str | None
    excite: str | None
    init: bool
    scheme: str | None
    precision: str
    html: str | None
    lang: Lang | None
    as_json: bool


def look_command(asked: Asked) -> None:
    """Run ``convscope look``; an engine's number that rounding does not explain is our fault, not the person's."""
    _together(asked)
    if asked.init:
        from convscope.cli.init import init_command

        init_command(asked.model, asked.scheme, asked.html, asked.lang, asked.as_json)
        return
    if asked.model is None or asked.picture is None:
        lacks = "MODEL and PICTURE" if asked.model is None else "PICTURE"
        raise UserError(
            "convscope look", f"no {lacks}", "look MODEL PICTURE, or look --init", "PICTURE may be digits:3"
        )
    if asked.excite is not None:
        from convscope.cli.look_show import excite_command

        excite_command(asked.model, asked.picture, asked.excite, asked.png, asked.as_json)
        return
    found, look = _looked(asked.model, asked.picture, asked.precision)
    if asked.html is not None:
        _page(found, look, asked)
    elif asked.show is not None:
        from convscope.cli.look_show import show_command

        show_command(look, asked.show, asked.node, asked.class_name, asked.at, asked.png, asked.as_json)
    elif asked.step:
        _step(found, look, asked)
    elif asked.at is None:
        _overview(found, look, asked.as_json)
    else:
        units = look.trail(asked.at) if asked.trail else (look.unit(asked.at),)
        _units(units, asked.trail, _most(asked.most), asked.as_json)
        _agreed(units)


def _together(asked: Asked) -> None:
    """Refuse an option that would be ignored.

    Raises:
        UserError: the option it belongs to is missing.
    """
    pairs = [
        ("--trail", asked.trail, "--at", asked.at is not None),
        ("--png", asked.png is not None, "--show or --excite", asked.show is not None or asked.excite is not None),
        ("--scheme", asked.scheme is not None, "--init", asked.init),
        ("--lang", asked.lang is not None, "--html or --init", asked.html is not None or asked.init),
        ("--node", asked.node is not None, "--show", asked.show is not None),
        ("--class", asked.class_name is not None, "--show or --html", bool(asked.show or asked.html)),
        ("--label", asked.label is not None, "--step or --html", bool(asked.step or asked.html)),
    ]
    for option, given, of, there in pairs:
        if given and not there:
            raise UserError(option, f"it says nothing without {of}", f"{of} beside it")


def _agreed(opened: Sequence[Unit | OpenedGradient]) -> None:
    """What rounding does not explain is a mistake of ours, whatever was asked for."""
    for one in opened:
        if not one.agrees:
            raise AssertionError(f"{one.address}: rounding does not explain {one.difference:.1e}")


def _step(found: FoundInput, look: Look, asked: Asked) -> None:
    """One training step on the picture, from the side of one unit or weight."""
    from convscope.inspection.training_step import training_step
    from convscope.render.text.gradient import gradient_dict, gradient_text

    label = asked.label if asked.label is not None else found.label
    if asked.at is None:
        node = next(node for node in look.model.module.graph.nodes if "weight" in node.parameters)
        example = f"--at '{node.path}.weight[{','.join('0' for _ in node.parameters['weight'])}]'"
        raise UserError("--step", "no --at: of which unit or weight?", f"for example {example}")
    if label is None:
        raise UserError("--step", f"what {found.name} shows is not known", "--label and one of the model's classes")
    # As in evaluation: by batch norm's own statistics a single picture would tell nothing.
    step = training_step(look, labels=label, lr=asked.lr, training=False)
    opened = step.open(asked.at)
    if asked.as_json:
        click.echo(json.dumps(gradient_dict(step, opened, None), indent=2, ensure_ascii=False))
    else:
        click.echo(gradient_text(step, opened, _most(asked.most)))
    _agreed([opened])


def _page(found: FoundInput, look: Look, asked: Asked) -> None:
    from rich.console import Console

    from convscope.render.html.look_page import gather, write_look_page
    from convscope.render.progress import Watch

    path = Path(cast("str", asked.html))
    with Watch(Console(stderr=True)) as watch:
        page = gather(
            look,
            name=found.name,
            label=asked.label if asked.label is not None else found.label,
            class_name=asked.class_name,
            at=() if asked.at is None else (asked.at,),
            lr=asked.lr,
            progress=watch.counting(),
        )
    write_look_page(path, page, asked.lang)
    if asked.as_json:
        click.echo(json.dumps({"page": str(path), "bytes": path.stat().st_size}))
    else:
        click.echo(f"wrote {path}")


def _looked(model: str, picture: str, precision: str) -> tuple[FoundInput, Look]:
    from rich.console import Console

    from convscope.inspection.find_input import find_input
    from convscope.inspection.look import look_at, precision_named
    from convscope.model.folder import Model
    from convscope.render.progress import Watch

    chosen, loaded = precision_named(precision), Model.load(model)
    with Watch(Console(stderr=True)) as watch:
        found = find_input(loaded, picture, watch.decoding())
    return found, look_at(loaded, found.input, chosen)


def _most(text: str | None) -> int | None:
    """How many terms are shown; None for all."""
    if text is None:
        return MOST_TERMS
    if text.strip().lower() == "all":
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**31):
        raise UserError("--most", f"{text!r}", "a number of terms, or all")
    return int(text)


def _overview(picture: FoundInput, look: Look, as_json: bool) -> None:
    from convscope.render.text.look import answer_text, look_dict, nodes_text

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
    from convscope.render.text.look import trail_text, unit_dict, unit_text

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
