"""How a command is declared: options by group, examples in its help, one option for every setting of a recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from convscope.cli.option_types import Choice, Named, ShapeType
from convscope.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from convscope.data.image.decode import Fit
    from convscope.learning.setting import Setting

GROUPS = ("data", "network", "recipe", "machine", "operation", "output")
"""The order of groups in ``--help``."""
F = TypeVar("F", bound=Callable[..., Any])


class Option(click.Option):
    """An option with the group that help shows it in."""

    def __init__(self, *args: Any, group: str = "output", **known: Any) -> None:
        super().__init__(*args, **known)
        self.group = group


class Later:
    """Stands for options until someone asks: ``convscope --help`` would spend a third of its time on making them.

    Args:
        make: the options.
        of: what they are made of, where that grows; when it changed they are made anew.
    """

    def __init__(self, make: Callable[[], list[click.Parameter]], of: Callable[[], object] = lambda: None) -> None:
        self.make, self.of = make, of


class Command(click.Command):
    """A command whose help has its options by group and examples that work."""

    _stated: list[Any]
    _made: tuple[object, list[click.Parameter]] | None

    def __init__(self, *args: Any, examples: Sequence[str] = (), **known: Any) -> None:
        super().__init__(*args, **known)
        self.examples = tuple(examples)

    @property
    def params(self) -> list[click.Parameter]:
        """Arguments and options; options are made when they are first asked for."""
        of = [one.of() for one in self._stated if isinstance(one, Later)]
        if self._made is None or self._made[0] != of:
            made = [param for one in self._stated for param in (one.make() if isinstance(one, Later) else [one])]
            self._made = of, made
        return self._made[1]

    @params.setter
    def params(self, params: list[Any]) -> None:
        self._stated, self._made = params, None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options, a part a group."""
        rows: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                rows.setdefault(param.group if isinstance(param, Option) else "output", []).append(record)
        for group in GROUPS:
            if group in rows:
                with formatter.section(f"{group.capitalize()} options"):
                    formatter.write_dl(rows[group], col_max=26)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What follows the options, then examples."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")


def command(*, examples: Sequence[str], cls: type[Command] = Command) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command of a function, whose docstring is its help.

    Args:
        examples: three or more that work as they stand.
        cls: its class.
    """
    return click.command(cls=cls, examples=examples)


def option(*names: str, group: str = "output", **known: Any) -> Callable[[F], F]:
    """An option in a group; everything else as Click has it."""
    return lambda function: later(function, lambda: [Option(names, group=group, **known)])


json_option = option("--json", "as_json", is_flag=True, help="Print one JSON document; progress goes to stderr.")
lang_option = option(
    "--lang", type=click.Choice(["en", "ko"]), default="en", show_default=True, help="Language of the report."
)
shape_option = option("--input", "shape", group="network", type=ShapeType(), help="Input shape instead of its own.")
classes_option = option(
    "--classes", group="network", type=click.IntRange(min=1), help="Number of outputs instead of its own."
)
split_option = option(
    "--split",
    group="data",
    type=Choice(("train", "val", "test", "all")),
    help="train, val, test or all. Default: test if the data has one, else all.",
)


def data_options(function: F) -> F:
    """What DATA may do beyond what is read by itself: ``allow_outside`` and ``skip_unreadable``."""

    def make() -> list[click.Parameter]:
        outside = "Tables may name files outside of their own folder; for tables that you trust."
        unreadable = "Leave out class folders that cannot be read, instead of stopping."
        return [
            Option(["--allow-outside"], group="data", is_flag=True, help=outside),
            Option(["--skip-unreadable"], group="data", is_flag=True, help=unreadable),
        ]

    return later(function, make)


FITS = ("stretch", "crop", "letterbox", "pad")


def fit_option(default: str | None = None) -> Callable[[F], F]:
    """The option ``--fit``."""
    told = f"How pictures are resized: {', '.join(FITS[:-1])} or {FITS[-1]}."
    return option(
        "--fit", group="data", type=Choice(FITS), default=default, show_default=default is not None, help=told
    )


def fit_named(fit: str) -> Fit:
    """The word of ``--fit``, checked.

    Raises:
        UserError: there is no such way.
    """
    if fit not in FITS:
        raise UserError("--fit", f"{fit!r}", ", ".join(FITS), did_you_mean(fit, FITS))
    return cast("Fit", fit)


class SettingType(Named):
    """A value of one setting; what is wrong with it the setting says itself."""

    def __init__(self, setting: Setting) -> None:
        kinds: Mapping[type, str] = {int: "INTEGER", float: "NUMBER", str: "TEXT"}
        super().__init__(setting.unit.upper() or kinds[setting.kind], lambda: setting.choices)
        self.setting = setting

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """The words where there are few."""
        return f"[{'|'.join(self.setting.choices)}]" if self.setting.choices else None

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value that a person meant."""
        return self.setting.parse(value) if isinstance(value, str) else value


def setting_option(name: str, help: str) -> Callable[[F], F]:  # noqa: A002  as Click calls it
    """The option of one setting, with the help of a command that does something else with it than training."""
    return lambda function: later(function, lambda: [_option_of(_settings()[name], help)])


def recipe_options(function: F) -> F:
    """An option for every setting of a recipe; None where it is not given."""
    return later(function, lambda: [_option_of(setting) for setting in _settings().values()])


def later(function: F, make: Callable[[], list[click.Parameter]], of: Callable[[], object] = lambda: None) -> F:
    """Options that are made when they are asked for, kept where Click's own decorators keep theirs; see Later."""
    function.__dict__.setdefault("__click_params__", []).append(Later(make, of))
    return function


def _settings() -> Mapping[str, Setting]:
    from convscope.learning.recipe import Recipe
    from convscope.learning.setting import settings_of

    return settings_of(Recipe)


def _option_of(setting: Setting, help: str | None = None) -> Option:  # noqa: A002
    text = help or f"{setting.help} Default: {setting.usually}."
    return Option([setting.option, setting.name], group=setting.group, type=SettingType(setting), help=text)
