"""Decoding and fitting: what each kind of file becomes, and that arrays become the same."""

from __future__ import annotations

import io
import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from convscope.data.dataset import Unreadable
from convscope.data.image.decode import ImagePreprocess, decode, fit_array, in_photograph, measure

FITS = ("stretch", "crop", "letterbox", "pad")


def _saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _as_is(image: Image.Image, channels: int = 3) -> ImagePreprocess:
    return ImagePreprocess(channels, image.height, image.width)


def _noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, channels), np.uint8)


def test_a_picture_of_the_right_size_is_left_as_it_is():
    picture_HWC = _noise(7, 5)
    for fit in FITS:
        np.testing.assert_array_equal(
            decode(_saved(Image.fromarray(picture_HWC)), ImagePreprocess(3, 7, 5, fit)), picture_HWC
        )


def test_sixteen_bits_are_scaled_not_clipped():
    values = np.array([[0, 128, 257, 32768, 65535]], np.uint16)
    for kind in ("PNG", "TIFF", "PPM"):
        grey = decode(_saved(Image.fromarray(values), kind), ImagePreprocess(1, 1, 5))
        assert grey[0, :, 0].tolist() == [0, 0, 1, 128, 255], kind


def test_sixteen_bits_keep_their_own_range():
    """A dark picture stays dark: its greatest value is not taken for white."""
    values = np.array([[2570, 25700]], np.uint16)
    for kind in ("PNG", "TIFF", "PPM"):
        assert decode(_saved(Image.fromarray(values), kind), ImagePreprocess(1, 1, 2)).ravel().tolist() == [10, 100], (
            kind
        )


def test_sixteen_bit_big_endian_tiff():
    image = Image.frombytes("I;16B", (2, 1), bytes([0, 0, 255, 255]))
    assert decode(_saved(image, "TIFF"), ImagePreprocess(1, 1, 2)).ravel().tolist() == [0, 255]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([5000.0, 5000.0, 5000.0], [0, 0, 0]),
    ],
)
def test_floating_point_values(values, expected):
    data = _saved(Image.fromarray(np.array([values], np.float32)), "TIFF")
    assert decode(data, ImagePreprocess(1, 1, 3)).ravel().tolist() == expected


def test_transparency_is_laid_on_white():
    clear = Image.new("RGBA", (4, 4), (200, 0, 0, 0))
    half = Image.new("RGBA", (4, 4), (0, 0, 0, 128))
    assert decode(_saved(clear), _as_is(clear)).min() == 255
    assert decode(_saved(half), _as_is(half))[0, 0].tolist() == [127, 127, 127]
    grey = Image.new("LA", (4, 4), (0, 0))
    assert decode(_saved(grey), _as_is(grey, 1)).min() == 255
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 9, 9, 9])
    assert decode(_saved(palette, transparency=1), _as_is(palette)).min() == 255
    assert decode(_saved(palette), _as_is(palette)).max() == 9


def test_cmyk_becomes_rgb():
    red = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    picture_HWC = decode(_saved(red, "JPEG"), _as_is(red))
    np.testing.assert_allclose(picture_HWC[4, 4], [255, 0, 0], atol=6)


def test_one_bit_is_black_and_white():
    image = Image.new("1", (4, 2))
    image.putpixel((1, 0), 1)
    assert decode(_saved(image), _as_is(image, 1))[0, :, 0].tolist() == [0, 255, 0, 0]


def test_channels_as_asked():
    grey, colour = Image.fromarray(_noise(6, 6)).convert("L"), Image.fromarray(_noise(6, 6))
    repeated = decode(_saved(grey), _as_is(grey, 3))
    assert (repeated == repeated[:, :, :1]).all()
    luma = decode(_saved(colour), _as_is(colour, 1))
    np.testing.assert_array_equal(luma[:, :, 0], np.asarray(colour.convert("L")))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_an_animation(kind):
    frames = [Image.new("RGB", (9, 9), (shade, shade, shade)) for shade in (10, 200, 250)]
    data = _saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)
    assert decode(data, _as_is(frames[0])).max() < 20


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG", "WEBP"])
def test_exif_rotation(kind, orientation):
    upright = Image.new("L", (40, 24))
    upright.paste(255, (0, 0, 20, 12))
    undo = [
        *(None, None, Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180, Image.Transpose.FLIP_TOP_BOTTOM),
        *(Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_90, Image.Transpose.TRANSVERSE, Image.Transpose.ROTATE_270),
    ][orientation]
    stored = upright if undo is None else upright.transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = _saved(stored, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    picture = decode(data, ImagePreprocess(1, 24, 40))[:, :, 0].astype(int)
    np.testing.assert_allclose(picture, np.asarray(upright).astype(int), atol=40)
    assert measure(io.BytesIO(data))[1:] == (24, 40)


def test_a_broken_exif_block_does_not_cost_the_picture():
    image = Image.new("RGB", (8, 8))
    assert decode(_saved(image, "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"), _as_is(image)).shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("fit", "left", "middle"),
    [("stretch", 200, 200), ("crop", 200, 200), ("letterbox", 0, 200), ("pad", 0, 200)],
)
def test_fits_of_a_tall_picture(fit, left, middle):
    tall = Image.new("RGB", (50, 200), (200, 200, 200))
    picture_HWC = decode(_saved(tall), ImagePreprocess(3, 32, 32, fit))
    assert picture_HWC[16, 2, 0] == left
    assert picture_HWC[16, 16, 0] == middle


