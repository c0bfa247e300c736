"""The sections of a look's page, each a function from values to HTML; an empty text where there is nothing to show."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from convscope.data.dataset import Preprocess
from convscope.data.image.decode import ImagePreprocess
from convscope.inspection.attribution.class_map import ClassMap
from convscope.inspection.attribution.integrated import IntegratedGradients
from convscope.inspection.attribution.occlusion import Occlusion
from convscope.inspection.look import Look
from convscope.inspection.maps import Kernels
from convscope.network.address import Address
from convscope.network.drawing import draw, layout
from convscope.network.graph import Graph
from convscope.ops import elements, spell_shape
from convscope.render.html.look_pictures import Sheet, kernel_uri, picture_uri
from convscope.render.html.look_units import Units
from convscope.render.html.markup import name as isolated
from convscope.render.html.markup import text
from convscope.render.html.numerals import shown
from convscope.render.html.page import attribute, both, paragraph, section
from convscope.render.i18n import Lang
from convscope.render.images.colormap import Floats
from convscope.render.images.overlay import clipped, heat_over
from convscope.render.wording import percent, printable, sureness

ANSWERS = 5
MOST_KERNELS = 96


def title(look: Look, name: str) -> str:
    """Of the window: the picture and the answer."""
    at = int(look.probabilities.argmax())
    answer = f"{look.model.classes[at]} ({sureness(float(look.probabilities[at]))})"
    return printable(f"{name}: {answer}" if name else answer)


def head(look: Look, name: str, label: str | None) -> str:
    """The picture, the answer in words, the likeliest classes with their probabilities."""
    chances = look.probabilities
    order = [int(k) for k in np.argsort(-chances, kind="stable")[:ANSWERS]]
    best = order[0]
    answer = f"<b>{isolated(look.model.classes[best])}</b>"
    said = both("it says", answer=answer, chance=text(percent(float(chances[best]))))
    labelled = ""
    if label is not None:
        key = "label right" if label == look.model.classes[best] else "label wrong"
        labelled = f'<p class="note">{both(key, label=f"<b>{isolated(label)}</b>")}</p>'
    rows = "".join(_answer(look, k, float(chances[k])) for k in order)
    alt = text(name or look.model.classes[best])
    shape = look.input.shape
    pixelated = ' class="pixels"' if max(shape[:2]) <= 64 else ""
    shot = f'<img id="picture" src="{picture_uri(look.input)}" alt="{alt}"{pixelated}>'
    caption = f"<figcaption>{isolated(name)} <span>{shape[1]} × {shape[0]}</span></figcaption>" if name else ""
    return f"""<p class="overline">{both("made by look")}</p>
<div class="answer">
<figure class="subject">{shot}{caption}</figure>
<div>
<h1>{said}</h1>
{labelled}<ol class="chances">{rows}</ol>
</div>
</div>"""


def _answer(look: Look, at: int, chance: float) -> str:
    address = f"{look.model.scores_path}[{at}]"
    bar = f'<span class="bar" style="--share:{100 * chance:.2f}%" aria-hidden="true"></span>'
    named = f'<a href="#{address}">{isolated(look.model.classes[at])}</a>'
    return f"<li>{named}{bar}<span>{text(sureness(chance))}</span></li>"


# Heat over the picture


def heat(
    look: Look, class_maps: Sequence[ClassMap], hidden: Occlusion | None, slopes: IntegratedGradients | None
) -> str:
    """What of the picture the class's score comes from, by every method."""
    cards = [_class_map(look, one) for one in class_maps]
    if hidden is not None:
        cards.append(_occlusion(look, hidden))
    if slopes is not None:
        cards.append(_gradients(look, slopes))
    if not cards:
        return ""
    target = next(one.target for one in (*class_maps, hidden, slopes) if one is not None)
    return section(
        "heat",
        "heat",
        paragraph("heat text", name=f"<b>{isolated(target.name)}</b>"),
        f'<div class="heats">{"".join(cards)}</div>',
    )


