"""Pages are Jinja templates: Python gathers values, the template is the page, and what it is given is escaped.

What is HTML already (a chart, a drawing, a sentence with a link in it) comes as :class:`markupsafe.Markup`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from convscope.render.html.languages import attribute, spoken
from convscope.render.html.markup import on_one_line, text
from convscope.render.html.numerals import shown
from convscope.render.wording import count_text, percent


@cache
def environment() -> Environment:
    """Jinja's, with this package's templates; a value that is not there is an error."""
    made = Environment(
        loader=PackageLoader("convscope.render.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_shown,
    )
    made.filters |= {"count": count_text, "percent": percent, "shown": shown, "code": code}
    made.globals |= {"both": spoken, "attribute": attribute}
    return made


def _shown(value: Any) -> Any:
    """Any value as text of the page; HTML as it is."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else on_one_line(value)


def code(said: str) -> Markup:
    """A text whose words in backticks are code.

    Example:
        >>> code("it answers `unknown` & waits")
        Markup('it answers <code>unknown</code> &amp; waits')
    """
    return Markup(re.sub(r"`(\w+)`", r"<code>\1</code>", text(said)))


def fill(template: str, **values: Any) -> Markup:
    """A template with its values put in.

    Args:
        template: its file's name in ``templates/``.
        values: plain texts and numbers, which are escaped, and Markup.

    Raises:
        jinja2.UndefinedError: it asks for a value that is not there.
    """
    return Markup(environment().get_template(template).render(**values))


def macro(template: str, name: str) -> Callable[..., Markup]:
    """A macro of a template, for what is shown in many places of a page.

    Example:
        >>> macro("macros.html", "name")("a < b")
        Markup('<bdi>a &lt; b</bdi>')
    """
    found: Callable[..., Markup] = getattr(environment().get_template(template).module, name)
    return found


def own_file(name: str) -> Markup:
    """A style sheet or script of this package, trusted as it is."""
    return Markup(files("convscope.render.html").joinpath(name).read_text(encoding="utf-8"))
