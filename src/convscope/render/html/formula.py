"""Steps of a calculation as HTML: their formulas in names, in every language, and in numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from markupsafe import Markup

from convscope.ops.step import Step
from convscope.ops.words import key_of
from convscope.render.html.languages import spoken
from convscope.render.html.markup import text
from convscope.render.html.numerals import shown
from convscope.render.html.template import macro
from convscope.render.i18n import page_words

DIGITS = 6


def formula(form: str, piece: Callable[[int, bool], str]) -> Markup:
    """A formula as HTML with something put in for each operand.

    Args:
        form: as of :class:`~convscope.ops.walk.Step`.
        piece: what an operand is by its number, and whether a sign before it would be misread: text, or Markup.

    Example:
        >>> formula("({0} - {1}) / 2", lambda at, bracketed: "ab"[at] + "'" * bracketed)
        Markup('(a − b&#39;) / 2')
    """
    parts = re.split(r"\{(\d+)\}", form)
    found: list[str] = []
    for at, part in enumerate(parts):
        if at % 2 == 0:
            found.append(_typeset(part))
            continue
        raised = parts[at + 1].lstrip().startswith("**")
        found.append(piece(int(part), raised or bool(re.search(r"[-+*/]\s*$", parts[at - 1]))))
    return Markup("").join(found)


def _typeset(part: str) -> Markup:
    part = re.sub(r"\s*\*\*\s*", "^", part)
    part = re.sub(r"\s*\*\s*", " \N{MULTIPLICATION SIGN} ", part)
    return Markup(text(part.replace("sqrt(", "\N{SQUARE ROOT}(").replace("-", "\N{MINUS SIGN}")))


def numbers(step: Step) -> Markup:
    """A step's formula with its numbers put in, negative ones in brackets where they have to be."""

    def piece(at: int, bracketed: bool) -> str:
        x = step.operands[at].value
        return f"({shown(x, DIGITS)})" if bracketed and x < 0 else shown(x, DIGITS)

    return formula(step.form, piece)


def names(step: Step) -> Markup:
    """A step's formula in names."""
    operand = macro("steps.html", "operand")
    return formula(step.form, lambda at, _: operand(operand_name(step.operands[at].name)))


def operand_name(name: str) -> Markup:
    """An operand's name in every language; as it stands where nobody says more."""
    return _name("operand", name)


def step_name(name: str) -> Markup:
    """A step's name in every language; as it stands where nobody says more."""
    return _name("step", name)


def _name(kind: str, name: str) -> Markup:
    key, fields = key_of(kind, name)
    return spoken(key, **fields) if key in page_words("en") else Markup(text(name))


def steps_list(steps: Sequence[Step]) -> Markup:
    """Steps under one another: name, formula, numbers, result."""
    items = []
    for step in steps:
        middle = [names(step), *([] if step.form.strip() == "{0}" else [numbers(step)])]
        result = shown(step.value, DIGITS)
        # A formula that is a number already is not said twice.
        parts = [part for part in dict.fromkeys(middle) if part != result]
        items.append({"name": step_name(step.name), "parts": parts, "result": result})
    return macro("steps.html", "steps")(items)
