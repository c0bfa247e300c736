"""Each facet of an operation asked, and its answer held against the engine's or another facet's."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from conformance_cases import Case, Rng, cases, unit_of
from walk_schema import validate

from convscope.engine.module_operations import compute_of
from convscope.network.graph import Node
from convscope.network.network import Network
from convscope.ops import OPERATIONS, Op
from convscope.ops.arrays import BACKWARD, FORWARD, Array, Operands
from convscope.ops.calculate import CALCULATE
from convscope.ops.opening import OPEN
from convscope.ops.registry import Facet
from convscope.ops.spelling import KERAS, PYTORCH
from convscope.ops.step import Step
from convscope.ops.tensors import COMPUTE
from convscope.ops.uses import STEPS, USES, WEIGHT_STEPS, WEIGHT_USES
from convscope.ops.walk import Walk
from convscope.ops.words import WORDS, said
from convscope.reference.uses import uses_of_weight
from convscope.reference.walk import walk

EVERY: tuple[Facet[Any], ...] = (FORWARD, BACKWARD, OPEN, USES, STEPS, COMPUTE)
WEIGHTS: tuple[Facet[Any], ...] = (WEIGHT_USES, WEIGHT_STEPS)
FACETS: tuple[Facet[Any], ...] = (*EVERY, *WEIGHTS, CALCULATE, WORDS, PYTORCH, KERAS)
HANGUL = re.compile("[\uac00-\ud7a3]")


def required(case: Case) -> list[Facet[Any]]:
    """The facets that must have an answer.

    Merges are written by the source's own structure; Keras is asked of the package's own operations.
    """
    found = [*EVERY, CALCULATE, WORDS, *(WEIGHTS if "weight" in case.node.parameters else ())]
    if case.op.inputs == "one":
        found += [PYTORCH, *([KERAS] if type(case.op).__module__.startswith("convscope.") else [])]
    return found


def _near(one: Array, other: Array, tolerance: float = 1e-9) -> bool:
    scale = max(1.0, float(np.abs(other).max(initial=0.0)))
    return one.shape == other.shape and bool((np.abs(one - other) <= tolerance * scale).all())


def check_facets(cls: type[Op], rng: Rng, count: int) -> None:
    """Every facet answers, and in NumPy, opened, by its uses and in the engine an operation is the same."""
    for case in cases(cls, rng, count):
        for facet in required(case):
            facet.of(cls)
        op, given = case.op, case.operands()
        out = FORWARD.of(cls)(op, given)
        # hardsigmoid's slope is a sixth in float32 in torch, in float64 too.
        assert _near(out, case.outputs(case.inputs)), f"{case.node}: forward"
        gradient = np.random.default_rng(rng.randrange(2**32)).standard_normal(out.shape)
        inputs, parameters = _autograd(case, gradient)
        found = BACKWARD.of(cls)(op, given, gradient)
        assert all(map(_close, found.inputs, inputs)), f"{case.node}: backward"
        assert found.parameters.keys() == parameters.keys(), f"{case.node}: backward"
        assert all(_close(found.parameters[name], value) for name, value in parameters.items()), f"{case.node}: weights"
        index = unit_of(rng, case.node.shape)
        opened = OPEN.of(cls)(op, _given(case, index))
        assert abs(opened.value - out[(0, *index)]) <= opened.tolerance(2.0**-48), f"{case.node}: {index} opened"
        _check_words(case, [step for one in opened.within() for step in one.steps])
        _check_uses(case, given, gradient, found.inputs, found.parameters, rng)
        if op.inputs == "one" and cls.word in OPERATIONS:
            _check_source(case)


def _check_words(case: Case, steps: Sequence[Step]) -> None:
    """Every step and every number in it has a name in both languages."""
    for step in steps:
        for kind, name in (("step", step.name), *(("operand", operand.name) for operand in step.operands)):
            english, korean = said(type(case.op), kind, name)
            assert english, f"{case.node}: {kind} {name}"
            assert korean, f"{case.node}: {kind} {name}"


def _close(one: Array, other: Array) -> bool:
    return _near(one, other, 1e-6)


def _given(case: Case, index: tuple[int, ...]) -> Any:
    from convscope.ops.opening import UnitOperands

    given = case.operands()
    return UnitOperands([value[0] for value in case.inputs], given.parameters, given.buffers, index)


def _autograd(case: Case, gradient: Array) -> tuple[list[Array], dict[str, Array]]:
    part, inputs = case.part(), [torch.from_numpy(value).requires_grad_() for value in case.inputs]
    wanted = [*inputs, *part.parameters()]
    names = [name for name, _ in part.named_parameters()]
    out = compute_of(case.node)(part, inputs)
    found = torch.autograd.grad(out, wanted, torch.from_numpy(gradient), allow_unused=True)
    arrays = [(torch.zeros_like(x) if g is None else g).numpy() for g, x in zip(found, wanted, strict=True)]
    return arrays[: len(inputs)], dict(zip(names, arrays[len(inputs) :], strict=True))


def _check_uses(
    case: Case, given: Operands, gradient: Array, inputs: Any, parameters: dict[str, Array], rng: Rng
) -> None:
    """The uses of a unit and of a weight give its gradient; the steps give each use's derivative."""
    cls, operand = type(case.op), rng.randrange(len(case.inputs))
    read = (0, *unit_of(rng, case.node.input_shapes[operand]))
    uses = USES.of(cls)(case.op, given, operand, 0, read[1:])
    opened = uses.walk(gradient[(uses.example_N, *uses.index_NR.T)])
    tolerance = 1e-9 * max(1.0, opened.scale)
    assert abs(opened.value - inputs[operand][read]) <= tolerance, f"{case.node}: uses of {read}"
    if len(uses):
        reader = (int(uses.example_N[0]), *map(int, uses.index_NR[0]))
        steps = STEPS.of(cls)(case.op, given, operand, read, reader)
        _check_words(case, steps)
        if steps:
            assert abs(steps[-1].value - uses.factor_N[0]) <= 1e-9 * max(1.0, abs(uses.factor_N[0])), (
                f"{case.node}: steps of {read}"
            )
    for name, value in parameters.items():
        index = unit_of(rng, value.shape)
        uses = uses_of_weight(case.op, given, name, index)
        opened = uses.walk(gradient[(uses.example_N, *uses.index_NR.T)])
        assert abs(opened.value - value[index]) <= 1e-9 * max(1.0, opened.scale), f"{case.node}: uses of {name} {index}"
        if name == "weight" and len(uses):
            WEIGHT_STEPS.of(cls)(case.op, given, (int(uses.example_N[0]), *map(int, uses.index_NR[0])))