def test_crop_takes_the_centre():
    wide = np.zeros((10, 30, 1), np.uint8)
    wide[:, 10:20] = 255
    assert fit_array(wide[None], ImagePreprocess(1, 10, 10, "crop")).min() == 255


def test_a_crop_without_scaling_does_not_blur():
    picture_HWC = _noise(10, 31)
    cut = fit_array(picture_HWC[None], ImagePreprocess(3, 10, 10, "crop"))[0]
    np.testing.assert_array_equal(cut, picture_HWC[:, 10:20])


def test_letterbox_keeps_the_shape_and_pad_never_enlarges():
    small = np.full((1, 10, 20, 1), 255, np.uint8)
    boxed = fit_array(small, ImagePreprocess(1, 40, 40, "letterbox"))[0, :, :, 0]
    assert (boxed.any(axis=1).sum(), boxed.any(axis=0).sum()) == (20, 40)
    padded = fit_array(small, ImagePreprocess(1, 40, 40, "pad"))[0, :, :, 0]
    assert (padded.any(axis=1).sum(), padded.any(axis=0).sum()) == (10, 20)


def test_pad_puts_a_digit_in_the_exact_centre():
    digits = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), np.uint8)
    padded = fit_array(digits, ImagePreprocess(1, 32, 32, "pad"))
    np.testing.assert_array_equal(padded[:, 2:30, 2:30], digits)
    assert padded.sum() == digits.sum(dtype=int)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(60, 60), (40, 90), (90, 40), (24, 30)])
@pytest.mark.parametrize("keep", [1, 0.8])
def test_a_place_of_the_fitted_picture_is_found_in_the_photograph(fit, size, keep):
    height, width = size
    photograph_HWC = np.zeros((height, width, 1), np.uint8)
    top, left = height // 2 - 3, width // 2 - 5
    photograph_HWC[top : top + 4, left : left + 4] = 255
    preprocess = ImagePreprocess(1, 32, 24, fit, keep if fit == "crop" else 1)
    fitted_HW = decode(_saved(Image.fromarray(photograph_HWC[..., 0])), preprocess)[..., 0].astype(float)
    rows, columns = (np.arange(length) + 0.5 for length in fitted_HW.shape)
    row, column = (rows @ fitted_HW).sum() / fitted_HW.sum(), (fitted_HW @ columns).sum() / fitted_HW.sum()
    found = in_photograph(row, column, size, preprocess)
    np.testing.assert_allclose(found, (top + 2, left + 2), atol=0.3)


def test_shrinking_averages():
    checks = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    small = decode(_saved(Image.fromarray(checks)), ImagePreprocess(1, 8, 8))
    assert np.abs(small.astype(int) - 128).max() < 12


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("asked", [1, 3])
@pytest.mark.parametrize("has", [1, 3])
@pytest.mark.parametrize("shape", [(28, 28), (40, 20), (1, 1), (1, 500), (32, 48), (96, 100)])
def test_arrays_become_what_files_become(shape, has, asked, fit):
    picture_HWC = _noise(*shape, has)
    preprocess = ImagePreprocess(asked, 32, 48, fit)
    flat = picture_HWC[:, :, 0] if has == 1 else picture_HWC
    from_file = decode(_saved(Image.fromarray(flat)), preprocess)
    assert (from_file.shape, from_file.dtype) == ((32, 48, asked), np.uint8)
    np.testing.assert_array_equal(fit_array(picture_HWC[None], preprocess)[0], from_file)


def test_arrays_that_fit_are_not_copied():
    images_NHWC = np.zeros((2, 8, 8, 3), np.uint8)
    assert fit_array(images_NHWC, ImagePreprocess(3, 8, 8)) is images_NHWC
    for wrong in (images_NHWC[0], images_NHWC.astype(float), np.zeros((2, 8, 8, 2), np.uint8)):
        with pytest.raises(ValueError, match="uint8 NHWC"):
            fit_array(wrong, ImagePreprocess(3, 8, 8))


