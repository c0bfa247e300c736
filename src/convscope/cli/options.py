"""How a command is declared: options by group, examples in its help, one option for every setting of a recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from convscope.cli.option_types import Choice, Named, ShapeType
from convscope.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from convscope.data.image.decode import Fit

GROUPS = ("data", "network", "recipe", "machine", "operation", "output")
"""The order of groups in ``--help``."""
F = TypeVar("F", bound=Callable[..., Any])


class Option(click.Option):
    """An option with the group that help shows it in."""

    def __init__(self, *args: Any, group: str = "output", **known: Any) -> None:
        super().__init__(*args, **known)
        self.group = group


class Command(click.Command):
    """A command whose help has its options by group and examples that work."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **known: Any) -> None:
        super().__init__(*args, **known)
        self.examples = tuple(examples)

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
    return click.option(*names, cls=Option, group=group, **known)


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
    help="train, val, test or all. Default: test where the data has one, else all.",
)
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
    """A value of one setting of a recipe; what is wrong with it the setting says itself."""

    def __init__(self, name: str) -> None:
        from convscope.learning.recipe import Recipe
        from convscope.learning.setting import settings_of

        self.setting = settings_of(Recipe)[name]
        kinds: Mapping[type, str] = {int: "INTEGER", float: "NUMBER", str: "TEXT"}
        super().__init__(self.setting.unit.upper() or kinds[self.setting.kind], lambda: self.setting.choices)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """The words where there are few."""
        return f"[{'|'.join(self.setting.choices)}]" if self.setting.choices else None

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value that a person meant."""
        return self.setting.parse(value) if isinstance(value, str) else value


def setting_option(name: str, help: str | None = None) -> Callable[[F], F]:  # noqa: A002  as Click calls it
    """The option of one setting.

    Args:
        name: of the recipe's field.
        help: instead of its own where a command does something else with it.
    """
    kind = SettingType(name)
    setting = kind.setting
    text = help or f"{setting.help} Default: {setting.usually}."
    return option(setting.option, name, group=setting.group, type=kind, help=text)


def recipe_options(function: F) -> F:
    """An option for every setting of a recipe; None where it is not given."""
    from convscope.learning.recipe import Recipe
    from convscope.learning.setting import settings_of

    for name in reversed(list(settings_of(Recipe))):
        function = setting_option(name)(function)
    return function
