"""What each section of a look's page shows: a function from the look to the values of its template ``look.html``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from convscope.data.dataset import Preprocess
from convscope.data.image.decode import ImagePreprocess
from convscope.inspection.attribution.class_map import ClassMap
from convscope.inspection.attribution.integrated import IntegratedGradients
from convscope.inspection.attribution.occlusion import Occlusion
from convscope.inspection.look import Look
from convscope.inspection.maps import Kernels
from convscope.network.address import Address
from convscope.network.drawing import draw, plan_drawing
from convscope.network.graph import INPUT, Graph
from convscope.ops import elements, spell_shape
from convscope.printable import printable
from convscope.render.html.languages import spoken
from convscope.render.html.look_pictures import Sheet, kernel_uri, picture_uri
from convscope.render.html.look_units import Units
from convscope.render.html.markup import name as isolated
from convscope.render.html.markup import text, text_lines
from convscope.render.html.numerals import shown
from convscope.render.html.report_sections import Values as Shown
from convscope.render.images.colormap import Floats
from convscope.render.images.overlay import clipped, heat_over
from convscope.render.wording import confidence_text, percent

ANSWERS = 5
MOST_KERNELS = 96
SMALL = 64
"""Pixels a side up to which a picture is shown enlarged, to the pixel."""


def title(look: Look, name: str) -> str:
    """Of the window: the picture and the answer."""
    at = int(look.probabilities.argmax())
    answer = f"{look.model.classes[at]} ({confidence_text(float(look.probabilities[at]))})"
    return printable(f"{name}: {answer}" if name else answer)


def answer(look: Look, name: str, label: str | None) -> Shown:
    """The picture, the answer in words, the likeliest classes with their probabilities."""
    chances = look.probabilities
    order = [int(k) for k in np.argsort(-chances, kind="stable")[:ANSWERS]]
    best = look.model.classes[order[0]]
    height, width = look.input.shape[:2]
    return {
        "uri": picture_uri(look.input),
        "alt": name or best,
        "name": name,
        "small": max(height, width) <= SMALL,
        "width": width,
        "height": height,
        "best": bold(best),
        "chance": percent(float(chances[order[0]])),
        "label": None if label is None else bold(label),
        "right": label == best,
        "likeliest": [
            {
                "address": f"{look.model.scores_path}[{k}]",
                "name": look.model.classes[k],
                "chance": float(chances[k]),
                "said": confidence_text(float(chances[k])),
            }
            for k in order
        ],
    }


def bold(value: str) -> Markup:
    """A name, set apart."""
    return Markup("<b>{}</b>").format(isolated(value))


# Heat over the picture


def heat(
    look: Look, class_maps: Sequence[ClassMap], hidden: Occlusion | None, slopes: IntegratedGradients | None
) -> Shown | None:
    """What of the picture the class's score comes from, by every method."""
    cards = [_class_map(look, one) for one in class_maps]
    if hidden is not None:
        cards.append(_occlusion(look, hidden))
    if slopes is not None:
        cards.append(_gradients(look, slopes))
    if not cards:
        return None
    target = next(one.target for one in (*class_maps, hidden, slopes) if one is not None)
    return {"name": bold(target.name), "cards": cards}


def _card(look: Look, heat_HW: Floats | None, colours: str, key: str, *notes: Markup) -> Shown:
    """A heat map with its name and what it says; the bare picture where the map is empty."""
    if heat_HW is None:
        pixels = look.input
    else:
        pixels = heat_over(look.input, heat_HW, "signed" if colours == "signed" else "heat")
    return {
        "uri": picture_uri(pixels),
        "small": max(pixels.shape[:2]) <= SMALL,
        "colours": colours if heat_HW is not None else "",
        "key": key,
        "notes": notes,
    }


def _class_map(look: Look, of: ClassMap) -> Shown:
    layer = Markup("<code>{}</code>").format(of.layer)
    notes = [spoken(f"about {of.method}"), spoken(f"chosen: {of.chosen}", layer=layer)]
    if of.empty:
        notes.append(Markup("<b>{}</b> {}").format(spoken("empty map"), spoken(f"empty: {of.empty}")))
        return _card(look, None, "heat", of.method, *notes)
    return _card(look, of.enlarged(), "heat", of.method, *notes)


def _occlusion(look: Look, hidden: Occlusion) -> Shown:
    row, column = hidden.steepest
    before, after = hidden.target.probability, float(hidden.probabilities_RC[row, column])
    notes = [spoken("about occlusion", size=f"{hidden.window[1]} × {hidden.window[0]}")]
    if hidden.peak is None:
        notes.append(spoken("occlusion never"))
    else:
        notes.append(spoken("occlusion most", before=percent(before), after=percent(after)))
    return _card(look, hidden.enlarged(), "signed", "occlusion", *notes)