def _card(look: Look, heat_HW: Floats | None, colours: str, key: str, *notes: str) -> str:
    """A heat map with its name and what it says; the bare picture where the map is empty."""
    if heat_HW is None:
        pixels = look.input
    else:
        pixels = heat_over(look.input, heat_HW, "signed" if colours == "signed" else "heat")
    pixelated = ' class="pixels"' if max(pixels.shape[:2]) <= 64 else ""
    said = "".join(f"<p>{note}</p>" for note in notes if note)
    scale = f'<span class="scale {colours}" aria-hidden="true"></span>' if heat_HW is not None else ""
    return (
        f'<figure class="heat"><img src="{picture_uri(pixels)}" alt=""{pixelated}>{scale}'
        f"<figcaption><h3>{both(key)}</h3>{said}</figcaption></figure>"
    )


def _class_map(look: Look, found: ClassMap) -> str:
    layer = f"<code>{text(found.layer)}</code>"
    notes = [both(f"about {found.method}"), both(f"chosen: {found.chosen}", layer=layer)]
    if found.empty:
        notes.append(f"<b>{both('empty map')}</b> {both(f'empty: {found.empty}')}")
        return _card(look, None, "heat", found.method, *notes)
    return _card(look, found.enlarged(), "heat", found.method, *notes)


def _occlusion(look: Look, found: Occlusion) -> str:
    row, column = found.steepest
    before, after = found.target.probability, float(found.probabilities_RC[row, column])
    size = f"{found.window[1]} × {found.window[0]}"
    notes = [both("about occlusion", size=size)]
    if found.peak is None:
        notes.append(both("occlusion never"))
    else:
        notes.append(both("occlusion most", before=text(percent(before)), after=text(percent(after))))
    return _card(look, found.enlarged(), "signed", "occlusion", *notes)


def _gradients(look: Look, found: IntegratedGradients) -> str:
    total, difference = shown(found.total, 4), shown(found.difference, 4)
    notes = [both("about integrated"), both("integrated sum", total=total, difference=difference)]
    if not found.complete:
        notes.append(both("integrated incomplete"))
    return _card(look, clipped(found.enlarged()), "signed", "integrated", *notes)


# The network


def network(look: Look) -> str:
    """The drawing, every box of it leading to its node."""
    graph = look.model.module.graph
    drawing = linked_drawing(graph, look.model.network.source.title)
    return section(
        "network", "network", paragraph("network text"), f'<div class="scroll drawing" tabindex="0">{drawing}</div>'
    )


def linked_drawing(graph: Graph, name: str = "network") -> str:
    """A network's drawing whose boxes carry the path of their last node, for the script.

    Example:
        >>> from convscope.network import zoo
        >>> linked_drawing(zoo.known("lenet5").graph()).count("data-path")
        8
    """
    drawing = draw(graph, name=name)
    boxes = [box for box in layout(graph).boxes if box.run]
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


def units(
    look: Look, drawn: Mapping[str, Sheet], opened: Units, start: Address, whole: bool, lang: Lang
) -> str:  # fmt: skip
    """The feature maps of every node, and the place where a unit opens."""
    count = sum(len(some) for some in opened.values())
    every = sum(elements(values.shape) for values in look.values.values())
    said = paragraph("units whole" if whole else "units chosen", count=f"{count:,}", every=f"{every:,}")
    options = "".join(
        f'<option value="{text(path)}">{text(path)} · {spell_shape(values.shape)}</option>'
        for path, values in look.values.items()
    )
    choose = f'<select id="node" {attribute("aria-label", "node", lang)}>{options}</select>'
    move = "".join(
        f'<button type="button" id="{key}" {attribute("aria-label", key, lang)}>{sign}</button>'
        for key, sign in (("node-before", "‹"), ("node-after", "›"))
    )
    explorer = f"""<div class="explorer live-only">
<div class="chooser">
<div class="node">{choose}{move}</div>
<p id="node-says" class="note"></p>
<div id="tiles"></div>
</div>
<div id="unit" aria-live="polite"></div>
</div>"""
    listed = "".join(_sheet(path, look, one) for path, one in drawn.items())
    return section(
        "units",
        "units",
        said,
        explorer,
        f"<h3>{both('trail')}</h3>{paragraph('trail text')}{_trail(look, start)}",
        f'<div class="sheets">{listed}</div>',
    )


