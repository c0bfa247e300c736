import base64
import io

import numpy as np
from PIL import Image

from convscope.render.html.matrix import grey_png, plane, plane_shape, planes


def test_a_tensor_as_matrices():
    assert planes(np.arange(12.0).reshape(3, 2, 2)).shape == (3, 2, 2)
    assert plane_shape((2, 3, 4, 5)) == (6, 4, 5)


def test_a_small_matrix_is_numbers_with_its_padding():
    html = plane(np.array([[1.0, -2.5]]), "a", {"of": "input"}, padding=((1, 1), (0, 1)))
    assert html.count("<td") == 9
    assert html.count('class="pad"') == 7
    assert "−2.5" in html
    assert 'data-rows="3" data-columns="3" ' not in html
    assert 'data-top="1" data-left="0" data-rows="3" data-columns="3"' in html


def test_a_large_one_is_a_picture():
    html = plane(np.zeros((50, 50)), "", {})
    assert "<td" not in html
    assert "data:image/png" in html


def test_grey_levels_are_the_numbers_scaled():
    uri = grey_png(np.array([[0.0, 5.0, 10.0, np.nan]]))
    image = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGBA")
    assert [image.getpixel((x, 0))[0] for x in range(3)] == [0, 127, 254]
    assert image.getpixel((3, 0))[3] == 0
