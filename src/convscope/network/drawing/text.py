"""The words of a drawing: how wide they are, short numbers, what a box says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from convscope.network.costs import BYTES, Field
from convscope.network.drawing.structure import Run, is_light
from convscope.network.graph import Node
from convscope.network.table import bytes_text
from convscope.ops import AvgPool, Conv, MaxPool, elements, spell, spell_shape

FONTS = "'Helvetica Neue', Arial, 'Liberation Sans', 'Noto Sans', 'DejaVu Sans', sans-serif"
# In hundredths of the size, of DejaVu Sans, the widest of these: what fits in it fits in all.
_WIDTHS = {
    28: "'ijl",
    32: "IJ ,.·\N{NO-BREAK SPACE}",
    36: "/:;\\|-f",
    42: "()[]!tr",
    50: '"*_`',
    53: "?szc–",
    58: "LFk",
    61: "vxyPTYaeo",
    66: "$0123456789ESbdghnpqu{}K",
    70: "ABVXZCR",
    79: "UNHD&GOQ",
    84: "w#+<=>^~M×→",
    100: "%mW@…",
}
_WIDTH = {letter: width / 100 for width, letters in _WIDTHS.items() for letter in letters}
_OTHER = 1.3
"""Of letters beyond: none of common scripts is wider."""
_BOLD = 1.13

LONGEST_LINE = 170.0
LONGEST_NAME = 28
COSTS = ("macs", "parameters", "memory")
COST_NAMES = {"macs": "MACs", "parameters": "parameters", "memory": "memory"}


@dataclass(frozen=True)
class Style:
    """How a line is set: its size in pixels, its height with the space to the next, bold or not."""

    size: float
    height: float
    bold: bool = False


OPERATION = Style(12, 15, bold=True)
FOLLOWING = Style(10.5, 13)
FIGURES = Style(10, 13.5)


@dataclass(frozen=True)
class BoxLine:
    """One line of a box."""

    text: str
    style: Style

    @property
    def width(self) -> float:
        """In pixels."""
        return width(self.text, self.style.size, self.style.bold)


def width(text: str, size: float, bold: bool = False) -> float:
    """Pixels that a text takes at most.

    Example:
        >>> round(width("conv 64 3x3", 12))
        76
    """
    return sum(_WIDTH.get(letter, _OTHER) for letter in text) * size * (_BOLD if bold else 1)


def shortened(text: str, most: int = LONGEST_NAME) -> str:
    """A text of at most so many letters, its middle left out.

    Example:
        >>> shortened("a" * 20 + "b" * 20, 9)
        'aaaa…bbbb'
    """
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[: most - 1 - half]}…{text[-half:]}"


def wrapped(text: str, room: float, size: float) -> list[str]:
    """A text as lines of at most ``room`` pixels, broken between words."""
    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if width(joined, size) <= room or not lines[-1]:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines


def short(count: float) -> str:
    """A count in three digits, its thousand fold beside it.

    Example:
        >>> short(118_013_952), short(9408), short(999_999), short(7)
        ('118\\xa0M', '9.41\\xa0k', '1.00\\xa0M', '7')
    """
    if count < 1000:
        return f"{count:.0f}"
    for unit in ("k", "M", "G", "T", "P"):
        count /= 1000
        if count < 999.5 or unit == "P":
            digits = 2 if count < 9.995 else 1 if count < 99.95 else 0
            return f"{count:.{digits}f}\N{NO-BREAK SPACE}{unit}"
    raise AssertionError


def cost_text(count: float, cost: str) -> str:
    """A cost in short; memory in bytes.

    Example:
        >>> cost_text(2048, "memory"), cost_text(2048, "macs")
        ('2.0\\xa0KiB', '2.05\\xa0k')
    """
    return bytes_text(count).replace(" ", "\N{NO-BREAK SPACE}") if cost == "memory" else short(count)


def cost_of(node: Node, cost: str) -> int:
    """What a node costs for one example: MACs, parameters, or bytes of its output."""
    if cost == "memory":
        return elements(node.shape) * BYTES
    return node.macs if cost == "macs" else node.parameter_count


def lines_of(run: Run, cost: str) -> tuple[BoxLine, ...]:
    """What the box of a run says: a line for each heavy operation, those with light ones, the figures."""
    texts = [shortened(operation_text(node), 34) for node in run.nodes]
    lines: list[BoxLine] = []
    if run.nodes[0].op.inputs == "several" or all(is_light(node) for node in run.nodes):
        lines = _listed(texts, OPERATION)
    else:
        lights: list[str] = []
        for node, text in zip(run.nodes, texts, strict=True):
            if is_light(node):
                lights.append(text)
            else:
                lines += [*_listed(lights, FOLLOWING), BoxLine(text, OPERATION)]
                lights = []
        lines += _listed(lights, FOLLOWING)
    figures = figures_of(run.nodes, cost)
    return (*lines, *([BoxLine(figures, FIGURES)] if figures else []))


def _listed(texts: Sequence[str], style: Style) -> list[BoxLine]:
    """Texts beside each other as far as a line goes."""
    lines: list[BoxLine] = []
    for text in texts:
        joined = BoxLine(f"{lines[-1].text} · {text}", style) if lines else BoxLine(text, style)
        if lines and joined.width <= LONGEST_LINE:
            lines[-1] = joined
        else:
            lines.append(BoxLine(text, style))
    return lines


def figures_of(nodes: Sequence[Node], cost: str) -> str:
    """MACs and parameters, or the memory where it is asked for; empty where they cost nothing."""
    if cost == "memory":
        return cost_text(sum(cost_of(node, cost) for node in nodes), cost)
    macs, parameters = sum(node.macs for node in nodes), sum(node.parameter_count for node in nodes)
    return f"{short(macs)} · {short(parameters)}" if macs or parameters else ""


def operation_text(node: Node) -> str:
    """An operation as short as a box needs it: what shows in the shapes is left out.

    Example:
        >>> from convscope.network.network import Network
        >>> graph = Network.parse("input 4x8x8\\nconv 4 3 padding=1 stride=2 groups=4 bias=no > maxpool 2").graph()
        >>> [operation_text(node) for node in graph.nodes]
        ['conv 4 3x3 /2 depthwise', 'maxpool 2x2 /2']
    """
    op = node.op
    if not isinstance(op, (Conv, MaxPool, AvgPool)):
        given = [spell(getattr(op, entry.name)) for entry in fields(op) if entry.name in op.positional]
        return " ".join([op.word, *given])
    window = op.window(node.input_shapes)
    parts = [op.word, *([str(op.out_channels)] if isinstance(op, Conv) else []), spell(window.kernel)]
    if any(step > 1 for step in window.stride):
        same = len(set(window.stride)) == 1
        parts.append(f"/{window.stride[0] if same else spell(window.stride)}")
    if any(step > 1 for step in window.dilation):
        parts.append(f"dilated {spell(window.dilation[:1] if len(set(window.dilation)) == 1 else window.dilation)}")
    if isinstance(op, Conv) and op.groups > 1:
        depthwise = op.groups == node.input_shapes[0][0]
        parts.append("depthwise" if depthwise else f"groups {op.groups}")
    return " ".join(parts)


def tooltip(run: Run, receptive: dict[str, Field], cost: str) -> str:
    """All there is to say of a run, a line a node."""
    lines = []
    for node in run.nodes:
        field = receptive[node.path]
        facts = [f"{node.path}: {node.op.text()}", f"output {spell_shape(node.shape)}"]
        if node.parameter_count or node.macs:
            facts.append(f"{node.parameter_count:,} parameters, {node.macs:,} MACs")
        if cost == "memory":
            facts.append(bytes_text(cost_of(node, cost)))
        facts.append(f"receptive field {'all' if field is None else spell_shape(field)}")
        lines.append("; ".join(facts))
    if run.copies:
        lines.append(f"drawn for {run.times} equal ones, the last is {run.copies[-1].path}")
    return "\n".join(lines)
