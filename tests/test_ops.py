"""Every operation's output shape, parameters and multiply-adds: by hand, by counting, and against PyTorch."""

import dataclasses
from math import ceil, prod
from typing import Any

import pytest
from examples import examples
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from convscope.errors import UserError
from convscope.network.network import Network
from convscope.ops import (
    LARGEST,
    OPERATIONS,
    AdaptiveAvgPool,
    Add,
    AvgPool,
    Concat,
    Conv,
    Identity,
    LeakyReLU,
    Linear,
    MaxPool,
    Misfit,
    Mul,
    Op,
    Shape,
    build,
    elements,
    spell,
    usage,
)
from convscope.ops.spec import Kind, places, same_padding

RELAXED = [HealthCheck.too_slow, HealthCheck.filter_too_much]


def count(op: Op, *inputs: Shape) -> int:
    return sum(map(elements, op.parameters(inputs).values()))


# What the lecture notes say


def test_a_5x5_picture_with_same_padding_stays_5x5_and_is_3x3_at_stride_2() -> None:
    assert Conv(1, 3, padding="same").shape([(1, 5, 5)]) == (1, 5, 5)
    assert Conv(1, 3, padding="same", stride=2).shape([(1, 5, 5)]) == (1, 3, 3)


def test_seven_3x3x3_filters_on_4x4x3_have_189_weights_and_7_biases() -> None:
    seven, one = Conv(7, 3, padding="same"), Conv(1, 3, padding="same")
    assert seven.shape([(3, 4, 4)]) == (7, 4, 4)
    assert one.shape([(3, 4, 4)]) == (1, 4, 4)
    parameters = seven.parameters([(3, 4, 4)])
    assert (elements(parameters["weight"]), elements(parameters["bias"])) == (189, 7)


def test_one_5x5_kernel_has_25_weights_and_two_3x3_kernels_cover_the_same_field_with_18() -> None:
    assert count(Conv(1, 5, bias=False), (1, 5, 5)) == 25
    three = Conv(1, 3, bias=False)
    assert 2 * count(three, (1, 5, 5)) == 18
    assert three.shape([three.shape([(1, 5, 5)])]) == Conv(1, 5).shape([(1, 5, 5)]) == (1, 1, 1)


def test_pooling_takes_28x28x64_to_14x14x64_without_parameters() -> None:
    assert MaxPool(2).shape([(64, 28, 28)]) == AvgPool(2).shape([(64, 28, 28)]) == (64, 14, 14)
    assert count(MaxPool(2), (64, 28, 28)) == 0
    graph = Network.parse("input 64x28x28\nmaxpool 2 > flatten > linear 10").graph()
    assert [node.shape for node in graph.nodes] == [(64, 14, 14), (12544,), (10,)]
    assert graph.parameter_count == 12544 * 10 + 10


def test_a_bottleneck_256_64_64_256_saves_most_weights_and_multiply_adds() -> None:
    narrow = Network.parse("conv 64 1x1 bias=no > conv 64 3x3 padding=1 bias=no > conv 256 1x1 bias=no")
    wide = Network.parse("conv 256 3x3 padding=1 bias=no")
    shape = (256, 56, 56)
    assert [node.parameter_count for node in narrow.graph(shape).nodes] == [16_384, 36_864, 16_384]
    assert narrow.graph(shape).parameter_count == 69_632
    assert wide.graph(shape).parameter_count == 589_824
    assert narrow.graph(shape).macs == 69_632 * 56 * 56
    assert wide.graph(shape).macs == 589_824 * 56 * 56
    assert narrow.graph(shape).output.shape == wide.graph(shape).output.shape == shape


def test_alexnet_s_224x224_picture_has_50176_places() -> None:
    network = Network.parse("input 1x224x224\nflatten")
    assert network.graph().output.shape == (50_176,)
    assert Network.parse("input 3x224x224\nconv 64 11x11 stride=4 padding=2").graph().output.shape == (64, 55, 55)


# By hand

