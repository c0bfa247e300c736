"""Units with gates, put together by hand: what a recurrent or squeezing operation opens into."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from convscope.ops.opening import grid, make_step, put_together
from convscope.ops.terms import Terms, Vector
from convscope.ops.walk import Step, Walk


def gru_tensors(inputs: int, hidden: int, seed: int = 0) -> Mapping[str, Vector]:
    """Tensors as ``torch.nn.GRUCell`` names and shapes them: the rows are reset, update, candidate."""
    rng = np.random.default_rng(seed)
    shapes = {"weight_ih": (3 * hidden, inputs), "weight_hh": (3 * hidden, hidden),
              "bias_ih": (3 * hidden,), "bias_hh": (3 * hidden,)}  # fmt: skip
    return {name: rng.normal(size=shape).round(2) for name, shape in shapes.items()}


def gru_unit(x: Vector, state: Vector, tensors: Mapping[str, Vector], channel: int) -> Walk:
    """One unit of a gated recurrent unit's next state: operand 0 is the input, 1 the state before it."""
    hidden = len(state)
    operation = f"gru {hidden}"

    def product(name: str, operand: int, values: Vector, tensor: str, row: int) -> Walk:
        """A row of a matrix times a vector, and the bias."""
        weights, columns = tensors[f"weight_{tensor}"][row], np.arange(len(values))
        places = np.column_stack([np.full(len(values), row), columns])
        terms = Terms.of(values, columns[:, None], operand).times(weights, places, f"weight_{tensor}")
        total, bias = put_together(terms, "sum"), float(tensors[f"bias_{tensor}"][row])
        steps = (make_step("with bias", "{0} + {1}", total + bias, sum=total, bias=bias),)
        scale = float(np.abs(terms.result_N).sum()) + abs(bias)
        return Walk(operation, (channel,), terms, "sum", total, steps, scale, name=name)

    def sums(number: int) -> tuple[Walk, Walk]:
        row = number * hidden + channel
        return (
            product("from the input", 0, x, "ih", row),
            product("from the state", 1, state, "hh", row),
        )

    def assembled(name: str, parts: Sequence[Walk], *steps: Step) -> Walk:
        scale = sum(part.scale for part in parts)
        return Walk(operation, (channel,), Terms.none(), "sum", 0.0, steps, scale, tuple(parts), name=name)

    def gate(name: str, number: int) -> Walk:
        read, kept = sums(number)
        total = read.value + kept.value
        both = {"from_the_input": read.value, "from_the_state": kept.value}
        added = make_step("both", "{0} + {1}", total, **both)
        opened = make_step("value", "1 / (1 + exp(-{0}))", 1 / (1 + math.exp(-total)), both=total)
        return assembled(name, (read, kept), added, opened)

    reset, update = gate("reset gate", 0), gate("update gate", 1)
    read, kept = sums(2)
    total = read.value + reset.value * kept.value
    numbers = {"from_the_input": read.value, "reset_gate": reset.value, "from_the_state": kept.value}
    steps = (
        make_step("both", "{0} + {1} * {2}", total, **numbers),
        make_step("value", "tanh({0})", math.tanh(total), both=total),
    )
    candidate = assembled("candidate", (reset, read, kept), *steps)
    own = Terms.of(state[[channel]], np.array([[channel]]), 1)
    value = (1 - update.value) * candidate.value + update.value * float(state[channel])
    numbers = {"update_gate": update.value, "candidate": candidate.value, "state": float(state[channel])}
    last = make_step("value", "(1 - {0}) * {1} + {0} * {2}", value, **numbers)
    parts = (update, candidate)
    scale = 1 + abs(float(state[channel])) + sum(part.scale for part in parts)
    return Walk(operation, (channel,), own, "value", float(state[channel]), (last,), scale, parts)


def squeezed_unit(image_CHW: Vector, weight: float, bias: float, index: tuple[int, int, int]) -> Walk:
    """A value times a gate that the mean of its channel opens, as in squeeze-and-excitation of one channel."""
    operation, channel = "squeeze", index[0]
    places = grid([channel], *map(range, image_CHW.shape[1:]))
    terms = Terms.of(image_CHW[channel].reshape(-1), places)
    total = put_together(terms, "sum")
    mean = make_step("mean", "{0} / {1}", total / len(terms), sum=total, count=len(terms))
    size = float(np.abs(terms.result_N).sum()) / len(terms)
    squeezed = Walk(operation, index, terms, "sum", total, (mean,), size, name="squeezed")
    scaled = squeezed.value * weight + bias
    steps = (
        make_step("with bias", "{0} * {1} + {2}", scaled, squeezed=squeezed.value, weight=weight, bias=bias),
        make_step("value", "1 / (1 + exp(-{0}))", 1 / (1 + math.exp(-scaled)), with_bias=scaled),
    )
    gate = Walk(operation, index, Terms.none(), "sum", 0.0, steps, 1 + abs(scaled), (squeezed,), name="gate")
    x = float(image_CHW[index])
    own = Terms.of(np.array([x]), np.array([index]))
    last = make_step("value", "{0} * {1}", x * gate.value, x=x, gate=gate.value)
    return Walk(operation, index, own, "value", x, (last,), abs(x) * gate.scale, (gate,))
