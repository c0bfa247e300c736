"""Modules one after the other in plain PyTorch: a call where every name is plain, else a dictionary that is filled."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass, replace

from convscope.model.export.source.python import INDENT, assign, render, spell
from convscope.network.tree import Expression, Name
from convscope.ops.spelling import Call, Code, call


@dataclass(frozen=True)
class Statement:
    """A statement: text, or a value and the name it gets; ``deep`` levels inside."""

    deep: int
    text: str
    code: Code | None = None

    def render(self, indent: int) -> str:
        """Its text, so many levels inside."""
        level = indent + self.deep
        return INDENT * level + self.text if self.code is None else assign(self.text, self.code, level)


@dataclass(frozen=True)
class ModuleStep:
    """A module under its name; ``before`` are statements that it needs."""

    word: str
    number: Expression | None
    code: Code
    before: tuple[Statement, ...] = ()

    @property
    def plain(self) -> str | None:
        """The name, where it is the same in every turn."""
        if self.number is None:
            return self.word
        return f"{self.word}{self.number}" if isinstance(self.number, int) else None

    @property
    def quoted(self) -> str:
        """The name as a Python text."""
        if self.plain is not None:
            return f'"{self.plain}"'
        assert self.number is not None
        return f'f"{self.word}{{{spell(self.number)}}}"'


@dataclass(frozen=True)
class Loop:
    """Steps repeated; ``variable`` are the statements that follow the channels, before and within."""

    count: Expression
    turn: str
    steps: tuple[ModuleStep | Loop, ...]
    first: tuple[Statement, ...] = ()
    each: tuple[Statement, ...] = ()


Steps = tuple[ModuleStep | Loop, ...]


def preceded(lines: tuple[Statement, ...], step: ModuleStep | Loop) -> ModuleStep | Loop:
    """A step with further statements before it."""
    if isinstance(step, Loop):
        return replace(step, first=(*lines, *step.first))
    return replace(step, before=(*lines, *step.before))


def chain(steps: Steps, variable: str) -> tuple[list[Statement], Code]:
    """Steps as one module: a call where every name is plain, else statements that fill a dictionary."""
    if not any(isinstance(step, Loop) for step in steps):
        plain = [step for step in steps if isinstance(step, ModuleStep)]
        before = [line for step in plain for line in step.before]
        if len(plain) == 1 and plain[0].code == call("nn.Identity"):
            return before, plain[0].code
        if all(step.plain is not None for step in plain):
            return before, _named(plain)
    lines = [Statement(0, variable, "{}"), *_filled(steps, variable, 0)]
    return lines, Call("named", (("**", variable),))


def body_text(lines: list[Statement], code: Code) -> str:
    """A function's statements; the last returns its module."""
    return "\n".join([*(line.render(1) for line in lines), f"{INDENT}return {render(code, 1, 7)}"])


def _filled(steps: Steps, variable: str, deep: int) -> list[Statement]:
    lines: list[Statement] = []
    for step in steps:
        if isinstance(step, ModuleStep):
            lines += [replace(line, deep=line.deep + deep) for line in step.before]
            lines.append(Statement(deep, f"{variable}[{step.quoted}]", step.code))
        else:
            lines += [replace(line, deep=line.deep + deep) for line in step.first]
            inner = _filled(step.steps, variable, deep + 1)
            turn = spell(Name(step.turn))
            used = any(reads_name(line.render(0), turn) for line in inner)
            lines.append(Statement(deep, f"for {turn if used else '_'} in range({spell(step.count)}):"))
            lines += inner
            lines += [replace(line, deep=line.deep + deep + 1) for line in step.each]
    return lines


def reads_name(text: str, name: str) -> bool:
    """Whether source reads a name."""
    return re.search(rf"\b{name}\b", text) is not None


def _named(steps: list[ModuleStep]) -> Code:
    plain = [(step.plain or "", step.code) for step in steps]
    if any(keyword.iskeyword(name) for name, _ in plain):
        quoted = tuple((f'"{name}"', code) for name, code in plain)
        return Call("named", (("**", Call("", quoted, "{", "}", always_open=True)),))
    return Call("named", tuple(plain), always_open=len(plain) > 1)
