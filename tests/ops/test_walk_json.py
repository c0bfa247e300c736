"""An opened number as JSON: by the written schema, and back to the bit."""

from __future__ import annotations

import doctest
import json
import math
import random
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gated_units import gru_tensors, gru_unit, squeezed_unit
from sample_gradients import random_step
from sample_graphs import batch_of, random_graph, state_of
from walk_schema import WRITTEN, check_schema, validate

from convscope import ops
from convscope.errors import UserError
from convscope.network.address import Address
from convscope.ops.opening import make_step
from convscope.ops.terms import Terms
from convscope.ops.walk import SCHEMA, Walk
from convscope.reference.forward import run
from convscope.reference.gradient_walk import open_gradient
from convscope.reference.walk import walk


def same(one: Any, other: Any) -> bool:
    """Whether two walks, terms or arrays are equal to the bit, places of the padding aside."""
    if isinstance(one, np.ndarray):
        if not isinstance(other, np.ndarray) or one.dtype != other.dtype:
            return False
        nowhere = one.ndim == 2 and bool((one < 0).all() and (other < 0).all()) and len(one) == len(other)
        return nowhere or (one.shape == other.shape and one.tobytes() == other.tobytes())
    if isinstance(one, Terms) and not len(one):  # of no terms there are no places
        return len(other) == 0 and (one.becomes, one.weight_source) == (other.becomes, other.weight_source)
    if isinstance(one, Walk | Terms):
        return all(same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if hasattr(one, "__dataclass_fields__"):
        return all(same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    return bool(one == other)


def back(opened: Walk) -> Walk:
    """Through text and back, valid on the way."""
    document = opened.to_json()
    validate(document, "walk")
    found = Walk.from_json(json.loads(json.dumps(document, allow_nan=False)))
    assert found.to_json() == document
    return found


def test_the_schema_is_one() -> None:
    check_schema()
    assert (WRITTEN["$id"], WRITTEN["$defs"]["walk"]["properties"]["schema"]["const"]) == (SCHEMA, SCHEMA)


def test_units_of_random_networks_come_back() -> None:
    rng, seen = random.Random(2), set()
    for seed in range(40):
        graph = random_graph(seed, 1 + seed % 3)
        state, batch = state_of(graph), batch_of(graph, 1)
        values = {"input": batch, **run(graph, state, batch)}
        for node in rng.sample(graph.nodes, min(6, len(graph.nodes))):
            index = tuple(rng.randrange(n) for n in node.shape)
            held = [{name: state[f"{node.path}.{name}"] for name in names} for names in (node.parameters, node.buffers)]
            opened = walk(node.op, [values[path][0] for path in node.inputs], held[0], held[1], index)
            assert same(opened, back(opened)), node
            seen.add(opened.terms.becomes.name)
    assert {"itself", "product", "square", "exponential"} <= seen


def test_gradients_of_random_networks_come_back() -> None:
    rng = random.Random(3)
    for seed in range(10):
        _, step = random_step(seed, 2, seed % 2 == 0)
        for _ in range(4):
            path = rng.choice(list(step.values))
            index = tuple(rng.randrange(n) for n in step.values[path].shape[1:])
            opened = open_gradient(step, Address(path, index), rng.randrange(step.examples)).sum
            assert same(opened, back(opened))


@pytest.mark.parametrize(
    "opened",
    [
        gru_unit(np.array([1.0, -0.5, 2.0]), np.array([0.25, -0.75]), gru_tensors(3, 2), 0),
        squeezed_unit(np.arange(12.0).reshape(3, 2, 2) - 5, 0.5, -0.25, (1, 0, 1)),
    ],
    ids=lambda opened: opened.operation,
)
def test_a_gated_unit_comes_back(opened: Walk) -> None:
    assert same(opened, back(opened))
    names = [part["name"] for part in opened.to_json()["parts"]]
    assert all(name in opened.steps[-1].symbols() for name in names)


def test_numbers_that_json_lacks_are_words() -> None:
    values = np.array([math.inf, -math.inf, math.nan, -0.0, 5e-324, 0.1 + 0.2])
    terms = Terms.of(values, np.array([[-1]] * 6)).times(values)
    opened = Walk("own", (), terms, "sum", math.nan, (make_step("x", "{0}", math.inf, x=-math.inf),), math.inf)
    assert same(opened, back(opened))
    assert [term["value"] for term in opened.to_json()["terms"]][:3] == ["inf", "-inf", "nan"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema": "convscope/walk/0"}, "the schema 'convscope/walk/0'"),
        ({"schema": None}, "no schema is named"),
        ({"steps": None}, "NoneType"),
        ({"combine": "median"}, "no combination 'median'"),
        ({"count": 3}, "1 terms where 3 are counted"),
        ({"terms": [{}]}, "no key"),
        ({"combined": "many"}, "could not convert"),
        (
            {"becomes": {"name": "product", "form": "{0} * {1}", "value": "x", "weight": None, "operands": {}}},
            "of 1 operands",
        ),
        ({"steps": [{"name": "s", "form": "{0.__class__}", "operands": {"x": 1.0}, "value": 1.0}]}, "the formula"),
        ({"weight_source": "weight", "terms": []}, "0 terms where 1"),
    ],
)
def test_a_document_of_another_kind_is_refused(change: dict[str, Any], told: str) -> None:
    opened = Walk("relu", (0,), Terms.of(np.array([2.0]), np.array([[0]])).times(np.array([1.0])), "sum", 2.0, (), 2.0)
    with pytest.raises(UserError) as error:
        Walk.from_json(opened.to_json() | change)
    assert told in str(error.value)
    with pytest.raises(UserError, match="no schema is named"):
        Walk.from_json([])  # type: ignore[arg-type]


def test_the_page_about_it_is_true() -> None:
    page = (Path(__file__).parents[2] / "docs" / "walk.md").read_text(encoding="utf-8")
    assert doctest.DocTestRunner().run(doctest.DocTestParser().get_doctest(page, {}, "walk.md", None, 0)).failed == 0
    start = page.index("    {\n")
    shown = json.loads(page[start : page.index("\n    }\n") + len("\n    }\n")])
    tensors = {"weight": np.array([[[[0.5, 1], [-1, 2]]]]), "bias": np.array([0.25])}
    opened = walk(ops.Conv(1, 2), [np.array([[[1.0, 2], [3, 4]]])], tensors, {}, (0, 0, 0))
    assert opened.to_json() == shown
    told = set(re.findall(r"`([a-z_]+)`", page)) | set(re.findall(r'"([a-z_]+)":', page))
    for kind in ("walk", "unit", "gradient"):
        assert set(WRITTEN["$defs"][kind]["properties"]) - told <= {
            "example",
            "labels",
            "along",
            "loss_slope",
            "loss_steps",
        }
