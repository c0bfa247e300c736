"""A unit's arithmetic as text: its terms, how they become one number, every step with its numbers put in."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence

from convscope.ops.step import Step
from convscope.ops.terms import ITSELF, PRODUCT, Term
from convscope.ops.walk import Combine, Walk

DIGITS = 6
"""Significant digits of a number that is no whole one: as many as float32 is sure of."""
WIDTH = 88
"""Columns of a line of terms: more is hard to read."""
LONGEST_WHOLE = 1e15
"""Whole numbers beyond are written with an exponent."""
INDENT = "  "
"""Before the lines of a part."""
SIGNS: Mapping[Combine, str] = {"sum": "+", "product": "*"}
"""What stands between the terms."""
COMBINED: Mapping[Combine, str] = {"sum": "sum", "product": "product", "max": "largest"}
"""What the terms' results become, by its name."""

SourceNames = Callable[[Term], str]
"""Where a term's value comes from, for people; never asked for a zero of the padding."""


def spell_number(value: float, digits: int = DIGITS) -> str:
    """A number for people: whole ones in full, others to some digits.

    Example:
        >>> spell_number(8.0), spell_number(0.1 + 0.2), spell_number(1234567.0), spell_number(-0.0)
        ('8', '0.3', '1234567', '0')
    """
    whole = abs(value) < LONGEST_WHOLE and value == int(value)
    return str(int(value)) if whole else f"{value:.{digits}g}"


def put_in(form: str, numbers: Sequence[float], digits: int = DIGITS) -> str:
    """A formula with its numbers put in, negative ones in brackets where a sign would be misread.

    Example:
        >>> put_in("({0} - {1}) / 2", [-3.0, -2.0]), put_in("max(0, {0})", [-2.0])
        ('(-3 - (-2)) / 2', 'max(0, -2)')
    """

    def number(match: re.Match[str]) -> str:
        text = spell_number(numbers[int(match[1])], digits)
        alone = not re.search(r"[-+*/]\s*$", form[: match.start()])
        raised = form[match.end() :].lstrip().startswith("**")
        return f"({text})" if text.startswith("-") and (raised or not alone) else text

    return re.sub(r"\{(\d+)\}", number, form)


def step_text(step: Step, digits: int = DIGITS) -> str:
    """One step: its name, the formula in names, the formula in numbers, the result.

    Example:
        >>> from convscope.ops.step import Operand
        >>> step_text(Step("with bias", "{0} + {1}", (Operand("sum", 8.0), Operand("bias", -0.5)), 7.5))
        'with bias: sum + bias = 8 + (-0.5) = 7.5'
    """
    numbers = put_in(step.form, [operand.value for operand in step.operands], digits)
    result = spell_number(step.value, digits)
    return f"{step.name}: " + " = ".join(dict.fromkeys([step.symbols(), numbers, result]))


def term_text(walk: Walk, term: Term, digits: int = DIGITS) -> str:
    """What one term puts into the sum, the product or the maximum: ``3*(-1)``, ``exp(2 - 5)``, ``4``."""
    becomes = walk.terms.becomes
    numbers = becomes.numbers(term)
    if becomes.form == PRODUCT.form:
        texts = [spell_number(number, digits) for number in numbers]
        return "*".join(f"({text})" if text.startswith("-") else text for text in texts)
    if becomes.form == ITSELF.form:
        value = spell_number(term.value, digits)
        return f"({value})" if value.startswith("-") and walk.combine != "max" else value
    text = put_in(becomes.form.replace(" ** ", "**"), numbers, digits)
    # Several numbers added to one another would run into the neighbours.
    return f"({text})" if re.search(r" [-+] ", re.sub(r"\([^()]*\)", "", text)) else text


def walk_text(
    walk: Walk,
    source_names: SourceNames | None = None,
    most: int | None = None,
    largest_first: bool = False,
    width: int = WIDTH,
    digits: int = DIGITS,
) -> list[str]:
    """A unit's arithmetic, line by line.

    Args:
        walk: the unit, opened.
        source_names: names the place that a term's value comes from; the terms then stand one a line with it,
            else behind one another in lines of ``width``.
        most: so many terms at most; what the rest adds up to is said.
        largest_first: the terms that move the result most stand first.
        width: columns of a line.
        digits: significant digits.

    A part is told before the steps that it stands in, under its name and indented.

    Example:
        >>> import numpy as np
        >>> from convscope.ops import Conv
        >>> from convscope.reference.walk import walk
        >>> picture = np.array([[[1.0, 2, 3], [0, 1, 5], [1, 0, 2]]])
        >>> kernel = np.array([[[[1.0, 0, 1], [0, 1, 0], [1, 0, 1]]]])
        >>> unit = walk(Conv(1, 3), [picture], {"weight": kernel, "bias": np.array([0.5])}, {}, (0, 0, 0))
        >>> print("\\n".join(walk_text(unit)))
        1*1 + 2*0 + 3*1 + 0*0 + 1*1 + 5*0 + 1*1 + 0*0 + 2*1 = 8
        with bias: sum + bias = 8 + 0.5 = 8.5
        >>> print("\\n".join(walk_text(unit, lambda term: f"x{list(term.index)}", most=2, largest_first=True)))
         value  weight  product
             3       1        3  x[0, 0, 2]
             2       1        2  x[0, 2, 2]
         7 more terms:        3
        sum = 8
        with bias: sum + bias = 8 + 0.5 = 8.5
    """
    count = len(walk.terms)
    shown = count if most is None else min(most, count)
    terms = walk.terms.largest_first(shown) if largest_first else walk.terms[:shown]
    if not count:
        lines = []
    elif source_names is not None:
        lines = _table(walk, terms, source_names, digits)
    else:
        lines = _sentence(walk, terms, width, digits)
    for part in walk.parts:
        inner = walk_text(part, source_names, most, largest_first, width - len(INDENT), digits)
        lines += [f"{part.name}:", *(INDENT + line for line in inner)]
    return [*lines, *(step_text(step, digits) for step in walk.steps)]


