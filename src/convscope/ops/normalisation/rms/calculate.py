"""How a person calculates it by hand."""

from __future__ import annotations

from convscope.ops.calculate import CALCULATE, Given, Prepared, Use, arguments_of, flat, tensors_of
from convscope.ops.normalisation.rms.spec import RMSNorm
from convscope.ops.spec import build


def make_rms_norm(given: Given) -> Prepared:
    """Over all values, or over the channels at each place."""
    image, arguments = flat(given.first), {"over": "all", **arguments_of(given, "eps", "over")}
    shape = image.shape if arguments["over"] == "all" else image.shape[:1]
    tensors = {
        name: value.reshape(shape) if value.size == image.size else value
        for name, value in tensors_of(given, "weight").items()
    }
    return Prepared(build(RMSNorm, (), {**arguments, "affine": bool(tensors)}), [image], tensors)


CALCULATE.enter(RMSNorm)(Use("INPUT", make_rms_norm, ("weight", "eps", "over"), "rmsnorm '1 2 3 6'"))
