"""The NumPy reference: the notes' own numbers, and torch.nn.functional on many random arguments."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from sample_graphs import batch_of, random_graph, random_merge, random_op, random_shape, state_of, tensors_of
from torch.nn import functional as F  # noqa: N812

from convscope import ops
from convscope.errors import UserError
from convscope.network.graph import Graph, Node
from convscope.ops import OPERATIONS, Op, Window
from convscope.ops.arrays import FORWARD
from convscope.ops.windows import im2col
from convscope.reference.forward import forward, run

EXAMPLES = 200


def _conv(op: ops.Conv, x: torch.Tensor, t: dict[str, torch.Tensor]) -> torch.Tensor:
    call = getattr(F, f"conv{x.ndim - 2}d")
    weight, bias = t["weight"], t.get("bias")
    stride = op.stride if isinstance(op.stride, tuple) else (op.stride,) * (x.ndim - 2)
    if op.padding == "same" and set(stride) == {1}:
        return call(x, weight, bias, 1, "same", op.dilation, op.groups)  # torch's own idea of it
    x = _padded(op, x, 0.0)
    return call(x, weight, bias, op.stride, 0, op.dilation, op.groups)


def _padded(op: ops.Conv | ops.MaxPool, x: torch.Tensor, value: float) -> torch.Tensor:
    pads = op.window([tuple(x.shape[1:])]).padding
    return F.pad(x, [n for pair in reversed(pads) for n in pair], value=value)


def _max_pool(op: ops.MaxPool, x: torch.Tensor, t: dict[str, torch.Tensor]) -> torch.Tensor:
    call = getattr(F, f"max_pool{x.ndim - 2}d")
    if op.padding == "same" or _is_two_sided(op, x):
        y = call(_padded(op, x, -torch.inf), op.kernel_size, op.stride, 0, op.dilation, op.ceil_mode)
        # With ceil_mode, torch lets a window begin in what it takes for the input.
        return y[(..., *(slice(n) for n in op.shape([tuple(x.shape[1:])])[1:]))]
    padding = 0 if op.padding == "valid" else op.padding
    return call(x, op.kernel_size, op.stride, padding, op.dilation, op.ceil_mode)


def _is_two_sided(op: ops.MaxPool | ops.AvgPool, x: torch.Tensor) -> bool:
    return isinstance(op.padding, tuple) and len(op.padding) == 2 * (x.ndim - 2)


def _avg_pool(op: ops.AvgPool, x: torch.Tensor, t: dict[str, torch.Tensor]) -> torch.Tensor:
    rank = x.ndim - 2
    plain = op.dilated == 1 and op.padding != "same" and not _is_two_sided(op, x)
    if plain and (op.divisor_override is None or rank > 1):
        more = () if op.divisor_override is None else (op.divisor_override,)
        padding = 0 if op.padding == "valid" else op.padding
        call = getattr(F, f"avg_pool{rank}d")
        return call(x, op.kernel_size, op.stride, padding, op.ceil_mode, op.count_include_pad, *more)
    # By what it says: a convolution with ones, over a convolution of ones.
    window, places = op.window([tuple(x.shape[1:])]), op.shape([tuple(x.shape[1:])])[1:]
    weight = torch.ones((1, 1, *window.kernel), dtype=x.dtype)

    def sums(values: torch.Tensor) -> torch.Tensor:
        flat = F.pad(values.flatten(0, 1).unsqueeze(1), [0, 12] * rank)
        found = getattr(F, f"conv{rank}d")(flat, weight, None, window.stride, 0, window.dilation)
        return found.view(*values.shape[:2], *found.shape[2:])[(..., *(slice(n) for n in places))]

    pads = [n for pair in reversed(window.padding) for n in pair]
    counted = F.pad(torch.ones_like(x), pads, value=float(op.count_include_pad))
    return sums(F.pad(x, pads)) / (op.divisor_override or sums(counted))


def _layer_norm(op: ops.LayerNorm, x: torch.Tensor, t: dict[str, torch.Tensor]) -> torch.Tensor:
    if op.over == "all":
        return F.layer_norm(x, x.shape[1:], t.get("weight"), t.get("bias"), op.eps)
    return F.layer_norm(x.movedim(1, -1), x.shape[1:2], t.get("weight"), t.get("bias"), op.eps).movedim(-1, 1)


def _batch_norm(op: ops.BatchNorm, x: torch.Tensor, t: dict[str, torch.Tensor], training: bool = False) -> torch.Tensor:
    return F.batch_norm(
        x, t["running_mean"], t["running_var"], t.get("weight"), t.get("bias"), training, op.momentum, op.eps
    )


def _rms_norm(op: ops.RMSNorm, x: torch.Tensor, t: dict[str, torch.Tensor]) -> torch.Tensor:
    if op.over == "all":
        return F.rms_norm(x, x.shape[1:], t.get("weight"), op.eps)
    return F.rms_norm(x.movedim(1, -1), x.shape[1:2], t.get("weight"), op.eps).movedim(-1, 1)


def _product(values: tuple[torch.Tensor, ...]) -> torch.Tensor:
    out = values[0]
    for value in values[1:]:
        out = out * value
    return out


def _channelwise(values: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return values.view(1, -1, *[1] * (x.ndim - 2))


TORCH: dict[type[Op], Callable[..., torch.Tensor]] = {
    ops.Conv: _conv,
    ops.MaxPool: _max_pool,
    ops.AvgPool: _avg_pool,
    ops.AdaptiveAvgPool: lambda op, x, t: getattr(F, f"adaptive_avg_pool{x.ndim - 2}d")(x, op.output_size),
    ops.AdaptiveMaxPool: lambda op, x, t: getattr(F, f"adaptive_max_pool{x.ndim - 2}d")(x, op.output_size),
    ops.GlobalAvgPool: lambda op, x, t: x.flatten(2).mean(2).view(*x.shape[:2], *[1] * (x.ndim - 2)),
    ops.GlobalMaxPool: lambda op, x, t: x.flatten(2).amax(2).view(*x.shape[:2], *[1] * (x.ndim - 2)),
    ops.Linear: lambda op, x, t: F.linear(x, t["weight"], t.get("bias")),
    ops.Flatten: lambda op, x, t: torch.flatten(x, 1),
    ops.Identity: lambda op, x, t: x,
    ops.Dropout: lambda op, x, t: F.dropout(x, op.p, training=False),
    ops.BatchNorm: _batch_norm,
    ops.LayerNorm: _layer_norm,
    ops.GroupNorm: lambda op, x, t: torch.group_norm(x, op.num_groups, t.get("weight"), t.get("bias"), op.eps),
    ops.RMSNorm: _rms_norm,
    ops.LocalResponseNorm: lambda op, x, t: F.local_response_norm(x, op.size, op.alpha, op.beta, op.k),
    ops.Scale: lambda op, x, t: torch.addcmul(
        _channelwise(t.get("bias", torch.zeros(1, dtype=x.dtype)), x), x, _channelwise(t["weight"], x)
    ),
    ops.PadChannels: lambda op, x, t: torch.cat(
        [x.new_zeros(len(x), op.before, *x.shape[2:]), x, x.new_zeros(len(x), op.after, *x.shape[2:])], 1
    ),
    ops.Pad: lambda op, x, t: torch.constant_pad_nd(
        x, [n for pair in reversed(op.window([x.shape[1:]]).padding) for n in pair]
    ),
    ops.ChannelSplit: lambda op, x, t: x.narrow(1, op.start, op.end - op.start),
    ops.ChannelShuffle: lambda op, x, t: F.channel_shuffle(x, op.groups),
    ops.ReLU: lambda op, x, t: F.relu(x),
    ops.ReLU6: lambda op, x, t: F.relu6(x),
    ops.LeakyReLU: lambda op, x, t: F.leaky_relu(x, op.negative_slope),
    ops.GELU: lambda op, x, t: F.gelu(x, approximate=op.approximate),
    ops.SiLU: lambda op, x, t: F.silu(x),
    ops.Hardswish: lambda op, x, t: F.hardswish(x),
    ops.Hardsigmoid: lambda op, x, t: F.hardsigmoid(x) if op.usual else (op.alpha * x + op.beta).clamp(0, 1),
    ops.Clip: lambda op, x, t: x.clamp(op.min, op.max),
    ops.ELU: lambda op, x, t: F.elu(x, op.alpha),
    ops.SELU: lambda op, x, t: F.selu(x),
    ops.Softplus: lambda op, x, t: torch.logaddexp(op.beta * x, torch.zeros_like(x)) / op.beta,
    ops.Mish: lambda op, x, t: F.mish(x),
    ops.PReLU: lambda op, x, t: F.prelu(x, t["weight"]),
    ops.LogSoftmax: lambda op, x, t: F.log_softmax(x, 1),
    ops.Tanh: lambda op, x, t: torch.tanh(x),
    ops.Sigmoid: lambda op, x, t: torch.sigmoid(x),
    ops.Softmax: lambda op, x, t: F.softmax(x, 1),
    ops.Add: lambda op, *values: sum(values[1:-1], start=values[0]),
    ops.Mul: lambda op, *values: _product(values[:-1]),
    ops.Concat: lambda op, *values: torch.cat(values[:-1], 1),
}

NEEDS_PLACES = {cls for cls in OPERATIONS.values() if "pool" in cls.word} | {
    ops.Conv, ops.LocalResponseNorm, ops.Pad, ops.ChannelShuffle
}  # fmt: skip


def assert_close(got: np.ndarray, expected: torch.Tensor | np.ndarray, tolerance: float, message: object = "") -> None:
    """Equal within the tolerance, relative to the largest expected value; infinities at the same places."""
    want = np.asarray(expected)
    assert got.shape == want.shape, message
    finite = np.abs(want[np.isfinite(want)])
    scale = max(1.0, float(finite.max(initial=0.0)))
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * scale, err_msg=str(message))


def test_every_operation_has_a_reference_and_an_oracle_here() -> None:
    assert [cls.__name__ for cls in OPERATIONS.values() if FORWARD.find(cls) is None] == []
    assert set(TORCH) == set(OPERATIONS.values())


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("cls", OPERATIONS.values(), ids=lambda cls: cls.word)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 1e-5)], ids=["f64", "f32"])
def test_agrees_with_torch(cls: type[Op], dtype: type, tolerance: float) -> None:
    rng, numbers = random.Random(cls.word), np.random.default_rng(1)
    done = 0
    while done < EXAMPLES // 2:
        rank = 0 if cls is ops.Linear else rng.choice([1, 2, 2, 3] if cls in NEEDS_PLACES else [0, 1, 2, 3])
        shape = random_shape(rng, rank)
        if cls.inputs == "several":
            op, shapes = cls(), random_merge(rng, cls, shape)
        else:
            found = random_op(rng, cls, shape)
            if found is None:
                continue
            op, shapes = found, [shape]
        done += 1
        node = Node("it", op, ("input",) * len(shapes), tuple(shapes), op.shape(shapes))
        batch = rng.randint(1, 3)
        inputs = [(numbers.standard_normal((batch, *s)) * rng.choice([1, 10])).astype(dtype) for s in shapes]
        tensors = {name: value.astype(dtype) for name, value in tensors_of(node, numbers).items()}
        parameters = {name: tensors[name] for name in node.parameters}
        got = forward(op, inputs, parameters, {name: tensors[name] for name in node.buffers})
        oracle = TORCH[cls](
            op, *map(torch.from_numpy, inputs), {name: torch.from_numpy(value) for name, value in tensors.items()}
        )
        assert got.dtype == dtype
        assert got.shape[1:] == node.shape, (op, shapes)
        assert_close(got, oracle, tolerance, (op, shapes))


def test_batchnorm_in_training_uses_the_batchs_biased_variance() -> None:
    numbers = np.random.default_rng(0)
    for shape in [(5, 3), (4, 3, 6), (2, 3, 4, 5)]:
        x, mean, var = numbers.standard_normal(shape), np.zeros(3), np.ones(3)
        tensors = {"running_mean": torch.zeros(3).double(), "running_var": torch.ones(3).double()}
        want = _batch_norm(ops.BatchNorm(), torch.from_numpy(x), tensors, training=True)
        got = forward(ops.BatchNorm(), [x], {}, {"running_mean": mean, "running_var": var}, training=True)
        assert_close(got, want, 1e-12)
        assert not mean.any()  # buffers are read only


def test_batchnorm_of_one_value_in_training_uses_the_running_statistics() -> None:
    got = forward(
        ops.BatchNorm(eps=1e-12), [np.array([[3.0]])], {},
        {"running_mean": np.array([1.0]), "running_var": np.array([4.0])}, training=True,
    )  # fmt: skip
    assert got == pytest.approx(1.0)


def test_dropout_in_training_is_refused() -> None:
    with pytest.raises(ValueError, match="random"):
        forward(ops.Dropout(0.5), [np.ones((1, 2))], {}, {}, training=True)
    assert forward(ops.Dropout(0.0), [np.ones((1, 2))], {}, {}, training=True).all()


def test_extreme_values_do_not_overflow() -> None:
    x = np.array([[-1e4, 0.0, 1e4]])
    with np.errstate(over="raise", invalid="raise"):
        assert forward(ops.Sigmoid(), [x], {}, {}).tolist() == [[0.0, 0.5, 1.0]]
        assert forward(ops.Softmax(), [x], {}, {}).tolist() == [[0.0, 0.0, 1.0]]
        assert forward(ops.SiLU(), [x], {}, {}).tolist() == [[-0.0, 0.0, 1e4]]


# The notes' own numbers


def _picture(text: str) -> np.ndarray:
    return np.array([[[[float(n) for n in row.split()] for row in text.split("/")]]])


def test_a_window_of_the_notes_gives_8() -> None:
    kernel = _picture("1 0 1 / 0 1 0 / 1 0 1")
    out = forward(ops.Conv(1, 3, bias=False), [_picture("1 2 3 / 0 1 5 / 1 0 2")], {"weight": kernel}, {})
    assert out.tolist() == [[[[8.0]]]]


def test_sharpening_the_notes_picture_starts_with_114() -> None:
    picture = _picture(
        "60 113 56 139 85 / 73 121 54 84 128 / 131 99 70 129 127 / 80 57 115 69 134 / 104 126 123 95 130"
    )
    kernel = _picture("0 -1 0 / -1 5 -1 / 0 -1 0")
    out = forward(ops.Conv(1, 3, padding=1, bias=False), [picture], {"weight": kernel}, {})
    assert out.shape == (1, 1, 5, 5)
    assert out[0, 0, 0, 0] == 114  # 5 * 60 - 113 - 73


@pytest.mark.parametrize(("stride", "size"), [(1, 5), (2, 3)])
def test_same_padding_sizes(stride: int, size: int) -> None:
    out = forward(
        ops.Conv(1, 3, stride, "same", bias=False), [np.ones((1, 1, 5, 5))], {"weight": np.ones((1, 1, 3, 3))}, {}
    )
    assert out.shape == (1, 1, size, size)


def test_seven_filters_over_three_channels() -> None:
    op = ops.Conv(7, 3, padding="same")
    shapes = op.parameters([(3, 4, 4)])
    assert [ops.elements(shapes[name]) for name in ("weight", "bias")] == [189, 7]
    tensors = {name: np.ones(shape) for name, shape in shapes.items()}
    out = forward(op, [np.ones((1, 3, 4, 4))], tensors, {})
    assert out.shape == (1, 7, 4, 4)
    assert out[0, 0, 1, 1] == 27 + 1  # all channels summed into one, and the bias
    one = forward(
        ops.Conv(1, 3, padding="same", bias=False), [np.ones((1, 3, 4, 4))], {"weight": np.ones((1, 3, 3, 3))}, {}
    )
    assert one.shape == (1, 1, 4, 4)


def test_two_3x3_kernels_cover_the_field_of_one_5x5() -> None:
    rng = np.random.default_rng(0)
    first, second, image = rng.random((1, 1, 3, 3)), rng.random((1, 1, 3, 3)), rng.random((1, 1, 9, 9))
    three = ops.Conv(1, 3, bias=False)
    twice = forward(three, [forward(three, [image], {"weight": first}, {})], {"weight": second}, {})
    # The kernel that does both at once: the second slid over the first, turned round, since sliding does not flip.
    both = forward(ops.Conv(1, 3, padding=2, bias=False), [first], {"weight": second[..., ::-1, ::-1]}, {})
    assert both.shape == (1, 1, 5, 5)
    assert_close(forward(ops.Conv(1, 5, bias=False), [image], {"weight": both}, {}), twice, 1e-12)
    assert (both.size, first.size + second.size) == (25, 18)


def test_maxpool_of_the_notes() -> None:
    matrix = _picture("1 1 2 3 / 4 6 6 8 / 3 1 1 0 / 1 2 2 4")
    assert forward(ops.MaxPool(2), [matrix], {}, {}).tolist() == [[[[6.0, 8.0], [3.0, 4.0]]]]


def test_pool_flatten_and_ten_scores() -> None:
    pooled = forward(ops.MaxPool(2), [np.ones((1, 64, 28, 28))], {}, {})
    assert pooled.shape == (1, 64, 14, 14)
    vector = forward(ops.Flatten(), [pooled], {}, {})
    scores = forward(ops.Linear(10), [vector], {"weight": np.ones((10, 12544)), "bias": np.zeros(10)}, {})
    assert scores.tolist() == [[12544.0] * 10]


def test_padding_of_a_maximum_never_wins() -> None:
    out = forward(ops.MaxPool(3, padding=1), [np.full((1, 1, 4, 4), -5.0)], {}, {})
    assert (out == -5).all()


# im2col


def test_im2col_is_unfold() -> None:
    image = np.random.default_rng(0).standard_normal((2, 3, 7, 8))
    window = Window((3, 2), (2, 1), (1, 2), ((1, 1), (0, 0)))
    want = F.unfold(torch.from_numpy(image), (3, 2), dilation=(1, 2), padding=(1, 0), stride=(2, 1))
    assert_close(im2col(image, window), want, 0)


def test_a_convolution_is_one_matrix_product() -> None:
    rng = np.random.default_rng(0)
    image, weight = rng.standard_normal((2, 3, 6, 6)), rng.standard_normal((4, 3, 3, 3))
    op = ops.Conv(4, 3, padding=1, bias=False)
    product = weight.reshape(4, -1) @ im2col(image, op.window([(3, 6, 6)]))
    assert_close(forward(op, [image], {"weight": weight}, {}), product.reshape(2, 4, 6, 6), 1e-12)


# Whole graphs


def test_run_gives_every_node() -> None:
    for rank in (1, 2, 3):
        graph = random_graph(7, rank)
        values = run(graph, state_of(graph), batch_of(graph))
        assert {path: value.shape[1:] for path, value in values.items()} == {n.path: n.shape for n in graph.nodes}


def test_four_spatial_dimensions() -> None:
    image = np.ones((1, 2, 3, 3, 3, 3))
    out = forward(ops.Conv(1, 3, bias=False), [image], {"weight": np.ones((1, 2, 3, 3, 3, 3))}, {})
    assert out.ravel().tolist() == [2 * 81.0]


def test_run_names_what_does_not_fit() -> None:
    graph = Graph((3,), (Node("linear1", ops.Linear(2), ("input",), ((3,),), (2,)),))
    state = {"linear1.weight": np.ones((2, 3)), "linear1.bias": np.zeros(2)}
    with pytest.raises(UserError, match="examples of shape 4"):
        run(graph, state, np.ones((1, 4)))
    with pytest.raises(UserError, match="did you mean"):
        run(graph, {"linear1.wait": np.ones((2, 3))}, np.ones((1, 3)))
    with pytest.raises(UserError, match="shape 3x2"):
        run(graph, {**state, "linear1.weight": np.ones((3, 2))}, np.ones((1, 3)))


def test_it_never_imports_torch() -> None:
    code = "import sys, convscope.reference.forward; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
