"""``convscope look`` as a page: a model on one picture, from the answer down to any number's multiply-adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markupsafe import Markup

from convscope.files import write_atomically
from convscope.inspection.attribution.class_map import ClassMap, Method, class_map
from convscope.inspection.attribution.derivatives import target_of
from convscope.inspection.attribution.integrated import IntegratedGradients, integrated_gradients
from convscope.inspection.attribution.occlusion import Occlusion, occlusion
from convscope.inspection.look import Look
from convscope.inspection.maps import Kernels, convolutions, kernels
from convscope.inspection.training_step import TrainingStep, training_step
from convscope.network.address import Address, parse_address
from convscope.network.graph import INPUT
from convscope.render.html import look_sections as sections
from convscope.render.html.look_pictures import Sheet, sheets
from convscope.render.html.look_training import training
from convscope.render.html.look_units import (
    Progress,
    Units,
    chosen_units,
    every_unit,
    opens_whole,
    pack_operands,
    pack_units,
)
from convscope.render.html.page import page as shell
from convscope.render.i18n import Lang

METHODS: tuple[Method, ...] = ("gradcam", "layercam")


@dataclass(frozen=True, eq=False)
class LookPage:
    """What the page of a look shows.

    Args:
        look: the model's run on the picture.
        name: of the picture, for people.
        label: what it shows, where that is known.
        class_maps: of the explained class.
        occlusion, integrated: likewise; None to leave them out.
        kernels: of the first convolution; None of a network without one.
        sheets: the feature maps by node.
        units: which open, by node.
        whole: whether these are all units.
        start: the unit that is open at first.
        step: one training step on the picture; None to leave it out.
        more: further sections, HTML each, trusted as they are.
    """

    look: Look
    name: str
    label: str | None
    class_maps: tuple[ClassMap, ...]
    occlusion: Occlusion | None
    integrated: IntegratedGradients | None
    kernels: Kernels | None
    sheets: dict[str, Sheet]
    units: Units
    whole: bool
    start: Address
    step: TrainingStep | None = None
    more: tuple[str, ...] = field(default=())


def gather(
    look: Look,
    *,
    name: str = "",
    label: str | None = None,
    class_name: str | None = None,
    at: Sequence[str] = (),
    attribution: bool = True,
    step: bool = True,
    lr: float = 0.01,
    more: Sequence[str] = (),
    progress: Progress | None = None,
) -> LookPage:
    """Compute what the page of a look shows.

    Args:
        look: a model's run on a picture.
        name, label: of the picture.
        class_name: the class that the heat maps explain; None: the predicted one.
        at: units that surely open, with their ways back to the pixels; the first is open at first.
        attribution: whether to compute the heat maps, which takes the longest.
        step: whether to take a training step on the picture, by its label or else by the model's answer.
        lr: the step's learning rate.
        more: further sections, HTML each, trusted as they are.
        progress: told (``"units"``, ``"occlusion"`` or ``"gradients"``, done, of how many).

    Raises:
        UserError: the model has no such class or unit.
    """
    graph = look.model.module.graph
    asked = [parse_address(graph, one) for one in at]
    target_of(look, class_name)  # a slip is told before the long part
    whole = opens_whole(graph)
    units = every_unit(look, progress) if whole else chosen_units(look, asked, progress)
    kept = {path: sorted({unit.address.index[0] for unit in opened}) for path, opened in units.items()}
    hidden, slopes = None, None
    maps: tuple[ClassMap, ...] = ()
    if attribution:
        maps = tuple(class_map(look, class_name, method) for method in METHODS)
        hidden = occlusion(look, class_name, progress=_named(progress, "occlusion"))
        slopes = integrated_gradients(look, class_name, progress=_named(progress, "gradients"))
    scores = look.values[look.model.scores_path]
    named = label if label in look.model.classes else int(look.probabilities.argmax())
    taken = training_step(look, labels=named, lr=lr, training=False) if step else None
    return LookPage(
        look,
        name,
        label,
        maps,
        hidden,
        slopes,
        kernels(look) if convolutions(graph) else None,
        sheets(look, {} if whole else kept),
        units,
        whole,
        asked[0] if asked else Address(look.model.scores_path, (int(scores.argmax()),)),
        taken,
        tuple(more),
    )


def _named(progress: Progress | None, what: str) -> Any:
    return None if progress is None else lambda done, total: progress(what, done, total)


def write_look_page(path: Path, page: LookPage, lang: Lang | None = None) -> None:
    """Write the page that :func:`render_look_page` renders; the old file or the whole new one is there at any time.

    Raises:
        UserError: the file cannot be written.
    """
    write_atomically(path, render_look_page(page, lang).encode("utf-8"))


def render_look_page(page: LookPage, lang: Lang | None = None) -> str:
    """A look as one HTML page that loads nothing.

    Args:
        page: what it shows, from :func:`gather`.
        lang: the language it opens in, ``"en"`` or ``"ko"``; None for the reader's browser's.

    Example:
        >>> from convscope.inspection.look import look_at
        >>> look = look_at("runs/mnist/model", "seven.png")  # doctest: +SKIP
        >>> render_look_page(gather(look, name="seven.png"))[:15]  # doctest: +SKIP
        '<!doctype html>'
    """
    return shell(
        "look.html",
        sections.title(page.look, page.name),
        _data(page),
        ("page.js", "unit.js", "look.js"),
        ("page.css", "look.css"),
        lang,
        answer=sections.answer(page.look, page.name, page.label),
        heat=sections.heat(page.look, page.class_maps, page.occlusion, page.integrated),
        drawing=sections.network(page.look),
        units=sections.units(page.look, page.sheets, page.units, page.start, page.whole),
        kernels=sections.first_kernels(page.kernels),
        training=training(page.step) if page.step is not None else "",
        more=[Markup(section) for section in page.more],
        facts=sections.facts(page.look),
    )


def _data(page: LookPage) -> dict[str, Any]:
    look, graph = page.look, page.look.model.module.graph
    nodes = []
    for path in [INPUT, *(node.path for node in graph.nodes)]:
        node, drawn = graph.by_path.get(path), page.sheets[path]
        opened = page.units.get(path)
        nodes.append(
            {
                "path": path,
                "op": node.op.text() if node else "",
                "word": node.op.word if node else "pixel",
                "shape": list(look.values[path].shape),
                "reads": list(node.inputs) if node else [],
                "units": pack_units(look, path, opened, page.whole) if opened else None,
                "maps": sections.maps_json(drawn),
            }
        )
    operands = pack_operands(look) if page.whole else {}
    classes = {str(k): name for k, name in enumerate(look.model.classes)}
    return {
        "nodes": nodes,
        **operands,
        "start": str(page.start),
        "scores": look.model.scores_path,
        "classes": classes,
        "precision": look.precision,
    }
