"""What the parser trips over, in words that a learner can act on: where, what was got, what would fit, what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Set
from typing import TYPE_CHECKING

from convscope.errors import UserError, nearest
from convscope.network.rules import PROJECT
from convscope.network.tree import KEYWORDS, MERGES, Position, Source
from convscope.ops import OPERATIONS

if TYPE_CHECKING:
    from lark import Token

SHAPE = "a shape such as 1x28x28: channels first, no spaces"

_CHARACTERS = {
    "[": "windows are written 3x3, blocks with braces {}",
    ":": "arguments are written name=value",
    ";": "steps are separated by > or a new line",
    "×": "write the letter x: 3x3",
    "→": "write > between two steps",
    **dict.fromkeys("\"'`“”‘’", "the notation has no quotes"),
}

_TOKENS = {
    "NAME": "a word",
    "PATH": "a word",
    "LBRACE": "{",
    "RBRACE": "}",
    "VBAR": "|",
    "LPAR": "(",
    "RPAR": ")",
    "EQUAL": "=",
    "COMMA": ",",
}


def unexpected_character(source: Source, at: Position) -> UserError:
    """A character that begins nothing in the notation."""
    rest = source.text.split("\n")[at.line - 1][at.column - 1 :]
    first = rest[:1]
    if first.isdigit():
        word = rest.split()[0][:30]
        return source.mistake(at, f"{word!r} is not a number", "a number such as 6 or 0.5, or a window such as 3x3")
    hint = _CHARACTERS.get(first, "")
    if first == ".":
        hint = "a number starts with a digit: 0.5" if rest[1:2].isdigit() else "words have no dots: conv, not nn.Conv2d"
    elif first.isalpha():
        hint = "words are made of the letters a to z, digits and _"
    expected = "" if hint else "words, numbers, > between steps, # before a comment"
    return source.mistake(at, f"the character {first!r} has no meaning here", expected, hint)


def unexpected_token(source: Source, token: Token, accepts: Set[str]) -> UserError:
    """A piece of the notation at a place where it does not fit; ``accepts`` are the kinds that would."""
    expected = _expected(accepts)
    unclosed = _unclosed(source, token)
    if token.type == "$END":
        return _end(source, unclosed, expected)
    at = Position(token.line or 0, token.column or 0)
    before = source.text.split("\n")[at.line - 1][: at.column - 1]
    words = re.split(r"[>|{}]", before)[-1].split()
    if words[:1] == ["input"]:
        return source.mistake(Position(at.line, before.rindex("input") + 1), "input without a shape", SHAPE)
    if token in KEYWORDS:
        return keyword_misplaced(source, str(token), at)
    if token.type == "NEWLINE":
        hint = "the { stands on the same line" if "LBRACE" in accepts else ""
        return source.mistake(at, "the line ends too early", expected, hint)
    if token.type == "RBRACE":
        got = "} comes too early" if unclosed else "} closes nothing"
        return source.mistake(at, got, expected, "" if unclosed else "there is one } more than {")
    if token.type == "VBAR":
        inside = unclosed is not None and unclosed[1] in MERGES
        got = "| comes too early" if inside else "| outside of branches"
        return source.mistake(at, got, expected, "" if inside else f"branches stand inside {', '.join(MERGES)}")
    got = f"{str(token)[:40]!r} does not fit here"
    return source.mistake(at, got, expected, _hint(token, accepts, words, source))


def _expected(accepts: Set[str]) -> str:
    """The kinds that would fit, in the fewest words."""
    if {"INT", "NEWLINE"} <= accepts:
        return "an argument, > before the next step, or a new line"
    if "INT" in accepts:
        return "a number, a window such as 3x3 or a word" if "WINDOW" in accepts else "a number or a parameter"
    if "THEN" in accepts:
        return "a step such as conv 6 5x5" if "NAME" in accepts else "> before the next step, or a new line"
    return " or ".join(word for kind, word in _TOKENS.items() if kind in accepts)


def _unclosed(source: Source, token: Token) -> tuple[Position, str] | None:
    """The innermost brace that is open before a token, and the word that opened it."""
    stack: list[tuple[Position, str]] = []
    end = (token.line, token.column) if token.type != "$END" else (None, None)
    word = ""
    for number, line in enumerate(source.text.split("\n"), start=1):
        for match in re.finditer(r"[A-Za-z_]\w*|[{}|>#]", line):
            if (number, match.start() + 1) == end:
                return stack[-1] if stack else None
            if match[0] == "#":
                break
            if match[0] == "{":
                stack.append((Position(number, match.start() + 1), word))
            elif match[0] == "}" and stack:
                stack.pop()
            elif match[0] in "|>" or word not in ("repeat", "block"):
                word = match[0]
        word = ""
    return stack[-1] if stack else None


def keyword_misplaced(source: Source, word: str, at: Position) -> UserError:
    """A keyword where only names may stand, or no word at all."""
    alone = "begins a line of its own, outside of all braces"
    hints = {
        "repeat": "it is written: repeat 2 { relu }",
        "as": "it stands between a step and its name: relu as first",
        "from": "it begins a line or a branch and names an earlier step: from stem",
        "input": f"it {alone}; a branch that passes its input on is identity",
    }
    hint = hints.get(word, f"it {alone}; is a }} missing above?")
    return source.mistake(at, f"{word!r} stands in the wrong place", "another word", hint)


def _end(source: Source, unclosed: tuple[Position, str] | None, expected: str) -> UserError:
    if unclosed is not None:
        at, word = unclosed
        return source.mistake(at, f"the {{ of {word} is never closed" if word else "this { is never closed", "its }")
    lines = source.text.split("\n")
    return source.mistake(Position(len(lines), len(lines[-1]) + 1), "the text ends too early", expected)


def _hint(token: Token, accepts: Set[str], words: list[str], source: Source) -> str:
    """What a person may have meant by a token that does not fit; ``words`` stand before it in its step."""
    first = words[0] if words else ""
    rest = source.text.split("\n")[(token.line or 1) - 1][token.column or 0 :]
    if token.type in ("INT", "FLOAT", "WINDOW"):
        return _misplaced_number(token, accepts)
    if token.type == "NAME":
        return _misplaced_word(token, accepts, words)
    hints: dict[str, Callable[[], str]] = {
        "LBRACE": lambda: "close the parentheses first" if "RPAR" in accepts else _misplaced_brace(words),
        "COMMA": lambda: _misplaced_comma(words, rest, "RPAR" in accepts),
        "RPAR": lambda: "there is one ) more than (",
        "LPAR": lambda: "the operation comes first and stands without parentheses: conv 16 3x3" if not words else "",
        "MINUS": lambda: (
            "write > between two steps"
            if rest[:1] == ">"
            else ("a comment begins with #" if rest[:1] == "-" else "a negative number stands behind a name: min=-1")
        ),
        "SLASH": lambda: "a comment begins with #" if rest[:1] in ("/", "*") else "",
        "EQUAL": lambda: (
            "write > between two steps"
            if rest[:1] == ">"
            else (
                f"a step gets its name behind it: relu as {first}"
                if len(words) == 1 and first not in OPERATIONS
                else "the argument's name comes before =, such as stride=2"
            )
        ),
    }
    return hints[token.type]() if token.type in hints else ""


def _misplaced_number(token: Token, accepts: Set[str]) -> str:
    if token.type == "WINDOW" and "INT" in accepts:
        return "a window stands alone, without parentheses or arithmetic"
    if {"THEN", "NAME"} <= accepts:
        return "the operation comes first, then its numbers: conv 16 3x3"
    return ""


def _misplaced_word(token: Token, accepts: Set[str], words: list[str]) -> str:
    if "COMMA" in accepts:
        return "parameters are separated by commas"
    if "LBRACE" in accepts and words:
        return f"braces around what belongs to it: {words[0]} {' '.join(words[1:2])} {{ {token[:40]} }}"
    return ""


def _misplaced_brace(words: list[str]) -> str:
    if not words:
        return "{ stands on the line of its add, concat, mul, repeat or block"
    first, last = words[0], words[-1]
    if first == "repeat":
        return "say how often: repeat 2 { ... }"
    if first == "block":
        return "a block has a name: block basic { ... }"
    if last in (*MERGES, "repeat") and len(words) > 1:
        return f"write > before {last}"
    if first not in OPERATIONS and first != PROJECT:
        near = nearest(first, (*MERGES, "repeat", "block"))
        if near:
            return f"did you mean {near}?"
    return f"braces belong to {', '.join(MERGES)}, repeat N or block NAME"


def _misplaced_comma(words: list[str], rest: str, in_parentheses: bool) -> str:
    if in_parentheses:
        return "arguments stand behind the word, without parentheses and commas: conv 6 3x3"
    if words[:1] == ["expect"] and rest[:1].isdigit():
        return "numbers are written without commas: 61706"
    return "arguments are separated by spaces"
