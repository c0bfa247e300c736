"""Text to tree. The grammar is in ``notation.lark``; here its pieces become values and its errors become readable."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.errors import UserError, did_you_mean
from convscope.network import rules
from convscope.network.ops import LARGEST, OPERATIONS, spell
from convscope.network.tree import (
    KEYWORDS,
    MERGES,
    Argument,
    Binary,
    Block,
    Body,
    Call,
    Comment,
    Expect,
    Input,
    Line,
    Merge,
    Name,
    Parameter,
    Position,
    Repeat,
    Source,
    Statement,
    depth,
    tidy,
)

if TYPE_CHECKING:
    from lark import Lark, Token

LONGEST_TEXT = 1_000_000
DEEPEST = 40
"""Braces or parentheses within each other, and operators within an expression."""


class _Gap:
    """The end of a line, with the comment before it; becomes a comment or a blank line."""

    def __init__(self, comment: str | None) -> None:
        self.comment = comment


class _Led:
    """A line that begins with ``>``; it may follow ``input`` on the same line."""

    def __init__(self, line: Line) -> None:
        self.line = line


class _Misplaced(Exception):  # noqa: N818
    def __init__(self, at: Position, got: str, expected: str, hint: str = "") -> None:
        super().__init__(got)
        self.at, self.got, self.expected, self.hint = at, got, expected, hint


def _at(token: Token) -> Position:
    return Position(token.line or 0, token.column or 0)


def _number(token: Token) -> int | float:
    if token.type == "INT":
        return _whole(str(token), _at(token))
    value = float(token)
    if value > LARGEST:
        raise _Misplaced(_at(token), f"the number {token[:20]} is too large", f"at most {LARGEST}")
    return value


def _whole(digits: str, at: Position) -> int:
    if len(digits.lstrip("0")) > 13 or int(digits) > LARGEST:
        raise _Misplaced(at, f"the number {digits[:20]} is too large", f"at most {LARGEST}")
    return int(digits)


def _window(token: Token) -> tuple[int, ...]:
    return tuple(_whole(digits, _at(token)) for digits in token.split("x"))


def _gathered(items: list[Any], at_of: Any) -> list[Any]:
    """Lines take the comment behind them; other gaps become comment lines or blank lines."""
    found: list[Any] = []
    is_open = False
    for entry in items:
        led = isinstance(entry, _Led)
        item = entry.line if led else entry
        if not isinstance(item, _Gap):
            if is_open and not (led and isinstance(found[-1], Input)):
                raise _Misplaced(
                    at_of(item), "two steps stand side by side", "> between them, or a new line for the second"
                )
            found.append(item)
            is_open = True
        elif is_open:
            if item.comment is not None:
                found[-1] = _with_comment(found[-1], item.comment)
            is_open = False
        else:
            found.append(Comment(item.comment))
    return found


def _with_comment(item: Any, comment: str) -> Any:
    from dataclasses import replace

    return replace(item, comment=comment)


def _begin(item: Any) -> Position:
    return item.steps[0].at if isinstance(item, Line) else item.at


def _atom(item: Any) -> Any:
    """A token becomes a number, a window or a name; a value stays."""
    kind = getattr(item, "type", None)
    if kind in ("INT", "FLOAT"):
        return _number(item)
    if kind == "WINDOW":
        return _window(item)
    return Name(str(item), _at(item)) if kind == "NAME" else item


def _where(item: Any) -> Position:
    if hasattr(item, "type"):
        return _at(item)
    return getattr(item, "at", Position(0, 0))


class _Pieces:
    """One method a rule of the grammar; Lark calls them from the inside out, so that depth costs no stack."""

    def start(self, items: list[Any]) -> tuple[Statement, ...]:
        return tidy(_gathered(items, _begin))

    def body(self, items: list[Any]) -> Body:
        return tidy(_gathered(items, _begin))

    def body_in_braces(self, items: list[Any]) -> Body:
        return items[0]  # type: ignore[no-any-return]

    def end(self, items: list[Any]) -> _Gap:
        comment = next((str(t)[1:].rstrip() for t in items if t.type == "COMMENT"), None)
        return _Gap(comment[1:] if comment and comment[0] == " " else comment)

    def input(self, items: list[Any]) -> Input:
        token = items[-1]
        return Input(tuple(_whole(d, _at(token)) for d in token.split("x")), at=_at(token))

    def expect(self, items: list[Any]) -> Expect:
        return Expect(tuple(items), at=items[0].at if items else Position(0, 0))

    def parameter(self, items: list[Any]) -> Parameter:
        return Parameter(str(items[0]), _atom(items[1]) if len(items) > 1 else None)

    def block(self, items: list[Any]) -> Block:
        return Block(str(items[0]), tuple(items[1:-1]), items[-1], at=_at(items[0]))

    def line(self, items: list[Any]) -> Line | _Led:
        line = Line(tuple(item for item in items if isinstance(item, (Call, Merge, Repeat))))
        return _Led(line) if getattr(items[0], "type", "") == "THEN" else line

    def call(self, items: list[Any]) -> Call:
        alias = str(items[-1].value) if isinstance(items[-1], _Alias) else None
        arguments = [item for item in items[1:] if isinstance(item, Argument)]
        return Call(str(items[0]), tuple(arguments), alias, _at(items[0]))

    def merge(self, items: list[Any]) -> Merge:
        alias = str(items[-1].value) if isinstance(items[-1], _Alias) else None
        branches = items[1:-1] if alias is not None else items[1:]
        return Merge(str(items[0]), tuple(branches), alias, _at(items[0]))

    def repeat(self, items: list[Any]) -> Repeat:
        return Repeat(_atom(items[0]), items[1], _where(items[0]))

    def alias(self, items: list[Any]) -> _Alias:
        return _Alias(items[0])

    def named(self, items: list[Any]) -> Argument:
        return Argument(_atom(items[1]), str(items[0]), _at(items[0]))

    def positional(self, items: list[Any]) -> Argument:
        return Argument(_atom(items[0]), None, _where(items[0]))

    def plus(self, items: list[Any]) -> Binary:
        return self._binary("+", items)

    def minus(self, items: list[Any]) -> Binary:
        return self._binary("-", items)

    def times(self, items: list[Any]) -> Binary:
        return self._binary("*", items)

    def over(self, items: list[Any]) -> Binary:
        return self._binary("/", items)

    def modulo(self, items: list[Any]) -> Binary:
        return self._binary("%", items)

    def _binary(self, operator: str, items: list[Any]) -> Binary:
        left, right = _atom(items[0]), _atom(items[1])
        if max(depth(left), depth(right)) >= DEEPEST:
            raise _Misplaced(_where(items[0]), f"more than {DEEPEST} operators in one value", "a shorter expression")
        return Binary(operator, left, right, _where(items[0]))


class _Alias:
    def __init__(self, value: Token) -> None:
        self.value = value


@functools.cache
def _parser() -> Lark:
    from lark import Lark, Transformer

    pieces = type("Pieces", (_Pieces, Transformer), {})()
    grammar = Path(__file__).with_name("notation.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", transformer=pieces, maybe_placeholders=False)


def _too_deep(source: Source) -> None:
    level = 0
    for number, line in enumerate(source.text.split("\n"), start=1):
        for column, character in enumerate(line.partition("#")[0], start=1):
            level += (character in "{(") - (character in "})")
            if level > DEEPEST:
                raise source.mistake(Position(number, column), f"braces nest deeper than {DEEPEST}", "fewer levels")


def parse(text: str, name: str = "network") -> tuple[tuple[Statement, ...], Source]:
    """The statements of a text, checked against the vocabulary.

    Args:
        text: the notation.
        name: what to call the text in messages, e.g. its file name.

    Raises:
        UserError: with line, column, caret, what was got, what would fit, the nearest word.

    Example:
        >>> statements, _ = parse("input 1x8x8\\nconv 4 3x3 > relu")
        >>> statements[1].steps[0].word
        'conv'
    """
    from lark.exceptions import UnexpectedCharacters, UnexpectedToken

    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    source = Source(name, text)
    if len(text) > LONGEST_TEXT:
        raise UserError(name, f"{len(text):,} characters", f"a network of at most {LONGEST_TEXT:,}")
    _too_deep(source)
    try:
        statements: Any = _parser().parse(text + "\n")
    except _Misplaced as error:
        raise source.mistake(error.at, error.got, error.expected, error.hint) from None
    except UnexpectedCharacters as error:
        at = Position(error.line, error.column)
        raise _unexpected_character(source, at, text.split("\n")[error.line - 1][error.column - 1 :]) from None
    except UnexpectedToken as error:
        accepts = set(error.accepts or ()) | set(error.expected or ())
        raise _unexpected_token(source, error.token, accepts) from None
    rules.check(statements, source)
    return statements, source


def _unexpected_character(source: Source, at: Position, rest: str) -> UserError:
    first = rest[:1]
    hints = {
        "-": "values in the notation are never negative"
        if rest[1:2].isdigit()
        else "is > meant, or the rest a comment (#)?",
        "[": "windows are written 3x3, blocks with braces {}",
        ",": "arguments are separated by spaces",
        ":": "arguments are written name=value",
        '"': "the notation has no quotes",
        "'": "the notation has no quotes",
        ";": "steps are separated by > or a new line",
        "×": "write the letter x: 3x3",
    }
    if first.isdigit():
        word = rest.split()[0][:30]
        return source.mistake(at, f"{word!r} is not a number", "a number such as 6 or 0.5, or a window such as 3x3")
    return source.mistake(at, f"the character {first!r} has no meaning here", "", hints.get(first, ""))


_TOKEN_WORDS = {
    "NAME": "a word",
    "INT": "a number",
    "FLOAT": "a number",
    "WINDOW": "a window such as 3x3",
    "THEN": ">",
    "NEWLINE": "a new line",
    "LBRACE": "{",
    "RBRACE": "}",
    "VBAR": "|",
    "LPAR": "(",
    "RPAR": ")",
    "EQUAL": "=",
    "COMMA": ",",
}


def _unexpected_token(source: Source, token: Token, accepts: set[str]) -> UserError:
    at = _at(token)
    words = sorted({_TOKEN_WORDS[kind] for kind in accepts if kind in _TOKEN_WORDS})
    expected = " or ".join(words)
    text = str(token)
    if token.type == "$END" or token.line is None:
        lines = source.text.split("\n")
        last = Position(len(lines), len(lines[-1]) + 1)
        hint = "close the brace with }" if "RBRACE" in accepts else ""
        return source.mistake(last, "the text ends too early", expected, hint)
    if token.type == "NEWLINE":
        return source.mistake(at, "the line ends too early", expected)
    if token.type == "RBRACE" and "RBRACE" not in accepts:
        return source.mistake(at, "} closes nothing", expected, "there is one } more than {")
    if token.type == "VBAR":
        hint = f"branches stand inside {', '.join(MERGES)}"
        return source.mistake(at, "| outside of branches", expected, hint)
    if text in KEYWORDS:
        hint = f"{text} begins a line of its own" if text in ("input", "expect", "block") else ""
        return source.mistake(at, f"{text!r} stands in the wrong place", expected, hint)
    if token.type == "NAME" and words == ["a window such as 3x3"]:
        return source.mistake(at, f"{spell(text)!r} is not a shape", "a shape such as 1x28x28", "")
    hint = did_you_mean(text, OPERATIONS) if token.type == "NAME" and text not in OPERATIONS else ""
    return source.mistake(at, f"{text!r} does not fit here", expected, hint)
