import base64
import io

import numpy as np
from PIL import Image

from convscope.inspection.maps import kernels, maps_of
from convscope.render.html import look_pictures
from convscope.render.html.look_pictures import BLANK, kernel_uri, picture_uri, sheet, sheets
from convscope.render.images.colormap import paint


def decoded(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))


def values(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_a_sheet_holds_each_map_scaled_by_itself():
    maps = maps_of("conv1", "conv 11 3x3", values(11, 5, 7))
    drawn = sheet(maps, range(11))
    image = decoded(drawn.uri)
    assert image.mode == "P"
    pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape == (2 * 5, 8 * 7, 3)
    expected = paint(maps.maps_CHW[9], float(maps.low_C[9]), float(maps.high_C[9]), "signed")
    assert np.array_equal(pixels[5:10, 7:14], expected)
    assert tuple(pixels[9, 55]) == BLANK


def test_maps_of_one_sign_are_grey_and_dead_ones_blank():
    maps = maps_of("relu1", "relu", np.maximum(values(4, 3, 3), 0) * np.array([1, 0, 1, 1], np.float32)[:, None, None])
    pixels = np.asarray(decoded(sheet(maps, range(4)).uri).convert("RGB"))
    assert (pixels[:, 3:6] == BLANK).all()
    assert np.array_equal(pixels[:, :3, 0], paint(maps.maps_CHW[0], 0, float(maps.high_C[0]), "grey")[:, :, 0])


def test_large_maps_are_averaged_down_and_told_so():
    drawn = sheet(maps_of("conv1", "conv", values(2, 112, 100)), [0, 1])
    assert (drawn.factor, drawn.rows, drawn.columns) == (2, 112, 100)
    assert decoded(drawn.uri).size == (2 * 50, 56)


def test_averages_are_of_what_is_there():
    found = look_pictures._averaged(np.arange(9, dtype=np.float32).reshape(3, 3), 2)
    assert found.tolist() == [[2.0, 3.5], [6.5, 8.0]]


def test_a_vector_is_rows_of_32_units():
    drawn = sheet(maps_of("linear1", "linear 70", values(70)), [0])
    assert (drawn.rows, drawn.columns) == (3, 32)
    assert decoded(drawn.uri).size == (32, 3)


def test_fewer_maps_are_drawn_where_all_would_be_too_many(seen, monkeypatch):
    look = seen(
        "input 1x16x16 > conv 40 3x3 padding=1 > relu > conv 60 3x3 padding=1 > globalavgpool > flatten > linear 3"
    )
    monkeypatch.setattr(look_pictures, "MAPS_BYTES", 19_000)
    found = sheets(look, {"conv2": [59]})
    assert len(found["conv1"].channels) == 24  # of 64, 48, 32, 24, 16 the first that fits
    assert 59 in found["conv2"].channels
    ranges = found["conv2"].maps.high_C - found["conv2"].maps.low_C
    assert int(ranges.argmax()) in found["conv2"].channels


def test_pictures_are_png_where_tiny_else_jpeg():
    assert picture_uri(np.zeros((8, 8, 1), np.uint8)).startswith("data:image/png")
    large = picture_uri(np.zeros((900, 600, 3), np.uint8))
    assert large.startswith("data:image/jpeg")
    assert max(decoded(large).size) == 448


def test_a_kernel_is_a_pixel_a_weight(seen):
    look = seen("input 3x8x8 > conv 4 3x5 > flatten > linear 2")
    assert decoded(kernel_uri(kernels(look), 1)).size == (5, 3)
