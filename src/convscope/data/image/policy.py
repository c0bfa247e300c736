"""What is varied at random in training pictures: single operations with their ranges, and policies that have a name."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from convscope.errors import UserError, did_you_mean

Border = Literal["black", "reflect"]
Flip = Literal["never", "random", "alternate"]


@dataclass(frozen=True)
class Augment:
    """How far each operation goes. Every picture draws its own numbers; what is left at its default is not done.

    Args:
        shift: the most pixels a picture moves in each direction.
        border: what comes in from outside: black, or the picture mirrored at its edge.
        flip: left to right: ``random`` mirrors half of the pictures, ``alternate`` every picture in every other
            epoch, half of them first in the first (Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU").
        area: the smallest and the largest fraction of a picture's area that a crop keeps; it is scaled to the whole
            (Szegedy et al. 2015, "Going deeper with convolutions").
        aspect: how much wider or taller than the picture a crop gets, at most: 4/3 is from 3:4 to 4:3.
        rotate: degrees, in both directions.
        brightness, contrast, saturation: factors from ``1 - x`` to ``1 + x``, as PIL's ImageEnhance defines them.
        hue: a turn of the colours, in both directions, as a fraction of the full circle; in YIQ, which is near to a
            turn in HSV and one matrix.
        grey: the fraction of pictures that lose their colours.
        blur: the fraction of pictures that are blurred, by a Gaussian of up to a hundredth of the picture's side.
        erase: the fraction of pictures of which a rectangle becomes noise (Zhong et al. 2017, "Random erasing").
        mixup: the fraction of batches whose pictures are averaged with others (Zhang et al. 2017).
        cutmix: the fraction of batches whose pictures get a rectangle of others (Yun et al. 2019).

    Example:
        >>> Augment(shift=2, border="reflect", flip="alternate").words()
        'shift 2 (reflected), flip (alternating)'
        >>> Augment().words()
        'nothing'
    """

    shift: int = 0
    border: Border = "black"
    flip: Flip = "never"
    area: tuple[float, float] = (1.0, 1.0)
    aspect: float = 4 / 3
    rotate: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    grey: float = 0.0
    blur: float = 0.0
    erase: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        least, largest = self.area
        if not 0 < least <= largest <= 1 or self.aspect < 1 or self.shift < 0:
            raise ValueError(f"not a range of crops or a shift: {self}")

    @property
    def crops(self) -> bool:
        """Whether pictures are cropped and scaled."""
        return self.area != (1.0, 1.0)

    @property
    def colours(self) -> bool:
        """Whether colours are changed."""
        return any((self.brightness, self.contrast, self.saturation, self.hue, self.grey))

    @property
    def identity(self) -> bool:
        """Whether nothing is done to a picture by itself."""
        moves = self.shift or self.flip != "never" or self.crops or self.rotate
        return not (moves or self.colours or self.blur or self.erase)

    def words(self) -> str:
        """What is done, in words."""
        low, high = self.area
        parts = (
            (self.shift, f"shift {self.shift}{' (reflected)' if self.border == 'reflect' else ''}"),
            (self.flip == "random", "flip"),
            (self.flip == "alternate", "flip (alternating)"),
            (self.crops, f"crop {100 * low:.0f}-{100 * high:.0f} %"),
            (self.rotate, f"rotate {self.rotate:g}°"),
            (self.brightness, f"brightness {self.brightness:g}"),
            (self.contrast, f"contrast {self.contrast:g}"),
            (self.saturation, f"saturation {self.saturation:g}"),
            (self.hue, f"hue {self.hue:g}"),
            (self.grey, f"grey {100 * self.grey:.0f} %"),
            (self.blur, f"blur {100 * self.blur:.0f} %"),
            (self.erase, f"erase {100 * self.erase:.0f} %"),
            (self.mixup, f"mixup {100 * self.mixup:.0f} %"),
            (self.cutmix, f"cutmix {100 * self.cutmix:.0f} %"),
        )
        return ", ".join(words for done, words in parts if done) or "nothing"


AUTO = "auto"
NAMES = ("none", "light", "medium", "strong")
OFTEN = 15
"""Epochs below which grey pictures are not varied by themselves: what is seen so seldom is not learnt by heart."""
TWICE, MANY, VERY_MANY = 2, 15, 80
"""Epochs from which colour pictures are varied lightly, photographs in a medium way, and strongly; small pictures,
whose object fills them, at most in a medium way."""
PHOTOGRAPH = 48
"""Pixels a side from which a colour picture is taken for a photograph, whose object may be anywhere in it."""
SIDED = {"left", "right", "links", "rechts", "gauche", "droite", "izquierda", "derecha", "lefthand", "righthand"}
FINER = tuple(field.name for field in dataclasses.fields(Augment))
"""What can be said of a policy after its name."""
WORDS: dict[str, tuple[str, ...]] = {"border": get_args(Border), "flip": get_args(Flip)}
LIMITS: dict[str, tuple[float, float]] = {
    "shift": (0, 1024), "aspect": (1, 10), "rotate": (0, 180), "hue": (0, 0.5),
    **dict.fromkeys(("brightness", "contrast", "saturation", "grey", "blur", "erase", "mixup", "cutmix"), (0, 1)),
}  # fmt: skip


def asked(text: str) -> tuple[str, dict[str, Any]]:
    """What ``--augment`` says: the name of a policy, and what is to be other than it has it.

    Args:
        text: a name of :data:`NAMES` or ``auto``, and settings of :class:`Augment` after commas; without a name auto.

    Raises:
        UserError: there is no such policy or setting, or the value is not one of it.

    Example:
        >>> asked("strong"), asked("medium,flip=never,area=0.5-1")
        (('strong', {}), ('medium', {'flip': 'never', 'area': (0.5, 1.0)}))
        >>> asked("rotate=15")
        ('auto', {'rotate': 15.0})
    """
    where = "--augment"
    first, *rest = (part.strip() for part in text.split(","))
    if "=" in first:
        first, rest = AUTO, [first, *rest]
    if first not in (AUTO, *NAMES):
        raise UserError(where, repr(first), ", ".join((AUTO, *NAMES)), did_you_mean(first, (AUTO, *NAMES)))
    settings: dict[str, Any] = {}
    for part in rest:
        name, is_there, value = (word.strip() for word in part.partition("="))
        if name not in FINER or not is_there:
            expected = f"a policy and settings such as medium,flip=never; settings: {', '.join(FINER)}"
            raise UserError(where, repr(part), expected, did_you_mean(name, FINER))
        settings[name] = _value(where, name, value)
    if settings.get("mixup", 0) + settings.get("cutmix", 0) > 1:
        raise UserError(where, f"mixup and cutmix of {text!r} are more than all batches", "at most 1 together")
    return first, settings


def _value(where: str, name: str, text: str) -> Any:
    where = f"{where} {name}"
    if name in WORDS:
        if text not in WORDS[name]:
            raise UserError(where, repr(text), ", ".join(WORDS[name]), did_you_mean(text, WORDS[name]))
        return text
    if name == "area":
        match = re.fullmatch(r"([0-9]*\.?[0-9]+)(?:-([0-9]*\.?[0-9]+))?", text)
        low, high = (float(match[1]), float(match[2] or 1)) if match else (0.0, 0.0)
        if not 0 < low <= high <= 1:
            raise UserError(where, repr(text), "the smallest and largest fraction that a crop keeps, such as 0.35-1")
        return low, high
    low, high = LIMITS[name]
    try:
        value = int(text) if name == "shift" else float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        whole = "a whole number" if name == "shift" else "a number"
        raise UserError(where, repr(text), f"{whole} from {low:g} to {high:g}")
    return value


def may_mirror(classes: Sequence[str]) -> bool:
    """Whether a picture's mirror image may be of the same class: not of digits, letters, and what is left or right.

    Example:
        >>> may_mirror(("cat", "dog")), may_mirror(("0", "1", "2")), may_mirror(("turn left", "turn_right", "stop"))
        (True, False, False)
    """
    names = [name.strip().lower() for name in classes]
    if any(SIDED & set(re.split(r"[\W_]+", name)) for name in names):
        return False
    return not all(len(name) == 1 and name.isalnum() for name in names)


def policy(text: str, channels: int, height: int, width: int, epochs: float, classes: Sequence[str] = ()) -> Augment:
    """What ``--augment`` means for these pictures.

    Args:
        text: see :func:`asked`.
        channels, height, width: of the pictures that are trained on.
        epochs: how often they are seen, see :func:`suited`.
        classes: their names; where a mirror image may be of another class, none is made unless it is asked for.

    Example:
        >>> policy("auto", 3, 64, 64, 30, ("cat", "dog")).words()
        'flip, crop 50-100 %, brightness 0.2, contrast 0.2, saturation 0.2'
        >>> policy("auto,cutmix=0.5", 3, 64, 64, 30, ("left", "right")).words()
        'crop 50-100 %, brightness 0.2, contrast 0.2, saturation 0.2, cutmix 50 %'
    """
    name, settings = asked(text)
    found = named(suited(channels, height, width, epochs) if name == AUTO else name, channels, height, width)
    if classes and not may_mirror(classes):
        found = replace(found, flip="never")
    return replace(found, **settings)


def named(name: str, channels: int, height: int, width: int) -> Augment:
    """A policy by its name, for pictures of a size. Grey pictures may be digits or letters, and are never mirrored.

    Args:
        name: of :data:`NAMES`.
        channels, height, width: of the pictures that are trained on.

    Example:
        >>> named("light", 3, 32, 32).words()
        'shift 2 (reflected), flip (alternating), brightness 0.07, contrast 0.13'
        >>> named("light", 3, 48, 48).words()
        'shift 3 (reflected), flip (alternating)'
        >>> named("light", 1, 28, 28).words(), named("none", 1, 28, 28).words()
        ('shift 3', 'nothing')
    """
    side, colour = min(height, width), channels == 3
    if name == "none":
        return Augment()
    if name == "light":
        if colour:
            moved = Augment(max(1, side // 16), "reflect", "alternate")
            return moved if side >= PHOTOGRAPH else replace(moved, brightness=0.07, contrast=0.13)
        return Augment(max(1, side // 8))
    if name == "medium":
        if colour:
            area = (0.5 if side >= PHOTOGRAPH else 0.7, 1.0)
            return Augment(0, "reflect", "random", area, brightness=0.2, contrast=0.2, saturation=0.2)
        return Augment(max(1, side // 8), area=(0.7, 1.0), aspect=1.2, rotate=10)
    if colour:
        varied = Augment(0, "reflect", "random", (0.35, 1.0), brightness=0.4, contrast=0.4, saturation=0.4, hue=0.04)
        return replace(varied, grey=0.1, erase=0.25, cutmix=0.5)
    return Augment(max(1, side // 8), area=(0.5, 1.0), aspect=1.3, rotate=15, contrast=0.3, erase=0.25, cutmix=0.5)


def suited(channels: int, height: int, width: int, epochs: float) -> str:
    """The name of the policy for pictures that are seen so often.

    Example:
        >>> suited(3, 32, 32, 9), suited(3, 64, 64, 100), suited(1, 28, 28, 9)
        ('light', 'strong', 'none')
    """
    if channels != 3:
        return "light" if epochs >= OFTEN else "none"
    large = min(height, width) >= PHOTOGRAPH
    if epochs >= VERY_MANY:
        return "strong" if large else "medium"
    if large and epochs >= MANY:
        return "medium"
    return "light" if epochs >= TWICE else "none"


def most_blur(height: int, width: int) -> float:
    """The largest standard deviation of the blur, in pixels.

    Example:
        >>> most_blur(128, 128), most_blur(28, 28)
        (1.28, 0.5)
    """
    return max(0.5, math.sqrt(height * width) / 100)
