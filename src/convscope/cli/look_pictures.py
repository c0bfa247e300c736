"""What ``convscope look`` draws: kernels, feature maps, heat maps, receptive fields, what activates a unit most."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.cli.json_output import echo_json
from convscope.cli.messages import echo
from convscope.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from PIL import Image

    from convscope.inspection.look import Look

KINDS = ("maps", "kernels", "gradcam", "layercam", "hirescam", "occlusion", "integrated", "field")
"""What ``--show`` draws."""


def show_command(
    look: Look,
    kind: str,
    node: str | None,
    class_name: str | None,
    at: str | None,
    png_file: str | None,
    as_json: bool,
) -> None:
    """Draw one thing into a PNG file and say in words what it shows."""
    if kind not in KINDS:
        raise UserError("--show", f"{kind!r}", ", ".join(KINDS), did_you_mean(kind, KINDS))
    if png_file is None:
        raise UserError("--show", "no file to draw into", f"--png and a name, for example --png {kind}.png")
    picture, facts = _drawn(look, kind, node, class_name, at)
    _write(picture, png_file, facts, as_json)


def _drawn(
    look: Look, kind: str, node: str | None, class_name: str | None, at: str | None
) -> tuple[Image.Image, dict[str, Any]]:
    from convscope.render.images.figures import attributions_sheet, field_sheet

    if kind == "maps":
        return _maps(look, node)
    if kind == "kernels":
        from convscope.inspection.maps import kernels
        from convscope.render.images.map_sheet import kernels_sheet

        held = kernels(look, node)
        return kernels_sheet(held), {"node": held.path}
    if kind == "field":
        if at is None:
            raise UserError("--show field", "no --at: of which unit?", "--at and an address, such as conv1[0,5,5]")
        unit = look.unit(at)
        return field_sheet(look, at), {"unit": str(unit.address), "field": [list(span) for span in unit.field.spans]}
    if kind == "occlusion":
        from convscope.inspection.attribution.occlusion import occlusion

        hidden = occlusion(look, class_name)
        return attributions_sheet(look, [hidden]), {"class": hidden.target.name}
    if kind == "integrated":
        from convscope.inspection.attribution.integrated import integrated_gradients

        slopes = integrated_gradients(look, class_name)
        facts = {"class": slopes.target.name, "sum": slopes.total, "difference": slopes.difference}
        return attributions_sheet(look, [slopes]), facts
    from convscope.inspection.attribution.class_map import CHOSEN, EMPTY, METHODS, class_map

    method = next(known for known in METHODS if known == kind)
    found = class_map(look, class_name, method, node)
    told = {"class": found.target.name, "layer": found.layer, "chosen": CHOSEN[found.chosen]}
    return attributions_sheet(look, [found]), told | ({"empty": EMPTY[found.empty]} if found.empty else {})


def _maps(look: Look, node: str | None) -> tuple[Image.Image, dict[str, Any]]:
    from convscope.inspection.maps import feature_maps
    from convscope.render.images.map_sheet import maps_sheet

    path = look.model.module.graph.nodes[0].path if node is None else node
    maps = feature_maps(look, path)
    low, high = float(maps.low_C.min()), float(maps.high_C.max())
    return maps_sheet(maps), {"node": path, "least": low, "largest": high, "dead": [int(k) for k in maps.dead]}


def excite_command(model: str, data: str | os.PathLike[str], at: str, png_file: str | None, as_json: bool) -> None:
    """The pictures of DATA that excite a unit or a channel most."""
    from rich.console import Console

    from convscope.inspection.top_activations import exciting
    from convscope.model.folder import Model
    from convscope.render.images.figures import excitation_sheet
    from convscope.render.progress import Watch

    loaded = Model.load(model)
    with Watch(Console(stderr=True)) as watch:
        counted = watch.counting()
        found = exciting(
            loaded, data, at, progress=lambda done, total: counted("pictures", done, total), decoding=watch.decoding()
        )
    rows = [
        {"picture": one.name, "label": one.label, "value": one.value, "at": str(one.at), "field": one.field.spans}
        for one in found.most
    ]
    if png_file is not None:
        from convscope.files import write_atomically
        from convscope.render.images.colormap import png

        write_atomically(Path(png_file), png(excitation_sheet(found)))
    if as_json:
        echo_json({"at": found.at, "most": rows, "png": png_file})
        return
    from convscope.render.text.look import field_text
    from convscope.render.text.walk import spell_number
    from convscope.tables import text_table

    lines = [(one.name, one.label, field_text(one.field), spell_number(one.value)) for one in found.most]
    echo("{} is excited most by", found.at)
    echo(text_table([("picture", "label", "sees", "value"), *lines], "<<<>", rules=(1,)))
    if png_file is not None:
        echo("wrote {}", png_file)


def _write(picture: Image.Image, png_file: str, facts: dict[str, Any], as_json: bool) -> None:
    from convscope.files import write_atomically
    from convscope.render.images.colormap import png

    write_atomically(Path(png_file), png(picture))
    if as_json:
        echo_json({**facts, "png": png_file})
        return
    for name, value in facts.items():
        echo("{}: {}", name, value)
    echo("wrote {}", png_file)