HAND: list[tuple[str, Shape, Shape, int, int]] = [
    # text, input, output, parameters, multiply-adds
    ("conv 6 5x5", (1, 32, 32), (6, 28, 28), 6 * 25 + 6, 6 * 25 * 28 * 28),
    ("conv 16 5x5", (6, 14, 14), (16, 10, 10), 16 * 150 + 16, 16 * 150 * 100),
    ("conv 8 3x3 bias=no", (4, 5, 5), (8, 3, 3), 8 * 4 * 9, 8 * 4 * 9 * 9),
    ("conv 8 3x3 groups=4", (4, 5, 5), (8, 3, 3), 8 * 1 * 9 + 8, 8 * 9 * 9),
    ("conv 4 3x3 groups=4 padding=1", (4, 5, 5), (4, 5, 5), 4 * 9 + 4, 4 * 9 * 25),
    ("conv 2 3x1 padding=1x0 stride=2x1", (1, 5, 7), (2, 3, 7), 2 * 3 + 2, 2 * 3 * 21),
    ("conv 2 3 dilation=2", (1, 7, 7), (2, 3, 3), 2 * 9 + 2, 2 * 9 * 9),
    ("conv 5 3", (2, 10), (5, 8), 5 * 2 * 3 + 5, 5 * 2 * 3 * 8),
    ("conv 5 3 stride=2", (2, 4, 5, 6), (5, 1, 2, 2), 5 * 2 * 27 + 5, 5 * 2 * 27 * 4),
    ("conv 1 2x2 padding=same", (1, 3, 3), (1, 3, 3), 5, 36),
    ("conv 1 2x2 padding=valid", (1, 3, 3), (1, 2, 2), 5, 16),
    ("linear 120", (400,), (120,), 48_120, 48_000),
    ("linear 10 bias=no", (84,), (10,), 840, 840),
    ("flatten", (16, 5, 5), (400,), 0, 0),
    ("identity", (3, 8, 8), (3, 8, 8), 0, 0),
    ("dropout 0.3", (3, 8, 8), (3, 8, 8), 0, 0),
    ("maxpool 3 stride=2", (64, 55, 55), (64, 27, 27), 0, 0),
    ("maxpool 3 stride=2 ceil_mode=yes", (64, 6, 6), (64, 3, 3), 0, 0),
    ("maxpool 2x3", (4, 6, 6), (4, 3, 2), 0, 0),
    ("maxpool 2 dilation=3", (1, 8, 8), (1, 3, 3), 0, 0),
    ("maxpool 3 stride=1 padding=same", (2, 4, 4), (2, 4, 4), 0, 0),
    ("maxpool 2", (5, 9), (5, 4), 0, 0),
    ("maxpool 2 ceil_mode=yes", (1, 1, 1), (1, 1, 1), 0, 0),
    ("avgpool 2", (6, 28, 28), (6, 14, 14), 0, 0),
    ("avgpool 3 stride=1 padding=1", (6, 4, 4), (6, 4, 4), 0, 0),
    ("adaptiveavgpool 7", (512, 9, 5), (512, 7, 7), 0, 0),
    ("adaptiveavgpool 1x2", (3, 9, 5), (3, 1, 2), 0, 0),
    ("adaptivemaxpool 3", (4, 10), (4, 3), 0, 0),
    ("globalavgpool", (512, 7, 7), (512, 1, 1), 0, 0),
    ("globalmaxpool", (4, 10), (4, 1), 0, 0),
    ("batchnorm", (64, 7, 7), (64, 7, 7), 128, 0),
    ("batchnorm affine=no", (64,), (64,), 0, 0),
    ("layernorm", (96, 56, 56), (96, 56, 56), 192, 0),
    ("layernorm over=all", (4, 3, 3), (4, 3, 3), 72, 0),
    ("rmsnorm", (96, 56, 56), (96, 56, 56), 96, 0),
    ("rmsnorm over=all", (4, 3, 3), (4, 3, 3), 36, 0),
    ("rmsnorm affine=no", (96,), (96,), 0, 0),
    ("groupnorm 8", (64, 7, 7), (64, 7, 7), 128, 0),
    ("scale", (6, 14, 14), (6, 14, 14), 6, 0),
    ("scale bias=yes init=0.000001", (96, 7, 7), (96, 7, 7), 192, 0),
    ("padchannels 8 8", (16, 32, 32), (32, 32, 32), 0, 0),
    ("pad 0 1", (3, 8, 8), (3, 9, 9), 0, 0),
    ("pad 1x0 2x3", (3, 8, 8), (3, 11, 11), 0, 0),
    ("channelsplit in_channels/2 in_channels", (6, 8, 8), (3, 8, 8), 0, 0),
    ("channelshuffle 2", (6, 8, 8), (6, 8, 8), 0, 0),
    ("localresponsenorm 5", (96, 27, 27), (96, 27, 27), 0, 0),
    *((word, (3, 4, 4), (3, 4, 4), 0, 0) for word in ("relu", "relu6", "leakyrelu", "gelu", "silu", "hardswish")),
    *((word, (3, 4, 4), (3, 4, 4), 0, 0) for word in ("elu 0.5", "selu", "softplus", "mish", "clip min=-2 max=3")),
    ("prelu", (3, 4, 4), (3, 4, 4), 1, 0),
    ("prelu num_parameters=in_channels", (3, 4, 4), (3, 4, 4), 3, 0),
    ("logsoftmax", (7,), (7,), 0, 0),
    ("hardsigmoid alpha=0.2", (7,), (7,), 0, 0),
    *((word, (7,), (7,), 0, 0) for word in ("hardsigmoid", "tanh", "sigmoid", "softmax", "gelu approximate=tanh")),
    ("add { identity | conv 3 1 }", (3, 4, 4), (3, 4, 4), 12, 9 * 16),
    ("concat { identity | conv 3 1 | relu }", (2, 4, 4), (7, 4, 4), 9, 6 * 16),
    ("mul { globalavgpool > sigmoid | identity }", (2, 4, 4), (2, 4, 4), 0, 0),
    ("project 8", (4, 6, 6), (8, 6, 6), 32 + 16, 32 * 36),
    ("project 4 stride=2", (4, 6, 6), (4, 3, 3), 16 + 8, 16 * 9),
    ("project 4", (4, 6, 6), (4, 6, 6), 0, 0),
]


