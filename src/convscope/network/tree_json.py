"""The other spelling of a tree: JSON, value for value. Reading it trusts nothing."""

from __future__ import annotations

import json
import re
from typing import Any

from convscope.errors import UserError
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
    Expression,
    From,
    Input,
    Line,
    Merge,
    Name,
    Parameter,
    Repeat,
    Statement,
    Step,
    Variant,
    operators,
    tidy,
)
from convscope.ops import LARGEST

VERSION = 1
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*\Z")
_DEEPEST = 40


def to_json(statements: tuple[Statement, ...]) -> str:
    """Statements as a JSON document, indented by two spaces."""
    document = {"convscope": VERSION, "network": [_statement(statement) for statement in statements]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _filled(**entries: Any) -> dict[str, Any]:
    return {key: value for key, value in entries.items() if value is not None}


def _statement(statement: Statement) -> dict[str, Any]:
    if isinstance(statement, Input):
        return _filled(input=list(statement.shape), comment=statement.comment)
    if isinstance(statement, Expect):
        return _filled(expect=[_argument(a) for a in statement.arguments], comment=statement.comment)
    if isinstance(statement, Variant):
        raise TypeError("a file of several networks has no JSON spelling; choose one")
    if isinstance(statement, Block):
        parameters = [
            {"name": p.name} if p.default is None else {"name": p.name, "default": _expression(p.default)}
            for p in statement.parameters
        ]
        body = _body(statement.body)
        return _filled(block=statement.name, parameters=parameters, body=body, comment=statement.comment)
    return _item(statement)


def _item(item: Line | Comment) -> dict[str, Any]:
    if isinstance(item, Comment):
        return {"blank": True} if item.text is None else {"comment": item.text}
    return _filled(steps=[_step(step) for step in item.steps], comment=item.comment)


def _body(body: Body) -> list[dict[str, Any]]:
    return [_item(item) for item in body]


def _step(step: Step) -> dict[str, Any]:
    if isinstance(step, Call):
        return _filled(call=step.word, arguments=[_argument(a) for a in step.arguments], alias=step.alias)
    if isinstance(step, Merge):
        return _filled(merge=step.word, branches=[_body(branch) for branch in step.branches], alias=step.alias)
    if isinstance(step, Aux):
        return _filled(aux=_expression(step.weight), body=_body(step.body), alias=step.alias)
    if isinstance(step, From):
        return {"from": step.name}
    return {"repeat": _expression(step.count), "body": _body(step.body)}


def _argument(argument: Argument) -> Any:
    value = _expression(argument.value)
    return {"value": value} if argument.name is None else {"name": argument.name, "value": value}


def _expression(value: Expression) -> Any:
    if isinstance(value, Name):
        return {"word": value.name}
    if isinstance(value, Arithmetic):
        return {
            "operator": value.operator,
            "left": _expression(value.left),
            "right": _expression(value.right),
        }
    return list(value) if isinstance(value, tuple) else value


class _Wrong(Exception):  # noqa: N818
    """A place in the document that does not fit."""


def from_json(text: str, name: str = "network.json") -> tuple[Statement, ...]:
    """Statements from a JSON document.

    Raises:
        UserError: it is not JSON, or not a network in JSON; the path of the place is named.
    """
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError, ValueError) as error:
        where = f"{name}, line {error.lineno}" if isinstance(error, json.JSONDecodeError) else name
        raise UserError(where, f"this is not JSON: {error}"[:200], "a network as convscope writes it") from None
    try:
        top = _dictionary(document, "document", {"convscope", "network"})
        if top.get("convscope") != VERSION:
            raise _Wrong(f"convscope is {top.get('convscope')!r}, this version reads {VERSION}")
        return tidy([_read_statement(s, f"network[{i}]") for i, s in enumerate(_list(top.get("network"), "network"))])
    except _Wrong as error:
        raise UserError(name, str(error)[:300], "a network as convscope writes it") from None
    except RecursionError:
        raise UserError(name, "it nests too deeply", "a network as convscope writes it") from None


