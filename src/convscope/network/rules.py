"""What a tree must keep to beyond the grammar: the closed vocabulary, blocks before their use, names used once."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace

from convscope.errors import did_you_mean
from convscope.network.tree import (
    INPUT,
    MERGES,
    WORDS,
    Aux,
    Block,
    Body,
    Call,
    Expect,
    From,
    Input,
    Line,
    Merge,
    Name,
    Position,
    Repeat,
    Source,
    Statement,
    Step,
    Variant,
    spell_expression,
    steps_of,
)
from convscope.ops import LARGEST, OPERATIONS, spell

EXPECTED = ("params", "macs", "output")
PROJECT = "project"
MOST_PARAMETERS = 32
MOST_DIMENSIONS = 4
"""Channels and three more, as PyTorch's convolutions have at most."""

FOREIGN = {
    "conv2d": "conv",
    "conv1d": "conv",
    "convolution": "conv",
    "dense": "linear",
    "fc": "linear",
    "fullyconnected": "linear",
    "maxpool2d": "maxpool",
    "maxpooling2d": "maxpool",
    "pool": "maxpool",
    "avgpool2d": "avgpool",
    "averagepooling2d": "avgpool",
    "gap": "globalavgpool",
    "globalaveragepooling2d": "globalavgpool",
    "adaptiveavgpool2d": "adaptiveavgpool",
    "bn": "batchnorm",
    "batchnorm2d": "batchnorm",
    "batchnormalization": "batchnorm",
    "lrn": "localresponsenorm",
    "swish": "silu",
    "concatenate": "concat",
    "cat": "concat",
    "multiply": "mul",
    "sum": "add",
    "residual": "add",
    "reshape": "flatten",
    "shortcut": "project",
    "skip": "identity",
}
"""Words of other tools for operations that the notation has."""


def check(statements: tuple[Statement, ...], source: Source) -> None:
    """Raise a :class:`~convscope.errors.UserError` at the first place that breaks a rule."""
    words = _Words(source, {}, {s.name: s.at for s in statements if isinstance(s, Block)})
    _sequence(statements, words)
    variants: set[str] = set()
    for statement in statements:
        if isinstance(statement, Variant):
            if statement.name in variants:
                raise source.mistake(statement.at, f"network {statement.name!r} is defined twice", "each network once")
            variants.add(statement.name)
            if next(steps_of(statement.statements), None) is None:
                raise source.mistake(statement.at, f"network {statement.name!r} is empty", "at least one step")
            _sequence(statement.statements, words)
    beside = next((s for s in statements if isinstance(s, (Input, Expect, Line))), None)
    if variants and beside is not None:
        at = beside.steps[0].at if isinstance(beside, Line) else beside.at
        raise source.mistake(at, "this stands beside networks", "every step inside the braces of one of them")


def _sequence(statements: tuple[Statement, ...], words: _Words) -> None:
    """One network's statements in order: one input, first; blocks enter the vocabulary."""
    source = words.source
    has_input = has_steps = False
    every = tuple(steps_of(statements))
    words = replace(words, given=given_names(every), readable={INPUT: Position(1, 1)})
    for statement in statements:
        if isinstance(statement, Input):
            if has_input:
                raise source.mistake(statement.at, "input is given twice", "one input")
            if has_steps:
                raise source.mistake(statement.at, "input stands after the first operation", "input first")
            _input(statement, source)
            has_input = True
        elif isinstance(statement, Expect):
            _expect(statement, source)
        elif isinstance(statement, Block):
            _block(statement, words)
            words.blocks[statement.name] = statement
        elif isinstance(statement, Line):
            _steps(statement.steps, words)
            has_steps = True
    _nothing_lost(every, source)
    _ends(every, source)


@dataclass(frozen=True)
class _Words:
    """What may be called at a place: the blocks above it; the block that it is in, and that one's parameters."""

    source: Source
    blocks: dict[str, Block]
    places: dict[str, Position]
    block: str = ""
    parameters: frozenset[str] = frozenset()
    given: Mapping[str, Position] = field(default_factory=dict)
    """Every name that ``as`` gives in this network or block, read here or not."""
    readable: MutableMapping[str, Position] = field(default_factory=dict)
    """Those that ``from`` can read at this place."""


def _input(statement: Input, source: Source) -> None:
    if not all(1 <= value <= LARGEST for value in statement.shape):
        raise source.mistake(statement.at, f"the input {spell(statement.shape)}", f"numbers from 1 to {LARGEST:,}")
    if len(statement.shape) > MOST_DIMENSIONS:
        raise source.mistake(
            statement.at,
            f"the input has {len(statement.shape)} dimensions",
            f"at most {MOST_DIMENSIONS}: channels first, then up to {MOST_DIMENSIONS - 1} more",
            "one example without its batch, such as 3x224x224",
        )