@pytest.mark.parametrize(("text", "shape", "output", "parameters", "macs"), HAND, ids=[row[0] for row in HAND])
def test_by_hand(text: str, shape: Shape, output: Shape, parameters: int, macs: int) -> None:
    graph = Network.parse(text).graph(shape)
    assert graph.output.shape == output
    assert graph.parameter_count == parameters
    assert graph.macs == macs


def test_no_operation_is_left_out_of_the_table() -> None:
    assert set(OPERATIONS) <= {word for row in HAND for word in row[0].replace("{", " ").split()}


def test_batch_norm_keeps_two_buffers_a_channel_and_no_other_operation_any() -> None:
    for text, shape, *_ in HAND:
        for node in Network.parse(text).graph(shape).nodes:
            channels = node.input_shapes[0][:1]
            expected = {"running_mean": channels, "running_var": channels} if node.op.word == "batchnorm" else {}
            assert node.buffers == expected


def test_a_window_that_does_not_fit_is_refused_by_the_operation_itself() -> None:
    for op, shape in (
        (Conv(1, 3), (1, 2, 5)),
        (MaxPool(3), (1, 2, 5)),
        (Conv(1, 3), (9,)),
        (Linear(3), (1, 9)),
        (AdaptiveAvgPool((2, 2)), (1, 9)),
    ):
        with pytest.raises(Misfit):
            op.shape([shape])


def test_merges() -> None:
    assert Add().shape([(3, 4, 4)] * 3) == (3, 4, 4)
    assert Concat().shape([(3, 4, 4), (5, 4, 4), (1, 4, 4)]) == (9, 4, 4)
    assert Concat().shape([(3,), (5,)]) == (8,)
    for stretching in (Add(), Mul()):
        assert stretching.shape([(3, 1, 1), (3, 4, 4), (1, 4, 1)]) == (3, 4, 4)
    for op, shapes in (
        (Add(), [(3, 4, 4), (3, 4, 5)]),
        (Add(), [(3, 4, 4), (2, 4, 4)]),
        (Concat(), [(3, 4, 4), (3, 4)]),
        (Concat(), [(3, 4, 4), (3, 4, 1)]),
        (Mul(), [(3, 4, 4), (2, 4, 4)]),
        (Mul(), [(3, 4, 4), (3,)]),
    ):
        with pytest.raises(Misfit, match="branches"):
            op.shape(shapes)


# Arguments


