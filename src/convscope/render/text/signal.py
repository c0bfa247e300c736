"""What initialisation and depth do, as tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from convscope.inspection.signal import Depth, DepthExperiment, Signal
from convscope.render.i18n import Lang, words
from convscope.tables import text_table

SHOWN = 5
"""Layers of a deep network that a line shows: the first, the last and some between."""
VANISHES, EXPLODES = 1e-2, 1e2
"""Of a gradient, from the last layer to the first."""

QUANTITIES = ("std", "gradient_size", "weight_gradient_size")
"""Of a layer: what goes forward, what comes back, what is learnt from."""


def word(key: str, lang: Lang = "en") -> str:
    """A word of these tables in a language."""
    return words("signal", lang)[key]


def kind_name(kind: str, lang: Lang = "en") -> str:
    """A kind of layer, its additions in a language.

    Example:
        >>> kind_name("relu + residual"), kind_name("relu + residual", "ko")
        ('relu + residual', 'relu + 잔차 연결')
    """
    return " + ".join(words("signal", lang).get(part, part) for part in kind.split(" + "))


def signal_table(rows: Sequence[Signal], lang: Lang = "en") -> str:
    """A network's values and gradients, one line a node.

    Args:
        rows: what :func:`convscope.inspection.signal.signal` measured.
        lang: the language.

    Example:
        >>> row = Signal("relu1", "relu", 0.4, 0.58, 0.5, 0.5, 0.5, 1e-3, 8e-4, None, None, None)
        >>> print(signal_table([row]).splitlines()[1])
        relu1  relu        0.4  0.58    0.5    0.5        0.5    0.0008           -                -
    """
    keys = ("node", "operation", "mean", "std", "zeros", "slope", "saturated", "gradient", "weight", "weight gradient")
    table = [tuple(word(key, lang) for key in keys)]
    for row in rows:
        numbers = (
            *(row.mean, row.std, row.zeros, row.slope, row.saturated, row.gradient_size),
            *(row.weight_std, row.weight_gradient_size),
        )
        table.append((row.path, row.operation, *map(short, numbers)))
    return text_table(table, "<<>>>>>>>>") + "\n\n" + word("signal note", lang)


def depth_table(experiment: DepthExperiment, lang: Lang = "en") -> str:
    """The classroom experiment: forward, back, and what the weights learn from, by network and layer.

    Args:
        experiment: what :func:`convscope.inspection.signal.depth_experiment` measured.
        lang: the language.

    Example:
        >>> from convscope.inspection.signal import depth_experiment
        >>> print(depth_table(depth_experiment(3, ["relu"], ["zeros"], width=4)).splitlines()[0])
        3 layers, each: linear 4
    """
    blocks = [word("depth head", lang).format(depth=experiment.depth, layer=experiment.layer)]
    blocks += [word(f"what {what}", lang) + "\n" + _block(experiment, what, lang) for what in QUANTITIES]
    notes = [word("gain note", lang)]
    if "sigmoid" in experiment.kinds:
        scheme = "lecun" if "lecun" in experiment.schemes else experiment.schemes[0]
        found, bound = experiment.network("sigmoid", scheme)[0].slopes, 0.25**experiment.depth
        numbers = {"depth": experiment.depth, "bound": short(bound), "found": short(found), "scheme": scheme}
        notes.append(word("slopes", lang).format(**numbers))
    return "\n\n".join([*blocks, "\n".join(notes)])


def _block(experiment: DepthExperiment, what: str, lang: Lang) -> str:
    shown = shown_layers(experiment.depth)
    back = what == "gradient_size"
    heads = [word("kind", lang), word("init", lang), word("gain", lang)]
    heads += [word("layer", lang).format(n=n) for n in shown]
    heads += [word("carried", lang), ""] if back else []
    table = [tuple(heads)]
    for kind in experiment.kinds:
        for scheme in experiment.schemes:
            rows = experiment.network(kind, scheme)
            cells = [
                kind_name(kind, lang),
                scheme,
                short(rows[0].gain),
                *(short(_value(rows[n - 1], what)) for n in shown),
            ]
            if back:
                carried = experiment.carried(kind, scheme)
                cells += [short(carried), word(verdict(carried), lang)]
            table.append(tuple(cells))
    return text_table(table, "<<>" + ">" * len(shown) + "><" * back)


def _value(row: Depth, what: str) -> float:
    found: float = getattr(row, what)
    return found


def verdict(carried: float) -> str:
    """Whether a gradient ``vanishes``, ``explodes`` or ``stays``, by how much of it the first layer has of the last's.

    Example:
        >>> verdict(1e-12), verdict(0.7), verdict(1e9)
        ('vanishes', 'stays', 'explodes')
    """
    if not isfinite(carried) or carried > EXPLODES:
        return "explodes"
    return "vanishes" if carried < VANISHES else "stays"


def shown_layers(depth: int) -> list[int]:
    """The layers that stand for all: first, last, and evenly between.

    Example:
        >>> shown_layers(20), shown_layers(3)
        ([1, 6, 11, 15, 20], [1, 2, 3])
    """
    if depth <= SHOWN:
        return list(range(1, depth + 1))
    return [1 + round(n * (depth - 1) / (SHOWN - 1)) for n in range(SHOWN)]


def short(value: float | None) -> str:
    """A number in two digits, whole ones below 10,000 in full; a dash for None.

    Example:
        >>> short(0.254), short(1.2e-13), short(0.0), short(None), short(723.4)
        ('0.25', '1.2e-13', '0', '-', '723')
    """
    if value is None:
        return "-"
    return f"{value:.0f}" if 10 <= abs(value) < 10_000 else f"{value:.2g}"
