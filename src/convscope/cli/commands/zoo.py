"""``convscope zoo``: the networks that are known by name."""

from __future__ import annotations

from pathlib import Path

from convscope.cli.json_output import echo_json
from convscope.cli.messages import echo
from convscope.cli.option_types import FILE
from convscope.cli.options import command, json_option, option
from convscope.errors import UserError


@command(examples=["convscope zoo", "convscope zoo --json", "convscope zoo --reference counts.csv"])
@option("--reference", group="data", type=FILE, help="Print our counts beside those of this CSV table.")
@json_option
def zoo(reference: str | None, as_json: bool) -> None:
    """List the networks known by name: sizes, years, sources."""
    from convscope.network import zoo as networks
    from convscope.render.text import zoo as table

    if reference is None:
        entries = networks.entries()
        echo_json(table.zoo_dict(entries)) if as_json else echo(table.zoo_text(entries))
        return
    from convscope.network import published
    from convscope.network.network import read_text

    rows = published.compare(published.read(read_text(Path(reference)), reference))
    if not rows:
        raise UserError(reference, "no row is about a network of the zoo", "names such as resnet50 in column model")
    echo_json(table.published_dict(rows)) if as_json else echo(table.published_text(rows))
