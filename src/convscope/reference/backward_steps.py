"""How one derivative is computed, as formulas with their numbers: of the unit that reads by the one that is read.

Only what is computed has steps: a derivative that is a weight, a value or 1 stands somewhere and needs none.
"""

from __future__ import annotations

import math
from functools import singledispatch

import numpy as np

from convscope import ops
from convscope.ops.walk import Operand, Step
from convscope.reference.backward_normalisation import by_the_batch, response_divisor
from convscope.reference.backward_units import uses_of_unit
from convscope.reference.backward_weights import statistics
from convscope.reference.forward import Operands, sigmoid, softmax

Place = tuple[int, ...]
"""``(example, *index)``."""


def steps_of_unit(op: ops.Op, given: Operands, operand: int, read: Place, reader: Place) -> tuple[Step, ...]:
    """How the derivative of a unit by one that it reads is computed.

    Args:
        op: the operation.
        given: its operands, with the batch.
        operand: which of its inputs the unit that is read is of.
        read: the unit that is read, ``(example, *index)`` in that input.
        reader: the unit that reads it, ``(example, *index)`` in the output.

    Returns:
        Steps, the last of which gives the derivative; none where it is a weight or 1.

    Example:
        >>> given = Operands([np.array([[0.0]])], {}, {}, False)
        >>> [(s.name, s.symbols(), s.value) for s in steps_of_unit(ops.Sigmoid(), given, 0, (0, 0), (0, 0))]
        [('sigmoid', '1 / (1 + exp(-x))', 0.5), ('slope', 'sigmoid * (1 - sigmoid)', 0.25)]
    """
    return _steps(op, given, operand, read, reader)


def steps_of_weight(op: ops.Op, given: Operands, name: str, reader: Place) -> tuple[Step, ...]:
    """How the derivative of a unit by one of its weights is computed: of a normalisation, the standardised value."""
    if name != "weight" or not isinstance(op, (ops.BatchNorm, ops.LayerNorm, ops.GroupNorm)):
        return ()
    return (_standardised("standardised", op, given, reader),)


def _step(name: str, form: str, value: float, **operands: float) -> Step:
    return Step(name, form, tuple(Operand(key.replace("_", " "), float(v)) for key, v in operands.items()), value)


@singledispatch
def _steps(op: ops.Op, given: Operands, operand: int, read: Place, reader: Place) -> tuple[Step, ...]:
    return ()


def _x(given: Operands, place: Place) -> float:
    return float(given.x[place])


# Activations


@_steps.register(ops.ReLU)
@_steps.register(ops.ReLU6)
@_steps.register(ops.LeakyReLU)
@_steps.register(ops.Hardsigmoid)
def _(op: ops.Op, given: Operands, operand: int, read: Place, reader: Place) -> tuple[Step, ...]:
    x = _x(given, read)
    found = float(uses_of_unit(op, given, operand, read[0], read[1:]).factor_N[0])
    name, form = f"slope where {_stretch(op, x)}", f"{found:g}"
    if isinstance(op, ops.Hardsigmoid) and found:
        form = "1 / 6"
    return (Step(name, form, (), found),)


def _stretch(op: ops.Op, x: float) -> str:
    """On which piece of an activation made of straight lines a value lies, in words."""
    low, high = {ops.ReLU6: (0, 6), ops.Hardsigmoid: (-3, 3)}.get(type(op), (0, None))
    if x <= low:
        return f"x <= {low}"
    if high is None:
        return f"x > {low}"
    return f"{low} < x < {high}" if x < high else f"x >= {high}"


def _sigmoid(x: float) -> Step:
    """In the form that does not overflow."""
    form = "1 / (1 + exp(-{0}))" if x >= 0 else "exp({0}) / (1 + exp({0}))"
    return _step("sigmoid", form, float(sigmoid(np.array(x))), x=x)