def _trail(look: Look, start: Address) -> str:
    """From a unit back to a pixel, always on to the unit that moves it most."""
    rows = []
    for unit in look.trail(start):
        address = str(unit.address)
        cells = [
            f'<a href="#{text(address)}"><code>{text(address)}</code></a>',
            text(unit.operation),
            shown(unit.value, 7),
            shown(unit.engine, 7),
            shown(unit.difference, 1),
        ]
        marks = ("", "", ' class="number"', ' class="number"', ' class="number"')
        rows.append("<tr>" + "".join(f"<td{m}>{c}</td>" for m, c in zip(marks, cells, strict=True)) + "</tr>")
    heads = "".join(
        f'<th scope="col"{mark}>{both(key)}</th>'
        for key, mark in (
            ("unit", ""),
            ("operation", ""),
            ("numpy", ' class="number"'),
            ("engine", ' class="number"'),
            ("difference", ' class="number"'),
        )
    )
    table = f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<div class="scroll trail"><table>{table}</table></div>'


def _sheet(path: str, look: Look, one: Sheet) -> str:
    operation = "" if path == "input" else f" · {text(one.maps.operation)}"
    line = f"<code>{text(path)}</code>{operation} · {spell_shape(look.values[path].shape)} · {maps_line(one)}"
    image = f'<img data-sheet="{text(path)}" src="{one.uri}" alt="" class="pixels" loading="lazy">'
    return f"<details><summary>{line}</summary>{image}</details>"


def maps_line(one: Sheet) -> str:
    """The range of a node's values and its dead maps, in words."""
    maps = one.maps
    low, high = float(maps.low_C.min()), float(maps.high_C.max())
    said = [both("range", low=shown(low, 3), high=shown(high, 3))]
    if maps.dead and not maps.is_vector:
        some = ", ".join(map(str, maps.dead[:12])) + (" …" if len(maps.dead) > 12 else "")
        said.append(both("dead maps", count=str(len(maps.dead)), numbers=some))
    return " · ".join(said)


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


def kernels_section(found: Kernels | None) -> str:
    """The kernels of the first convolution, each with its range."""
    if found is None:
        return ""
    count, channels = found.weights_OIHW.shape[:2]
    alone = found.reads_colours or channels == 1
    figures = []
    for number in range(min(count, MOST_KERNELS)):
        dead = " dead" if number in found.dead else ""
        images = "".join(
            f'<img src="{kernel_uri(found, number, channel)}" alt="" class="pixels">'
            for channel in range(1 if alone else min(channels, 4))
        )
        low, high = (shown(float(x), 2) for x in (found.low_O[number], found.high_O[number]))
        said = both("kernel of zeros") if dead else f"{low} … {high}"
        caption = f"<figcaption><b>{number}</b> <small>{said}</small></figcaption>"
        figures.append(f'<figure class="kernel{dead}">{images}{caption}</figure>')
    omitted = f'<p class="note">{both("and more", n=str(count - MOST_KERNELS))}</p>' if count > MOST_KERNELS else ""
    key = "kernels text colour" if found.reads_colours else "kernels text"
    where = f"<code>{text(found.path)}</code> ({text(found.operation)})"
    grid = f'<div class="kernel-grid">{"".join(figures)}</div>'
    return section("kernels", "first kernels", paragraph(key, where=where), grid, omitted)


def facts(look: Look, opened: Units, whole: bool) -> str:
    """What was run, in which numbers, and how much of it opens here."""
    graph, pre = look.model.module.graph, look.model.preprocess
    rows = [
        ("fact input", f"{spell_shape(graph.input)}{_fit(pre)}"),
        ("fact nodes", f"{len(graph.nodes):,}"),
        ("fact parameters", f"{graph.parameter_count:,}"),
        ("fact macs", f"{graph.macs:,}"),
        ("fact precision", text(look.precision)),
    ]
    listed = "".join(f"<div><dt>{both(key)}</dt><dd>{value}</dd></div>" for key, value in rows)
    source = (
        f"<details><summary>{both('notation')}</summary><pre>{text_lines(look.model.network.text())}</pre></details>"
    )
    return section("facts", "facts", f'<dl class="facts">{listed}</dl>', source)


def _fit(preprocess: Preprocess) -> str:
    """How pictures came to the input's size."""
    return f", <code>{text(preprocess.fit)}</code>" if isinstance(preprocess, ImagePreprocess) else ""


def text_lines(value: str) -> str:
    """Text of several lines, which stay lines."""
    return "\n".join(text(line) for line in value.splitlines())
