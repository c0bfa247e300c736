"""A file of several networks that share their blocks: a family, of which one is taken by name."""

from __future__ import annotations

from convscope.errors import did_you_mean
from convscope.network.tree import (
    NOWHERE,
    Block,
    Body,
    Call,
    Comment,
    From,
    Merge,
    Source,
    Statement,
    Variant,
    steps_of,
    tidy,
)

SHOWN = 12


def members(statements: tuple[Statement, ...]) -> tuple[str, ...]:
    """The names of a file's networks; none where the file is one network.

    Example:
        >>> from convscope.network.notation import parse
        >>> members(parse("network a {\\nconv 4 3x3\\n}\\nnetwork b {\\nconv 8 3x3\\n}")[0])
        ('a', 'b')
    """
    return tuple(s.name for s in statements if isinstance(s, Variant))


def choose(statements: tuple[Statement, ...], source: Source, name: str) -> tuple[Statement, ...]:
    """The statements of one of a file's networks: the file's head, the blocks it needs, its own.

    Raises:
        UserError: none has this name; the nearest is named.
    """
    names = members(statements)
    found = next((s for s in statements if isinstance(s, Variant) and s.name == name), None)
    if found is None:
        hint = did_you_mean(name, names)
        raise source.mistake(NOWHERE, f"no network {name!r} in this file", ", ".join(names[:SHOWN]), hint)
    blocks = {s.name: s for s in statements if isinstance(s, Block)}
    used: set[str] = set()
    _use(found.statements, blocks, used)
    kept: list[Statement] = []
    for statement in statements:
        if isinstance(statement, Variant):
            break
        if not isinstance(statement, Block) or statement.name in used:
            kept.append(statement)
    return tidy([*kept, Comment(None), *found.statements])


def only(statements: tuple[Statement, ...], source: Source) -> tuple[Statement, ...]:
    """The statements as they are where they are one network, or those of the only one in the file.

    Raises:
        UserError: there are several.
    """
    names = members(statements)
    if not names:
        return statements
    if len(names) == 1:
        return choose(statements, source, names[0])
    second = [s for s in statements if isinstance(s, Variant)][1]
    listed = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    raise source.mistake(second.at, f"{len(names)} networks in one file", f"one of {listed}", f"FILE:{names[0]}")


def _use(body: Body | tuple[Statement, ...], blocks: dict[str, Block], used: set[str]) -> None:
    for step in steps_of(body):
        if isinstance(step, Call):
            if step.word in blocks and step.word not in used:
                used.add(step.word)
                _use(blocks[step.word].body, blocks, used)
        elif isinstance(step, Merge):
            for branch in step.branches:
                _use(branch, blocks, used)
        elif not isinstance(step, From):
            _use(step.body, blocks, used)
