"""Kernels in the order of PyTorch, TensorFlow and TensorFlow Lite give one output, and what is ambiguous is said."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convscope.api import calc
from convscope.errors import UserError

RNG = np.random.default_rng(0)
IMAGE_HWC, KERNEL_HWIO = RNG.standard_normal((5, 6, 2)), RNG.standard_normal((3, 2, 2, 4))


def _expected(groups: int = 1, kernel_OIHW: np.ndarray | None = None) -> np.ndarray:
    kernel_OIHW = KERNEL_HWIO.transpose(3, 2, 0, 1) if kernel_OIHW is None else kernel_OIHW
    image_CHW, weight = (torch.from_numpy(np.ascontiguousarray(v)) for v in (IMAGE_HWC.transpose(2, 0, 1), kernel_OIHW))
    return torch.conv2d(image_CHW[None], weight, groups=groups)[0].numpy()


@pytest.mark.parametrize(
    ("layout", "order"), [("hwio", (0, 1, 2, 3)), ("ohwi", (3, 0, 1, 2)), ("oihw", (3, 2, 0, 1)), (None, (0, 1, 2, 3))]
)
def test_channels_last_takes_kernels_in_any_layout_by_name(layout: str | None, order: tuple[int, ...]) -> None:
    named = {} if layout is None else {"kernel_layout": layout}
    done = calc("conv", IMAGE_HWC, KERNEL_HWIO.transpose(order), channels_last=True, **named)
    assert np.allclose(done.output, _expected())
    first = calc("conv", IMAGE_HWC.transpose(2, 0, 1), KERNEL_HWIO.transpose(order), kernel_layout=layout or "hwio")
    assert np.allclose(first.output, _expected())


def test_what_was_read_is_told() -> None:
    done = calc("conv", IMAGE_HWC, KERNEL_HWIO, channels_last=True)
    assert done.read == (
        "input 5x6x2 (height, width, channels)",
        "kernel 3x2x2x4 (height, width, in, out)",
        "output 3x5x4 (height, width, channels)",
    )
    assert calc("conv", "count 1x3x3", "1 0 / 0 1").read == ()
    assert calc("conv", "count 2x3x3", "ones 4x2x2x2").read == ("kernel 4x2x2x2 (out, in, height, width)",)


def test_one_kernel_of_three_dimensions_has_no_out() -> None:
    done = calc("conv", IMAGE_HWC, KERNEL_HWIO[..., 1], channels_last=True)
    assert np.allclose(done.output[0], _expected()[1])
    assert done.read[1] == "kernel 3x2x2 (height, width, in)"


@pytest.mark.parametrize("multiplier", [1, 3])
def test_a_depthwise_kernel_of_tensorflow(multiplier: int) -> None:
    kernel_HWIM = RNG.standard_normal((3, 2, 2, multiplier))
    done = calc("conv", IMAGE_HWC, kernel_HWIM, channels_last=True, groups=2)
    kernel_OIHW = kernel_HWIM.transpose(2, 3, 0, 1).reshape(2 * multiplier, 1, 3, 2)
    assert np.allclose(done.output, _expected(2, kernel_OIHW))
    assert done.read[1] == f"kernel 3x2x2x{multiplier} (height, width, in, multiplier)"
    grouped = calc("conv", IMAGE_HWC, kernel_OIHW.transpose(2, 3, 1, 0), channels_last=True, groups=2)
    assert np.allclose(grouped.output, done.output)


def test_signals() -> None:
    signal_LC, kernel_WIO = RNG.standard_normal((1, 7, 2)), RNG.standard_normal((1, 3, 2, 4))
    done = calc("conv", signal_LC, kernel_WIO, channels_last=True)
    expected = torch.conv1d(torch.from_numpy(signal_LC[0].T.copy())[None], torch.from_numpy(kernel_WIO[0].T.copy()))
    assert np.allclose(done.output, expected[0].numpy())


def test_a_linear_weight() -> None:
    weight_IO = RNG.standard_normal((3, 2))
    for done in (
        calc("linear", [1, 2, 3], weight_IO, channels_last=True),
        calc("linear", [1, 2, 3], weight_IO, kernel_layout="io"),
        calc("linear", [1, 2, 3], weight_IO.T, channels_last=True, kernel_layout="oi"),
        calc("linear", [1, 2, 3], weight_IO.T),
    ):
        assert np.allclose(done.output, np.array([1, 2, 3]) @ weight_IO)


def test_a_wrong_size_names_the_layouts() -> None:
    with pytest.raises(UserError) as caught:
        calc("linear", [1, 2, 3], np.ones((3, 2)))
    assert "--kernel-layout io" in caught.value.hint
    with pytest.raises(UserError) as caught:
        calc("conv", IMAGE_HWC, np.ones((4, 3, 5, 2)), channels_last=True)
    assert caught.value.got == "4x3x5x2 read as hwio (height, width, in, out) has 5 channels in"
    assert "oihw (out, in, height, width: PyTorch's)" in caught.value.expected
    assert "hwio (height, width, in, out: TensorFlow's)" in caught.value.expected
    assert caught.value.hint == "--kernel-layout ohwi fits these kernels"
    with pytest.raises(UserError) as caught:
        calc("linear", [1, 2, 3], np.ones((2, 3)), channels_last=True)
    assert "oi (out, in: PyTorch's) or io (in, out: TensorFlow's)" in caught.value.expected
    assert caught.value.hint == "--kernel-layout oi fits this weight"
    with pytest.raises(UserError, match="hwoi"):
        calc("conv", IMAGE_HWC, KERNEL_HWIO, kernel_layout="hwoi")
    with pytest.raises(UserError, match="takes no --kernel-layout"):
        calc("maxpool", IMAGE_HWC, 2, kernel_layout="hwio")