def _rest(walk: Walk, terms: Sequence[Term]) -> tuple[int, float]:
    """How many terms are not shown, and what they come to together."""
    rest = len(walk.terms) - len(terms)
    own = [term.result for term in terms]
    if walk.combine == "product":
        shown = math.prod(own)
        return rest, walk.combined / shown if shown else math.nan
    return rest, walk.combined - math.fsum(own)


def _sentence(walk: Walk, terms: Sequence[Term], width: int, digits: int) -> list[str]:
    """The terms behind one another: ``1*1 + 2*0 + 3*1 = 4``."""
    result, rest = spell_number(walk.combined, digits), len(walk.terms) - len(terms)
    if walk.combine == "value":
        # Where a step starts from the value, it says so itself.
        stated = any(operand.value == walk.combined for step in walk.steps[:1] for operand in step.operands)
        return [] if stated else [f"value = {result}"]
    texts = [term_text(walk, term, digits) for term in terms]
    if walk.combine == "sum" and texts == [result]:
        return [f"sum = {result}"]
    if walk.combine == "max":
        texts += [f"{rest} more"] * bool(rest)
        pieces = [text + ("," if at < len(texts) - 1 else f") = {result}") for at, text in enumerate(texts)]
        return _wrapped(["max(" + pieces[0], *pieces[1:]], width, "    ")
    sign = SIGNS[walk.combine]
    if rest:
        size = _rest(walk, terms)[1]
        texts.append(f"({rest} more: {spell_number(size, digits)})" if math.isfinite(size) else f"({rest} more)")
    first = re.sub(r"^\((-[^()]*)\)(?!\*\*)", r"\1", texts[0])  # a sign at the beginning needs no brackets
    return _wrapped([first, *(f"{sign} {text}" for text in texts[1:]), f"= {result}"], width, "  ")


def _wrapped(pieces: Sequence[str], width: int, indent: str) -> list[str]:
    lines = [""]
    for piece in pieces:
        if lines[-1].strip() and len(lines[-1]) + 1 + len(piece) > width:
            lines.append(indent + piece)
        else:
            lines[-1] += (" " if lines[-1].strip() else "") + piece
    return lines


def _table(walk: Walk, terms: Sequence[Term], source_names: SourceNames, digits: int) -> list[str]:
    """The terms under one another, each with the place it comes from."""
    result = spell_number(walk.combined, digits)

    def source(term: Term) -> str:
        return "padding" if term.index is None else source_names(term)

    if walk.combine == "value":
        return [f"x = {result}  {source(terms[0])}".rstrip()] if terms else []
    becomes = walk.terms.becomes
    changed = becomes.form != ITSELF.form
    # Numbers that all terms share stand in the heading.
    heads = ["value", *([becomes.weight] if becomes.weight is not None else [])]
    heads += [becomes.symbols() if becomes.operands else becomes.name] if changed else []
    rows = [
        [term.value, *([term.weight] if term.weight is not None else []), *([term.result] if changed else [])]
        for term in terms
    ]
    cells = [[spell_number(number, digits) for number in row] for row in rows]
    widths = [max(6, len(head), *(len(row[at]) for row in cells)) for at, head in enumerate(heads)]
    lines = ["  ".join(head.rjust(width) for head, width in zip(heads, widths, strict=True))]
    winner = max(term.result for term in terms) if walk.combine == "max" else None
    for term, row in zip(terms, cells, strict=True):
        line = "  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True))
        mark = "  <- the largest" if term.result == winner == walk.combined else ""
        winner = None if mark else winner
        lines.append(f"{line}  {source(term)}{mark}".rstrip())
    rest, size = _rest(walk, terms)
    if rest:
        told = f"{rest} more term{'s' * (rest > 1)}"
        if walk.combine == "max" or not math.isfinite(size):
            lines.append(f"{told}".rjust(len(lines[0])))
        else:
            number = spell_number(size, digits).rjust(widths[-1])
            lines.append(f"{told}:  {number}".rjust(len(lines[0])))
    return [*lines, f"{COMBINED[walk.combine]} = {result}"]
