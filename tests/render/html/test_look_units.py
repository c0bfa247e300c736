import base64

import numpy as np
import pytest

from convscope.network import zoo
from convscope.network.address import Address
from convscope.network.graph import INPUT
from convscope.render.html import look_units
from convscope.render.html.look_units import chosen_units, every_unit, opens_whole, pack_operands, pack_units

SMALL = "input 3x8x8 > conv 4 3x3 padding=1 > batchnorm > relu > maxpool 2 > conv 5 3x3 > flatten > linear 3"


def unpacked(packed, count=1):
    if isinstance(packed, (int, float)):
        return np.full(count, packed)
    return np.repeat(np.frombuffer(base64.b64decode(packed["data"]), "<" + packed["type"]), packed.get("each", 1))


@pytest.mark.parametrize(("name", "whole"), [("lenet5", True), ("resnet18", False), ("vgg16", False)])
def test_small_networks_open_whole(name, whole):
    assert opens_whole(zoo.known(name).graph()) is whole


def test_every_unit_is_there_in_order(seen):
    look, told = seen(SMALL), []
    units = every_unit(look, lambda *said: told.append(said))
    assert {path: len(some) for path, some in units.items()} == {p: v.size for p, v in look.values.items()}
    for path, index in (("conv1", (3, 7, 0)), ("batchnorm1", (1, 2, 3)), (INPUT, (2, 7, 7)), ("linear1", (2,))):
        unit, expected = (
            units[path][int(np.ravel_multi_index(index, look.values[path].shape))],
            look.unit(Address(path, index)),
        )
        assert (unit.address, unit.operation, unit.reads, unit.engine, unit.eps, unit.field) == (
            expected.address, expected.operation, expected.reads, expected.engine, expected.eps, expected.field,
        )  # fmt: skip
        assert unit.value == expected.value
    assert told[-1] == ("units", 8, 8)


def test_chosen_units_hold_the_answers_way_back_and_the_asked_one(seen):
    look = seen("resnet20_cifar")
    asked = Address("layer2.basic1.add1.a.conv1", (5, 3, 3))
    units = chosen_units(look, [asked])
    there = {unit.address for some in units.values() for unit in some}
    winner = Address(look.model.scores_path, (int(look.values[look.model.scores_path].argmax()),))
    for start in (asked, winner):
        assert {unit.address for unit in look.trail(start)} <= there
    for some in units.values():
        assert [u.address.index for u in some] == sorted(u.address.index for u in some)


def test_choosing_ends_where_the_page_is_full(seen, monkeypatch):
    monkeypatch.setattr(look_units, "CHOSEN_BYTES", 50_000)
    look = seen("resnet20_cifar")
    units = chosen_units(look)
    full = sum(len(u.walk.terms) for some in units.values() for u in some)
    assert full * 4 < 400_000
    assert look.trail(units[look.model.scores_path][0].address)[-1].address.path == INPUT


def test_packed_units_say_value_engine_difference_and_field(seen):
    look = seen(SMALL)
    units = every_unit(look)["conv1"]
    packed = pack_units(look, "conv1", units, whole=True)
    columns, count = packed["columns"], len(units)
    assert np.array_equal(unpacked(columns[packed["value"]], count), [u.value for u in units])
    assert np.array_equal(unpacked(columns[packed["more"]["engine"]], count), look.values["conv1"].reshape(-1))
    difference = unpacked(columns[packed["more"]["difference"]], count)
    assert np.allclose(difference, [u.difference for u in units], rtol=1e-6, atol=0)
    sides = np.stack([unpacked(side, count) for side in packed["field"]], 1)
    assert [tuple(map(int, row)) for row in sides] == [(*u.field.spans[0], *u.field.spans[1]) for u in units]
    assert "inline" not in packed
    assert packed["units"] is None


def test_the_operands_of_a_small_network_are_kept_to_the_bit(seen):
    look = seen(SMALL)
    operands = pack_operands(look)
    assert np.array_equal(unpacked(operands["values"]["relu1"]), look.values["relu1"].reshape(-1))
    assert np.array_equal(unpacked(operands["weights"]["conv2.weight"]), look.state["conv2.weight"].reshape(-1))
    assert unpacked(operands["pixels"]).reshape(3, 8, 8)[1, 2, 3] == look.input[2, 3, 1]
    assert {name.rpartition(".")[0] for name in operands["weights"]} == {"conv1", "batchnorm1", "conv2", "linear1"}
