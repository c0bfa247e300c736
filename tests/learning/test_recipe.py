"""A setting exists once: the options of the command line, Python's keywords and the docs table are Recipe's fields."""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
import math
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_type_hints

import click
import numpy as np
import pytest

import convscope
from convscope import UserError
from convscope.cli.group import cli
from convscope.cli.options import FITS, Option, SettingType
from convscope.data.image.decode import Fit
from convscope.engine.initialise import SCHEMES
from convscope.learning.recipe import WHITENED, Recipe
from convscope.learning.recipe_settings import RecipeSettings
from convscope.learning.setting import GROUPS, Setting, setting, settings_of

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = settings_of(Recipe)


def _maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_settings", ROOT / "docs" / "make_settings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _options(command: str) -> dict[str, Option]:
    found = cli.get_command(click.Context(cli), command)
    assert found is not None
    return {param.name: param for param in found.params if isinstance(param, Option) and param.name}


def test_the_table_and_the_types_are_made_of_the_fields() -> None:
    maker = _maker()
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    assert maker.page(page) == page, "make tables"
    assert maker.keywords() == maker.KEYWORDS.read_text(encoding="utf-8"), "make tables"
    assert all(f"| `{one.option}` |" in page for one in SETTINGS.values())


def test_the_command_line_has_an_option_for_every_field() -> None:
    options = _options("train")
    for name, one in SETTINGS.items():
        option = options[name]
        assert isinstance(option.type, SettingType)
        assert option.opts == [one.option]
        assert option.group == one.group
        assert one.help in (option.help or "")
        assert option.default is None or option.default is getattr(click.core, "UNSET", None), name


def test_python_has_a_keyword_for_every_field() -> None:
    hints = get_type_hints(RecipeSettings)
    assert hints == get_type_hints(Recipe)
    assert list(hints) == list(SETTINGS)
    for function in (convscope.train, convscope.training):
        parameters = inspect.signature(function).parameters
        for field in dataclasses.fields(Recipe):
            assert parameters[field.name].default == field.default
            assert parameters[field.name].kind is inspect.Parameter.KEYWORD_ONLY
        assert not [p for p in parameters.values() if p.kind is inspect.Parameter.VAR_KEYWORD]


@pytest.mark.parametrize(("word", "nearest"), [("epoch", "epochs"), ("batchsize", "batch_size"), ("nett", "net")])
def test_a_keyword_that_is_none_is_named_with_the_nearest(word: str, nearest: str) -> None:
    keywords: dict[str, Any] = {word: 3}
    with pytest.raises(UserError, match=f"did you mean {nearest}") as caught:
        convscope.train("digits", **keywords)
    assert caught.value.got == f"no keyword {word!r}"


@pytest.mark.parametrize("one", SETTINGS.values(), ids=SETTINGS)
def test_a_setting_says_what_it_is(one: Setting) -> None:
    assert one.group in GROUPS
    assert len(one.help) <= 100
    assert one.help[-1] == "."
    assert "|" not in one.help + one.usually
    assert one.usually, "how None is read"
    one.verify(one.default)
    if one.kind is not str:
        assert (one.minimum is None) != (one.above is None)
        assert (one.maximum is None) != (one.below is None)


def _outside(one: Setting) -> list[Any]:
    if one.kind is str:
        return [3, True, *(["no such word"] if one.choices or one.check else [])]
    low = one.above if one.above is not None else (one.minimum or 0) - 1
    high = one.below if one.below is not None else (one.maximum or 0) * 2 + 1
    return [low, high, "many", True, math.nan, math.inf, -math.inf, *([1.5] if one.kind is int else [])]


@pytest.mark.parametrize("one", SETTINGS.values(), ids=SETTINGS)
def test_what_is_no_value_of_a_setting_is_refused(one: Setting) -> None:
    for value in _outside(one):
        with pytest.raises(UserError) as caught:
            Recipe(**{one.name: value})
        assert caught.value.where == one.option, value
        assert caught.value.expected, value
    if one.default is not None:
        with pytest.raises(UserError):
            Recipe(**{one.name: None})


@pytest.mark.parametrize("one", SETTINGS.values(), ids=SETTINGS)
def test_limits_that_belong_to_it_are_accepted(one: Setting) -> None:
    for value in (*one.choices, *(limit for limit in (one.minimum, one.maximum) if limit is not None)):
        Recipe(**{one.name: value})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("epochs", "2.5", 2.5),
        ("time", "2m", 120.0),
        ("time", "90", 90.0),
        ("checkpoint_seconds", "0", 0.0),
        ("batch_size", "32", 32),
        ("memory", "2GB", 2_000_000_000),
        ("sure", "99%", 0.99),
        ("warmup", "10%", 0.1),
        ("warmup", "0.1", 0.1),
        ("augment", "medium,flip=never", "medium,flip=never"),
        ("optimizer", "sgd", "sgd"),
    ],
)
def test_words_of_the_command_line(name: str, text: str, value: Any) -> None:
    parsed = SETTINGS[name].parse(text)
    assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("epochs", "many", "a number above 0"),
        ("epochs", "nan", "a number above 0"),
        ("batch_size", "1.5", "a whole number from 1"),
        ("time", "soon", "90s, 2m or 1h"),
        ("time", "0", "above 0"),
        ("sure", "99", "did you mean 99%?"),
        ("sure", "1", "below 1"),
        ("sure", "0%", "above 0"),
        ("memory", "1kB", "at least 1MB"),
        ("memory", "much", "8GB or 512MiB"),
        ("balance", "weight", "did you mean weights?"),
        ("augment", "heavy", "strong"),
    ],
)
def test_words_that_are_no_value(name: str, text: str, told: str) -> None:
    with pytest.raises(UserError) as caught:
        SETTINGS[name].parse(text)
    assert caught.value.where.startswith(SETTINGS[name].option)
    assert told in str(caught.value)


def test_numbers_of_numpy_are_numbers() -> None:
    assert Recipe(lr=np.float32(0.5), batch_size=np.int64(8)).batch_size == 8  # type: ignore[arg-type]


def test_words_that_stand_elsewhere_are_these() -> None:
    assert get_args(Fit) == FITS
    assert [name for name in (*SCHEMES, WHITENED) if name not in SETTINGS["init"].help] == []


def test_a_field_that_says_nothing_of_itself_is_an_error() -> None:
    @dataclasses.dataclass(frozen=True)
    class Bare:
        lr: float = 0.1

    @dataclasses.dataclass(frozen=True)
    class Strange:
        names: list[str] | None = setting(None, "Names.", "data")

    with pytest.raises(TypeError, match="is no setting"):
        settings_of(Bare)
    with pytest.raises(TypeError, match="no type that a setting may have"):
        settings_of(Strange)
