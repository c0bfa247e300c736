"""What was found in a picture as one sheet: heat maps side by side, receptive fields, exciting pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from convscope.inspection.attribution.class_map import CHOSEN, EMPTY, ClassMap
from convscope.inspection.attribution.integrated import IntegratedGradients
from convscope.inspection.attribution.occlusion import Occlusion
from convscope.inspection.look import Look
from convscope.inspection.top_activations import Excitation, Excited
from convscope.network.receptive_field import Field
from convscope.render.images.colormap import Colours, Pixels, enlarge, rgb
from convscope.render.images.contact_sheet import Tile, sheet, short
from convscope.render.images.overlay import clipped, cropped, heat_over, with_box

Attribution = ClassMap | Occlusion | IntegratedGradients
SIDE = 224
"""Pixels that a small picture is enlarged to, at most."""
NAMES = {"gradcam": "Grad-CAM", "layercam": "LayerCAM", "hirescam": "HiResCAM"}


def attributions_sheet(look: Look, found: Sequence[Attribution]) -> Image.Image:
    """The picture, and each attribution over it.

    Args:
        look: what they are of.
        found: class maps, occlusions, integrated gradients, of one class or of several.
    """
    factor = factor_of(look.input)
    tiles = [Tile(enlarge(rgb(look.input), factor), "the picture", (_answer(look),))]
    for one in found:
        title = f"{name_of(one)}: {one.target.name}"
        tiles.append(Tile(enlarge(heat_pixels(look, one), factor), _cut(title), tuple(_lines(one))))
    signed = [one for one in found if not isinstance(one, ClassMap)]
    colours: Colours = "signed" if len(signed) == len(found) else "heat"
    remarks = ["occlusion, integrated gradients: orange speaks for the class, blue against it"] if signed else []
    return sheet(tiles, "Where a class is seen", remarks, colours)


def heat_pixels(look: Look, found: Attribution) -> Pixels:
    """An attribution over its picture, ``(H, W, 3)``: class maps in the colours of heat, others by their signs."""
    if isinstance(found, ClassMap):
        heat_HW = found.enlarged()
        return heat_over(look.input, heat_HW if not found.empty else np.zeros_like(heat_HW))
    heat_HW = clipped(found.enlarged(), 0.995) if isinstance(found, IntegratedGradients) else found.enlarged()
    return heat_over(look.input, heat_HW, "signed")


def name_of(found: Attribution) -> str:
    """The method's name."""
    if isinstance(found, ClassMap):
        return NAMES[found.method]
    return "occlusion" if isinstance(found, Occlusion) else "integrated gradients"


def field_sheet(look: Look, at: str) -> Image.Image:
    """The picture with the receptive field of a unit, and the field alone, enlarged.

    Raises:
        UserError: the network has no such unit.
    """
    unit = look.unit(at)
    rows = " x ".join(str(stop - start) for start, stop in unit.field.spans)
    seen = "the whole picture" if unit.field.whole else f"{rows} pixels"
    lines = (seen, f"value {short(unit.value)}")
    return sheet(_seen(look.input, unit.field, (str(unit.address), lines)), "", columns=2)


def excitation_sheet(found: Excitation, least: bool = False) -> Image.Image:
    """The pictures that excite a unit most, with the place that does it, and that place enlarged.

    Args:
        found: of a unit or a channel.
        least: the pictures that excite it least instead.
    """
    tiles: list[Tile] = []
    for entry in found.least if least else found.most:
        tiles += _excited(entry)
    how = f"{found.by} of the channel" if found.by else "the unit"
    remarks = [f"{found.of}: {len(found.values_N):,} pictures, {how}, the {'least' if least else 'most'} first"]
    if found.dead:
        remarks.append("every picture gives it the same value")
    # A picture and what was cut out of it stay in one row.
    wide = max((tile.pixels_HWC.shape[1] for tile in tiles), default=1)
    return sheet(tiles, f"{found.at}   {found.operation}", remarks, columns=2 * max(1, 4 * SIDE // (2 * wide)))


def factor_of(image_HWC: Pixels) -> int:
    """The whole number that a small picture is enlarged by."""
    longer: int = max(image_HWC.shape[0], image_HWC.shape[1])
    return max(1, SIDE // longer)


def _excited(entry: Excited) -> list[Tile]:
    return _seen(entry.image_HWC, entry.field, (_cut(f"{short(entry.value)}   {entry.label}"), (str(entry.at),)))


def _seen(image_HWC: Pixels, box: Field, label: tuple[str, tuple[str, ...]]) -> list[Tile]:
    """The picture with a frame, and beside it what is in the frame; as many tiles for every field."""
    factor = factor_of(image_HWC)
    inside = cropped(image_HWC, box)
    height, width = (factor * length for length in image_HWC.shape[:2])
    times = max(1, min(height // inside.shape[0], width // inside.shape[1]))
    title, lines = label
    framed = enlarge(rgb(image_HWC), factor) if box.whole else with_box(image_HWC, box, factor)
    return [Tile(framed, title, lines), Tile(enlarge(rgb(inside), times), f"x {times}" if times > factor else "")]


def _lines(found: Attribution) -> list[str]:
    target = found.target
    lines = [f"score {short(target.score)}, probability {target.probability:.3f}"]
    if isinstance(found, ClassMap):
        rows, columns = found.map_HW.shape
        lines.append(f"{found.layer}, {rows} x {columns}")
        lines += _wrapped(EMPTY[found.empty] or CHOSEN[found.chosen])
    elif isinstance(found, Occlusion):
        (rows, columns), row, column = found.window, *found.steepest
        drop = float(found.drops[row, column])
        lines.append(f"window {rows} x {columns}, {found.fill}, stride {found.stride[0]} x {found.stride[1]}")
        lines.append(f"the score falls by {short(drop)} at most" if drop > 0 else "covering never lowers the score")
    else:
        lines.append(f"from {found.baseline} ({short(found.baseline_score)}), {found.steps} steps")
        lines.append(f"sum {short(found.total)} of {short(found.difference)}, gap {short(found.gap)}")
        if not found.complete:
            lines.append("the gap is over 5 %: take more steps")
    return lines


def _answer(look: Look) -> str:
    best = int(look.probabilities.argmax())
    return _cut(f"{look.model.classes[best]}, {look.probabilities[best]:.3f}")


def _cut(text: str, most: int = 40) -> str:
    return text if len(text) <= most else text[: most - 3].rstrip() + "..."


def _wrapped(text: str, most: int = 42) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) + 1 > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
