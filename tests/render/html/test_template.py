"""Templates escape what they are given, ask for nothing that is not there, and are all of one package."""

from pathlib import Path

import jinja2
import pytest
from jinja2 import meta
from markupsafe import Markup

from convscope.render.html.report import ROWS
from convscope.render.html.template import code, environment, fill


def filled(source, **values):
    return environment().from_string(source).render(**values)


def test_texts_are_escaped_and_markup_is_not():
    assert filled("{{ a }}", a='<b title="x">&') == "&lt;b title=&#34;x&#34;&gt;&amp;"
    assert filled("{{ a }}", a=Markup("<b>")) == "<b>"


def test_what_could_steer_a_terminal_or_break_a_line_is_shown_as_text():
    assert filled("{{ a }}", a="cat\x1b[31m, 5 %") == "cat\\x1b[31m, 5\xa0%"


def test_a_value_that_is_missing_is_an_error():
    with pytest.raises(jinja2.UndefinedError):
        filled("{{ a }}")
    with pytest.raises(jinja2.UndefinedError):
        fill("report/network.html", shown={})


def test_words_in_backticks_are_code_and_the_rest_is_text():
    assert code("`unknown` <b>") == Markup("<code>unknown</code> &lt;b&gt;")


def test_every_template_is_sound_and_those_it_names_are_there():
    templates = environment().list_templates()
    assert {f"report/{part.key}.html" for row in ROWS for part in row} <= set(templates)
    for name in templates:
        source = Path(environment().get_template(name).filename).read_text(encoding="utf-8")
        named = meta.find_referenced_templates(environment().parse(source))
        assert {one for one in named if one is not None} <= set(templates), name
        assert "|safe }}" not in source.replace("'|safe if", ""), name


@pytest.mark.parametrize("macro", ["table", "bar", "picture", "name", "paragraph"])
def test_macros_escape_too(macro):
    given = {
        "table": "html.table([x], [[x]])",
        "bar": "html.bar(0.5)",
        "picture": "html.picture({'uri': 'data:image/png;base64,', 'alt': x, 'pixelated': true})",
        "name": "html.name(x)",
        "paragraph": "html.paragraph([x, ''])",
    }[macro]
    made = filled('{% import "macros.html" as html %}{{ ' + given + " }}", x='"><script>')
    assert "<script>" not in made
    assert ("&lt;script&gt;" in made) == (macro != "bar")
