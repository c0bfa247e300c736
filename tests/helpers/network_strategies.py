"""Hypothesis strategies for networks: as trees, as untidy texts of a tree, as broken texts, as broken JSON."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from operator import add
from typing import Any

from hypothesis import strategies as st

from convscope.network.tree import (
    INPUT,
    KEYWORDS,
    MERGES,
    WORDS,
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
    tidy,
)
from convscope.ops import LARGEST, OPERATIONS

CALLS = [*sorted(set(OPERATIONS) - set(MERGES)), "project"]
NAMES = [
    "a",
    "width",
    "Stride",
    "_",
    "__a",
    "x5",
    "e5",
    "asx",
    "inputs",
    "repeat2",
    "block_",
    "conv2",
    "relu1",
    "kx3x3",
]
"""Names for blocks, parameters and steps, some of them close to words, numbers and windows."""


def weighted(*choices: tuple[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """One of some strategies, each as often as its number says (``one_of`` leaves out what it is given twice)."""
    table = [strategy for times, strategy in choices for _ in range(times)]
    return st.integers(0, len(table) - 1).flatmap(table.__getitem__)


names = st.sampled_from(NAMES)
wholes = st.one_of(st.integers(0, 12), st.sampled_from([64, 1000, LARGEST]), st.integers(0, LARGEST))
floats = st.sampled_from([0.0, 0.1, 0.5, 1e-05, 1.0]) | st.floats(0, LARGEST, allow_nan=False)
windows = st.lists(st.integers(0, 300), min_size=2, max_size=4).map(tuple)
comments = st.one_of(
    st.sampled_from(
        ["a comment", "", "> conv 6 5x5 {", "# twice", "  indented", "다운샘플", "\u202eRTL", "e\u0301", "\x00"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), max_size=4),
).map(str.rstrip)
"""Any text of one line; what ``rstrip`` takes away is not part of a comment."""
maybe_comment = weighted((4, st.none()), (1, comments))
comment_lines = st.lists(st.builds(Comment, maybe_comment), max_size=1)
maybe_alias = weighted((5, st.none()), (1, names), (1, st.sampled_from(["stem", "add1.a.conv1", "layer1.0"])))


@cache
def expressions(scope: tuple[str, ...], window: bool = True, word: bool = True) -> st.SearchStrategy[Expression]:
    """A value that refers to the names in scope; ``window`` and ``word`` say what else it may be."""
    atoms = st.one_of(wholes, floats, st.sampled_from([*scope, "in_channels"]).map(Name))
    one = st.builds(Arithmetic, st.sampled_from("+-*/%"), atoms, atoms)
    two = st.builds(Arithmetic, st.sampled_from("+-*/%"), atoms | one, atoms | one)
    words = st.sampled_from([*WORDS, "all", "zz"]).map(Name)
    return weighted((4, atoms), (int(word), words), (int(window), windows), (1, two))


@cache
def arguments(scope: tuple[str, ...]) -> st.SearchStrategy[tuple[Argument, ...]]:
    values = expressions(scope)
    positional = st.builds(Argument, values)
    negative = st.integers(-9, -1) | st.sampled_from([-0.5, -1e-05, -2.0])
    named = st.builds(Argument, weighted((4, values), (1, negative)), st.sampled_from([*NAMES, "stride", "min"]))
    return weighted(
        (1, st.just(())), (2, st.tuples(positional)), (1, st.tuples(named)), (1, st.tuples(positional, named)),
        (1, st.tuples(positional, positional)), (1, st.tuples(positional, positional, named, named)),
    )  # fmt: skip


@cache
def steps(blocks: tuple[str, ...], scope: tuple[str, ...], level: int) -> st.SearchStrategy[Step]:
    calls = st.builds(Call, st.sampled_from([*CALLS, *blocks]), arguments(scope), maybe_alias)
    if level >= 3:
        return calls
    inner = bodies(blocks, scope, level + 1)
    branches = weighted((3, st.tuples(inner, inner)), (1, st.tuples(inner, inner, inner)))
    merges = st.builds(Merge, st.sampled_from(MERGES), branches, maybe_alias)
    repeats = st.builds(Repeat, expressions(scope, window=False, word=False), inner)
    auxes = st.builds(Aux, expressions(scope, window=False, word=False), inner, maybe_alias)
    return weighted((12, calls), (2, merges), (2, repeats), (1, auxes))


@cache
def bodies(blocks: tuple[str, ...], scope: tuple[str, ...], level: int) -> st.SearchStrategy[Body]:
    step = steps(blocks, scope, level)
    row = weighted((2, st.tuples(step)), (1, st.tuples(step, step)))
    rows = st.builds(Line, row, maybe_comment)
    some = st.builds(lambda a, b, c: [*a, b, *c], comment_lines, rows, comment_lines)
    parts = weighted((6, st.tuples(rows)), (1, some), (1, st.tuples(rows, rows)), (1, st.builds(add, some, some)))
    return parts.map(lambda items: tidy(list(items)))


@st.composite
def networks(draw: st.DrawFn) -> tuple[Statement, ...]:
    """The statements of a network as the parser would give them: tidy, blocks before use, the vocabulary kept."""
    statements: list[Statement] = draw(comment_lines)
    if draw(st.booleans()):
        shape = draw(st.lists(st.integers(1, 500), min_size=1, max_size=4).map(tuple))
        statements.append(Input(shape, draw(maybe_comment)))
    blocks: tuple[str, ...] = ()
    for name in draw(st.sampled_from([(), (), ("asx",), ("block_", "x5")])):
        scope = tuple(draw(st.sampled_from([[], ["n"], ["k", "e5"], ["width", "_", "x5"]])))
        needed = draw(st.integers(0, len(scope)))
        parameters = tuple(
            Parameter(n, draw(expressions(scope[:i])) if i >= needed else None) for i, n in enumerate(scope)
        )
        statements.append(Block(name, parameters, draw(bodies(blocks, scope, 1)), draw(maybe_comment)))
        blocks = (*blocks, name)
    statements += draw(bodies(blocks, (), 0)) if draw(st.integers(0, 9)) else ()
    if draw(st.booleans()):
        wanted = draw(st.sets(st.sampled_from(["params", "macs"]), min_size=1))
        given = [Argument(draw(wholes), name) for name in sorted(wanted)]
        given += [Argument(draw(windows | wholes), "output")] if draw(st.booleans()) else []
        statements.append(Expect(tuple(given), draw(maybe_comment)))
    return tidy(Reads(draw).statements(statements))


class Reads:
    """Puts ``from`` into a drawn network wherever a name can be read and nothing is lost by it."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def statements(self, statements: list[Statement]) -> list[Statement]:
        names = {INPUT}
        made: list[Statement] = []
        free = True
        for statement in statements:
            if isinstance(statement, Block):
                known: set[str] = set()
                made.append(replace(statement, body=self.body(statement.body, known, False)))
            elif isinstance(statement, Line):
                line, free = self.line(statement, names, free)
                made.append(line)
            else:
                made.append(statement)
        return made

    def body(self, body: Body, names: set[str], free: bool) -> Body:
        """``free`` says whether what arrives may be left unread."""
        made: list[Line | Comment] = []
        for item in body:
            if isinstance(item, Line):
                item, free = self.line(item, names, free)
            made.append(item)
        return tuple(made)

    def line(self, line: Line, names: set[str], free: bool) -> tuple[Line, bool]:
        steps: list[Step] = []
        for step in line.steps:
            if free and names and not isinstance(step, Aux) and self.draw(st.integers(0, 2)) == 0:
                steps.append(From(self.draw(st.sampled_from(sorted(names)))))
            steps.append(self.step(step, names))
            if not isinstance(step, Aux):
                free = isinstance(step, (Call, Merge)) and step.alias is not None
            if isinstance(step, (Call, Merge)) and step.alias is not None:
                names.add(step.alias)
        return replace(line, steps=tuple(steps)), free

    def step(self, step: Step, names: set[str]) -> Step:
        if isinstance(step, Merge):
            # The first branch reads what arrives, so that none of the others has to.
            first, *others = step.branches
            bodies = [self.body(first, set(names), False), *(self.body(b, set(names), True) for b in others)]
            return replace(step, branches=tuple(bodies))
        if isinstance(step, Repeat):
            return replace(step, body=self.body(step.body, names, False))
        return replace(step, body=self.body(step.body, set(names), True)) if isinstance(step, Aux) else step


