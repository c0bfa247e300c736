"""Tree to text in one canonical layout: two spaces a level, one space between words, the author's lines kept."""

from __future__ import annotations

from convscope.network.tree import (
    Argument,
    Aux,
    Block,
    Body,
    Call,
    Comment,
    Expect,
    From,
    Input,
    Line,
    Merge,
    Repeat,
    Statement,
    Step,
    Variant,
    spell_expression,
)
from convscope.ops import spell

WIDEST = 100
"""A repeat or aux stays on one line while that is no longer than this."""


def format_statements(statements: tuple[Statement, ...]) -> str:
    """The canonical text of some statements; parsing it gives them back.

    Example:
        >>> from convscope.network.notation import parse
        >>> print(format_statements(parse("conv   6 5x5>tanh")[0]), end="")
        conv 6 5x5 > tanh
    """
    lines: list[str] = []
    for statement in statements:
        lines += _statement(statement)
    return "".join(line.rstrip() + "\n" for line in lines)


def _statement(statement: Statement) -> list[str]:
    if isinstance(statement, Input):
        return _commented([f"input {spell(statement.shape)}"], statement.comment)
    if isinstance(statement, Expect):
        return _commented([" ".join(["expect", *map(_argument, statement.arguments)])], statement.comment)
    if isinstance(statement, Block):
        parameters = ", ".join(
            p.name if p.default is None else f"{p.name}={spell_expression(p.default)}" for p in statement.parameters
        )
        head = f"block {statement.name}({parameters}) {{"
        return _commented([head, *_indented(statement.body), "}"], statement.comment)
    if isinstance(statement, Variant):
        inside = [line for inner in statement.statements for line in _statement(inner)]
        return _commented([f"network {statement.name} {{", *("  " + line for line in inside), "}"], statement.comment)
    return _item(statement)


def _item(item: Line | Comment) -> list[str]:
    if isinstance(item, Comment):
        return ["" if item.text is None else f"# {item.text}"]
    lines = [""]
    for index, step in enumerate(item.steps):
        first, *rest = _step(step)
        lines[-1] += (" > " if index else "") + first
        lines += rest
    return _commented(lines, item.comment)


def _commented(lines: list[str], comment: str | None) -> list[str]:
    if comment is not None:
        lines[-1] = f"{lines[-1]}  # {comment}".rstrip()
    return lines


def _step(step: Step) -> list[str]:
    if isinstance(step, Call):
        return [" ".join([step.word, *map(_argument, step.arguments), *_alias(step.alias)])]
    if isinstance(step, From):
        return [f"from {step.name}"]
    if isinstance(step, Repeat):
        return _braced(f"repeat {spell_expression(step.count)} {{", _body(step.body), [])
    if isinstance(step, Aux):
        return _braced(f"aux {spell_expression(step.weight)} {{", _body(step.body), _alias(step.alias))
    return _merge(step)


def _braced(head: str, inside: list[str], alias: list[str]) -> list[str]:
    """On one line where it is short and holds no braces of its own, else on several."""
    one_line = " ".join([head, inside[0], "}", *alias]) if len(inside) == 1 else ""
    if one_line and "#" not in one_line and "{" not in inside[0] and len(one_line) <= WIDEST:
        return [one_line]
    return [head, *("  " + line for line in inside), " ".join(["}", *alias])]


def _merge(step: Merge) -> list[str]:
    lines = [f"{step.word} {{"]
    for index, branch in enumerate(step.branches):
        inside = ["  " + line for line in _body(branch)]
        if index:
            inside[0] = "| " + inside[0][2:]
        lines += inside
    return [*lines, " ".join(["}", *_alias(step.alias)])]


def _body(body: Body) -> list[str]:
    return [line for item in body for line in _item(item)]


def _indented(body: Body) -> list[str]:
    return ["  " + line for line in _body(body)]


def _alias(alias: str | None) -> list[str]:
    return [] if alias is None else ["as", alias]


def _argument(argument: Argument) -> str:
    value = spell_expression(argument.value)
    return value if argument.name is None else f"{argument.name}={value}"
