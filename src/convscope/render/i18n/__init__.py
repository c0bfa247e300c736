"""What people read, in every language: one file a language (``en.toml``, ``ko.toml``), a table in it a subject.

A sentence is looked up by its key; what stands in its braces is put in by ``str.format``. What inputs are called is put
in for ``<many>`` and the like, from the modality's table. The words of an operation live with the operation, and are
looked up here too. A test holds the files to the same keys and the same braces.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal, get_args

from convscope.ops import OPERATIONS, Op
from convscope.ops.words import WORDS

Lang = Literal["en", "ko"]
Subject = Literal["evaluation", "page", "look", "signal"]
Words = Mapping[str, str]

LANGUAGES: tuple[Lang, ...] = get_args(Lang)
SUBJECTS: tuple[Subject, ...] = get_args(Subject)
_NOUN = re.compile(r"<(\w+)>")


@cache
def _document(lang: Lang) -> Mapping[str, Any]:
    return tomllib.loads(files(__name__).joinpath(f"{lang}.toml").read_text(encoding="utf-8"))


@cache
def words(subject: Subject, lang: Lang = "en", modality: str = "image") -> Words:
    """The sentences of a subject by their keys; ``language`` is the language's code.

    Args:
        subject: what they are about.
        lang: the language.
        modality: whose inputs an evaluation is of, by its name: ``<many>`` becomes pictures or rows.

    Example:
        >>> words("evaluation")["precision"], words("evaluation", "ko")["precision"]
        ('precision', '정밀도')
        >>> words("evaluation", modality="vector")["no mistakes"]
        'It made no mistake on these rows.'
    """
    document = _document(lang)
    nouns = document["inputs"][modality]
    said = {key: _NOUN.sub(lambda match: nouns[match[1]], text) for key, text in document[subject].items()}
    return MappingProxyType({"language": lang, **said})


def operation_words(lang: Lang = "en") -> Words:
    """What is said of operations: ``op: WORD`` is a line on it; ``step: NAME`` and ``operand: NAME`` name a step of
    its arithmetic and a number in it. Each operation says them itself.

    Raises:
        MissingFacetError: an operation has no words.

    Example:
        >>> operation_words("ko")["operand: stride"]
        '스트라이드'
    """
    from convscope.calculation.functions import FUNCTIONS

    return _words_of(lang, tuple({**FUNCTIONS, **OPERATIONS}.values()))


@cache
def _words_of(lang: Lang, operations: tuple[type[Op], ...]) -> Words:
    at = LANGUAGES.index(lang)
    explained = {f"op: {cls.word}": cls.explained for cls in operations}
    steps = {key: said for cls in operations for key, said in WORDS.of(cls).items()}
    return MappingProxyType({key: said[at] for key, said in {**explained, **steps}.items()})


def page_words(lang: Lang = "en") -> Words:
    """What the pages that calculate say: their own words, those of a look, those of operations."""
    return MappingProxyType({**operation_words(lang), **words("page", lang), **words("look", lang)})


ENGLISH = words("evaluation")
"""The words of an evaluation of pictures where no language was asked for."""