def _expect(statement: Expect, source: Source) -> None:
    if not statement.arguments:
        raise source.mistake(
            statement.at,
            "expect says nothing",
            f"one or more of {', '.join(EXPECTED)}",
            "for example: expect output=10",
        )
    seen = set()
    for argument in statement.arguments:
        at = argument.at
        if argument.name is None:
            raise source.mistake(at, "expect takes names", f"one or more of {', '.join(EXPECTED)}", "such as output=10")
        if argument.name not in EXPECTED:
            hint = did_you_mean(argument.name, EXPECTED)
            raise source.mistake(at, f"expect has no {argument.name!r}", ", ".join(EXPECTED), hint)
        value = argument.value
        if not isinstance(value, int) and not (isinstance(value, tuple) and argument.name == "output"):
            expected = "a whole number" + (" or a shape such as 64x7x7" if argument.name == "output" else "")
            hint = "" if isinstance(value, float) else "expect stands outside of blocks: no names, no sums"
            raise source.mistake(at, f"{argument.name}={spell_expression(value)}", expected, hint)
        if argument.name in seen:
            raise source.mistake(at, f"{argument.name} is given twice", "each once")
        seen.add(argument.name)


def _block(block: Block, words: _Words) -> None:
    source = words.source
    if block.name in (*OPERATIONS, PROJECT):
        raise source.mistake(block.at, f"{block.name!r} is an operation already", "another name for the block")
    if block.name in words.blocks:
        raise source.mistake(block.at, f"block {block.name!r} is defined twice", "each block once")
    if len(block.parameters) > MOST_PARAMETERS:
        got = f"block {block.name!r} has {len(block.parameters)} parameters"
        raise source.mistake(block.at, got, f"at most {MOST_PARAMETERS}")
    previous: dict[str, bool] = {}
    for parameter in block.parameters:
        if parameter.name in (*WORDS, "in_channels"):
            got = f"a parameter cannot be called {parameter.name!r}"
            raise source.mistake(parameter.at, got, "another name", f"{parameter.name} has a meaning everywhere")
        if parameter.name in previous:
            raise source.mistake(parameter.at, f"parameter {parameter.name!r} is named twice", "each once")
        if parameter.default is None and any(previous.values()):
            got = f"parameter {parameter.name!r} has no default, the one before it has"
            raise source.mistake(parameter.at, got, "parameters without defaults first")
        previous[parameter.name] = parameter.default is not None
    if next(steps_of(block.body), None) is None:
        raise source.mistake(block.at, f"block {block.name!r} is empty", "at least one step", "identity does nothing")
    every = tuple(steps_of(block.body))
    names = given_names(every)
    _steps(every, replace(words, block=block.name, parameters=frozenset(previous), given=names, readable={}))
    _nothing_lost(every, source)


def _steps(steps: tuple[Step, ...], words: _Words) -> None:
    for step in steps:
        if isinstance(step, From):
            _read(step, words)
        elif isinstance(step, Call):
            _call(step, words)
        else:
            if isinstance(step, Merge):
                _merge(step, words.source)
            elif next(steps_of(step.body), None) is None:
                word = "aux" if isinstance(step, Aux) else "repeat"
                raise words.source.mistake(step.at, f"{word} holds nothing", "at least one step between its braces")
            for body in _bodies(step):
                # What a repeat names is named around it; a branch and a side branch keep their names.
                seen = words.readable if isinstance(step, Repeat) else ChainMap({}, words.readable)
                inner = tuple(steps_of(body))
                _steps(inner, replace(words, readable=seen))
                _nothing_lost(inner, words.source, isinstance(step, Repeat))
                if isinstance(step, Aux):
                    _ends(inner, words.source)
        if isinstance(step, (Call, Merge)) and step.alias is not None:
            words.readable[step.alias] = step.at


def _bodies(step: Merge | Repeat | Aux) -> Iterator[Body]:
    yield from step.branches if isinstance(step, Merge) else (step.body,)


# Names that are read


def given_names(steps: tuple[Step, ...]) -> dict[str, Position]:
    """Every name that ``as`` gives in a body and in all that it holds, with its place."""
    found: dict[str, Position] = {}
    for step in steps:
        if isinstance(step, (Call, Merge)) and step.alias is not None:
            found.setdefault(step.alias, step.at)
        if isinstance(step, (Merge, Repeat, Aux)):
            for body in _bodies(step):
                found = given_names(tuple(steps_of(body))) | found
    return found


def _read(step: From, words: _Words) -> None:
    """A name that no step above has, or that cannot be seen from here."""
    if step.name in words.readable:
        return
    got, expected, hint = f"no step before this is called {step.name!r}", "a name that as gives", ""
    at = words.given.get(step.name)
    if at is not None and (at.line, at.column) > (step.at.line, step.at.column):
        hint = f"line {at.line} gives it: a name is read below the step that has it"
    elif at is not None:
        hint = f"line {at.line} gives it inside a branch, where alone it can be read"
    elif words.block and step.name == INPUT:
        hint = "a block does not know the network's input: it reads what it names itself"
    elif re.fullmatch(r"[A-Za-z_]+[0-9]+", step.name) and step.name.rstrip("0123456789") in vocabulary(words.blocks):
        hint = f"a number is no name: write as {step.name} behind the step"
    else:
        hint = did_you_mean(step.name, words.readable)
        if words.block and not hint:
            hint = "a block reads only the names that it gives itself"
    raise words.source.mistake(step.at, got, expected, hint)


