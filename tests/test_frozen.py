"""Frozen behaves as dataclass(frozen=True) does."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from convscope.frozen import Frozen


class Point(Frozen):
    x: int
    y: int = 0
    seen: list[int] = dataclasses.field(default_factory=list, compare=False, repr=False)


class Deep(Point):
    z: int = 5

    def __post_init__(self) -> None:
        if self.z < self.x:
            raise ValueError("z below x")


@dataclasses.dataclass(frozen=True)
class Usual:
    x: int
    y: int = 0
    seen: list[int] = dataclasses.field(default_factory=list, compare=False, repr=False)


def test_values_compare_print_and_hash_as_those_of_a_dataclass() -> None:
    for make in (Point, Usual):
        assert make(1, 2) == make(x=1, y=2, seen=[3]) != make(1, 3)
        assert hash(make(1, 2)) == hash(make(1, 2, [3]))
        assert make(1).seen is not make(1).seen
        assert dataclasses.asdict(make(1)) == {"x": 1, "y": 0, "seen": []}
        assert repr(make(1)).endswith("(x=1, y=0)")
    assert Point(1) != Usual(1)
    assert Point(1) != Deep(1)  # type: ignore[comparison-overlap]
    match Point(1, 7):
        case Point(_, y):
            assert y == 7


def test_a_subclass_adds_fields_and_checks_them() -> None:
    assert dataclasses.replace(Deep(1), x=2) == Deep(2, 0, z=5)
    with pytest.raises(ValueError, match="z below x"):
        dataclasses.replace(Deep(1), x=9)


def test_it_cannot_be_changed_but_copied_and_pickled() -> None:
    point = Point(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del point.x
    assert copy.deepcopy(point) == pickle.loads(pickle.dumps(point)) == point


@pytest.mark.parametrize(
    ("values", "named", "message"),
    [
        ((), {}, "Point lacks x"),
        ((1, 2, [], 4), {}, "Point takes 3 values, 4 were given"),
        ((1,), {"x": 1}, "Point was given x twice"),
        ((1,), {"z": 1}, "Point has no 'z', only x, y, seen"),
    ],
)
def test_wrong_values_are_named(values: tuple[object, ...], named: dict[str, object], message: str) -> None:
    with pytest.raises(TypeError) as caught:
        Point(*values, **named)  # type: ignore[arg-type]
    assert str(caught.value) == message
