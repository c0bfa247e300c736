"""``convscope describe``: what a network costs, and where it fails."""

from __future__ import annotations

from pathlib import Path

import click

from convscope.cli.json_output import echo_json, with_document
from convscope.cli.messages import echo
from convscope.cli.option_types import FILE, NET, BytesType, Choice
from convscope.cli.options import classes_option, command, json_option, option, shape_option


@command(
    examples=[
        "convscope describe lenet5 --batch 64",
        "convscope describe resnet50 --input 3x64x64 --classes 10 --fit 8GB",
        "convscope describe 'input 1x8x8 > conv 4 3x3 > relu > flatten > linear 10' --svg net.svg",
    ]
)
@click.argument("net", type=NET)
@shape_option
@classes_option
@option("--batch", group="machine", type=click.IntRange(min=1), help="Add the memory that a batch of this size takes.")
@option(
    "--dtype",
    group="machine",
    type=Choice(("float32", "bfloat16")),
    default="float32",
    help="Type of the activations: float32 or bfloat16.",
)
@option(
    "--optimizer",
    group="machine",
    type=Choice(("adamw", "sgd")),
    default="adamw",
    help="Its state counts as training memory: adamw or sgd.",
)
@option(
    "--fit", "limit", group="machine", type=BytesType(), help="Find the largest batch that fits into 8GB, 512MiB ..."
)
@option("--markdown", is_flag=True, help="Print a Markdown table.")
@option("--svg", type=FILE, help="Draw the network into this file as well.")
@option(
    "--colour",
    "--color",
    "colour",
    type=click.Choice(["macs", "parameters", "memory"]),
    default="macs",
    show_default=True,
    help="Cost that colours the drawing.",
)
@json_option
def describe(
    net: str,
    shape: tuple[int, ...] | None,
    classes: int | None,
    batch: int | None,
    dtype: str,
    optimizer: str,
    limit: int | None,
    markdown: bool,
    svg: str | None,
    colour: str,
    as_json: bool,
) -> None:
    """Show shapes, parameters, MACs, receptive fields and memory of NET.

    NET is a known name (lenet5), a .net file (FILE:NAME if it holds several), or the notation itself in quotes.
    """
    from convscope.network import table, zoo
    from convscope.network.costs import rows_of
    from convscope.network.expand import GraphError
    from convscope.network.memory import dtype_named, largest_batch, memory, optimizer_named
    from convscope.network.summary import summarise

    activations, held_by = dtype_named(dtype), optimizer_named(optimizer)
    network = zoo.find(net)
    if classes is not None:
        network = network.with_classes(classes, shape)
    try:
        graph = network.graph(shape)
        summary = summarise(graph, batch, activations, held_by)
    except GraphError as error:
        rows = rows_of(shape or network.input or (), error.nodes)
        if as_json:
            raise with_document(error, {"nodes": [table.row_dict(row) for row in rows]}) from None
        if rows:
            echo(table.rows_text(rows))
        raise
    if svg is not None:
        from convscope.files import write_atomically
        from convscope.network.drawing import draw

        write_atomically(Path(svg), draw(graph, colour, network.source.title).encode())
        echo("wrote {}", svg, err=True)
    fitting = None if limit is None else largest_batch(graph, limit, activations, held_by)
    if as_json:
        document = table.to_dict(summary)
        if fitting is not None:
            document["fit"] = {"bytes": limit, "inference": fitting[0], "training": fitting[1]}
        echo_json(document)
        return
    echo(table.to_markdown(summary) if markdown else table.to_text(summary))
    if fitting is not None and limit is not None:
        echo(table.fit_text(limit, *fitting, memory(graph, 1, activations, held_by)))
