"""Every operation through every facet and trait: what it states is what it does. Each check is seen failing."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from conformance import TRAITS, Check, check_macs
from conformance_cases import planted
from conformance_facets import EVERY, FACETS, WEIGHTS, check_explained, check_facets, check_json

from convscope import ops
from convscope.ops import OPERATIONS, Op
from convscope.ops.arrays import BACKWARD, FORWARD
from convscope.ops.opening import OPEN
from convscope.ops.registry import Facet, MissingFacetError
from convscope.ops.spec import no_products, operation, spatial
from convscope.ops.tensors import COMPUTE
from convscope.ops.traits import Traits
from convscope.ops.uses import USES
from convscope.reference.forward import forward

CHECKS: dict[str, Check] = {
    **TRAITS,
    "macs": check_macs,
    "facets": check_facets,
    "explained": check_explained,
    "json": check_json,
}
COLLECTED = dict(OPERATIONS)


def held(name: str, cls: type[Op], count: int) -> None:
    CHECKS[name](cls, random.Random(f"{name} {cls.word}"), count)


@pytest.fixture(params=[12, pytest.param(300, marks=pytest.mark.slow)])
def draws(request: pytest.FixtureRequest) -> int:
    """How many cases of each operation a check draws: all 300 by `make proofs`."""
    return int(request.param)


def test_every_trait_is_checked() -> None:
    assert list(TRAITS) == [entry.name for entry in dataclasses.fields(Traits)]


@pytest.mark.parametrize("word", COLLECTED)
@pytest.mark.parametrize("name", CHECKS)
def test_it_does_what_it_states(name: str, word: str, draws: int) -> None:
    held(name, COLLECTED[word], draws)


@pytest.mark.parametrize("name", CHECKS)
def test_operations_that_others_define_do_too(name: str) -> None:
    for word in OPERATIONS.keys() - COLLECTED:
        held(name, OPERATIONS[word], 24)


# Seen failing --------------------------------------------------------------------------------------------------------

WRONG: list[tuple[str, type[Op], Any]] = [
    ("reads", ops.ReLU, "place"),
    ("reads", ops.ReLU, "channels"),
    ("reads", ops.Softmax, "element"),
    ("reads", ops.Conv, "place"),
    ("reads", ops.Conv, "everything"),
    ("reads", ops.GroupNorm, "place"),
    ("reads", ops.GroupNorm, "everything"),
    ("reads", ops.LayerNorm, "element"),
    ("reads", ops.AdaptiveAvgPool, "channels"),
    ("monotone", ops.ReLU, "rounded"),
    ("monotone", ops.LeakyReLU, "exact"),
    ("monotone", ops.GELU, "rounded"),
    ("monotone", ops.AvgPool, "no"),
    ("monotone", ops.AdaptiveAvgPool, "exact"),
    ("linearity", ops.ReLU, "affine"),
    ("linearity", ops.BatchNorm, "affine"),
    ("linearity", ops.Conv, "channel"),
    ("linearity", ops.Add, "none"),
    ("nonlinearity", ops.Sigmoid, "rectifier"),
    ("nonlinearity", ops.ReLU, "saturating"),
    ("nonlinearity", ops.SiLU, "other"),
    ("nonlinearity", ops.Tanh, "none"),
    ("nonlinearity", ops.Identity, "other"),
    ("nonlinearity", ops.LocalResponseNorm, "rectifier"),
    ("keeps", ops.Conv, ()),
    ("keeps", ops.Sigmoid, ("input",)),
    ("keeps", ops.MaxPool, ("input",)),
    ("keeps", ops.GlobalAvgPool, ("output",)),
    ("keeps", ops.Dropout, ()),
    ("keeps", ops.LocalResponseNorm, ("input", "value", "value")),
    ("keeps", ops.Mul, ("input",)),
    ("aliases", ops.Identity, "never"),
    ("aliases", ops.Dropout, "always"),
    ("aliases", ops.Flatten, "always"),
    ("aliases", ops.ReLU, "evaluation"),
    ("gradient", ops.Add, "made"),
    ("gradient", ops.PadChannels, "passed"),
    ("gradient", ops.Dropout, "passed"),
    ("pools", ops.MaxPool, "mean"),
    ("pools", ops.AdaptiveAvgPool, "no"),
    ("pools", ops.Identity, "maximum"),
    ("pools", ops.Conv, "mean"),
    ("pools", ops.ReLU, "maximum"),
    ("product", ops.Conv, False),
    ("product", ops.Scale, True),
    ("overwritable", ops.Sigmoid, True),
    ("overwritable", ops.Flatten, True),
    ("overwritable", ops.Identity, True),
    ("precise", ops.Conv, True),
    ("precise", ops.Scale, False),
    ("precise", ops.LocalResponseNorm, False),
    ("random", ops.Dropout, False),
    ("random", ops.ReLU, True),
]


@pytest.fixture
def registered() -> Iterator[None]:
    """Words and facets that a test adds are taken out again."""
    words, known = dict(OPERATIONS), {facet: dict(facet._known) for facet in FACETS}
    yield
    OPERATIONS.clear()
    OPERATIONS.update(words)
    for facet, before in known.items():
        facet._known.clear()
        facet._known.update(before)


def test_every_trait_is_seen_failing() -> None:
    assert {name for name, _, _ in WRONG} == set(TRAITS)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(("name", "cls", "value"), WRONG, ids=lambda value: getattr(value, "word", str(value)))
def test_a_wrong_trait_is_found(name: str, cls: type[Op], value: Any) -> None:
    wrong = OPERATIONS["planted"] = planted(cls, {name: value})
    held(name, planted(cls), 24)  # the same subclass with what is true
    with pytest.raises(AssertionError):
        held(name, wrong, 24)


def test_wrong_multiply_adds_are_found() -> None:
    held("macs", planted(ops.Conv), 3)
    with pytest.raises(AssertionError):
        held("macs", planted(ops.Conv, macs=lambda self, inputs: ops.Conv.macs(self, inputs) + 1), 3)
    with pytest.raises(AssertionError):
        held("macs", planted(ops.Linear, macs=no_products), 3)


@pytest.mark.parametrize("explained", [("Only.", "Only."), ("", "값"), ("값", "값")])
def test_a_missing_language_is_found(explained: tuple[str, str]) -> None:
    held("explained", planted(ops.ReLU), 1)
    with pytest.raises(AssertionError):
        held("explained", planted(ops.ReLU, explained=explained), 1)


@pytest.mark.usefixtures("registered")
def test_an_opened_unit_that_is_no_json_of_the_schema_is_found() -> None:
    wrong = planted(ops.ReLU)
    held("json", wrong, 3)
    OPEN.enter(wrong)(lambda op, given: dataclasses.replace(OPEN.of(ops.ReLU)(op, given), combine="median"))  # type: ignore[arg-type]
    with pytest.raises(AssertionError):
        held("json", wrong, 3)


def _twice(found: Any) -> Any:
    """What a facet of :data:`BROKEN` gives, wrongly."""
    if isinstance(found, np.ndarray):
        return 2 * found
    names = {"Gradients": "inputs", "Walk": "combined", "Uses": "factor_N"}
    value = getattr(found, names[type(found).__name__])
    return dataclasses.replace(
        found, **{names[type(found).__name__]: tuple(2 * v for v in value) if isinstance(value, tuple) else 2 * value}
    )


BROKEN: list[tuple[Facet[Any], type[Op]]] = [
    (FORWARD, ops.ReLU),
    (BACKWARD, ops.Conv),
    (OPEN, ops.Identity),
    (USES, ops.Linear),
    (WEIGHTS[0], ops.BatchNorm),
]


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(("facet", "cls"), BROKEN, ids=lambda value: getattr(value, "word", getattr(value, "name", "")))
def test_a_facet_that_disagrees_is_found(facet: Facet[Any], cls: type[Op]) -> None:
    wrong, right = planted(cls), facet.of(cls)
    held("facets", wrong, 3)
    facet.enter(wrong)(lambda *given: _twice(right(*given)))
    with pytest.raises(AssertionError):
        held("facets", wrong, 3)


# Of others -----------------------------------------------------------------------------------------------------------


def stranger(word: str, traits: Traits, compute: Any, **members: Any) -> type[Op]:
    """An operation as someone else may define one."""
    own = {"traits": traits, "explained": ("Something.", "무엇."), "macs": no_products, **members}
    cls = operation(word, "something")(type(word.capitalize(), (Op,), own))
    COMPUTE.enter(cls)(lambda op, node: lambda part, inputs: compute(part, inputs[0]))
    return cls


def along(vector: Any, x: Any) -> Any:
    return vector.view(-1, *[1] * (x.dim() - 2))


def one_a_channel(name: str) -> dict[str, Any]:
    """Members of an operation that holds a number a channel."""
    return {"parameters": lambda self, inputs: {name: inputs[0][:1]}, "initial": lambda self, name: 1.0}


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("name", TRAITS)
def test_means_of_channels_as_a_vector(name: str) -> None:
    """A vector that is not its operand made flat: each value reads a whole channel."""
    traits = dataclasses.replace(ops.GlobalAvgPool.traits, pools="no")

    def shape(self: Op, inputs: Any) -> Any:
        spatial("means", inputs[0])
        return inputs[0][:1]

    held(name, stranger("means", traits, lambda part, x: x.flatten(2).mean(2), shape=shape), 24)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("name", TRAITS)
def test_a_shift_of_each_channel_by_a_tensor_of_another_name(name: str) -> None:
    """Folded into a convolution before it, whatever its tensor is called."""
    traits = dataclasses.replace(ops.Scale.traits, keeps=(), gradient="passed", monotone="rounded", overwritable=True)
    held(name, stranger("shift", traits, lambda part, x: x + along(part.by, x), **one_a_channel("by")), 24)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("name", ["reads", "linearity", "keeps", "aliases", "gradient", "precise"])
def test_the_last_channel_as_a_view(name: str) -> None:
    """Its operand's memory and yet no identity, in the fused evaluation too."""
    traits = dataclasses.replace(ops.PadChannels.traits, aliases="always")
    shape = {"shape": lambda self, inputs: (1, *inputs[0][1:])}
    held(name, stranger("last", traits, lambda part, x: x[:, -1:], **shape), 24)


