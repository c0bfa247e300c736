"""What is drawn for a batch, and what it makes of pictures, with Pillow's own operations as the oracle."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageFilter

from convscope.data.image.augment import augment, varied
from convscope.data.image.policy import NAMES, Augment, named
from convscope.data.image.variations import Variations, boxes, vary

SIDE = 48
WHOLE = Augment(
    0, "reflect", "random", (0.3, 1.0), rotate=10, brightness=0.3, contrast=0.3, saturation=0.3, hue=0.1, grey=0.2,
    blur=0.5, erase=0.5,
)  # fmt: skip


def _smooth(count: int = 4) -> torch.Tensor:
    """Pictures without sharp edges, where interpolations agree."""
    coarse = torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(1))
    fine = torch.nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bicubic")
    return (fine.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _plain(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((count, 2), np.int64), np.zeros(count, bool)


def _near(out: torch.Tensor, expected: list[Image.Image], most: float, border: int = 0) -> None:
    wanted = torch.from_numpy(np.stack([np.asarray(picture) for picture in expected]))
    inner = slice(border, SIDE - border)
    difference = (out[:, inner, inner].int() - wanted[:, inner, inner].int()).abs()
    assert difference.max() <= most, difference.max()


def _pictures(images: torch.Tensor) -> list[Image.Image]:
    return [Image.fromarray(picture.numpy()) for picture in images]


def test_a_crop_is_scaled_to_the_whole() -> None:
    images = _smooth()
    boxes_N4 = np.array([[0, 0, 24, 24], [10, 20, 30, 20], [24, 0, 24, 48], [0, 0, 48, 48]], float)
    out = varied(images, Variations(*_plain(4), boxes_N4=boxes_N4), "reflect")
    pairs = zip(_pictures(images), boxes_N4.tolist(), strict=True)
    expected = [
        p.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=(left, top, left + w, top + h))
        for p, (top, left, h, w) in pairs
    ]
    _near(out, expected, 2, border=2)


def test_a_rotation_turns_clockwise() -> None:
    images, angles = _smooth(), np.radians([0, 10, -20, 45])
    out = varied(images, Variations(*_plain(4), angles_N=angles), "black")
    pairs = zip(_pictures(images), np.degrees(angles).tolist(), strict=True)
    expected = [p.rotate(-angle, Image.Resampling.BILINEAR) for p, angle in pairs]
    _near(out, expected, 3, border=14)


@pytest.mark.parametrize(("place", "enhance"), [(0, "Brightness"), (1, "Contrast"), (2, "Color")])
def test_colours_are_pillows(place: int, enhance: str) -> None:
    images, factors = _smooth(), np.array([1.0, 0.5, 1.4, 0.0])
    colours_N4 = np.tile([1.0, 1.0, 1.0, 0.0], (4, 1))
    colours_N4[:, place] = factors
    out = varied(images, Variations(*_plain(4), colours_N4=colours_N4))
    pairs = zip(_pictures(images), factors.tolist(), strict=True)
    _near(out, [getattr(ImageEnhance, enhance)(p).enhance(factor) for p, factor in pairs], 2)


def test_a_full_turn_of_the_hue_changes_nothing_and_half_a_turn_keeps_the_grey() -> None:
    images = (_smooth() // 4 + 96).contiguous()
    for angle, most in ((2 * np.pi, 1), (np.pi, 2)):
        colours_N4 = np.tile([1.0, 1.0, 1.0, angle], (4, 1))
        out = varied(images, Variations(*_plain(4), colours_N4=colours_N4))
        before, after = (torch.from_numpy(np.stack([p.convert("L") for p in _pictures(i)])) for i in (images, out))
        assert (before.int() - after.int()).abs().max() <= most


def test_a_blur_is_a_gaussian() -> None:
    images, sigmas = _smooth(), np.array([0.0, 0.8, 1.5, 0.0])
    out = varied(images, Variations(*_plain(4), blurs_N=sigmas))
    assert torch.equal(out[0], images[0])
    pairs = zip(_pictures(images), sigmas.tolist(), strict=True)
    _near(out, [p.filter(ImageFilter.GaussianBlur(s)) for p, s in pairs], 4, border=4)


def test_a_rectangle_is_erased_and_nothing_else() -> None:
    images = _smooth()
    erased_N4 = np.array([[4, 6, 10, 12], [0, 0, 0, 0], [0, 0, 48, 48], [47, 47, 1, 1]])
    out = varied(images.clone(), Variations(*_plain(4), erased_N4=erased_N4))
    for before, after, (top, left, high, wide) in zip(images, out, erased_N4.tolist(), strict=True):
        inside = torch.zeros(SIDE, SIDE, dtype=torch.bool)
        inside[top : top + high, left : left + wide] = True
        assert torch.equal(before[~inside], after[~inside])
        assert not high or not torch.equal(before[inside], after[inside])


def test_the_picture_itself_is_never_changed_and_the_seed_says_all() -> None:
    images = _smooth(16)
    before = images.clone()
    first = augment(images, WHOLE, 1, 2, 3)
    assert torch.equal(images, before)
    assert torch.equal(first, augment(images, WHOLE, 1, 2, 3))
    for other in ((2, 2, 3), (1, 3, 3), (1, 2, 4)):
        assert not torch.equal(first, augment(images, WHOLE, *other))


def test_an_operation_more_leaves_the_others_as_they_were() -> None:
    fewer = Augment(0, "reflect", "random", (0.3, 1.0), rotate=10)
    one, two = (vary(policy, 20, 32, 32, seed=5) for policy in (fewer, WHOLE))
    assert one.boxes_N4 is not None
    assert np.array_equal(one.boxes_N4, two.boxes_N4)
    assert np.array_equal(one.flips_N, two.flips_N)
    assert np.array_equal(one.angles_N, two.angles_N)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 1000), st.floats(0.05, 1), st.floats(1, 4))
def test_boxes_lie_within_the_picture(height: int, width: int, seed: int, least: float, aspect: float) -> None:
    drawn = np.random.default_rng(seed).random((4, 50))
    top, left, high, wide = boxes(drawn, (least, 1.0), aspect, height, width).T
    assert (top >= -1e-9).all()
    assert (left >= -1e-9).all()
    assert (top + high <= height + 1e-6).all()
    assert (left + wide <= width + 1e-6).all()
    assert (high * wide > 0).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 96, 64)])
def test_named_policies_keep_the_shape_and_never_mirror_digits(name: str, shape: tuple[int, int, int]) -> None:
    channels, height, width = shape
    policy = named(name, channels, height, width)
    images = torch.randint(0, 256, (6, height, width, channels), dtype=torch.uint8)
    assert augment(images, policy, 0).shape == images.shape
    assert channels == 3 or policy.flip == "never"
    assert (policy == Augment()) == (name == "none")
