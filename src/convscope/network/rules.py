"""What a tree must keep to beyond the grammar: the closed vocabulary, blocks before their use, names used once."""

from __future__ import annotations

from collections.abc import Iterator

from convscope.errors import did_you_mean
from convscope.network.ops import LARGEST, OPERATIONS
from convscope.network.tree import (
    KEYWORDS,
    MERGES,
    WORDS,
    Argument,
    Block,
    Body,
    Call,
    Expect,
    Input,
    Line,
    Merge,
    Position,
    Repeat,
    Source,
    Statement,
    Step,
    steps_of,
)

EXPECTED = ("params", "macs", "output")
PROJECT = "project"

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
    blocks: dict[str, Block] = {}
    seen_input: Input | None = None
    for statement in statements:
        if isinstance(statement, Input):
            if seen_input is not None:
                raise source.mistake(statement.at, "input is given twice", "one input")
            seen_input = statement
            if not all(1 <= value <= LARGEST for value in statement.shape):
                raise source.mistake(statement.at, "a dimension of the input is 0 or too large", "at least 1")
            if next(steps_of(statements[: statements.index(statement)]), None) is not None:
                raise source.mistake(statement.at, "input stands after the first operation", "input first")
        elif isinstance(statement, Expect):
            _expect(statement, source)
        elif isinstance(statement, Block):
            _block(statement, blocks, source)
            blocks[statement.name] = statement
        elif isinstance(statement, Line):
            _steps(statement.steps, blocks, source)


def _expect(statement: Expect, source: Source) -> None:
    names = [argument.name for argument in statement.arguments]
    if not names:
        raise source.mistake(statement.at, "expect says nothing", f"one of {', '.join(EXPECTED)}")
    for argument in statement.arguments:
        at = argument.at
        if argument.name is None:
            raise source.mistake(at, "expect takes names", "for example params=61706")
        if argument.name not in EXPECTED:
            hint = did_you_mean(argument.name, EXPECTED)
            raise source.mistake(at, f"expect has no {argument.name!r}", ", ".join(EXPECTED), hint)
        value = argument.value
        if not isinstance(value, int) and not (isinstance(value, tuple) and argument.name == "output"):
            raise source.mistake(at, f"{argument.name} is not a number", f"{argument.name}=10")
        if names.count(argument.name) > 1:
            raise source.mistake(at, f"{argument.name} is given twice", "each once")


def _block(block: Block, known: dict[str, Block], source: Source) -> None:
    if block.name in (*OPERATIONS, *MERGES, *KEYWORDS, PROJECT):
        raise source.mistake(block.at, f"{block.name!r} is an operation already", "another name for the block")
    if block.name in known:
        raise source.mistake(block.at, f"block {block.name!r} is defined twice", "each block once")
    names = [parameter.name for parameter in block.parameters]
    for parameter in block.parameters:
        if parameter.name in (*WORDS, *KEYWORDS, "in_channels"):
            raise source.mistake(block.at, f"a parameter cannot be called {parameter.name!r}", "another name")
        if names.count(parameter.name) > 1:
            raise source.mistake(block.at, f"parameter {parameter.name!r} is named twice", "each once")
    needed = [parameter.default is None for parameter in block.parameters]
    if needed != sorted(needed, reverse=True):
        raise source.mistake(block.at, "a parameter without a default follows one with", "defaults last")
    if not any(True for _ in steps_of(block.body)):
        raise source.mistake(block.at, f"block {block.name!r} is empty", "at least one step", "identity does nothing")
    _steps(tuple(steps_of(block.body)), known, source)


def _steps(steps: tuple[Step, ...], blocks: dict[str, Block], source: Source) -> None:
    for step in steps:
        if isinstance(step, Call):
            _call(step, blocks, source)
            continue
        if isinstance(step, Merge):
            _merge(step, source)
        for body in _bodies(step):
            _steps(tuple(steps_of(body)), blocks, source)


def _bodies(step: Merge | Repeat) -> Iterator[Body]:
    yield from step.branches if isinstance(step, Merge) else (step.body,)


def _merge(step: Merge, source: Source) -> None:
    if step.word not in MERGES:
        if step.word in OPERATIONS or step.word == PROJECT:
            raise source.mistake(step.at, f"{step.word} takes no branches", f"{', '.join(MERGES)} or repeat N")
        hint = did_you_mean(step.word, (*MERGES, "repeat"))
        raise source.mistake(step.at, f"unknown merge {step.word!r}", f"{', '.join(MERGES)}", hint)
    if len(step.branches) < 2:
        raise source.mistake(
            step.at, f"{step.word} has one branch", "at least two, separated by |", "| identity adds one"
        )
    for body in step.branches:
        if next(steps_of(body), None) is None:
            raise source.mistake(
                step.at, f"a branch of {step.word} is empty", "identity for a branch that does nothing"
            )
    _alias(step.alias, step.at, source)


def _call(step: Call, blocks: dict[str, Block], source: Source) -> None:
    if step.word in MERGES:
        example = f"{step.word} {{ conv 8 1x1 | identity }}"
        raise source.mistake(step.at, f"{step.word} without branches", f"{{ and branches: {example}")
    if step.word not in OPERATIONS and step.word not in blocks and step.word != PROJECT:
        foreign = FOREIGN.get(step.word.lower())
        hint = f"here it is called {foreign}" if foreign else did_you_mean(step.word, vocabulary(blocks))
        raise source.mistake(step.at, f"unknown operation {step.word!r}", "an operation or a block defined above", hint)
    _in_order(step.arguments, source)
    _alias(step.alias, step.at, source)


def _in_order(arguments: tuple[Argument, ...], source: Source) -> None:
    named = False
    for argument in arguments:
        if argument.name is None and named:
            raise source.mistake(argument.at, "a value without a name follows one with", "values without names first")
        named = named or argument.name is not None


def _alias(alias: str | None, at: Position, source: Source) -> None:
    if alias in KEYWORDS or alias == "input":
        raise source.mistake(at, f"a step cannot be called {alias!r}", "another name after as")


def vocabulary(blocks: dict[str, Block]) -> list[str]:
    """Every word that may stand as a step."""
    return [*OPERATIONS, *blocks, *(word for word in (PROJECT, "repeat") if word not in OPERATIONS)]