@_steps.register
def _(op: ops.Sigmoid, given: Operands, operand: int, read: Place, reader: Place) -> tuple[Step, ...]:
    first = _sigmoid(_x(given, read))
    s = first.value
    return first, _step("slope", "{0} * (1 - {0})", s * (1 - s), sigmoid=s)


@_steps.register
def _(op: ops.Tanh, given: Operands, operand: int, read: Place, reader: Place) -> tuple[Step, ...]:
    x = _x(given, read)
    y = math.tanh(x)
    return _step("tanh", "tanh({0})", y, x=x), _step("slope", "1 - {0} ** 2", 1 - y * y, tanh=y)


@_steps.register
def _(op: ops.SiLU, given: Operands, operand: int, read: Place, reader: Place) -> tuple[Step, ...]:
    x, first = _x(given, read), _sigmoid(_x(given, read))
    s = first.value
    return first, _step("slope", "{0} * (1 + {1} * (1 - {0}))", s * (1 + x * (1 - s)), sigmoid=s, x=x)


@_steps.register
def _(op: ops.GELU, given: Operands, operand: int, read: Place, reader: Place) -> tuple[Step, ...]:
    x = _x(given, read)
    if op.approximate == "tanh":
        c = math.sqrt(2 / math.pi)
        t = math.tanh(c * (x + 0.044715 * x**3))
        value = 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 0.134145 * x * x)
        form = "(1 + {1}) / 2 + {0} / 2 * (1 - {1} ** 2) * sqrt(2 / 3.141592653589793) * (1 + 0.134145 * {0} ** 2)"
        inner = _step("tanh", "tanh(sqrt(2 / 3.141592653589793) * ({0} + 0.044715 * {0} ** 3))", t, x=x)
        return inner, _step("slope", form, value, x=x, tanh=t)
    share = 0.5 * (1 + math.erf(x / math.sqrt(2)))
    density = math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return (
        _step("share below", "(1 + erf({0} / sqrt(2))) / 2", share, x=x),
        _step("density", "exp(-{0} ** 2 / 2) / sqrt(2 * 3.141592653589793)", density, x=x),
        _step("slope", "{0} + {1} * {2}", share + x * density, share_below=share, x=x, density=density),
    )


@_steps.register
def _(op: ops.Hardswish, given: Operands, operand: int, read: Place, reader: Place) -> tuple[Step, ...]:
    x = _x(given, read)
    if x <= -3 or x >= 3:
        return (Step(f"slope where x {'<= -3' if x < 0 else '>= 3'}", "0" if x < 0 else "1", (), float(x > 0)),)
    return (_step("slope", "{0} / 3 + 0.5", x / 3 + 0.5, x=x),)


@_steps.register
def _(op: ops.Softmax, given: Operands, operand: int, read: Place, reader: Place) -> tuple[Step, ...]:
    column = np.moveaxis(given.x[read[0]], 0, -1)[read[2:]].astype(np.float64)
    y = softmax(column[None])[0]
    own, other = float(y[reader[1]]), float(y[read[1]])
    if read[1] == reader[1]:
        return (_step("slope", "{0} * (1 - {0})", own * (1 - own), probability=own),)
    return (_step("slope", "-{0} * {1}", -own * other, probability=own, that_of_the_other=other),)


# Pools and merges


@_steps.register(ops.AvgPool)
@_steps.register(ops.AdaptiveAvgPool)
@_steps.register(ops.GlobalAvgPool)
def _(op: ops.Op, given: Operands, operand: int, read: Place, reader: Place) -> tuple[Step, ...]:
    uses = uses_of_unit(op, given, operand, read[0], read[1:])
    at = int(np.flatnonzero((uses.index_NR == np.array(reader[1:])).all(1))[0])
    share = float(uses.factor_N[at])
    return (_step("share", "1 / {0}", share, count=round(1 / share)),)


