"""Commands: found by their files, the same words in Python, help by groups with examples, a quick start."""

from __future__ import annotations

import inspect
import shlex
import subprocess
import sys

import click
import pytest
from command_line import convscope as run

import convscope
from convscope.calculation.build import USES
from convscope.cli.group import cli, names
from convscope.cli.options import GROUPS, Command, Option

CONTEXT = click.Context(cli)


def _command(name: str) -> Command:
    found = cli.get_command(CONTEXT, name)
    assert isinstance(found, Command)
    return found


def test_every_command_is_a_function_of_the_same_name() -> None:
    functions = {name for name in convscope.__all__ if name[0].islower()} - {"training"}
    assert functions == set(names())
    for name in functions:
        assert callable(getattr(convscope, name))
        assert getattr(convscope, name).__doc__


ELSEWHERE = {
    "describe": {"fit"},  # convscope.network.memory.largest_batch
    "evaluate": {"robustness"},  # convscope.evaluation.robustness
    "look": {"label", "class"},  # what Look's methods take
}


@pytest.mark.parametrize("name", sorted(set(names()) - {"calc"}))
def test_options_are_keywords_of_the_same_name(name: str) -> None:
    keywords = set(inspect.signature(getattr(convscope, name)).parameters)
    params = _command(name).params
    options = {option.opts[0].lstrip("-").replace("-", "_"): option for option in params if isinstance(option, Option)}
    wanted = {word for word, option in options.items() if option.group in ("data", "network", "recipe", "machine")}
    assert wanted - keywords == ELSEWHERE.get(name, set())
    arguments = {param.name for param in params if isinstance(param, click.Argument)}
    assert keywords - set(options) - arguments <= {"report", "progress", "net"}


def test_options_of_operations_are_keywords_too() -> None:
    options = {option.name for option in _command("calc").params if isinstance(option, Option)}
    assert {name for use in USES.values() for name in use.options} <= options


def test_the_public_names_have_a_home_each() -> None:
    assert sorted(convscope._HOMES) == sorted(convscope.__all__) == dir(convscope)


@pytest.mark.parametrize("name", names())
def test_help_has_groups_and_three_examples_that_can_be_parsed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = _command(name)
    assert len(command.examples) >= 3
    for example in command.examples:
        words = shlex.split(example, comments=True)
        if "convscope" in words and not {"|", ">", "do"} & set(words):
            assert words[:2] == ["convscope", name]
            command.make_context(name, words[2:])
    status, out, _ = run(name, "--help", capsys=capsys)
    assert status == 0
    assert all(f"  {example}\n" in out for example in command.examples)
    options = [param for param in command.params if isinstance(param, click.Option) and not param.hidden]
    for option in options:
        assert isinstance(option, Option)
        assert option.group in GROUPS
        assert option.help
        assert option.help[-1] in ".:" or option.help.endswith("..."), option.help
        assert f"{option.group.capitalize()} options:" in out
    heads = [line[:-1].split()[0].lower() for line in out.splitlines() if line.endswith(" options:")]
    assert heads == [group for group in GROUPS if group in heads]


def test_the_three_first_examples_are_commands_of_their_own() -> None:
    for name in names():
        for example in _command(name).examples:
            assert f"convscope {name}" in example


LOADED = "print(sorted(m for m in ('torch', 'numpy', 'rich', 'PIL', 'lark', 'sklearn', 'altair') if m in sys.modules))"


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["look", "--help"], ["check", "--help"]])
def test_help_loads_nothing_slow(words: list[str]) -> None:
    code = f"import sys\nfrom convscope.cli.entry import main\ntry: main({words!r})\nexcept SystemExit: pass\n{LOADED}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_command_loads_no_other() -> None:
    code = (
        "import sys\nfrom convscope.cli.entry import main\n"
        "try: main(['describe', 'lenet5'])\nexcept SystemExit: pass\n"
        "print(sorted(m for m in sys.modules if m.startswith(('convscope.cli.commands.', 'convscope.learning'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['convscope.cli.commands.describe']"