def test_arguments_are_canonical_frozen_and_hashable() -> None:
    assert Conv(6, [5, 5]) == Conv(6, (5, 5))  # type: ignore[arg-type]
    assert hash(Conv(6, [5, 5])) == hash(Conv(6, (5, 5)))  # type: ignore[arg-type]
    assert LeakyReLU(1) == LeakyReLU(1.0)
    assert isinstance(LeakyReLU(1).negative_slope, float)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Identity().word = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    "arguments",
    [
        {"out_channels": 0},
        {"out_channels": True},
        {"out_channels": 2.0},
        {"out_channels": "same"},
        {"out_channels": 2**31 + 1},
        {"kernel_size": ()},
        {"kernel_size": (3, 0)},
        {"kernel_size": (3, True)},
        {"kernel_size": "same"},
        {"stride": 0},
        {"stride": None},
        {"padding": -1},
        {"padding": "full"},
        {"bias": 1},
        {"bias": None},
        {"groups": 1.5},
        {"dilation": float("nan")},
    ],
)
def test_an_argument_of_the_wrong_kind_is_refused(arguments: dict[str, Any]) -> None:
    (name,) = arguments
    with pytest.raises(Misfit) as caught:
        Conv(**{"out_channels": 4, "kernel_size": 3, **arguments})
    assert caught.value.got == f"{name}={spell(arguments[name])}"
    assert caught.value.argument == name
    assert caught.value.expected


def test_what_fits_is_told_in_words() -> None:
    assert Kind("count").describe() == "a whole number of at least 1"
    assert Kind("flag").describe() == "yes or no"
    assert Kind("number", 0.0, 0.99).describe() == "a number from 0 to 0.99"
    assert Kind("word", words=("none", "tanh")).describe() == "none or tanh"
    assert Kind("size", optional=True).describe() == (
        "a whole number of at least 1, one for each dimension such as 3x3 or none"
    )
    assert usage(MaxPool) == "maxpool KERNEL_SIZE [stride=none] [padding=0] [dilation=1] [ceil_mode=no]"


@st.composite
def operations(draw: st.DrawFn) -> Op:
    """Any operation with any arguments that its kinds allow."""
    cls = draw(st.sampled_from(list(OPERATIONS.values())))
    values = {}
    for entry in dataclasses.fields(cls):
        if entry.default is not dataclasses.MISSING and draw(st.booleans()):
            continue
        kind: Kind = entry.metadata["kind"]
        wholes = st.integers(int(kind.minimum), 40) if kind.what in ("count", "size") else st.nothing()
        choices = {
            "count": wholes,
            "size": wholes | st.lists(wholes, min_size=2, max_size=3).map(tuple),
            "flag": st.booleans(),
            "number": st.floats(kind.minimum, kind.maximum, allow_nan=False),
            "word": st.nothing(),
        }
        words = st.sampled_from(kind.words) if kind.words else st.nothing()
        values[entry.name] = draw(choices[kind.what] | words | (st.none() if kind.optional else st.nothing()))
    try:
        return build(cls, [], values)
    except Misfit:  # arguments that do not fit each other
        assume(False)
        raise


@settings(deadline=None, suppress_health_check=RELAXED)
@given(operations())
def test_an_operation_s_text_gives_it_back(op: Op) -> None:
    assume(op.inputs == "one")
    network = Network.parse(op.text())
    for shape in ((12, 90, 90), (12, 90), (12, 30, 30, 30), (12,)):
        if of_ours(op, shape) is not None:
            assert network.graph(shape).nodes[0].op == op
        else:
            with pytest.raises(UserError):
                network.graph(shape)


# By counting

lengths = st.integers(1, 40)
kernels = st.integers(1, 7)
small = st.integers(1, 4)


def starts(length: int, kernel: int, stride: int, dilation: int, before: int, after: int) -> list[int]:
    """Where a window can start, tried one by one."""
    return [
        start
        for start in range(-before, length + after, stride)
        if start + dilation * (kernel - 1) <= length + after - 1
    ]


@settings(deadline=None)
@given(lengths, kernels, small, small, st.integers(0, 3), st.integers(0, 3))
def test_places_are_those_that_one_can_count(n: int, k: int, stride: int, d: int, before: int, after: int) -> None:
    assert places(n, k, stride, d, (before, after)) == len(starts(n, k, stride, d, before, after))


@settings(deadline=None)
@given(lengths, kernels, small, small)
def test_same_padding_gives_a_place_for_each_stride_and_no_zero_too_many(n: int, k: int, stride: int, d: int) -> None:
    before, after = same_padding(n, k, stride, d)
    assert after - before in (0, 1)
    assert len(starts(n, k, stride, d, before, after)) == ceil(n / stride)
    if after:
        assert len(starts(n, k, stride, d, before, after - 1)) < ceil(n / stride)