def _check_source(case: Case) -> None:
    """The notation says it and gives it back, a number for ``(n,)``."""
    shape = "x".join(map(str, case.node.input_shapes[0]))
    (node,) = Network.parse(f"input {shape}\n{case.op.text()}").graph().nodes
    given, again = ([getattr(op, entry.name) for entry in fields(op)] for op in (case.op, node.op))
    given = [value[0] if isinstance(value, tuple) and len(value) == 1 else value for value in given]
    assert (given, node.shape) == (again, case.node.shape), f"{case.node}: as the notation reads it"


def check_explained(cls: type[Op], rng: Rng, count: int) -> None:
    """A sentence in English and one in Korean, and a line of what it is."""
    english, korean = cls.explained
    assert cls.summary.strip(), "no summary"
    assert english.strip(), "no English"
    assert not HANGUL.search(english + cls.summary), "English in Korean letters"
    assert HANGUL.search(korean), "Korean without Korean letters"


def check_json(cls: type[Op], rng: Rng, count: int) -> None:
    """A unit and a gradient opened are JSON by docs/walk.schema.json, and come back."""
    for case in cases(cls, rng, count):
        given = _given(case, unit_of(rng, case.node.shape))
        opened = [walk(case.op, given.inputs, given.parameters, given.buffers, given.index)]
        uses = USES.of(cls)(case.op, case.operands(), 0, 0, unit_of(rng, case.node.input_shapes[0]))
        opened.append(uses.walk(np.ones(len(uses)), operation=case.op.text()))
        for one in opened:
            _through_json(one, case.node)


def _through_json(opened: Walk, node: Node) -> None:
    import jsonschema

    document = json.loads(json.dumps(opened.to_json(), allow_nan=False))
    try:
        validate(document, "walk")
    except jsonschema.ValidationError as error:
        raise AssertionError(f"{node}: {error.message}") from None
    assert Walk.from_json(document).to_json() == document, f"{node}: other than it was"
