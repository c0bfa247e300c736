"""Text to tree. The grammar is in ``notation.lark``; here its pieces become values (errors: ``mistakes.py``)."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.errors import UserError
from convscope.network import rules
from convscope.network.syntax_errors import SHAPE, keyword_misplaced, unexpected_character, unexpected_token
from convscope.network.tree import (
    INPUT,
    KEYWORDS,
    Argument,
    Arithmetic,
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
    Name,
    Parameter,
    Position,
    Repeat,
    Source,
    Statement,
    Variant,
    operators,
    tidy,
)
from convscope.ops import LARGEST

if TYPE_CHECKING:
    from lark import Lark, Token

GRAMMAR = Path(__file__).with_name("notation.lark")
TABLES = GRAMMAR.with_name("notation_tables.json")
"""What Lark makes of the grammar, kept by `make tables`: to make it anew is a quarter of `convscope describe`."""
OPTIONS: dict[str, Any] = {"parser": "lalr", "maybe_placeholders": False}

LONGEST_TEXT = 150_000
LONGEST_WORD = 64
LONGEST_PATH = 300
"""Of a name that ``as`` gives; with dots it may be a whole path."""
MOST_NUMBERS = 16
DEEPEST = 40
"""Braces or parentheses within each other, and operators within an expression."""


class _Gap:
    """The end of a line, with the comment before it; becomes a comment or a blank line."""

    def __init__(self, comment: str | None) -> None:
        self.comment = comment


class _Row:
    """Steps joined by ``>`` as they stand in the text, and the ``>`` before and behind them if there are."""

    def __init__(self, items: list[Any]) -> None:
        self.line = Line(tuple(item for item in items if isinstance(item, (Call, Merge, Repeat, Aux, From))))
        self.led: Token | None = items[0] if getattr(items[0], "type", "") == "THEN" else None
        self.open: Token | None = items[-1] if getattr(items[-1], "type", "") == "THEN" else None


class _Misplaced(Exception):  # noqa: N818
    def __init__(self, at: Position, got: str, expected: str, hint: str = "") -> None:
        super().__init__(got)
        self.at, self.got, self.expected, self.hint = at, got, expected, hint


class _Keyword(Exception):  # noqa: N818
    def __init__(self, at: Position, word: str) -> None:
        super().__init__(word)
        self.at, self.word = at, word


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
    digits = digits.lstrip("0") or "0"
    if len(digits) > 13 or int(digits) > LARGEST:
        raise _Misplaced(at, f"the number {digits[:20]} is too large", f"at most {LARGEST:,}")
    return int(digits)


def _window(token: Token) -> tuple[int, ...]:
    digits = token.split("x")
    if len(digits) > MOST_NUMBERS:
        got = f"{token[:20]}... has {len(digits)} numbers"
        raise _Misplaced(_at(token), got, f"a window or shape of at most {rules.MOST_DIMENSIONS}")
    return tuple(_whole(number, _at(token)) for number in digits)


def _gathered(items: list[Any]) -> tuple[Any, ...]:
    """Rows become lines and take the comment behind them; other gaps become comment lines or blank lines."""
    found: list[Any] = []
    beside = None
    """What stands on the same line so far."""
    pending: Token | None = None
    """A > at the end of a row; the next row belongs to it."""
    joins = False
    for entry in items:
        if isinstance(entry, _Gap):
            if beside is not None and entry.comment is not None:
                found[-1] = replace(found[-1], comment=entry.comment)
            elif beside is None and (entry.comment is not None or pending is None):
                found.append(Comment(entry.comment))
            joins = joins and entry.comment is None
            beside = None
            continue
        row = entry if isinstance(entry, _Row) else None
        if pending is not None and (row is None or row.led is not None):
            raise _nothing_follows(pending)
        if beside is not None and not (isinstance(beside, Input) and row is not None and row.led is not None):
            raise _side_by_side(beside, entry)
        item = entry if row is None else row.line
        if joins:
            found[-1] = Line(found[-1].steps + item.steps)
        else:
            found.append(item)
        beside = entry
        pending = None if row is None else row.open
        joins = pending is not None
    if pending is not None:
        raise _nothing_follows(pending)
    return tidy(found)


def _nothing_follows(then: Token) -> _Misplaced:
    return _Misplaced(_at(then), "no step follows this >", "a step such as relu behind it, or no >")


def _side_by_side(beside: Any, entry: Any) -> _Misplaced:
    step = entry.line.steps[0] if isinstance(entry, _Row) else entry
    if isinstance(beside, Input):
        hint = "a step goes on a line of its own" if getattr(step, "word", "") != "x" else "write 28x28, not 28 x 28"
        return _Misplaced(step.at, "the shape of the input ends before this", SHAPE, hint)
    if not isinstance(entry, _Row):
        return _Misplaced(step.at, "this stands behind something else", "a line of its own")
    return _Misplaced(step.at, "two steps stand side by side", "> between them, or a new line for the second")


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
        return _gathered(items)

    def body(self, items: list[Any]) -> Body:
        return _gathered(items)

    def body_in_braces(self, items: list[Any]) -> Body:
        return items[0]  # type: ignore[no-any-return]

    def end(self, items: list[Any]) -> _Gap:
        comment = next((str(t)[1:].rstrip() for t in items if t.type == "COMMENT"), None)
        return _Gap(comment[1:] if comment and comment[0] == " " else comment)

    def input(self, items: list[Any]) -> Input:
        return Input(_window(items[-1]), at=_at(items[-1]))

    def expect(self, items: list[Any]) -> Expect:
        return Expect(tuple(items[1:]), at=_at(items[0]))

    def parameter(self, items: list[Any]) -> Parameter:
        return Parameter(str(items[0]), _atom(items[1]) if len(items) > 1 else None, _at(items[0]))

    def block(self, items: list[Any]) -> Block:
        return Block(str(items[0]), tuple(items[1:-1]), items[-1], at=_at(items[0]))

    def variant(self, items: list[Any]) -> Variant:
        return Variant(str(items[1]), _gathered(items[2:]), at=_at(items[1]))

    def line(self, items: list[Any]) -> _Row:
        return _Row(items)

    def call(self, items: list[Any]) -> Call:
        alias = items[-1].value if isinstance(items[-1], _Alias) else None
        arguments = [item for item in items[1:] if isinstance(item, Argument)]
        return Call(str(items[0]), tuple(arguments), alias, _at(items[0]))

    def merge(self, items: list[Any]) -> Merge:
        alias = items[-1].value if isinstance(items[-1], _Alias) else None
        branches = items[1:-1] if alias is not None else items[1:]
        return Merge(str(items[0]), tuple(branches), alias, _at(items[0]))

    def repeat(self, items: list[Any]) -> Repeat:
        return Repeat(_atom(items[1]), items[2], _at(items[0]))

    def aux(self, items: list[Any]) -> Aux:
        alias = items[-1].value if isinstance(items[-1], _Alias) else None
        return Aux(_atom(items[1]), items[2], alias, _at(items[0]))

    def read(self, items: list[Any]) -> From:
        return From(_given_name(items[1], but=INPUT), _at(items[0]))

    def alias(self, items: list[Any]) -> _Alias:
        return _Alias(_given_name(items[0]))

    def named(self, items: list[Any]) -> Argument:
        return Argument(_atom(items[1]), str(items[0]), _at(items[0]))

    def negative(self, items: list[Any]) -> Argument:
        return Argument(0 - _number(items[1]), str(items[0]), _at(items[0]))

    def positional(self, items: list[Any]) -> Argument:
        return Argument(_atom(items[0]), None, _where(items[0]))

    def plus(self, items: list[Any]) -> Arithmetic:
        return self._binary("+", items)

    def minus(self, items: list[Any]) -> Arithmetic:
        return self._binary("-", items)

    def times(self, items: list[Any]) -> Arithmetic:
        return self._binary("*", items)

    def over(self, items: list[Any]) -> Arithmetic:
        return self._binary("/", items)

    def modulo(self, items: list[Any]) -> Arithmetic:
        return self._binary("%", items)

    def _binary(self, operator: str, items: list[Any]) -> Arithmetic:
        left, right = _atom(items[0]), _atom(items[1])
        if operators(left) + operators(right) >= DEEPEST:
            raise _Misplaced(_where(items[0]), f"more than {DEEPEST} operators in one value", "a shorter expression")
        return Arithmetic(operator, left, right, _where(items[0]))


class _Alias:
    def __init__(self, value: str) -> None:
        self.value = value


def _given_name(token: Token, but: str = "") -> str:
    """A name after ``as`` or ``from``; ``but`` is the keyword that may stand there."""
    if token in KEYWORDS and token != but:
        raise _Keyword(_at(token), str(token))
    if len(token) > LONGEST_PATH or any(len(word) > LONGEST_WORD for word in token.split(".")):
        got = f"a name of {len(token)} characters"
        raise _Misplaced(_at(token), got, f"at most {LONGEST_PATH}, and {LONGEST_WORD} between dots")
    return str(token)


@functools.cache
def _parser() -> Lark:
    import lark

    pieces = type("Pieces", (_Pieces, lark.Transformer), {})()
    used: dict[str, Any] = {"transformer": pieces, "lexer_callbacks": {"NAME": _name}}
    tables = _tables()
    if tables["lark"] == lark.__version__:
        kept: Lark = lark.Lark._load_from_dict(tables["data"], tables["memo"], **used)  # type: ignore[no-untyped-call]
        return kept
    return lark.Lark(GRAMMAR.read_text(encoding="utf-8"), **OPTIONS, **used)


def _tables() -> dict[str, Any]:
    """What Lark made of the grammar; keys that are numbers are numbers again, JSON has none."""
    tables: dict[str, Any] = json.loads(TABLES.read_text(encoding="utf-8"))
    parser = tables["data"]["parser"]["parser"]
    parser["tokens"] = _numbered(parser["tokens"])
    parser["states"] = {state: _numbered(row) for state, row in _numbered(parser["states"]).items()}
    return {**tables, "memo": _numbered(tables["memo"])}


def _numbered(table: dict[str, Any]) -> dict[int, Any]:
    return {int(key): value for key, value in table.items()}


def _name(word: Token) -> Token:
    """A word that is free to be a name; Lark gives a keyword here where it has no place as such."""
    if word in KEYWORDS:
        raise _Keyword(_at(word), str(word))
    if len(word) > LONGEST_WORD:
        raise _Misplaced(_at(word), f"a word of {len(word)} characters", f"at most {LONGEST_WORD}")
    return word


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
    _writable(source)
    _too_deep(source)
    try:
        statements: Any = _parser().parse(text + "\n")
    except _Misplaced as error:
        raise source.mistake(error.at, error.got, error.expected, error.hint) from None
    except _Keyword as error:
        raise keyword_misplaced(source, error.word, error.at) from None
    except UnexpectedCharacters as error:
        raise unexpected_character(source, Position(error.line, error.column)) from None
    except UnexpectedToken as error:
        raise unexpected_token(source, error.token, set(error.accepts or error.expected or ())) from None
    rules.check(statements, source)
    return statements, source


def _writable(source: Source) -> None:
    """Refuse what no file can hold: half of a character, as a command line in another encoding gives."""
    try:
        source.text.encode("utf-8")
    except UnicodeEncodeError as error:
        before = source.text[: error.start].split("\n")
        at = Position(len(before), len(before[-1]) + 1)
        raise source.mistake(at, "this is not a character of any text", "text in UTF-8") from None
