"""Times, fractions, amounts of memory and counts as people write them: ``2m``, ``99%``, ``8GB``, ``1.36 M``."""

from __future__ import annotations

import re

from convscope.errors import UserError

TIME, FRACTION, BYTES = "a time such as 90s, 2m or 1h", "a fraction such as 0.99 or 99%", "memory such as 8GB or 512MiB"


def parse_time(text: str, where: str, expected: str = TIME) -> float:
    """Seconds.

    Args:
        text: a number with ``s``, ``m`` or ``h`` behind it, or of seconds.
        where: the option, for messages.
        expected: what would fit, for messages.

    Raises:
        UserError: no such number.

    Example:
        >>> parse_time("90s", "--time"), parse_time("1.5h", "--time"), parse_time("10", "--time")
        (90.0, 5400.0, 10.0)
    """
    plain = text.strip().lower()
    unit = {"s": 1.0, "m": 60.0, "h": 3600.0}.get(plain[-1:])
    return _number(plain if unit is None else plain[:-1], text, where, expected) * (unit or 1.0)


def parse_fraction(text: str, where: str, expected: str = FRACTION) -> float:
    """A fraction from 0 to 1.

    Raises:
        UserError: no such number.

    Example:
        >>> parse_fraction("99%", "--sure"), parse_fraction("0.99", "--sure")
        (0.99, 0.99)
        >>> parse_fraction("99", "--sure")
        Traceback (most recent call last):
        convscope.errors.UserError: --sure: '99'
          expected: a fraction such as 0.99 or 99%
          hint: did you mean 99%?
    """
    plain = text.strip()
    value = _number(plain.removesuffix("%"), text, where, expected) / (100 if plain.endswith("%") else 1)
    if not 0 <= value <= 1:
        hint = f"did you mean {plain}%?" if 1 < value <= 100 and not plain.endswith("%") else ""
        raise UserError(where, f"{text!r}", expected, hint)
    return value


def parse_bytes(text: str, where: str, expected: str = BYTES) -> int:
    """Bytes.

    Args:
        text: a number with ``kB``, ``MB``, ``GB`` or ``TB`` (1000s) behind it, or with ``KiB``, ``MiB`` ... (1024s).
        where: the option, for messages.
        expected: what would fit, for messages.

    Raises:
        UserError: no such number.

    Example:
        >>> parse_bytes("8GB", "--memory"), parse_bytes("512MiB", "--memory"), parse_bytes("16g", "--memory")
        (8000000000, 536870912, 16000000000)
    """
    match = re.fullmatch(r"([0-9]*\.?[0-9]+)\s*([kmgt]?)(i?)b?", text.strip().lower())
    if match is None or (match[3] and not match[2]):
        raise UserError(where, f"{text!r}", expected)
    base = 1024 if match[3] else 1000
    found = float(match[1]) * base ** " kmgt".index(match[2] or " ")
    if not 1 <= found < 2**60:
        raise UserError(where, f"{text!r}", expected)
    return int(found)


def _number(digits: str, text: str, where: str, expected: str) -> float:
    try:
        return float(digits)
    except ValueError:
        raise UserError(where, f"{text!r}", expected) from None


def millions(count: int) -> str:
    """A count in millions, or whole where millions would show only zeros.

    Example:
        >>> millions(416_520), millions(3_312)
        ('0.42 M', '3,312')
    """
    return f"{count / 1e6:,.2f} M" if count >= 100_000 else f"{count:,}"