@settings(deadline=None)
@given(
    st.integers(1, 3), st.lists(st.integers(5, 12), min_size=1, max_size=3), st.integers(1, 4), st.integers(1, 3),
    small, st.integers(0, 2), st.booleans(),
)  # fmt: skip
def test_a_convolution_s_multiply_adds_are_its_weights_times_its_places(
    groups: int, space: list[int], inputs: int, outputs: int, k: int, padding: int, bias: bool
) -> None:
    op = Conv(outputs * groups, k, padding=padding, groups=groups, bias=bias)
    shape = (inputs * groups, *space)
    out = op.shape([shape])
    assert len(out) == len(shape)
    weights = outputs * groups * inputs * k ** len(space)
    assert count(op, shape) == weights + (outputs * groups if bias else 0)
    assert op.macs([shape]) == weights * prod(out[1:])


@settings(deadline=None)
@given(st.lists(st.integers(1, LARGEST), min_size=1, max_size=4))
def test_shapes_of_any_size_are_whole_numbers(shape: list[int]) -> None:
    shape = tuple(shape)
    for op in (Conv(4, 1, stride=3), MaxPool(1, stride=7), AvgPool(1), Identity(), AdaptiveAvgPool(3)):
        if len(shape) > 1:
            assert all(isinstance(n, int) and n >= 1 for n in op.shape([shape]))


# Against PyTorch

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn = torch.nn
POOLS = {1: (nn.MaxPool1d, nn.AvgPool1d), 2: (nn.MaxPool2d, nn.AvgPool2d)}
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")
TORCH = settings(max_examples=examples(250), deadline=None, suppress_health_check=RELAXED)


def of_torch(module: Any, shape: Shape) -> Shape | None:
    """The shape that a module gives, or None where it refuses; nothing is computed."""
    try:
        return tuple(module(torch.empty(1, *shape, device="meta")).shape[1:])
    except RuntimeError:
        return None


def of_ours(op: Op, shape: Shape) -> Shape | None:
    try:
        return op.shape([shape])
    except Misfit:
        return None


@st.composite
def sizes(draw: st.DrawFn, rank: int, low: int, high: int) -> Any:
    """A whole number, or one for each dimension."""
    one = st.integers(low, high)
    return draw(one | st.tuples(*[one] * rank))


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[dict[str, Any], Shape]:
    rank = draw(st.integers(1, 2))
    groups = draw(st.integers(1, 3))
    inputs, outputs = groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 3))
    stride = draw(sizes(rank, 1, 3))
    padding = draw(sizes(rank, 0, 3) | st.just("valid") | st.just("same"))
    stride = 1 if padding == "same" else stride  # elsewhere PyTorch has no "same"
    space = draw(st.tuples(*[st.integers(1, 14)] * rank))
    arguments = {
        "kernel_size": draw(sizes(rank, 1, 5)),
        "stride": stride,
        "padding": padding,
        "dilation": draw(sizes(rank, 1, 3)),
        "groups": groups,
        "bias": draw(st.booleans()),
        "out_channels": outputs,
    }
    return arguments, (inputs, *space)


@TORCH
@given(convolutions())
def test_convolutions_as_in_torch(drawn: tuple[dict[str, Any], Shape]) -> None:
    arguments, shape = drawn
    module = (nn.Conv1d if len(shape) == 2 else nn.Conv2d)(shape[0], **arguments, device="meta")
    op = Conv(**arguments)
    expected = of_torch(module, shape)
    assert of_ours(op, shape) == expected
    if expected is not None:
        assert op.parameters([shape]) == {name: tuple(p.shape) for name, p in module.named_parameters()}


@st.composite
def pools(draw: st.DrawFn) -> tuple[str, dict[str, Any], Shape]:
    rank = draw(st.integers(1, 2))
    word = draw(st.sampled_from(["max", "avg"]))
    arguments = {
        "kernel_size": draw(sizes(rank, 1, 5)),
        "stride": draw(st.none() | sizes(rank, 1, 4)),
        "padding": draw(sizes(rank, 0, 2)),
        "ceil_mode": draw(st.booleans()),
    }
    if word == "max":
        arguments["dilation"] = draw(sizes(rank, 1, 3))
    space = draw(st.tuples(*[st.integers(1, 14)] * rank))
    return word, arguments, (draw(st.integers(1, 3)), *space)


