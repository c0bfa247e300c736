import base64
import json

import numpy as np
import pytest
from gated_units import gru_tensors, gru_unit, squeezed_unit

from convscope import ops
from convscope.calculation.calculation import calculate
from convscope.ops.terms import Terms
from convscope.ops.walk import Walk
from convscope.render.html.packed import PADDING, pack, pack_column, pack_walks, pack_whole


def unpacked(packed):
    return np.frombuffer(base64.b64decode(packed["data"]), "<" + packed["type"])


def column(packed, count):
    if isinstance(packed, (int, float)):
        return np.full(count, packed)
    return np.repeat(unpacked(packed), packed.get("each", 1))


@pytest.mark.parametrize(
    "numbers",
    [[0.1, 0.1, 0.1], [0.1, 0.2, 0.3], [1, 1, 2, 2, 2, 2], [0.5], [np.nan, np.nan], [np.inf, 1.0], [-0.0, 1e300, 3.0]],
)
def test_a_column_is_kept_to_the_bit(numbers):
    given = np.array(numbers, np.float64)
    packed = json.loads(json.dumps(pack_column(given)))
    assert np.array_equal(column(packed, len(given)).astype(np.float64), given, equal_nan=True)


def test_blocks_are_kept_once():
    packed = pack_column(np.repeat([0.1, 0.2, 0.3], 100))
    assert packed["each"] == 100
    assert len(unpacked(packed)) == 3


@pytest.mark.parametrize(
    ("numbers", "kind"), [([0, 255], "u1"), ([0, 256], "u2"), ([-1, 2], "i4"), ([0, 70_000], "i4")]
)
def test_whole_numbers_take_the_fewest_bytes(numbers, kind):
    packed = pack_whole(np.array(numbers))
    assert packed["type"] == kind
    assert unpacked(packed).tolist() == numbers


def test_types_are_those_that_the_script_reads():
    assert [pack(np.zeros(1, kind))["type"] for kind in (np.float64, np.float32, np.int32, np.uint16, np.uint8)] == [
        "f8", "f4", "i4", "u2", "u1",
    ]  # fmt: skip


