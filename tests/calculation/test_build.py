"""The words of calc: what is typed is what PyTorch computes; a mistake is told with its mend."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from convscope import ops
from convscope.calculation.build import USES, build_calculation
from convscope.calculation.numbers import Reading, Values
from convscope.errors import UserError
from convscope.ops import OPERATIONS
from convscope.ops.activation.calculate import RowSoftmax


def typed(values: Values) -> str:
    """``(C, H, W)`` as a person types it."""
    return " | ".join(" / ".join(" ".join(repr(float(n)) for n in row) for row in channel) for channel in values)


def calc(word: str, *words: str, **options: Any) -> Values:
    return build_calculation(word, words, options, Reading()).output


def random_values(rng: random.Random, *shape: int) -> Values:
    return np.array([rng.randint(-20, 20) / 4 for _ in range(int(np.prod(shape)))]).reshape(shape)


def torch_of(values: Values) -> torch.Tensor:
    return torch.from_numpy(values)[None]


@pytest.mark.parametrize("seed", range(40))
def test_a_convolution_is_torchs(seed: int) -> None:
    rng = random.Random(seed)
    groups = rng.choice([1, 1, 2])
    channels, filters, height = groups * rng.randint(1, 2), groups * rng.randint(1, 2), rng.randint(1, 3)
    image = random_values(rng, channels, rng.randint(4, 7), rng.randint(4, 7))
    kernels = [random_values(rng, channels // groups, height, rng.randint(1, 3)) for _ in range(1)]
    kernels += [random_values(rng, *kernels[0].shape) for _ in range(filters - 1)]
    stride, padding, dilation = (rng.randint(1, 3), rng.randint(1, 2)), rng.randint(0, 2), rng.choice([1, 1, 2])
    bias = random_values(rng, filters) if rng.random() < 0.5 else None
    options = {"stride": f"{stride[0]}x{stride[1]}", "padding": str(padding), "dilation": str(dilation)}
    options |= {"groups": groups} if groups > 1 else {}
    options |= {} if bias is None else {"bias": " ".join(map(str, bias))}
    expected = functional.conv2d(
        torch_of(image), torch.from_numpy(np.stack(kernels)), None if bias is None else torch.from_numpy(bias),
        stride, padding, dilation, groups,
    )[0]  # fmt: skip
    assert np.allclose(calc("conv", typed(image), *map(typed, kernels), **options), expected.numpy())
    columns = build_calculation("im2col", [typed(image), *map(typed, kernels)], options, Reading()).columns
    assert columns is not None


@pytest.mark.parametrize(
    ("word", "options", "function"),
    [
        ("maxpool", {}, lambda x: functional.max_pool2d(x, 2)),
        ("maxpool", {"stride": "1", "padding": "1", "dilation": "2"}, lambda x: functional.max_pool2d(x, 2, 1, 1, 2)),
        ("maxpool", {"ceil_mode": True, "stride": "3x2"},
         lambda x: functional.max_pool2d(x, 2, (3, 2), ceil_mode=True)),
        ("avgpool", {"padding": "1"}, lambda x: functional.avg_pool2d(x, 2, padding=1)),
        ("avgpool", {"padding": "1", "count_include_pad": False},
         lambda x: functional.avg_pool2d(x, 2, padding=1, count_include_pad=False)),
        ("adaptiveavgpool", {}, lambda x: functional.adaptive_avg_pool2d(x, 2)),
        ("adaptivemaxpool", {}, lambda x: functional.adaptive_max_pool2d(x, 2)),
    ],
)  # fmt: skip
def test_a_pooling_is_torchs(word: str, options: dict[str, Any], function: Any) -> None:
    image = random_values(random.Random(3), 2, 7, 8)
    expected = function(torch_of(image))[0].numpy()
    assert np.allclose(calc(word, typed(image), "2", **options), expected)
    name = "output_size" if word.startswith("adaptive") else "kernel_size"
    assert np.allclose(calc(word, typed(image), **options, **{name: "2"}), expected)


def test_one_row_is_a_signal_and_a_vector() -> None:
    assert calc("conv", "1 2 3 4", "1 1", padding="1").tolist() == [[1, 3, 5, 7, 4]]
    assert calc("conv", "1 2 3 4", "1 1", padding="1", dimensions=2).shape == (1, 3, 5)
    assert calc("maxpool", "1 2 3 4", "2").tolist() == [[2, 4]]
    assert calc("maxpool", "1 2 3 4", "1x2").tolist() == [[[2, 4]]]
    assert calc("relu", "-1 2").tolist() == [0, 2]
    assert calc("flatten", "1 2 / 3 4 | 5 6 / 7 8").tolist() == list(range(1, 9))


def test_norms_are_torchs() -> None:
    image = random_values(random.Random(5), 4, 3, 2)
    words = {"weight": "1 2 3 4", "bias": "0 1 0 1"}
    weight, bias = torch.tensor([1.0, 2, 3, 4]).double(), torch.tensor([0.0, 1, 0, 1]).double()
    x = torch_of(image)
    statistics = {"running_mean": "0 1 2 3", "running_var": "1 2 3 4"}
    mean, variance = torch.arange(4).double(), torch.arange(1, 5).double()
    for given, expected in [
        (
            calc("batchnorm", typed(image), **statistics, **words),
            functional.batch_norm(x, mean, variance, weight, bias),
        ),
        (calc("batchnorm", typed(image)), functional.batch_norm(x, None, None, training=True)),
        (calc("groupnorm", typed(image), num_groups=2, **words), functional.group_norm(x, 2, weight, bias)),
        (calc("layernorm", typed(image)), functional.layer_norm(x, (4, 3, 2))),
        (calc("localresponsenorm", typed(image), size=3), functional.local_response_norm(x, 3)),
        (calc("scale", typed(image), weight="1 2 3 4"), x * weight[:, None, None]),
    ]:
        assert np.allclose(given, expected[0].numpy())
    assert np.allclose(calc("batchnorm", "1 2 3", running_mean="1 1 1", running_var="4 4 4"), [0, 0.5, 1], atol=1e-5)


def test_vectors_and_losses() -> None:
    assert calc("linear", "1 2 3", "0.5 1 -1 / 0 1 2", bias="0.1 0").tolist() == pytest.approx([-0.4, 8])
    assert build_calculation("softmax", ["1 2 / 3 4"], {}, Reading()).op == RowSoftmax()
    assert build_calculation("softmax", ["1 2 | 3 4"], {}, Reading()).op == ops.Softmax()
    scores = torch.tensor([[2.0, 1, 0.1], [0, 3, 1]]).double()
    losses = functional.cross_entropy(scores, torch.tensor([0, 2]), reduction="none")
    assert np.allclose(calc("crossentropy", "2 1 0.1 / 0 3 1", "0 2"), losses.numpy())
    assert np.allclose(calc("crossentropy", "2 1 0.1 / 0 3 1", "0 / 2"), losses.numpy())
    assert np.allclose(
        calc("bce", "2 -1", "1 0", logits=True), -np.log([1 / (1 + np.exp(-2)), 1 - 1 / (1 + np.exp(1))])
    )
    assert calc("onehot", "0 2").tolist() == [[1, 0, 0], [0, 0, 1]]
    assert calc("add", "1 2", "10 20", "100 200").tolist() == [111, 222]
    assert calc("mul", "1 2", "10 20").tolist() == [10, 40]
    assert calc("concat", "1 2", "3").tolist() == [1, 2, 3]


def test_dropout_is_drawn_by_its_seed() -> None:
    first, again, other = (calc("dropout", "ones 1x10x10", p=0.5, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert set(first.reshape(-1)) == {0, 2}
    assert 10 < (calc("dropout", "ones 1x10x10", p=0.2) == 0).sum() < 30


def test_the_whole_vocabulary_is_there() -> None:
    assert set(OPERATIONS) <= set(USES)


@pytest.mark.parametrize(
    ("word", "words", "options", "got", "told"),
    [
        ("cnov", ["1"], {}, "no operation 'cnov'", "did you mean conv?"),
        ("conv2d", ["1"], {}, "no operation 'conv2d'", "here it is called conv"),
        ("CrossEntropyLoss", ["1"], {}, "no operation 'CrossEntropyLoss'", "here it is called crossentropy"),
        ("conv", ["1 2"], {}, "1 operand", "convscope calc conv"),
        ("relu", ["1 2"], {"stride": "2"}, "relu takes no --stride", ""),
        ("conv", ["1 2 3", "1 1"], {"stride": "0"}, "stride=0", ""),
        ("conv", ["1 2 3", "1 1"], {"stride": "x"}, "'x'", ""),
        ("conv", ["1 2 / 3 4", "1 2 3 / 4 5 6 / 7 8 9"], {}, "window 3x3 does not fit 2x2", "--padding 1 would"),
        ("conv", ["1 2 | 3 4", "1 2"], {}, "a kernel of 1 channel for an input of 2 channels", "|"),
        ("conv", ["1 2 3", "1 2", "1"], {}, "kernel 2 is 1x1x1, kernel 1 is 1x1x2", ""),
        ("conv", ["1 2 3", "1 2"], {"bias": "1 2"}, "bias of 2", ""),
        ("conv", ["1 2 3", "1 2"], {"groups": 2}, "groups=2 does not divide the 1 input channels", "--groups 1 would"),
        ("conv", ["random 1x2x3x4", "1"], {}, "1x2x3x4 has four dimensions", ""),
        ("maxpool", ["1 2 3"], {}, "no window", "convscope calc maxpool"),
        ("maxpool", ["1 2 3", "2"], {"kernel_size": "2"}, "the window twice", ""),
        ("maxpool", ["1 2 3", "4"], {}, "window 4 does not fit 3", ""),
        ("im2col", ["1 2 3"], {}, "neither a kernel nor its size", "--kernel-size 2"),
        ("im2col", ["1 2 3"], {"kernel_size": "2", "bias": "1"}, "--bias without a kernel", ""),
        ("linear", ["1 2", "1 2 3"], {}, "rows of 3 weights for 2 inputs", ""),
        ("linear", ["1 2 / 3 4", "1 2"], {}, "linear needs a vector, its input is 1x2x2", "flatten"),
        ("crossentropy", ["1 2 3", "3"], {}, "a label of 3", "classes are counted from 0"),
        ("crossentropy", ["1 2 3", "1e30"], {}, "a label of 1e+30", ""),
        ("crossentropy", ["1 2 3", "0 1"], {}, "1 example and 2 labels", ""),
        ("bce", ["2", "1"], {}, "a probability of 2", "sigmoid"),
        ("logit", ["1.5"], {}, "a probability of 1.5", ""),
        ("batchnorm", ["1 2 3"], {"running_mean": "1"}, "--running-mean alone", ""),
        ("batchnorm", ["1 2 3"], {"running_mean": "1", "running_var": "-1"}, "a negative variance", ""),
        ("groupnorm", ["1 | 2 | 3"], {"num_groups": 2}, "2 groups do not divide the 3 channels", ""),
        ("groupnorm", ["1 | 2 | 3"], {}, "groupnorm lacks num_groups", ""),
        ("add", ["1 2", "1 2 3"], {}, "add got branches of 2, 3", ""),
        ("onehot", ["0 1.5"], {}, "a label of 1.5", ""),
        ("leakyrelu", ["1"], {"negative_slope": -1.0}, "negative_slope=-1.0", ""),
        ("conv", ["1 2 3 / 4 5 6", "1"], {"dimensions": 1}, "several rows", ""),
    ],
)
def test_a_mistake_is_told(word: str, words: list[str], options: dict[str, Any], got: str, told: str) -> None:
    with pytest.raises(UserError) as mistake:
        build_calculation(word, words, options, Reading())
    assert mistake.value.got == got
    assert told in f"{mistake.value.expected} {mistake.value.hint}"