def _dictionary(value: Any, at: str, keys: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Wrong(f"{at} is not an object")
    extra = sorted(set(value) - keys)
    if extra:
        raise _Wrong(f"{at} has no entry {extra[0]!r}")
    return value


def _list(value: Any, at: str) -> list[Any]:
    if not isinstance(value, list):
        raise _Wrong(f"{at} is not a list")
    return value


def _word(value: Any, at: str) -> str:
    if not isinstance(value, str) or not _WORD.match(value) or value in KEYWORDS:
        raise _Wrong(f"{at} is not a word: {value!r}"[:200])
    return value


def _optional_word(value: Any, at: str) -> str | None:
    return None if value is None else _word(value, at)


def _path(value: Any, at: str) -> str:
    """A name that ``as`` gives."""
    if not isinstance(value, str) or not _PATH.match(value) or value in KEYWORDS:
        raise _Wrong(f"{at} is not a name: {value!r}"[:200])
    return value


def _optional_path(value: Any, at: str) -> str | None:
    return None if value is None else _path(value, at)


def _comment(value: Any, at: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or "\n" in value or "\r" in value or value != value.rstrip():
        raise _Wrong(f"{at} is not a comment of one line")
    return value


def _whole(value: Any, at: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        raise _Wrong(f"{at} is not a whole number from 0 to {LARGEST}")
    return value


def _read_statement(value: Any, at: str) -> Statement:
    if isinstance(value, dict) and "input" in value:
        entry = _dictionary(value, at, {"input", "comment"})
        shape = tuple(_whole(v, f"{at}.input") for v in _list(entry["input"], f"{at}.input"))
        if not shape:
            raise _Wrong(f"{at}.input is empty")
        return Input(shape, _comment(entry.get("comment"), at))
    if isinstance(value, dict) and "expect" in value:
        entry = _dictionary(value, at, {"expect", "comment"})
        return Expect(_read_arguments(entry["expect"], f"{at}.expect"), _comment(entry.get("comment"), at))
    if isinstance(value, dict) and "block" in value:
        entry = _dictionary(value, at, {"block", "parameters", "body", "comment"})
        parameters = tuple(_read_parameter(p, f"{at}.parameters") for p in _list(entry.get("parameters"), at))
        body = _read_body(entry.get("body"), f"{at}.body", 0)
        return Block(_word(entry["block"], at), parameters, body, _comment(entry.get("comment"), at))
    return _read_item(value, at, 0)


def _read_parameter(value: Any, at: str) -> Parameter:
    entry = _dictionary(value, at, {"name", "default"})
    default = _read_expression(entry["default"], at) if "default" in entry else None
    return Parameter(_word(entry.get("name"), at), default)


def _read_item(value: Any, at: str, level: int) -> Line | Comment:
    entry = _dictionary(value, at, {"steps", "comment", "blank"})
    if "steps" in entry:
        steps = tuple(_read_step(s, f"{at}.steps[{i}]", level) for i, s in enumerate(_list(entry["steps"], at)))
        if not steps:
            raise _Wrong(f"{at}.steps is empty")
        return Line(steps, _comment(entry.get("comment"), at))
    if entry == {"blank": True}:
        return Comment(None)
    if set(entry) != {"comment"} or entry["comment"] is None:
        raise _Wrong(f"{at} is neither steps, comment nor blank")
    return Comment(_comment(entry["comment"], at))


def _read_body(value: Any, at: str, level: int) -> Body:
    if level > _DEEPEST:
        raise _Wrong(f"{at} nests deeper than {_DEEPEST}")
    return tidy([_read_item(item, f"{at}[{i}]", level) for i, item in enumerate(_list(value, at))])


def _read_step(value: Any, at: str, level: int) -> Step:
    if isinstance(value, dict) and "call" in value:
        entry = _dictionary(value, at, {"call", "arguments", "alias"})
        arguments = _read_arguments(entry.get("arguments", []), f"{at}.arguments")
        return Call(_word(entry["call"], at), arguments, _optional_path(entry.get("alias"), at))
    if isinstance(value, dict) and "merge" in value:
        entry = _dictionary(value, at, {"merge", "branches", "alias"})
        branches = _list(entry.get("branches"), f"{at}.branches")
        if not all(branches):
            raise _Wrong(f"{at}.branches holds an empty one")
        bodies = tuple(_read_body(b, f"{at}.branches[{i}]", level + 1) for i, b in enumerate(branches))
        return Merge(_word(entry["merge"], at), bodies, _optional_path(entry.get("alias"), at))
    if isinstance(value, dict) and "aux" in value:
        entry = _dictionary(value, at, {"aux", "body", "alias"})
        weight = _read_expression(entry["aux"], f"{at}.aux")
        if isinstance(weight, tuple):
            raise _Wrong(f"{at}.aux is a window")
        inner = _read_body(entry.get("body"), f"{at}.body", level + 1)
        return Aux(weight, inner, _optional_path(entry.get("alias"), at))
    if isinstance(value, dict) and "from" in value:
        name = _dictionary(value, at, {"from"})["from"]
        return From(name if name == INPUT else _path(name, at))
    entry = _dictionary(value, at, {"repeat", "body"})
    if "repeat" not in entry:
        raise _Wrong(f"{at} is neither call, merge, repeat, aux nor from")
    count = _read_expression(entry["repeat"], at)
    if isinstance(count, tuple):
        raise _Wrong(f"{at}.repeat is a window")
    return Repeat(count, _read_body(entry.get("body"), f"{at}.body", level + 1))


def _read_arguments(value: Any, at: str) -> tuple[Argument, ...]:
    found = []
    for index, item in enumerate(_list(value, at)):
        entry = _dictionary(item, f"{at}[{index}]", {"name", "value"})
        if "value" not in entry:
            raise _Wrong(f"{at}[{index}] has no value")
        name = _optional_word(entry.get("name"), at)
        value, where = entry["value"], f"{at}[{index}]"
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if name is not None and number and -LARGEST <= value < 0:  # behind a name alone: conv 6 -1 is a difference
            found.append(Argument(value, name))
        else:
            found.append(Argument(_read_expression(value, where), name))
    return tuple(found)


def _read_expression(value: Any, at: str) -> Expression:
    if isinstance(value, list):
        if len(value) < 2:
            raise _Wrong(f"{at} is not a window")
        return tuple(_whole(v, at) for v in value)
    if isinstance(value, float):
        if not 0 <= value <= LARGEST:
            raise _Wrong(f"{at} is not a number from 0 to {LARGEST}")
        return value + 0.0  # no -0.0
    if isinstance(value, dict) and "operator" in value:
        entry = _dictionary(value, at, {"operator", "left", "right"})
        left, right = _read_expression(entry.get("left"), at), _read_expression(entry.get("right"), at)
        if entry["operator"] not in ("+", "-", "*", "/", "%") or isinstance(left, tuple) or isinstance(right, tuple):
            raise _Wrong(f"{at} is not an expression")
        if operators(left) + operators(right) >= _DEEPEST:
            raise _Wrong(f"{at} has more than {_DEEPEST} operators")
        return Arithmetic(entry["operator"], left, right)
    if isinstance(value, dict):
        return Name(_word(_dictionary(value, at, {"word"}).get("word"), at))
    return _whole(value, at)
