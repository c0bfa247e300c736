"""Policies by name and in finer words, and which pictures may be mirrored."""

from __future__ import annotations

import dataclasses

import pytest

from convscope.data.image.policy import FINER, NAMES, Augment, asked, may_mirror, named, policy, suited
from convscope.errors import UserError


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("mediun", "did you mean medium?"),
        ("", "auto, none, light, medium, strong"),
        ("medium,flop=never", "did you mean flip?"),
        ("medium,flip", "medium,flip=never"),
        ("medium,flip=nevr", "did you mean never?"),
        ("rotate=far", "a number from 0 to 180"),
        ("shift=1.5", "a whole number from 0 to 1024"),
        ("strong,erase=2", "from 0 to 1"),
        ("strong,erase=nan", "from 0 to 1"),
        ("area=0.9-0.3", "such as 0.35-1"),
        ("area=0", "such as 0.35-1"),
        ("mixup=0.7,cutmix=0.7", "at most 1 together"),
    ],
)
def test_what_is_no_policy_is_named(text: str, word: str) -> None:
    with pytest.raises(UserError) as caught:
        asked(text)
    assert word in str(caught.value)
    assert caught.value.where.startswith("--augment")


def test_every_setting_can_be_said_and_changes_what_it_names_alone() -> None:
    values = {"shift": "5", "border": "reflect", "flip": "alternate", "area": "0.4-0.9", "aspect": "1.5", "rotate": "7"}
    plain = policy("none", 3, 64, 64, 1)
    for name in FINER:
        text = f"none,{name}={values.get(name, '0.25')}"
        found = policy(text, 3, 64, 64, 1)
        changed = {
            field.name
            for field in dataclasses.fields(Augment)
            if getattr(found, field.name) != getattr(plain, field.name)
        }
        assert changed == {name}, text


@pytest.mark.parametrize("side", [8, 28, 32, 64, 224])
@pytest.mark.parametrize("name", NAMES)
def test_grey_pictures_may_be_digits_and_are_never_mirrored(name: str, side: int) -> None:
    assert named(name, 1, side, side).flip == "never"


def test_digits_letters_and_what_is_left_or_right_are_not_mirrored_in_colour_either() -> None:
    for classes in (("0", "1", "2"), ("A", "B"), ("turn-left", "turn-right"), ("Left hand", "other")):
        assert not may_mirror(classes)
        for name in NAMES:
            assert policy(name, 3, 64, 64, 1, classes).flip == "never"
    assert may_mirror(("tench", "church", "x"))
    assert may_mirror(("leftover", "copyright"))
    assert policy("medium,flip=random", 3, 64, 64, 1, ("0", "1")).flip == "random", "who asks for it gets it"


def test_the_more_often_pictures_are_seen_the_more_they_are_varied() -> None:
    for shape in ((1, 28, 28), (3, 32, 32), (3, 64, 64), (3, 224, 224)):
        strengths = [NAMES.index(suited(*shape, epochs)) for epochs in (1, 5, 20, 50, 100, 300)]
        assert strengths == sorted(strengths), shape
        assert strengths[0] == 0
        assert strengths[-1] > 0


def test_photographs_learnt_for_long_are_varied_strongly() -> None:
    found = policy("auto", 3, 64, 64, 118, ("tench", "church"))
    assert found.flip == "random"
    assert found.crops
    assert found.erase
    assert found.mixup + found.cutmix
