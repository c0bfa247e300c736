"""What --json prints is JSON: no infinity, no NaN."""

import json
from math import inf, nan

import pytest

from convscope.cli.json_output import echo_json


def refused(word: str) -> float:
    raise ValueError(f"{word} is no JSON")


def test_numbers_without_a_value_are_words_wherever_they_stand(capsys: pytest.CaptureFixture[str]) -> None:
    echo_json({"engine": inf, "steps": [{"value": -inf}], "pair": (nan, 0.1), "count": 3, "agrees": True, "none": None})
    printed = json.loads(capsys.readouterr().out, parse_constant=refused)
    assert printed == {
        "engine": "inf",
        "steps": [{"value": "-inf"}],
        "pair": ["nan", 0.1],
        "count": 3,
        "agrees": True,
        "none": None,
    }