@pytest.mark.usefixtures("registered")
def test_a_tensor_of_an_operation_that_needs_no_precision_is_there_in_bfloat16() -> None:
    traits = dataclasses.replace(ops.Scale.traits, precise=False, linearity="none")
    cls = stranger("gated", traits, lambda part, x: x * (along(part.gate, x) > 0), **one_a_channel("gate"))
    held("precise", cls, 24)


# Left out ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TRAITS)
def test_a_trait_left_out_fails_at_definition(name: str) -> None:
    stated = {entry.name: getattr(ops.ReLU.traits, entry.name) for entry in dataclasses.fields(Traits)}
    del stated[name]
    with pytest.raises(TypeError, match=f"'{name}'"):
        Traits(**stated)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("name", ["traits", "explained", "macs"])
def test_what_every_class_states_fails_at_definition(name: str) -> None:
    members = {"traits": ops.ReLU.traits, "explained": ("Doubles.", "두 배."), "macs": no_products}
    del members[name]
    with pytest.raises(TypeError, match=f"operation twice does not state (its )?{name}"):
        operation("twice", "x + x")(type("Twice", (Op,), members))
    assert "twice" not in OPERATIONS


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("facet", FACETS, ids=lambda facet: facet.name)
def test_a_facet_left_out_is_named_with_the_operation(facet: Facet[Any]) -> None:
    members = {"traits": ops.ReLU.traits, "explained": ("Doubles.", "두 배."), "macs": no_products}
    cls = operation("twice", "x + x")(type("Twice", (Op,), members))
    with pytest.raises(MissingFacetError, match=f"twice has no {facet.name}: it stands in "):
        facet.of(cls)
    assert facet.find(cls) is None
    if facet in EVERY[:1]:
        with pytest.raises(MissingFacetError, match="twice has no forward pass"):
            forward(cls(), [np.ones((1, 2))], {}, {})
