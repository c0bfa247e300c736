"""docs/mistakes.md: every row of its table is what convscope says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from convscope.errors import UserError
from convscope.network.network import Network

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "mistakes.md").read_text(encoding="utf-8")
ROWS = [
    tuple(cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1])
    for line in PAGE.splitlines()
    if line.startswith("| ") and "`" in line
]


def test_the_page_has_its_rows() -> None:
    assert len(ROWS) >= 15


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_each_mistake_is_answered_as_the_page_says(row: tuple[str, ...]) -> None:
    _, network, got, mend = row
    with pytest.raises(UserError) as told:
        Network.parse(network.strip("`").replace(" ⏎ ", "\n")).graph()
    assert told.value.got == got
    assert (told.value.hint or told.value.expected) == mend


def test_the_message_in_full() -> None:
    with pytest.raises(UserError) as told:
        Network.parse("input 1x28x28 > conv 8 3x3 > relu > linear 10").graph()
    shown = PAGE[PAGE.index("error: ") : PAGE.rindex("```")].strip()
    assert [line.strip() for line in f"error: {told.value}".splitlines()] == [
        line.strip() for line in shown.splitlines()
    ]
