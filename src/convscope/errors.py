"""What a person did that cannot work: where, what was got, what would fit, what to do.

Every layer raises :class:`UserError`; the command line prints it and leaves with status 2, ``--json`` and
the page show the same four fields. Anything else that escapes is our fault (status 1).
"""

from __future__ import annotations

from collections.abc import Iterable

from convscope.printable import printable

MOST_LISTED = 80
"""Choices that a hint writes out; more would bury it."""
SHORTEST_BEGINNING = 3
"""Letters of a word that was broken off, such as ``max`` for ``maxpool``."""


class UserError(Exception):
    """One mistake, in four fields that a person can act on.

    Args:
        where: the file, line, option or node, e.g. ``"lenet.net, line 3, column 8"``.
        got: what was found there, e.g. ``"unknown operation 'cnov'"``.
        expected: what would fit, e.g. ``"an operation"``; empty where ``got`` says it all.
        hint: what to do next, e.g. ``"did you mean conv?"``.
        excerpt: the offending source line with a caret under the place, if there is one.
        kept: what was done before and stays, e.g. ``"the model is saved in runs/digits-1/model"``.

    Example:
        >>> print(UserError("net, line 1", "unknown operation 'cnov'", hint="did you mean conv?"))
        net, line 1: unknown operation 'cnov'
          hint: did you mean conv?
    """

    def __init__(
        self, where: str, got: str, expected: str = "", hint: str = "", excerpt: str = "", kept: str = ""
    ) -> None:
        super().__init__(where, got, expected, hint, excerpt, kept)
        self.where = where
        self.got = got
        self.expected = expected
        self.hint = hint
        self.excerpt = excerpt
        self.kept = kept

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.got}" if self.where else self.got]
        lines += ["  " + line for line in self.excerpt.split("\n")] if self.excerpt else []
        named = {"expected": self.expected, "hint": self.hint, "kept": self.kept}
        lines += [f"  {name}: {said}" for name, said in named.items() if said]
        return "\n".join(map(printable, lines))

    def to_dict(self) -> dict[str, str]:
        """The fields as ``{"where", "got", "expected", "hint"}``, the JSON that every surface shows.

        ``kept`` is there where something is.
        """
        fields = {"where": self.where, "got": self.got, "expected": self.expected, "hint": self.hint}
        return {**fields, "kept": self.kept} if self.kept else fields


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that ``word`` begins or looks most like, or None if none comes close.

    Example:
        >>> nearest("cnov", ["conv", "relu"]), nearest("max", ["softmax", "maxpool"])
        ('conv', 'maxpool')
    """
    options = list(choices)
    begun = [choice for choice in options if len(word) >= SHORTEST_BEGINNING and choice.startswith(word.lower())]
    import difflib

    matches = difflib.get_close_matches(word.lower(), options, n=1, cutoff=0.6)
    return min(begun, key=len) if begun else matches[0] if matches else None


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """A hint with the nearest word, or with all words where none is near and they are few.

    Example:
        >>> did_you_mean("max", ["maxpool", "avgpool"])
        'did you mean maxpool?'
    """
    options = list(choices)
    match = nearest(word, options)
    if match is not None:
        return f"did you mean {match}?"
    return f"one of: {', '.join(options)}" if 0 < len(options) <= MOST_LISTED else ""


_NO_MEMORY = ("out of memory", "allocate memory", "not enough memory", "tried to allocate", "bad_alloc")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: Python's own error, and what torch's allocators on processors and devices say.

    Example:
        >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("DefaultCPUAllocator: not enough memory"))
        (True, True)
    """
    said = str(error).lower() if isinstance(error, RuntimeError) else ""
    return isinstance(error, MemoryError) or any(words in said for words in _NO_MEMORY)
