"""A mistake in four fields: as text, as JSON, with the nearest word."""

import json
import pickle

import pytest

from convscope.errors import MOST_LISTED, UserError, did_you_mean, nearest

FULL = UserError("lenet.net, line 3, column 8", "unknown 'cnov'", "an operation", "did you mean conv?", "cnov 6\n^")


def test_the_text_has_a_line_for_each_field() -> None:
    assert str(FULL) == (
        "lenet.net, line 3, column 8: unknown 'cnov'\n"
        "  cnov 6\n"
        "  ^\n"
        "  expected: an operation\n"
        "  hint: did you mean conv?"
    )


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UserError("data", "it is empty"), "data: it is empty"),
        (UserError("", "it is empty"), "it is empty"),
        (UserError("data", "it is empty", "a picture"), "data: it is empty\n  expected: a picture"),
        (UserError("data", "it is empty", hint="look"), "data: it is empty\n  hint: look"),
        (UserError("net", "no", excerpt="a\n\n^"), "net: no\n  a\n  \n  ^"),
    ],
)
def test_an_empty_field_takes_no_line(error: UserError, text: str) -> None:
    assert str(error) == text


def test_the_json_has_the_four_fields_and_nothing_else() -> None:
    assert json.loads(json.dumps(FULL.to_dict())) == {
        "where": "lenet.net, line 3, column 8",
        "got": "unknown 'cnov'",
        "expected": "an operation",
        "hint": "did you mean conv?",
    }
    assert UserError("a", "b").to_dict() == {"where": "a", "got": "b", "expected": "", "hint": ""}


def test_it_reaches_another_process_whole() -> None:
    again = pickle.loads(pickle.dumps(FULL))
    assert str(again) == str(FULL)
    assert again.to_dict() == FULL.to_dict()


@pytest.mark.parametrize(
    ("word", "match"),
    [
        ("cnov", "conv"),
        ("CONV", "conv"),
        ("convo", "conv"),
        ("max", "maxpool"),
        ("batch", "batchnorm"),
        ("relu", "relu"),
        ("lstm", None),
        ("input", None),
        ("", None),
        ("x", None),
    ],
)
def test_the_nearest_word(word: str, match: str | None) -> None:
    assert nearest(word, ["relu", "conv", "softmax", "maxpool", "batchnorm", "dropout"]) == match


def test_the_nearest_of_nothing_is_none() -> None:
    assert nearest("conv", []) is None
    assert nearest("conv", iter(["conv2"])) == "conv2"


def test_a_hint_names_the_nearest_or_a_few_or_says_nothing() -> None:
    assert did_you_mean("strid", ["padding", "stride"]) == "did you mean stride?"
    assert did_you_mean("qqq", ["padding", "stride"]) == "one of: padding, stride"
    assert did_you_mean("qqq", []) == ""
    many = [f"word{i}" for i in range(MOST_LISTED + 1)]
    assert did_you_mean("qqq", many) == ""
    assert did_you_mean("qqq", many[:-1]).count(",") == MOST_LISTED - 1
    assert did_you_mean("strid", (word for word in ["stride"])) == "did you mean stride?"