def test_a_large_jpeg_is_cheap(monkeypatch):
    """Of 15 megapixels the decoder itself leaves out all but a sixteenth at most."""
    data = _saved(Image.new("RGB", (4500, 3350), (1, 2, 3)), "JPEG")
    sizes = []
    load = JpegImageFile.load
    monkeypatch.setattr(JpegImageFile, "load", lambda self: (sizes.append(self.size), load(self))[1])
    picture_HWC = decode(data, ImagePreprocess(3, 224, 224))
    np.testing.assert_allclose(picture_HWC[100, 100], [1, 2, 3], atol=4)
    assert sizes
    assert max(width * height for width, height in sizes) <= 4500 * 3350 / 16 * 1.01


def test_pillows_limit_is_given_back(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 12_345)
    decode(_saved(Image.new("L", (4, 4))), ImagePreprocess(1, 4, 4))
    with pytest.raises(Unreadable):
        decode(b"", ImagePreprocess(1, 4, 4))
    assert Image.MAX_IMAGE_PIXELS == 12_345


def test_a_hundred_megapixels_are_within_the_limit(recwarn):
    image = Image.new("1", (10_000, 10_000))
    assert decode(_saved(image), ImagePreprocess(1, 4, 4)).shape == (4, 4, 1)
    assert not recwarn.list


def test_reasons_of_paths(tmp_path: Path):
    preprocess = ImagePreprocess(1, 4, 4)
    folder = tmp_path / "x.jpg"
    folder.mkdir()
    cases = [(folder, "a folder, not a file"), (tmp_path / "gone.png", "no such file")]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        cases.append((tmp_path / "pipe.png", "not a regular file"))
    for path, reason in cases:
        with pytest.raises(Unreadable, match=reason):
            decode(path, preprocess)
    with pytest.raises(Unreadable, match="cannot be read"):
        decode("a\0b.png", preprocess)


def test_a_path_and_its_bytes_are_the_same(tmp_path: Path):
    data = _saved(Image.fromarray(_noise(30, 20)), "JPEG")
    (tmp_path / "x.bin").write_bytes(data)
    preprocess = ImagePreprocess(3, 16, 16, "crop")
    np.testing.assert_array_equal(decode(tmp_path / "x.bin", preprocess), decode(data, preprocess))


def test_threads_get_what_one_gets():
    data = [_saved(Image.fromarray(_noise(40 + i, 30)), "JPEG") for i in range(24)]
    preprocess = ImagePreprocess(3, 16, 16)
    alone = [decode(one, preprocess) for one in data]
    together: dict[int, np.ndarray] = {}
    threads = [
        threading.Thread(target=lambda i=i: together.update({i: decode(data[i], preprocess)})) for i in range(24)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, picture_HWC in enumerate(alone):
        np.testing.assert_array_equal(together[i], picture_HWC)


_FILES = [
    _saved(Image.fromarray(_noise(9, 11)), kind) for kind in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "ICO")
]


@settings(max_examples=examples(150), deadline=None)
@given(st.sampled_from(_FILES), st.data())
def test_no_damage_ends_in_anything_but_a_reason(good, data):
    broken = bytearray(good)
    for _ in range(data.draw(st.integers(1, 6))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(broken[: data.draw(st.integers(0, len(broken)))])
    fit = data.draw(st.sampled_from(FITS))
    for read in (lambda: decode(cut, ImagePreprocess(3, 8, 8, fit)).shape, lambda: measure(io.BytesIO(cut))):
        assert len(_outcome(read)) == 3 or "reason" in _outcome(read)


def _outcome(read):
    try:
        return read()
    except Unreadable as error:
        return {"reason": error.reason} if error.reason and "\n" not in error.reason else {}


def test_a_crop_keeps_the_middle_share(tmp_path: Path) -> None:
    picture = np.zeros((80, 160, 3), np.uint8)
    picture[5:75, 45:115] = 255  # the middle 70x70 of the middle 80x80
    file = tmp_path / "square.png"
    Image.fromarray(picture).save(file)
    usual = ImagePreprocess(3, 70, 70, "crop", 0.875)
    assert decode(file.read_bytes(), usual).min() == 255
    assert decode(file.read_bytes(), replace(usual, keep=1.0)).min() == 0
    # Arrays of exactly the input's size are cut as files are.
    square = picture[:, 40:120]
    same = ImagePreprocess(3, 80, 80, "crop", 0.875)
    np.testing.assert_array_equal(fit_array(square[None], same)[0], decode(_png(square), same))
    with pytest.raises(ValueError, match="keep"):
        ImagePreprocess(3, 70, 70, "crop", 0.0)


def _png(picture: np.ndarray) -> bytes:
    held = io.BytesIO()
    Image.fromarray(picture).save(held, "PNG")
    return held.getvalue()
