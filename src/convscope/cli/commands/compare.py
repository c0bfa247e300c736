"""``convscope compare``: two or more models on the same pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import combinations

import click

from convscope.cli.json_output import echo_json
from convscope.cli.messages import echo
from convscope.cli.option_types import DATA, MODEL
from convscope.cli.options import command, data_options, json_option, split_option
from convscope.errors import UserError


@command(
    examples=[
        "convscope compare runs/photos-1 runs/photos-2 photos/",
        "convscope compare runs/photos-1 runs/photos-2 runs/photos-3 photos/ --split val",
        "convscope compare runs/digits-1 runs/digits-2 digits --json",
    ]
)
@click.argument("models", nargs=-1, required=True, type=MODEL)
@click.argument("data", type=DATA)
@split_option
@data_options
@json_option
def compare(
    models: tuple[str, ...], data: str, split: str | None, allow_outside: bool, skip_unreadable: bool, as_json: bool
) -> None:
    """Test whether one of MODELS is better than another on DATA, or the difference is chance."""
    from convscope.data.data_path import DataPath

    compare_command(models, DataPath(data, allow_outside, skip_unreadable), split, as_json)


def compare_command(models: Sequence[str], data: str | os.PathLike[str], split: str | None, as_json: bool) -> None:
    """Run ``convscope compare``."""
    from convscope.evaluation.comparison import compare as compare_pair
    from convscope.evaluation.comparison import holm
    from convscope.model.folder import Model

    if len(models) < 2:
        raise UserError(
            "convscope compare", f"{len(models)} model", "two models, then DATA", "convscope compare A B DATA"
        )
    loaded = [Model.load(model) for model in models]
    pairs = list(combinations(range(len(models)), 2))
    found = [compare_pair(loaded[i], loaded[j], data, (models[i], models[j]), split) for i, j in pairs]
    corrected = holm([one.p for one in found])
    if as_json:
        document = {"comparisons": [{**one.to_dict(), "p_holm": p} for one, p in zip(found, corrected, strict=True)]}
        echo_json(document)
        return
    if len(found) > 1:
        echo(f"{len(found)} pairs; p is corrected for so many comparisons (Holm)\n")
    from convscope.render.text.comparison import to_text

    echo("\n\n".join(to_text(one, p) for one, p in zip(found, corrected, strict=True)))
