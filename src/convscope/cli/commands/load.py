"""``convscope load``: a model folder of a network and someone's weights for it."""

from __future__ import annotations

from pathlib import Path

import click

from convscope.cli.json_output import echo_json
from convscope.cli.messages import echo
from convscope.cli.option_types import FILE, NET, Named, NumbersType
from convscope.cli.options import classes_option, command, fit_named, fit_option, json_option, option, shape_option
from convscope.errors import UserError

MOST_NAMED = 5
"""Names that are listed; more are counted."""


@command(
    examples=[
        "convscope load resnet50 --weights resnet50 --out resnet",
        "convscope load mobilenet_v2 --weights mobilenet_v2.pth --keep 0.875 --names imagenet.txt --out mobilenet",
        "convscope load mine.net --weights mine.safetensors --mean 0.5,0.5,0.5 --std 0.5,0.5,0.5 --out mine",
    ]
)
@click.argument("net", type=NET)
@option(
    "--weights",
    group="network",
    required=True,
    type=Named("FILE|NAME", otherwise="file"),
    help="A .pth or .safetensors file, or public weights by name: resnet18.",
)
@option("--out", required=True, type=FILE, help="The model folder to write.")
@option("--names", group="data", type=FILE, help="A file with the class names, one per line. Default: 0, 1, 2, ...")
@shape_option
@classes_option
@fit_option("crop")
@option("--keep", group="data", type=float, help="Crop: fraction of the shorter side, often 0.875. Default: 1.")
@option("--mean", group="data", type=NumbersType(), help="Pixel means, from 0 to 1. Default: ImageNet's.")
@option("--std", group="data", type=NumbersType(), help="Pixel standard deviations. Default: ImageNet's.")
@json_option
def load(
    net: str,
    weights: str,
    out: str,
    names: str | None,
    shape: tuple[int, ...] | None,
    classes: int | None,
    fit: str,
    keep: float | None,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    as_json: bool,
) -> None:
    """Make a model folder from NET and weights made elsewhere: torchvision's, timm's, your own.

    The name and shape of every tensor are checked; whatever was adapted or left over is reported.
    """
    from rich.console import Console

    from convscope.model.folder import FACTS
    from convscope.model.load_weights import load as load_weights
    from convscope.model.load_weights import read_names
    from convscope.render.progress import Watch

    how = fit_named(fit)
    if (Path(out) / FACTS).exists():
        raise UserError(out, "there is a model in this folder", "", "another --out")
    listed = None if names is None else read_names(Path(names))
    numbered = [name for index, name in enumerate(listed or ()) if name.endswith(f" ({index})")]
    if numbered:
        listing = ", ".join(numbered[:MOST_NAMED])
        echo("class names that occur twice carry their number: {}", listing, err=True)
    with Watch(Console(stderr=True)) as watch:
        model = load_weights(
            net,
            weights,
            names=listed,
            input=shape,
            classes=classes,
            fit=how,
            keep=keep,
            mean=mean,
            std=std,
            progress=watch.downloading(),
        )
    folder, facts = model.save(out), model.facts["weights"]
    left_over = facts["left_over"]
    if as_json:
        document = {"model": str(folder), "adapted": facts["adapted"], "left_over": left_over}
        echo_json(document)
        return
    for sentence in facts["adapted"]:
        echo("adapted  {}", sentence)
    if left_over:
        more = f" and {len(left_over) - MOST_NAMED} more" if len(left_over) > MOST_NAMED else ""
        echo("unused weights: {}{}", ", ".join(left_over[:MOST_NAMED]), more)
    echo("every tensor has the name and shape that the network expects")
    echo("model    {}", folder)
