"""Numbers as texts of a page, as ``page.js`` writes them too."""

from __future__ import annotations

from math import floor, isfinite, isnan, log10


def shown(x: float, digits: int = 4) -> str:
    """A number for people: so many digits that count, no zeros behind, a true minus.

    Example:
        >>> shown(114.0), shown(-0.123456), shown(12345.678), shown(1.5e-7)
        ('114', '−0.1235', '12346', '1.5e−7')
    """
    if isnan(x):
        return "NaN"
    if not isfinite(x):
        return "∞" if x > 0 else "−∞"
    size = abs(x)
    if x == int(x) and size < 1e6:
        return _minus(str(int(x)))
    if size >= 1e6 or size < 1e-4:
        mantissa, _, exponent = f"{x:.{digits - 1}e}".partition("e")
        return _minus(f"{_trimmed(mantissa)}e{int(exponent)}")
    return _minus(_trimmed(f"{x:.{max(0, digits - 1 - floor(log10(size)))}f}"))


def _trimmed(text: str) -> str:
    return text.rstrip("0").removesuffix(".") if "." in text else text


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")