def _nothing_lost(steps: tuple[Step, ...], source: Source, repeated: bool = False) -> None:
    """Refuse a ``from`` behind a step whose result then nothing can read."""
    before: Step | None = None
    for step in steps:
        if isinstance(step, Aux):
            continue
        if not _takes_what_arrives(step):
            at = _first_read(step).at
            if repeated and before is None:
                expected = "a step that goes on from the turn before"
                raise source.mistake(at, "every turn of the repeat begins at the same value", expected)
            if isinstance(before, From):
                raise source.mistake(at, f"nothing reads {before.name} before this", "one from behind another's steps")
            if isinstance(before, Repeat) or (before is not None and before.alias is None):
                word = before.word if isinstance(before, (Call, Merge)) else "repeat"
                hint = "identity as NAME behind it" if word == "repeat" else f"{word} ... as NAME, and from NAME below"
                raise source.mistake(at, f"nothing reads what {word} before this gives", "a step with a name", hint)
        before = step


def _takes_what_arrives(step: Step) -> bool:
    if isinstance(step, (Merge, Repeat, Aux)):
        return any(_first_takes(tuple(steps_of(body))) for body in _bodies(step))
    return not isinstance(step, From)


def _first_takes(steps: tuple[Step, ...]) -> bool:
    """Whether a body reads what arrives: at its first step, or at a side branch before it."""
    for step in steps:
        if not isinstance(step, Aux) or _takes_what_arrives(step):
            return _takes_what_arrives(step)
    return True


def _first_read(step: Step) -> From:
    """The first ``from`` in a step that begins with one."""
    if isinstance(step, From):
        return step
    assert isinstance(step, (Merge, Repeat, Aux))
    for body in _bodies(step):
        for inner in steps_of(body):
            if not isinstance(inner, Call):
                return _first_read(inner)
    raise AssertionError


def _ends(steps: tuple[Step, ...], source: Source) -> None:
    """Refuse a network or a side branch that ends with ``from``: its result is its last operation's."""
    last = next((step for step in reversed(steps) if not isinstance(step, Aux)), None)
    if isinstance(last, From):
        got = f"from {last.name} stands last, nothing follows it"
        raise source.mistake(last.at, got, "a step behind it", "identity does nothing")


def _merge(step: Merge, source: Source) -> None:
    if step.word not in MERGES:
        if step.word in OPERATIONS or step.word == PROJECT:
            raise source.mistake(step.at, f"{step.word} takes no branches", f"{', '.join(MERGES)} or repeat N")
        foreign = FOREIGN.get(step.word.lower())
        choices = (*MERGES, "repeat")
        hint = f"here it is called {foreign}" if foreign in MERGES else did_you_mean(step.word, choices)
        raise source.mistake(step.at, f"unknown merge {step.word!r}", ", ".join(MERGES), hint)
    if len(step.branches) < 2:
        raise source.mistake(
            step.at, f"{step.word} has one branch", "at least two, separated by |", "| identity adds one"
        )
    for body in step.branches:
        if next(steps_of(body), None) is None:
            raise source.mistake(
                step.at, f"a branch of {step.word} is empty", "at least one step a branch", "identity does nothing"
            )


def _call(step: Call, words: _Words) -> None:
    source = words.source
    if step.word in MERGES:
        example = f"{step.word} {{ conv 8 1x1 | identity }}"
        raise source.mistake(step.at, f"{step.word} without branches", "branches between braces", example)
    if step.word not in OPERATIONS and step.word not in words.blocks and step.word != PROJECT:
        expected = "an operation or a block defined above"
        raise source.mistake(step.at, f"unknown operation {step.word!r}", expected, _near(step, words))
    _in_order(step, words)


def _near(step: Call, words: _Words) -> str:
    """What an unknown word may have meant."""
    foreign = FOREIGN.get(step.word.lower())
    if foreign:
        return f"here it is called {foreign}"
    if step.word == words.block:
        return "a block cannot hold itself"
    if step.word in words.places:
        return f"block {step.word} is defined in line {words.places[step.word].line}: blocks stand above their use"
    return did_you_mean(step.word, vocabulary(words.blocks))


def _in_order(step: Call, words: _Words) -> None:
    """Values without names first, and no second operation among them."""
    named = False
    for argument in step.arguments:
        if argument.name is None and named:
            got, expected = "a value without a name follows one with", "values without names first"
            raise words.source.mistake(argument.at, got, expected)
        named = named or argument.name is not None
        word = argument.value.name if isinstance(argument.value, Name) and argument.name is None else ""
        if (word in OPERATIONS or word in words.blocks or word == PROJECT) and word not in words.parameters:
            got = f"{step.word} and {word} stand side by side"
            raise words.source.mistake(argument.at, got, "> between two steps", f"write > before {word}")


def vocabulary(blocks: Mapping[str, Block]) -> list[str]:
    """Every word that may stand as a step."""
    return [*OPERATIONS, *blocks, *(word for word in (PROJECT, "repeat") if word not in OPERATIONS)]
