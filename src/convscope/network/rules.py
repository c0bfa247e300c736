"""What a tree must keep to beyond the grammar: the closed vocabulary, blocks before their use, names used once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from convscope.errors import did_you_mean
from convscope.network.tree import (
    MERGES,
    WORDS,
    Aux,
    Block,
    Body,
    Call,
    Expect,
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


@dataclass(frozen=True)
class _Words:
    """What may be called at a place: the blocks above it; the block that it is in, and that one's parameters."""

    source: Source
    blocks: dict[str, Block]
    places: dict[str, Position]
    block: str = ""
    parameters: frozenset[str] = frozenset()


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
    _steps(tuple(steps_of(block.body)), replace(words, block=block.name, parameters=frozenset(previous)))


def _steps(steps: tuple[Step, ...], words: _Words) -> None:
    for step in steps:
        if isinstance(step, Call):
            _call(step, words)
            continue
        if isinstance(step, Merge):
            _merge(step, words.source)
        elif next(steps_of(step.body), None) is None:
            word = "aux" if isinstance(step, Aux) else "repeat"
            raise words.source.mistake(step.at, f"{word} holds nothing", "at least one step between its braces")
        for body in _bodies(step):
            _steps(tuple(steps_of(body)), words)


def _bodies(step: Merge | Repeat | Aux) -> Iterator[Body]:
    yield from step.branches if isinstance(step, Merge) else (step.body,)


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
