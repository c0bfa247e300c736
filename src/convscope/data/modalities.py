"""The modalities that there are. A new one is a folder beside :mod:`convscope.data.image` and an entry here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convscope.data.dataset import Preprocess
from convscope.data.image.modality import IMAGE
from convscope.data.modality import Modality
from convscope.data.vector.modality import VECTOR

MODALITIES: Mapping[str, Modality] = {modality.name: modality for modality in (IMAGE, VECTOR)}


def modality_of(preprocess: Preprocess) -> Modality:
    """The modality of some inputs.

    Example:
        >>> from convscope.data.image.decode import ImagePreprocess
        >>> modality_of(ImagePreprocess(1, 8, 8)).many
        'pictures'
    """
    return MODALITIES[preprocess.modality]


def read_preprocess(document: Mapping[str, Any]) -> Preprocess:
    """What :meth:`Preprocess.to_dict` gave; without a modality it is a picture's.

    Raises:
        KeyError, TypeError, ValueError: it is something else.
    """
    name = str(document.get("modality", IMAGE.name))
    if name not in MODALITIES:
        raise ValueError(f"no modality {name!r}, of {', '.join(MODALITIES)}")
    return MODALITIES[name].preprocess({key: value for key, value in document.items() if key != "modality"})