def given(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


CASES = [
    (ops.Conv(4, 3, padding=1), [given((3, 5, 5))]),
    (ops.Conv(4, 3, padding=2, stride=2, dilation=2, groups=2, bias=False), [given((4, 7, 7))]),
    (ops.Conv(2, 3), [given((3, 9))]),
    (ops.Linear(5), [given((7,))]),
    (ops.MaxPool(3, stride=2, padding=1), [given((2, 6, 6))]),
    (ops.AvgPool(3, stride=2, padding=1), [given((2, 6, 6))]),
    (ops.GlobalAvgPool(), [given((3, 4, 4))]),
    (ops.BatchNorm(), [given((3, 2, 2))]),
    (ops.GroupNorm(2), [given((4, 2, 2))]),
    (ops.LocalResponseNorm(3), [given((4, 2, 2))]),
    (ops.LeakyReLU(), [given((3, 4, 4))]),
    (ops.Softmax(), [given((6,))]),
    (ops.Softmax(), [given((3, 2, 2))]),
    (ops.Flatten(), [given((2, 2, 2))]),
    (ops.Add(), [given((2, 3, 3)), given((2, 3, 3), 1)]),
    (ops.Mul(), [given((2, 3, 3)), given((2, 1, 1), 1)]),
    (ops.Concat(), [given((2, 3, 3)), given((1, 3, 3), 1)]),
    (ops.PadChannels(1, 1), [given((2, 2, 2))]),
]


def calculated(op, inputs):
    shapes = [value.shape for value in inputs]
    drawn = [
        {name: np.abs(given(shape, 2)) + 0.1 for name, shape in tensors.items()}
        for tensors in (op.parameters(shapes), op.buffers(shapes))
    ]
    return calculate(op, inputs, *drawn)


def looked_up(packed, at, calculation):
    """The terms of a unit, found as the script finds them."""
    count = np.prod(packed["shape"], dtype=int)
    pattern = packed["patterns"][column(packed["pattern"], count)[at]]
    n = pattern["count"]
    operand = column(pattern.get("operand", 0), n)
    offset = column(pattern["offset"], n)
    base = [column(one, count)[at] for one in packed["base"]]
    found = []
    for k in range(n):
        place = -1 if offset[k] == PADDING else base[operand[k]] + offset[k]
        value = 0.0 if place < 0 else calculation.inputs[operand[k]].reshape(-1)[place]
        weight = None
        if "weight" in packed:
            within = column(pattern["weight"], n)[k] if "weight" in pattern else k
            weight = calculation.parameters["weight"].reshape(-1)[column(packed["weight_base"], count)[at] + within]
        found.append((int(operand[k]), int(place), float(value), weight))
    return found


@pytest.mark.parametrize(("op", "inputs"), CASES, ids=[op.text() for op, _ in CASES])
def test_every_unit_is_found_again(op, inputs):
    calculation = calculated(op, inputs)
    walks = list(calculation.walks())
    packed = pack_walks(
        walks,
        calculation.shapes,
        calculation.output.shape,
        weights={name: values.shape for name, values in calculation.parameters.items()},
        window=calculation.window,
    )
    packed = json.loads(json.dumps(packed, allow_nan=False))
    columns = packed["columns"]
    for at, unit in enumerate(walks):
        expected = [
            (
                term.operand,
                -1 if term.index is None else int(np.ravel_multi_index(term.index, calculation.shapes[term.operand])),
                term.value,
                term.weight,
            )
            for term in unit.terms
        ]
        assert looked_up(packed, at, calculation) == expected
        assert column(columns[packed["value"]], len(walks))[at] == unit.value
        assert column(columns[packed["combined"]], len(walks))[at] == unit.combined
        form = packed["forms"][column(packed["form"], len(walks))[at]]
        of_form = int((column(packed["form"], len(walks)) == column(packed["form"], len(walks))[at]).sum())
        within = column(packed["place"], len(walks))[at] if "place" in packed else at
        assert [step["name"] for step in form] == [step.name for step in unit.steps]
        for step, given_step in zip(form, unit.steps, strict=True):
            numbers = [column(columns[c], of_form)[within] for c in (*step["columns"], step["value"])]
            assert numbers == [*(operand.value for operand in given_step.operands), given_step.value]
        becomes = unit.terms.becomes
        told = [packed["becomes"][key] for key in ("name", "form", "value", "weight")]
        assert told == [becomes.name, becomes.form, becomes.value, becomes.weight]
        numbers = [column(columns[c], len(walks))[at] for c in packed["becomes"]["columns"]]
        assert numbers == [operand.value for operand in becomes.operands]
        assert ("results" in packed) == (becomes.name not in ("itself", "product"))
        if "results" in packed:
            which = column(packed["results"]["id"], len(walks))[at]
            assert np.array_equal(unpacked(packed["results"]["of"][which]), unit.terms.result_N)
        if "subtotals" in packed:
            sums_NC = unpacked(packed["subtotals"]["of"]).reshape(-1, packed["subtotals"]["channels"])
            assert np.isclose(sums_NC[at].sum(), unit.combined)


def test_a_window_over_many_places_is_a_handful_of_patterns():
    calculation = calculated(ops.Conv(8, 3, padding=1), [given((2, 20, 20))])
    packed = pack_walks(
        list(calculation.walks()), calculation.shapes, calculation.output.shape, weights={"weight": (8, 2, 3, 3)}
    )
    assert len(packed["patterns"]) == 9


def test_values_can_stand_in_the_units_themselves():
    calculation = calculated(ops.Conv(4, 3, padding=1), [given((3, 5, 5))])
    chosen = [calculation.walk(index) for index in ((0, 0, 0), (3, 2, 2))]
    packed = pack_walks(
        chosen, calculation.shapes, (4, 5, 5), weights={"weight": (4, 3, 3, 3)}, every=False, inline=True
    )
    assert unpacked(packed["units"]).tolist() == [0, 3 * 25 + 12]
    values = unpacked(packed["inline"]["value"])
    assert np.array_equal(values, np.concatenate([unit.terms.value_N for unit in chosen]))
    assert unpacked(packed["inline"]["start"]).tolist() == [0, 27, 54]


def test_parts_are_packed_like_units():
    tensors = gru_tensors(3, 2)
    x, state = given((3,)), given((2,), 1)
    walks = [gru_unit(x, state, tensors, channel) for channel in range(2)]
    shapes = {name: values.shape for name, values in tensors.items()}
    packed = json.loads(json.dumps(pack_walks(walks, [(3,), (2,)], (2,), weights=shapes), allow_nan=False))
    assert [part["name"] for part in packed["parts"]] == ["update gate", "candidate"]
    update = packed["parts"][0]
    assert [part["name"] for part in update["parts"]] == ["from the input", "from the state"]
    kept = update["parts"][1]
    assert (kept["weight_source"], kept["weight"], kept["becomes"]["name"]) == ("weight_hh", [6, 2], "product")
    values = column(kept["columns"][kept["value"]], 2)
    assert values.tolist() == [walk.part("update gate").part("from the state").value for walk in walks]


def test_a_part_that_some_units_lack_says_where_it_is():
    whole = squeezed_unit(given((1, 2, 2)), 0.5, 0.0, (0, 0, 1))
    plain = Walk("squeeze", (0, 0, 0), whole.terms, "value", whole.combined, (), 1.0)
    packed = pack_walks([plain, whole, plain], [(1, 2, 2)], (1, 2, 2))
    (part,) = packed["parts"]
    assert unpacked(part["at"]).tolist() == [-1, 0, -1]
    assert part["count"] == 1


def test_weights_that_stand_nowhere_are_written():
    values = given((4,))
    computed = [Terms.of(values, np.arange(4)[:, None]).times(given((4,), at), weight="cosine") for at in range(3)]
    walks = [Walk("own", (at,), one, "sum", float(one.result_N.sum()), (), 1.0) for at, one in enumerate(computed)]
    packed = pack_walks(walks, [(4,)], (3,))
    assert "weight" not in packed
    found = [unpacked(packed["weights"]["of"][at]) for at in column(packed["weights"]["id"], 3)]
    assert np.array_equal(found, [one.weight_N for one in computed])


def test_terms_of_one_node_have_one_formula():
    values = Terms.of(given((2,)), np.array([[0], [1]]))
    walks = [Walk("own", (at,), one, "sum", 0.0, (), 1.0) for at, one in enumerate((values, values.squared()))]
    with pytest.raises(ValueError, match="become their results by"):
        pack_walks(walks, [(2,)], (2,))