@st.composite
def families(draw: st.DrawFn) -> tuple[Statement, ...]:
    """The statements of a file of two networks that share blocks."""
    first, second = draw(networks()), draw(networks())
    shared = [s for s in first if isinstance(s, (Comment, Block))]
    own = tidy([s for s in first if not isinstance(s, Block)])
    # The second knows only what is shared.
    other = tidy([s for s in second if isinstance(s, (Comment, Input, Expect))])
    step = Line((Call("relu"),))
    bodies_of_both = [b if any(isinstance(s, Line) for s in b) else (*b, step) for b in (own, other)]
    return tidy([*shared, *(Variant(name, tidy(list(b))) for name, b in zip("ab", bodies_of_both, strict=True))])


class Untidy:
    """Writes a tree as a careless person would; parsing it gives the same tree.

    Written from the grammar alone and apart from ``format_statements``, so that the two check each other.
    """

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def pick(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def gap(self) -> str:
        return self.pick("", "", " ", "   ", "\t", "\f")

    def space(self) -> str:
        return self.pick(" ", "  ", "\t ", " \f ")

    def text(self, statements: tuple[Statement, ...]) -> str:
        text = self.pick("", "\n", "\ufeff") + self.items(statements) + self.pick("", "\n", "\n \n\n", " ")
        return text.replace("\n", self.pick("\n", "\n", "\r\n", "\r"))

    def items(self, items: tuple[Statement, ...]) -> str:
        written = ""
        for index, item in enumerate(items):
            if item == Comment(None):
                written += self.gap() + self.pick("\n", "\n\n", "\n  \n\n")
                continue
            written += self.gap() + self.item(item, written[-1:] in ("", "\n")) + self.gap()
            if index + 1 < len(items):
                joined = isinstance(item, Input) and item.comment is None and isinstance(items[index + 1], Line)
                written += self.pick("\n", "> ") if joined else "\n"
        return written

    def item(self, item: Statement, fresh: bool) -> str:
        if isinstance(item, Comment):
            return self.comment(item.text or "")
        if isinstance(item, Line):
            then = [self.gap() + ">" + self.pick("", " ", "\n", " \n\n\t\n") for _ in item.steps[1:]]
            row = "".join(a + b for a, b in zip(map(self.step, item.steps), [*then, ""], strict=True))
            return (self.pick("", "", "> ", ">") if fresh else "") + row + self.after(item.comment)
        if isinstance(item, Input):
            return "input" + self.space() + "x".join(map(str, item.shape)) + self.after(item.comment)
        if isinstance(item, Expect):
            return "expect" + self.arguments(item.arguments) + self.after(item.comment)
        parameters = ",".join(
            self.gap()
            + p.name
            + ("" if p.default is None else self.gap() + "=" + self.gap() + self.value(p.default, 0))
            for p in item.parameters
        )
        parameters = f"({parameters}{self.gap()})" if parameters or self.draw(st.booleans()) else ""
        head = "block" + self.space() + item.name + self.gap() + parameters + self.gap()
        return head + "{" + self.inside(item.body) + "}" + self.after(item.comment)

    def comment(self, text: str) -> str:
        tight = text and text[0] != " " and self.draw(st.booleans())
        return "#" + ("" if tight else " ") + text + self.pick("", " ", "\t")

    def after(self, comment: str | None) -> str:
        return "" if comment is None else self.gap() + self.comment(comment)

    def inside(self, body: Body) -> str:
        before = "" if body[0] != Comment(None) and self.draw(st.booleans()) else self.gap() + "\n"
        last = body[-1]
        told = (last.text if isinstance(last, Comment) else last.comment) is not None
        return before + self.items(body) + (self.pick("\n", "\n\n") if told else self.pick("", " ", "\n"))

    def step(self, step: Step) -> str:
        if isinstance(step, Call):
            return step.word + self.arguments(step.arguments) + self.alias(step.alias)
        if isinstance(step, From):
            return "from" + self.space() + step.name
        if isinstance(step, Repeat):
            return "repeat" + self.space() + self.value(step.count, 0) + self.gap() + "{" + self.inside(step.body) + "}"
        if isinstance(step, Aux):
            weight = self.space() + self.value(step.weight, 0) + self.gap()
            return "aux" + weight + "{" + self.inside(step.body) + "}" + self.alias(step.alias)
        branches = "|".join(map(self.inside, step.branches))
        return step.word + self.gap() + "{" + branches + "}" + self.alias(step.alias)

    def alias(self, alias: str | None) -> str:
        return "" if alias is None else self.space() + "as" + self.space() + alias

    def arguments(self, arguments: tuple[Argument, ...]) -> str:
        written = ""
        for argument in arguments:
            name = "" if argument.name is None else argument.name + self.gap() + "=" + self.gap()
            written += self.space() + name + self.value(argument.value, 0)
        return written

    def value(self, value: Expression, outer: int) -> str:
        """``outer`` is how tightly the surroundings bind: 0 none, 1 for + and -, 2 for a right side of those, ..."""
        if isinstance(value, tuple):
            return "x".join(map(str, value))
        if isinstance(value, (int, float)) and value < 0:
            return "-" + self.gap() + repr(-value)
        if isinstance(value, Arithmetic):
            rank = 1 if value.operator in "+-" else 3
            left, right = self.value(value.left, rank), self.value(value.right, rank + 1)
            text = left + self.gap() + value.operator + self.gap() + right
            needed = outer > rank
        else:
            text = value.name if isinstance(value, Name) else ("0" if self.draw(st.booleans()) else "") + repr(value)
            text = repr(value) if isinstance(value, float) else text
            needed = False
        return f"({text})" if needed or self.draw(st.integers(0, 5)) == 0 else text


@st.composite
def untidy(draw: st.DrawFn) -> tuple[tuple[Statement, ...], str]:
    """A tree and one of the careless texts that mean it."""
    statements = draw(networks())
    return statements, Untidy(draw).text(statements)


_NUMBERS = ["1x8x8", "3x3", "1x1", "0", "1", "2", "6", "0.5", "1e5", "5x", "x5", "1e999", "9" * 30]
_FOREIGN = ["é", "\u0301", "\u202e", "\x00", "\ufeff", "×", "  ", "\t", "\r", "\x0b", "\u2028", "𝟛", "width", "b", "x"]
_ARGUMENTS = ["in_channels", "stride", "padding", "params", "output"]
_SIGNS = [*">>>>{{}}}||()=,\n\n\n\n+-*/%#.:;\"'[]\\@&$!?"]
TOKENS = [*OPERATIONS, *KEYWORDS, *WORDS, "project", *_NUMBERS, *_FOREIGN, *_ARGUMENTS, *_SIGNS]

_PIECES = re.compile(r"\w+|\s+|[^\w\s]")
tokens = st.lists(st.sampled_from(TOKENS), max_size=40)
soups = st.tuples(tokens, st.sampled_from([" ", " ", "\n", ""])).map(lambda pair: pair[1].join(pair[0]))
"""Words and signs of the notation in any order."""


@st.composite
def broken(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """A text after a few slips: letters or words left out, put in, doubled, swapped."""
    text = draw(texts)
    for _ in range(draw(st.integers(1, 4))):
        pieces = _PIECES.findall(text) if draw(st.booleans()) else list(text)
        if not pieces:
            return text
        place = draw(st.integers(0, len(pieces) - 1))
        other = draw(st.integers(0, len(pieces) - 1))
        slip = draw(st.sampled_from(["leave out", "put in", "double", "swap", "cut"]))
        if slip == "leave out":
            del pieces[place]
        elif slip == "put in":
            pieces.insert(place, draw(st.sampled_from(TOKENS) | st.characters()))
        elif slip == "double":
            pieces.insert(place, pieces[other])
        elif slip == "swap":
            pieces[place], pieces[other] = pieces[other], pieces[place]
        else:
            del pieces[place:]
        text = "".join(pieces)
    return text


_scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([*TOKENS, "relu"])
)
_json = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON document."""
    found = []
    pending = [document]
    while pending:
        container = pending.pop()
        keys = container if isinstance(container, dict) else range(len(container))
        for key in keys:
            found.append((container, key))
            if isinstance(container[key], (dict, list)):
                pending.append(container[key])
    return found


@st.composite
def broken_json(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """A network's JSON with entries changed, moved, left out or put in."""
    document = json.loads(draw(texts))
    for _ in range(draw(st.integers(1, 3))):
        places = _places(document)
        if not places:
            break
        container, key = places[draw(st.integers(0, len(places) - 1))]
        slip = draw(st.sampled_from(["value", "move", "leave out", "put in"]))
        if slip == "value":
            container[key] = draw(_json)
        elif slip == "move":
            other, where = places[draw(st.integers(0, len(places) - 1))]
            container[key] = json.loads(json.dumps(other[where]))
        elif slip == "leave out":
            del container[key]
        elif isinstance(container, dict):
            words = [
                "steps",
                "comment",
                "blank",
                "call",
                "merge",
                "repeat",
                "word",
                "operator",
                "alias",
                "body",
                "value",
            ]
            container[draw(st.sampled_from(words))] = draw(_json)
        else:
            container.insert(key, draw(_json))
    return json.dumps(document)
