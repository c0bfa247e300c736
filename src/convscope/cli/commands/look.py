"""``convscope look``: a model on one picture, any number of it opened; words in, values of ``inspection`` out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import click

from convscope.cli.json_output import echo_json, with_document
from convscope.cli.look_initialisation import init_command
from convscope.cli.look_pictures import KINDS, excite_command, show_command
from convscope.cli.messages import echo
from convscope.cli.option_types import FILE, MODEL, Choice
from convscope.cli.options import command, data_options, json_option, option
from convscope.errors import UserError

if TYPE_CHECKING:
    from convscope.inspection.find_input import FoundInput
    from convscope.inspection.look import Look, Unit
    from convscope.inspection.training_step import OpenedGradient
    from convscope.render.i18n import Lang

MOST_TERMS = 12
"""Of a unit, on a terminal."""


@command(
    examples=[
        "convscope look runs/digits-1 digits:3",
        "convscope look runs/digits-1 digits:3 --at 'conv1[0,2,2]' --trail",
        "convscope look runs/digits-1 photo.png --show gradcam --png heat.png",
        "convscope look --init",
    ]
)
@click.argument("model", required=False, type=MODEL)
@click.argument("picture", required=False, type=FILE)
@data_options
@option("--label", group="data", help="True class of the picture, if the data does not say.")
@option("--class", "class_name", group="data", help="Class to explain. Default: the predicted class.")
@option(
    "--precision",
    group="machine",
    type=Choice(("float32", "bfloat16")),
    default="float32",
    show_default=True,
    help="Precision of the model: float32 or bfloat16.",
)
@option("--at", group="operation", help="The number to open: conv1[3,10,12], input[0,5,5], conv1.weight[3,0,1,2].")
@option("--trail", group="operation", is_flag=True, help="Follow the largest terms from there back to the pixels.")
@option("--most", group="operation", help="Number of terms to show, largest first, or all. Default: 12.")
@option("--step", group="operation", is_flag=True, help="One training step: gradient of --at, weight before and after.")
@option("--lr", group="operation", type=float, default=0.01, show_default=True, help="Learning rate of the step.")
@option("--show", group="operation", type=Choice(KINDS), help=f"Draw {', '.join(KINDS[:-1])} or {KINDS[-1]}.")
@option("--node", group="operation", help="Node for maps or kernels, or layer for a class activation map.")
@option("--excite", group="operation", help="A channel or unit, conv1[3]: what in DATA (PICTURE) activates it most.")
@option("--init", group="operation", is_flag=True, help="Signals through depth by initialisation; MODEL: a network.")
@option("--scheme", group="operation", help="With --init: one scheme of initialisation.")
@option("--png", type=FILE, help="The file that --show and --excite draw into.")
@option("--html", type=FILE, help="Write one self-contained page with all of it.")
@option("--lang", type=click.Choice(["en", "ko"]), help="Language of the page. Default: the reader's.")
@json_option
def look(allow_outside: bool, skip_unreadable: bool, **options: Any) -> None:
    """Show what MODEL does with PICTURE: every node's numbers, any of them opened down to its multiply-adds.

    PICTURE is a file, or DATA:NUMBER, for example digits:3 or mnist/:train[3].
    """
    from convscope.data.data_path import DataPath

    if options["picture"] is not None:
        options["picture"] = DataPath(options["picture"], allow_outside, skip_unreadable)
    look_command(Request(**options))


class Request(NamedTuple):
    """What a person wrote after ``convscope look``; the words of the command line."""

    model: str | None
    picture: str | os.PathLike[str] | None
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


def look_command(request: Request) -> None:
    """Run ``convscope look``; an engine's number that rounding does not explain is our fault, not the person's."""
    _together(request)
    if request.init:
        init_command(request.model, request.scheme, request.html, request.lang, request.as_json)
        return
    if request.model is None or request.picture is None:
        lacks = "MODEL and PICTURE" if request.model is None else "PICTURE"
        raise UserError(
            "convscope look", f"no {lacks}", "look MODEL PICTURE, or look --init", "PICTURE may be digits:3"
        )
    if request.excite is not None:
        excite_command(request.model, request.picture, request.excite, request.png, request.as_json)
        return
    found, look = _looked(request.model, request.picture, request.precision)
    from convscope.data.image.decode import of_pictures

    if request.html is not None or request.show not in (None, "kernels", "field"):
        of_pictures(look.model.preprocess, "--html" if request.html is not None else f"--show {request.show}")
    if request.html is not None:
        _page(found, look, request)
    elif request.show is not None:
        show_command(look, request.show, request.node, request.class_name, request.at, request.png, request.as_json)
    elif request.step:
        _step(found, look, request)
    elif request.at is None:
        _overview(found, look, request.as_json)
    else:
        units = look.trail(request.at) if request.trail else (look.unit(request.at),)
        _print_units(units, request.trail, _most(request.most), request.as_json)


def _together(request: Request) -> None:
    """Refuse an option that would be ignored.

    Raises:
        UserError: the option it belongs to is missing.
    """
    pairs = [
        ("--trail", request.trail, "--at", request.at is not None),
        (
            "--png",
            request.png is not None,
            "--show or --excite",
            request.show is not None or request.excite is not None,
        ),
        ("--scheme", request.scheme is not None, "--init", request.init),
        ("--lang", request.lang is not None, "--html or --init", request.html is not None or request.init),
        ("--node", request.node is not None, "--show", request.show is not None),
        ("--class", request.class_name is not None, "--show or --html", bool(request.show or request.html)),
        ("--label", request.label is not None, "--step or --html", bool(request.step or request.html)),
    ]
    for name, given, of, there in pairs:
        if given and not there:
            raise UserError(name, f"has no effect without {of}", f"{of} beside it")


def _agreed(opened: Sequence[Unit | OpenedGradient], document: Mapping[str, Any] | None = None) -> None:
    """What rounding does not explain is a mistake of ours, whatever was asked for; the document has it all the same."""
    for one in opened:
        if not one.agrees:
            failure = AssertionError(f"{one.address}: rounding does not explain {one.difference:.1e}")
            raise with_document(failure, document or {})


def _step(found: FoundInput, look: Look, request: Request) -> None:
    """One training step on the picture, from the side of one unit or weight."""
    from convscope.inspection.training_step import training_step
    from convscope.render.text.gradient import gradient_dict, gradient_text

    label = request.label if request.label is not None else found.label
    if request.at is None:
        node = next(node for node in look.model.module.graph.nodes if "weight" in node.parameters)
        example = f"--at '{node.path}.weight[{','.join('0' for _ in node.parameters['weight'])}]'"
        raise UserError("--step", "no --at: of which unit or weight?", f"for example {example}")
    if label is None:
        raise UserError("--step", f"what {found.name} shows is not known", "--label and one of the model's classes")
    # As in evaluation: by batch norm's own statistics a single picture would tell nothing.
    step = training_step(look, labels=label, lr=request.lr, training=False)
    opened = step.open(request.at)
    if request.as_json:
        document = gradient_dict(step, opened)
        _agreed([opened], document)
        echo_json(document)
    else:
        echo(gradient_text(step, opened, _most(request.most)))
        _agreed([opened])


def _page(found: FoundInput, look: Look, request: Request) -> None:
    from rich.console import Console

    from convscope.render.html.look_page import gather, write_look_page
    from convscope.render.progress import Watch

    path = Path(cast("str", request.html))
    with Watch(Console(stderr=True)) as watch:
        page = gather(
            look,
            name=found.name,
            label=request.label if request.label is not None else found.label,
            class_name=request.class_name,
            at=() if request.at is None else (request.at,),
            lr=request.lr,
            progress=watch.counting(),
        )
    write_look_page(path, page, request.lang)
    if request.as_json:
        echo_json({"page": str(path), "bytes": path.stat().st_size})
    else:
        echo("wrote {}", path)


def _looked(model: str, picture: str | os.PathLike[str], precision: str) -> tuple[FoundInput, Look]:
    from rich.console import Console

    from convscope.inspection.find_input import find_input
    from convscope.inspection.look import look_at, precision_named
    from convscope.model.folder import Model
    from convscope.render.progress import Watch

    chosen, loaded = precision_named(precision), Model.load(model)
    with Watch(Console(stderr=True)) as watch:
        found = find_input(loaded, picture, watch.decoding())
    if found.remark:
        echo(found.remark, err=True)
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
        echo_json(document)
        return
    label = "" if picture.label is None else f", labelled {picture.label}"
    echo("{}{}: {}\n", picture.name, label, answer_text(look))
    echo(nodes_text(look))
    node = look.model.module.graph.nodes[0]
    example = ",".join(str(n // 2) for n in node.shape)
    echo(f"\nOpen any number: --at '{node.path}[{example}]', with --trail back to the pixels")


def _print_units(units: Sequence[Unit], trail: bool, most: int | None, as_json: bool) -> None:
    from convscope.render.text.look import trail_text, unit_dict, unit_text

    if as_json:
        document: Any = unit_dict(units[0])
        if trail:
            document["trail"] = [unit_dict(unit) for unit in units[1:]]
        _agreed(units, document)
        echo_json(document)
        return
    echo(unit_text(units[0], most))
    if trail:
        echo("\nthe way back, always on to the term that moves the number most:\n")
        echo(trail_text(units))
    _agreed(units)
