"""Python as text: expressions of the notation, calls laid out one argument a line, names that Python allows."""

from __future__ import annotations

import builtins
import json
import keyword
from collections.abc import Iterable, Sequence

from convscope.network.tree import Arithmetic, Expression, Name
from convscope.ops.spelling import Call, Code, flat_text, lead_of

WIDTH = 88
"""Columns of the formatter that most people's editors run."""
INDENT = "    "
_OPERATORS = {"+": " + ", "-": " - ", "*": " * ", "/": " // ", "%": " % "}
_RANKS = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2}


def render(code: Code, indent: int = 0, used: int = 0) -> str:
    """The text of some code.

    Args:
        code: what is written.
        indent: levels at which the line begins.
        used: columns of the first line that are taken, before and behind.
    """
    if isinstance(code, str):
        return code
    flat = flat_text(code)
    if not code.arguments or (not _opened(code) and len(flat) + used + len(INDENT) * indent <= WIDTH):
        return flat
    inner = INDENT * (indent + 1)
    lines = [f"{code.function}{code.open_}"]
    inside = flat[len(code.function) + len(code.open_) : -len(code.close)]
    if not _opened(code) and len(inner) + len(inside) <= WIDTH:
        return "\n".join([*lines, f"{inner}{inside}", f"{INDENT * indent}{code.close}"])
    for name, value in code.arguments:
        lead = lead_of(code, name)
        lines.append(f"{inner}{lead}{render(value, indent + 1, len(lead) + 1)},")
    return "\n".join([*lines, f"{INDENT * indent}{code.close}"])


def _opened(code: Code) -> bool:
    return isinstance(code, Call) and (code.always_open or any(_opened(value) for _, value in code.arguments))


def assign(target: str, code: Code, indent: int) -> str:
    """A statement that gives a name to a value."""
    return f"{INDENT * indent}{target} = {render(code, indent, len(target) + 3)}"


OWN = "%"
"""Begins the names that a file has of its own, turns of loops for example; no name of the notation begins so."""


def spell(value: Expression | bool | str | None, outer: int = 0) -> str:
    """A value of the notation as Python writes it; ``/`` divides exactly there, so ``//`` says the same.

    Example:
        >>> spell(Arithmetic("*", Arithmetic("+", Name("a"), 1), 4)), spell((3, 5)), spell(0.001)
        ('(a + 1) * 4', '(3, 5)', '0.001')
    """
    if isinstance(value, Name):
        return value.name[1:] if value.name.startswith(OWN) else allowed(value.name)
    if isinstance(value, Arithmetic):
        rank = _RANKS[value.operator]
        text = f"{spell(value.left, rank)}{_OPERATORS[value.operator]}{spell(value.right, rank + 1)}"
        return f"({text})" if rank < outer else text
    if isinstance(value, tuple):
        return str(value[0]) if len(set(value)) == 1 else f"({', '.join(map(str, value))})"
    return json.dumps(value) if isinstance(value, str) else repr(value)


def fold(operator: str, left: Expression, right: Expression) -> Expression:
    """``left operator right``, worked out as far as numbers are known.

    Example:
        >>> fold("+", 3, 4), fold("*", Name("n"), 1), spell(fold("+", fold("+", Name("a"), 2), 3))
        (7, Name(name='n'), 'a + 5')
    """
    if isinstance(left, int) and isinstance(right, int):
        return {"+": left + right, "-": left - right, "*": left * right}[operator]
    if (operator in "+-" and right == 0) or (operator == "*" and right == 1):
        return left
    if (operator == "+" and left == 0) or (operator == "*" and left == 1):
        return right
    if operator == "*" and 0 in (left, right):
        return 0
    if operator == "+" and isinstance(left, int):
        left, right = right, left
    if operator == "+" and isinstance(right, Arithmetic) and right.operator == "+":
        return fold("+", fold("+", left, right.left), right.right)
    if operator == "+" and isinstance(right, int) and isinstance(left, Arithmetic) and isinstance(left.right, int):
        if left.operator == "+":
            return fold("+", left.left, left.right + right)
        if left.operator == "-":
            rest = right - left.right
            return fold("+", left.left, rest) if rest >= 0 else Arithmetic("-", left.left, -rest)
    return Arithmetic(operator, left, right)


def divided(operator: str, left: Expression, right: Expression) -> Expression:
    """An exact quotient or a rest, worked out as far as numbers are known.

    Example:
        >>> divided("/", 12, 4), spell(divided("/", Arithmetic("*", 4, Name("c")), 4))
        (3, 'c')
    """
    if isinstance(left, int) and isinstance(right, int):
        return left // right if operator == "/" else left % right
    if operator == "/" and isinstance(left, Arithmetic) and left.operator == "*" and right in (left.left, left.right):
        return left.right if right == left.left else left.left
    return Arithmetic(operator, left, right)


def names_in(value: Expression) -> set[str]:
    """The names that an expression reads."""
    if isinstance(value, Name):
        return {value.name}
    return names_in(value.left) | names_in(value.right) if isinstance(value, Arithmetic) else set()


RESERVED = frozenset({"nn", "torch", "F", "keras", "layers", "np", "x", "name", "n", "m", "k", "steps", "channels"})
"""Names that a file uses for itself."""


def allowed(name: str) -> str:
    """A name of the notation as a Python name: a keyword, a builtin or one the file needs gets a ``_``."""
    taken = keyword.iskeyword(name) or hasattr(builtins, name) or name in RESERVED
    return f"{name}_" if taken else name


def docstring(lines: Iterable[str], indent: int = 0) -> str:
    """Lines as a docstring; nothing in them ends it."""
    kept = [line.replace("\\", "\\\\").replace('"""', "'''").rstrip() for line in lines]
    if kept and kept[-1].endswith('"'):
        kept[-1] += " "
    lead = INDENT * indent
    if len(kept) == 1:
        return f'{lead}"""{kept[0]}"""'
    body = "\n".join(f"{lead}{line}" if line else "" for line in kept[1:])
    return f'{lead}"""{kept[0]}\n{body}\n{lead}"""'


def signature(name: str, parameters: Sequence[str], indent: int = 0) -> str:
    """``def name(parameters):``, one a line where they do not fit in one."""
    flat = f"{INDENT * indent}def {name}({', '.join(parameters)}):"
    if len(flat) <= WIDTH:
        return flat
    inner = INDENT * (indent + 1)
    return "\n".join([f"{INDENT * indent}def {name}(", *(f"{inner}{p}," for p in parameters), f"{INDENT * indent}):"])
