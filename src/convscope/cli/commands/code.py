"""``convscope code``: a network as plain source of another framework."""

from __future__ import annotations

from pathlib import Path

import click

from convscope.cli.json_output import echo_json
from convscope.cli.messages import echo
from convscope.cli.option_types import FILE, NET, Choice
from convscope.cli.options import classes_option, command, json_option, option, shape_option


@command(
    examples=[
        "convscope code resnet18 --out resnet18.py",
        "convscope code lenet5 --framework keras",
        "convscope code 'input 1x8x8 > conv 4 3x3 > relu > flatten > linear 10' --classes 3",
    ]
)
@click.argument("net", type=NET)
@option(
    "--framework", type=Choice(("pytorch", "keras")), default="pytorch", show_default=True, help="pytorch or keras."
)
@shape_option
@classes_option
@option("--out", type=FILE, help="Write the file here. Default: standard output.")
@json_option
def code(
    net: str, framework: str, shape: tuple[int, ...] | None, classes: int | None, out: str | None, as_json: bool
) -> None:
    """Write NET as one file of plain PyTorch or Keras, without convscope; a model folder's weights load into it."""
    from convscope.files import write_atomically
    from convscope.model.export.source import code as source_of

    source = source_of(net, framework, shape, classes)
    if out is not None:
        write_atomically(Path(out), source.encode())
        echo("wrote {}", out, err=True)
    if as_json:
        echo_json({"framework": framework, "file": out, "source": source})
    elif out is None:
        echo(source, nl=False)
