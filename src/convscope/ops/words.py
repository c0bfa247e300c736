"""What the steps of an operation's arithmetic and the numbers in them are called, in English and in Korean.

A name in a :class:`~convscope.ops.step.Step` is a key; what a page shows of it is said here. Names that several
families share stand in this module, an operation's own beside it, in its family's ``words.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from convscope.ops.registry import Facet, MissingFacetError

Said = tuple[str, str]
"""In English and in Korean."""

Words = Mapping[str, Said]
"""By key: ``step: NAME`` for what a step gives, ``operand: NAME`` for a number in it."""


def _keyed(
    both: Mapping[str, Said], *, steps: Mapping[str, Said] | None = None, operands: Mapping[str, Said] | None = None
) -> dict[str, Said]:
    return {
        **{f"step: {name}": said for name, said in {**both, **(steps or {})}.items()},
        **{f"operand: {name}": said for name, said in {**both, **(operands or {})}.items()},
    }


SHARED: Words = _keyed(
    {
        "mean": ("mean", "평균"),
        "exponential": ("exponential", "지수값"),
        "probability": ("probability", "확률"),
        "rows": ("rows", "행"),
        "columns": ("columns", "열"),
        "length": ("length", "길이"),
        "depth": ("depth", "깊이"),
    },
    steps={
        "with bias": ("with bias", "편향 더하기"),
        "value": ("value", "값"),
        "slope": ("slope", "기울기"),
        "slope where": ("slope where {where}", "{where}에서의 기울기"),
    },
    operands={
        "x": ("x", "x"),
        "sum": ("sum", "합"),
        "count": ("count", "개수"),
        "weight": ("weight", "가중치"),
        "bias": ("bias", "편향"),
        "p": ("p", "p"),
        "alpha": ("alpha", "알파"),
        "beta": ("beta", "베타"),
        "scale": ("scale", "스케일"),
        "largest": ("largest", "최댓값"),
        "stride": ("stride", "스트라이드"),
        "padding": ("padding", "패딩"),
        "padding before": ("padding before", "앞쪽 패딩"),
        "padding behind": ("padding behind", "뒤쪽 패딩"),
        "dilation": ("dilation", "팽창"),
        "kernel": ("kernel", "커널"),
        "output_size": ("output size", "출력 크기"),
    },
)
"""What more than one family says, the rules of shapes among it."""


def named(
    both: Mapping[str, Said] | None = None,
    *,
    steps: Mapping[str, Said] | None = None,
    operands: Mapping[str, Said] | None = None,
) -> Words:
    """The words of some operations: :data:`SHARED`, and their own.

    Args:
        both: names of steps that stand in later steps under the same word.
        steps: names of steps alone.
        operands: names of numbers alone.

    Example:
        >>> named({"tanh": ("tanh", "쌍곡 탄젠트")})["operand: tanh"]
        ('tanh', '쌍곡 탄젠트')
    """
    return {**SHARED, **_keyed(both or {}, steps=steps, operands=operands)}


WORDS: Facet[Words] = Facet("words of its steps", "words")
"""What its steps and the numbers in them are called."""


def key_of(kind: str, name: str) -> tuple[str, dict[str, str]]:
    """The key of a step's or a number's name, and what stands in the braces of what it says.

    Example:
        >>> key_of("operand", "branch 2"), key_of("step", "slope where x > 0")
        (('operand: branch', {'n': '2'}), ('step: slope where', {'where': 'x > 0'}))
    """
    numbered = re.fullmatch(r"(branch|channels of|(?:mean|variance) of channel) (\d+)", name)
    if numbered:
        return f"{kind}: {numbered[1]}", {"n": numbered[2]}
    piece = re.fullmatch(r"slope where (.+)", name)
    return (f"{kind}: slope where", {"where": piece[1]}) if piece else (f"{kind}: {name}", {})


def said(operation: type[Any], kind: str, name: str) -> Said:
    """What an operation calls a step or a number in it.

    Raises:
        MissingFacetError: it has no word for it.

    Example:
        >>> from convscope.ops import Conv
        >>> said(Conv, "step", "with bias")
        ('with bias', '편향 더하기')
        >>> said(Conv, "step", "twisted")
        Traceback (most recent call last):
        convscope.ops.registry.MissingFacetError: conv has no words of its step 'twisted', see convscope.ops.words
    """
    key, _ = key_of(kind, name)
    words = WORDS.of(operation)
    if key not in words:
        raise MissingFacetError(f"{operation.word} has no words of its {kind} {name!r}, see convscope.ops.words")
    return words[key]