@TORCH
@given(pools())
def test_pools_as_in_torch(drawn: tuple[str, dict[str, Any], Shape]) -> None:
    word, arguments, shape = drawn
    rank = len(shape) - 1
    module = POOLS[rank][word == "avg"](**arguments)
    op = MaxPool(**arguments) if word == "max" else AvgPool(**arguments)
    ours, theirs = of_ours(op, shape), of_torch(module, shape)
    if ours is None and theirs is not None:
        # PyTorch lets a dilated window lie on padding alone, whose maximum is minus infinity; this is refused here
        kernel, padding, dilation = (
            value if isinstance(value, tuple) else (value,) * rank
            for value in (arguments["kernel_size"], arguments["padding"], arguments.get("dilation", 1))
        )
        half = any(p > k // 2 for p, k in zip(padding, kernel, strict=True))
        over = any(d > n and p for d, n, p in zip(dilation, shape[1:], padding, strict=True))
        assert half or over
        assert any(d > 1 for d in dilation)
    else:
        assert ours == theirs


@TORCH
@given(pools())
def test_every_window_of_a_pool_holds_a_value_of_its_input(drawn: tuple[str, dict[str, Any], Shape]) -> None:
    word, arguments, shape = drawn
    if word == "max" and arguments["ceil_mode"]:
        arguments["padding"] = "same"
    op = MaxPool(**arguments) if word == "max" else AvgPool(**arguments)
    out = of_ours(op, shape)
    assume(out is not None)
    window = op.window([shape])
    for n, found, k, stride, dilation, (before, _) in zip(
        shape[1:], out[1:], window.kernel, window.stride, window.dilation, window.padding, strict=True
    ):
        for place in range(found):
            assert any(0 <= place * stride - before + i * dilation < n for i in range(k))


@pytest.mark.parametrize("rank", [1, 2])
def test_adaptive_pools_as_in_torch(rank: int) -> None:
    for length in range(1, 9):
        for size in range(1, 9):
            shape = (2, *[length] * rank)
            module = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)[rank - 1](size)
            assert AdaptiveAvgPool(size).shape([shape]) == of_torch(module, shape)


@pytest.mark.parametrize(
    ("text", "module", "shape"),
    [
        ("linear 10", nn.Linear(7, 10), (7,)),
        ("linear 10 bias=no", nn.Linear(7, 10, bias=False), (7,)),
        ("batchnorm", nn.BatchNorm2d(6), (6, 4, 4)),
        ("batchnorm affine=no", nn.BatchNorm2d(6, affine=False), (6, 4, 4)),
        ("batchnorm", nn.BatchNorm1d(6), (6, 4)),
        ("batchnorm", nn.BatchNorm1d(6), (6,)),
        ("groupnorm 3", nn.GroupNorm(3, 6), (6, 4, 4)),
        ("layernorm over=all", nn.LayerNorm((6, 4, 4)), (6, 4, 4)),
        ("localresponsenorm 5", nn.LocalResponseNorm(5), (6, 4, 4)),
        ("flatten", nn.Flatten(), (6, 4, 4)),
    ],
)
def test_tensors_as_in_torch(text: str, module: Any, shape: Shape) -> None:
    node = Network.parse(text).graph(shape).nodes[0]
    assert node.parameters == {name: tuple(p.shape) for name, p in module.named_parameters()}
    buffers = {name: tuple(b.shape) for name, b in module.named_buffers() if name != "num_batches_tracked"}
    assert node.buffers == buffers
    assert node.shape == of_torch(module.eval().to("meta"), shape)


@settings(TORCH, max_examples=examples(60))
@given(convolutions())
def test_multiply_adds_are_half_of_torch_s_flops(drawn: tuple[dict[str, Any], Shape]) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    arguments, shape = drawn
    op = Conv(**arguments)
    assume(of_ours(op, shape) is not None)
    module = (nn.Conv1d if len(shape) == 2 else nn.Conv2d)(shape[0], **arguments, device="meta")
    with FlopCounterMode(display=False) as counter:
        module(torch.empty(1, *shape, device="meta"))
    assert 2 * op.macs([shape]) == counter.get_total_flops()
