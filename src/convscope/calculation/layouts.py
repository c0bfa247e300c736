"""In which order the dimensions of typed kernels and weights stand: PyTorch's, TensorFlow's, TensorFlow Lite's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convscope.errors import UserError, did_you_mean
from convscope.ops import spell_shape
from convscope.ops.calculate import KERNEL_LAYOUTS, WEIGHT_LAYOUTS, Values

NAMES = {"o": "out", "i": "in", "h": "height", "w": "width"}
WHOSE = {"oihw": "PyTorch", "hwio": "TensorFlow", "ohwi": "TensorFlow Lite", "oi": "PyTorch", "io": "TensorFlow"}
"""Layouts by their usual names, a letter a dimension."""


def layout_of(asked: str | None, known: Sequence[str], channels_last: bool) -> str:
    """The layout that is meant.

    Raises:
        UserError: the operation has no such layout.

    Example:
        >>> layout_of(None, KERNEL_LAYOUTS, channels_last=True), layout_of("ohwi", KERNEL_LAYOUTS, channels_last=False)
        ('hwio', 'ohwi')
    """
    if asked is None:
        return known[1 if channels_last else 0]
    name = asked.lower()
    if name not in known:
        raise UserError("--kernel-layout", f"{asked!r}", both(known), did_you_mean(name, known))
    return name


def both(known: Sequence[str]) -> str:
    """The layouts with their dimensions and whose they are.

    Example:
        >>> both(WEIGHT_LAYOUTS)
        "oi (out, in: PyTorch's) or io (in, out: TensorFlow's)"
    """
    told = [f"{name} ({dimensions(name)}: {WHOSE[name]}'s)" for name in known]
    return f"{', '.join(told[:-1])} or {told[-1]}"


def dimensions(layout: str) -> str:
    """What the dimensions are: ``height, width, in, out``."""
    return ", ".join(NAMES[letter] for letter in layout)


def kernels_of(values: Values, layout: str, channels: int, groups: int, where: str) -> tuple[Values, str]:
    """Kernels of four dimensions, in whatever layout, as PyTorch's ``(out, in, height, width)``; how they were read.

    TensorFlow's kernels of a depthwise convolution, ``(height, width, in, multiplier)``, are taken where every channel
    is a group of its own.

    Args:
        values: four dimensions.
        layout: of :data:`KERNEL_LAYOUTS`.
        channels: of the input.
        groups: of the convolution.
        where: what they are, for messages.

    Raises:
        UserError: they cover another number of channels; it names what each layout would make of them.

    Example:
        >>> kernels, told = kernels_of(np.zeros((3, 3, 2, 4)), "hwio", 2, 1, "kernel")
        >>> kernels.shape, told
        ((4, 2, 3, 3), 'kernel 3x3x2x4 (height, width, in, out)')
    """
    found = _moved(values, layout)
    said = f"{where} {spell_shape(values.shape)}"
    if layout == "hwio" and groups == channels > 1 and values.shape[2] == channels:
        height, width, _, multiplier = values.shape
        depthwise = found.transpose(1, 0, 2, 3).reshape(channels * multiplier, 1, height, width)
        return depthwise, f"{said} (height, width, in, multiplier)"
    share = channels // groups
    if found.shape[1] != share:
        fits = [name for name in KERNEL_LAYOUTS if values.shape[name.index("i")] == share]
        got = f"{spell_shape(values.shape)} read as {layout} ({dimensions(layout)}) has {found.shape[1]} channels in"
        expected = f"{share} channel{'s' * (share != 1)} in: the layouts are {both(KERNEL_LAYOUTS)}"
        hint = f"--kernel-layout {' or '.join(fits)} fits these kernels" if fits else "no layout fits these kernels"
        raise UserError(where, got, expected, hint)
    return found, f"{said} ({dimensions(layout)})"


def _moved(values: Values, layout: str) -> Values:
    """From a layout of :data:`KERNEL_LAYOUTS` to the first of them."""
    return np.transpose(values, [layout.index(letter) for letter in KERNEL_LAYOUTS[0]])


def weight_of(values: Values, layout: str, inputs: int) -> tuple[Values, str]:
    """A matrix ``(1, rows, columns)``, in whatever layout, as PyTorch's ``(1, out, in)``; how it was read.

    Raises:
        UserError: it covers another number of inputs; it names what each layout would make of it.

    Example:
        >>> weight_of(np.zeros((1, 3, 2)), "io", 3)[1]
        'weight 3x2 (in, out)'
    """
    size = values.shape[1:]
    found = values if layout == WEIGHT_LAYOUTS[0] else values.swapaxes(1, 2)
    if found.shape[2] != inputs:
        fits = [name for name in WEIGHT_LAYOUTS if size[name.index("i")] == inputs]
        got = f"{spell_shape(size)} read as {layout} ({dimensions(layout)}) takes {found.shape[2]} inputs"
        hint = f"--kernel-layout {fits[0]} fits this weight" if fits else "no layout fits this weight"
        raise UserError("weight", got, f"{inputs} inputs: the layouts are {both(WEIGHT_LAYOUTS)}", hint)
    return found, f"weight {spell_shape(size)} ({dimensions(layout)})"