@_steps.register
def _(op: ops.Mul, given: Operands, operand: int, read: Place, reader: Place) -> tuple[Step, ...]:
    found = {}
    for number, value in enumerate(given.inputs):
        if number != operand:
            place = [0 if n == 1 else at for n, at in zip(value.shape[1:], reader[1:], strict=True)]
            found[f"branch {number + 1}"] = float(value[reader[0]][tuple(place)])
    form = " * ".join(f"{{{n}}}" for n in range(len(found))) or "1"
    operands = tuple(Operand(name, value) for name, value in found.items())
    return (Step("product of the others", form, operands, math.prod(found.values())),)


# Normalisations

_Norm = ops.BatchNorm | ops.LayerNorm | ops.GroupNorm


def _standardised(name: str, op: _Norm, given: Operands, place: Place) -> Step:
    mean, deviation = (float(np.broadcast_to(v, given.x.shape)[place]) for v in statistics(op, given))
    x = _x(given, place)
    return _step(name, "({0} - {1}) / {2}", (x - mean) / deviation, x=x, mean=mean, deviation=deviation)


@_steps.register(ops.BatchNorm)
@_steps.register(ops.LayerNorm)
@_steps.register(ops.GroupNorm)
def _(op: _Norm, given: Operands, operand: int, read: Place, reader: Place) -> tuple[Step, ...]:
    deviation = float(np.broadcast_to(statistics(op, given)[1], given.x.shape)[read])
    whole = isinstance(op, ops.LayerNorm) and op.over == "all"
    weight = 1.0
    if "weight" in given.parameters:
        weight = float(given.parameters["weight"][reader[1:] if whole else reader[1]])
    if isinstance(op, ops.BatchNorm) and not by_the_batch(given.x, given.training):
        return (_step("slope", "{0} / {1}", weight / deviation, weight=weight, deviation=deviation),)
    own, other = (_standardised(name, op, given, place) for name, place in (("its own", reader), ("of the read", read)))
    count = _count(op, given)
    itself = float(read == reader)
    slope = weight / deviation * (itself - (1 + own.value * other.value) / count)
    form = f"{{0}} / {{1}} * ({itself:g} - (1 + {{2}} * {{3}}) / {{4}})"
    numbers = {"weight": weight, "deviation": deviation, "its_own": own.value, "of_the_read": other.value}
    return own, other, _step("slope", form, slope, **numbers, count=count)


def _count(op: _Norm, given: Operands) -> int:
    """Over how many values a normalisation takes its mean."""
    batch, channels = len(given.x), given.shapes[0][0]
    if isinstance(op, ops.LayerNorm) and op.over == "channels":
        return channels
    each = ops.elements(given.shapes[0])
    if isinstance(op, ops.GroupNorm):
        return each // op.num_groups
    return batch * each // channels if isinstance(op, ops.BatchNorm) else each


@_steps.register
def _(op: ops.LocalResponseNorm, given: Operands, operand: int, read: Place, reader: Place) -> tuple[Step, ...]:
    column = np.moveaxis(given.x[read[0]], 0, -1)[read[2:]].astype(np.float64)
    divisor = float(response_divisor(column[None], op.size, op.alpha, op.k)[0][reader[1]])
    own, other = float(column[reader[1]]), float(column[read[1]])
    through = 2 * op.alpha * op.beta / op.size * other * own * divisor ** (-op.beta - 1)
    form = "2 * {0} * {1} / {2} * {3} * {4} * {5} ** (-{1} - 1)"
    numbers = {"alpha": op.alpha, "beta": op.beta, "size": op.size, "the_read": other, "its_own": own}
    first = _step("through the divisor", form, through, **numbers, divisor=divisor)
    itself = divisor**-op.beta if read == reader else 0.0
    form = "{0} ** -{1} - {2}" if read == reader else "0 - {2}"
    last = _step("slope", form, itself - through, divisor=divisor, beta=op.beta, through_the_divisor=through)
    return first, last
