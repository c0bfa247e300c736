"""Writes what is made of Recipe's fields: the table in docs/training.md and the types of Python's keywords.

`make tables` runs it; a test fails where it was forgotten.
"""

import dataclasses
from pathlib import Path

from convscope.learning.recipe import Recipe
from convscope.learning.setting import GROUPS, settings_of

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "training.md"
KEYWORDS = ROOT / "src" / "convscope" / "learning" / "recipe_settings.py"
BEGIN, END = "<!-- settings: made by `make tables` -->", "<!-- end of settings -->"

HEAD = '''"""The keywords of ``convscope.train`` with their types: made of Recipe's fields by `make tables`."""

from __future__ import annotations

from typing import TypedDict

from convscope.learning.recipe import {names}


class RecipeSettings(TypedDict, total=False):
    """Every setting of :class:`~convscope.learning.recipe.Recipe`."""

'''


def page(text: str) -> str:
    """The page with its table as it should be."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}{END}{after}"


def table() -> str:
    """A row a setting, by group."""
    settings = settings_of(Recipe).values()
    lines = ["| group | option | what it is | values | default |", "| :-- | :-- | :-- | :-- | :-- |"]
    for group in GROUPS:
        lines += [
            f"| {one.group} | `{one.option}` | {one.help} | {one.values} | {one.usually} |"
            for one in settings
            if one.group == group
        ]
    return "\n".join(lines) + "\n"


def keywords() -> str:
    """The module with the types."""
    fields = dataclasses.fields(Recipe)
    words = {str(field.type).removesuffix(" | None") for field in fields}
    names = sorted(words - {"int", "float", "str", "bool"})
    return HEAD.format(names=", ".join(names)) + "".join(f"    {field.name}: {field.type}\n" for field in fields)


def main() -> None:
    """Write both files."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    KEYWORDS.write_text(keywords(), encoding="utf-8")
    print(PAGE, KEYWORDS, sep="\n")


if __name__ == "__main__":
    main()