def _gradients(look: Look, slopes: IntegratedGradients) -> Shown:
    total, difference = shown(slopes.total, 4), shown(slopes.difference, 4)
    notes = [spoken("about integrated"), spoken("integrated sum", total=total, difference=difference)]
    if not slopes.complete:
        notes.append(spoken("integrated incomplete"))
    return _card(look, clipped(slopes.enlarged()), "signed", "integrated", *notes)


# The network


def network(look: Look) -> Markup:
    """The drawing, every box of it leading to its node."""
    return Markup(linked_drawing(look.model.module.graph, look.model.network.source.title))


def linked_drawing(graph: Graph, name: str = "network") -> str:
    """A network's drawing whose boxes carry the path of their last node, for the script.

    Example:
        >>> from convscope.network import zoo
        >>> linked_drawing(zoo.known("lenet5").graph()).count("data-path")
        8
    """
    drawing = draw(graph, name=name)
    boxes = [box for box in plan_drawing(graph).boxes if box.run]
    # Boxes are drawn in their order, each a group that begins with its tooltip.
    marks = list(re.finditer("<g><title>", drawing))
    if len(marks) != len(boxes):
        return drawing
    parts, end = [], 0
    for mark, box in zip(marks, boxes, strict=True):
        assert box.run is not None
        parts += [drawing[end : mark.start()], f'<g data-path="{text(box.run.nodes[-1].path)}"><title>']
        end = mark.end()
    return "".join([*parts, drawing[end:]])


# Units


def units(look: Look, sheets: Mapping[str, Sheet], opened: Units, start: Address, whole: bool) -> Shown:
    """The feature maps of every node, and the way from a unit back to a pixel."""
    return {
        "whole": whole,
        "count": sum(len(some) for some in opened.values()),
        "every": sum(elements(values.shape) for values in look.values.values()),
        "nodes": [_node(path, look, sheet) for path, sheet in sheets.items()],
        "trail": [
            {
                "address": str(unit.address),
                "operation": unit.operation,
                "value": unit.value,
                "engine": unit.engine,
                "difference": unit.difference,
            }
            for unit in look.trail(start)
        ],
    }


def _node(path: str, look: Look, sheet: Sheet) -> Shown:
    """The range of a node's values, its dead maps, and all its maps on one sheet."""
    maps = sheet.maps
    dead = None
    if maps.dead and not maps.is_vector:
        numbers = ", ".join(map(str, maps.dead[:12])) + (" …" if len(maps.dead) > 12 else "")
        dead = {"count": len(maps.dead), "numbers": numbers}
    return {
        "path": path,
        "operation": "" if path == INPUT else maps.operation,
        "shape": spell_shape(look.values[path].shape),
        "low": float(maps.low_C.min()),
        "high": float(maps.high_C.max()),
        "dead": dead,
        "sheet": sheet.uri,
    }


def maps_json(one: Sheet) -> dict[str, Any]:
    """How the script finds a map on its sheet."""
    maps = one.maps
    dead = set(maps.dead) if not maps.is_vector else set()
    return {
        "channels": list(one.channels),
        "rows": one.rows,
        "columns": one.columns,
        "across": one.across,
        "down": -(-len(one.channels) // one.across),
        "vector": maps.is_vector,
        "factor": one.factor,
        "low": [float(maps.low_C[k]) for k in one.channels],
        "high": [float(maps.high_C[k]) for k in one.channels],
        "dead": [k for k in one.channels if k in dead],
        "deadCount": len(dead),
        "count": maps.maps_CHW.shape[0],
        "signed": maps.signed,
    }


# The rest


def first_kernels(kernels: Kernels | None) -> Shown | None:
    """The kernels of the first convolution, each with its range."""
    if kernels is None:
        return None
    count, channels = kernels.weights_OIHW.shape[:2]
    alone = kernels.reads_colours or channels == 1
    figures = [
        {
            "dead": number in kernels.dead,
            "uris": [kernel_uri(kernels, number, channel) for channel in range(1 if alone else min(channels, 4))],
            "low": float(kernels.low_O[number]),
            "high": float(kernels.high_O[number]),
        }
        for number in range(min(count, MOST_KERNELS))
    ]
    where = Markup("<code>{}</code> ({})").format(kernels.path, kernels.operation)
    return {"colour": kernels.reads_colours, "where": where, "shown": figures, "omitted": count - MOST_KERNELS}


def facts(look: Look) -> Shown:
    """What was run, and in which numbers."""
    graph, pre = look.model.module.graph, look.model.preprocess
    rows = [
        ("fact input", Markup("{}{}").format(spell_shape(graph.input), _fit(pre))),
        ("fact nodes", f"{len(graph.nodes):,}"),
        ("fact parameters", f"{graph.parameter_count:,}"),
        ("fact macs", f"{graph.macs:,}"),
        ("fact precision", look.precision),
    ]
    return {"rows": rows, "notation": text_lines(look.model.network.text())}


def _fit(preprocess: Preprocess) -> Markup:
    """How pictures came to the input's size."""
    fit = preprocess.fit if isinstance(preprocess, ImagePreprocess) else None
    return Markup("") if fit is None else Markup(", <code>{}</code>").format(fit)
