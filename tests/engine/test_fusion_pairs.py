"""Every product, merge and operation behind it: the fused evaluation gives the reference's numbers, whatever may be
fused. The operations come from the registry, so that one that is added is held to it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from sample_graphs import batch_of, build, loaded, random_op, state_of

from convscope import ops
from convscope.api import evaluate, training
from convscope.engine.fusion import fold
from convscope.learning import events
from convscope.model.folder import Model
from convscope.network.graph import Graph
from convscope.ops import OPERATIONS, Op, Shape
from convscope.reference.forward import run


def _nonlinear(cls: type[Op]) -> bool:
    op = random_op(random.Random(0), cls, (4, 5, 6))
    return op is not None and op.traits.nonlinearity != "none"


MERGES = [word for word, cls in OPERATIONS.items() if cls.inputs == "several"]
PRODUCTS: dict[str, tuple[Shape, Op]] = {
    "conv": ((4, 5, 6), ops.Conv(4, 3, padding=1)),
    "without a bias": ((4, 5, 6), ops.Conv(4, 1, bias=False)),
    "uneven": ((4, 5, 6), ops.Conv(4, (2, 3), padding="same", dilation=(1, 2))),
    "grouped": ((4, 5, 6), ops.Conv(4, 3, padding=1, groups=2)),
    "depthwise": ((4, 5, 6), ops.Conv(4, 4, padding="same", groups=4)),
    "signal": ((4, 9), ops.Conv(4, 3, padding=1)),
    "volume": ((4, 3, 4, 2), ops.Conv(4, 3, padding=1)),
    "linear": ((6,), ops.Linear(6)),
}
EXACT, NEAR = 1e-3, 0.05
"""Of the largest value in float32, since a norm of a few nearly equal values shows their rounding enlarged; of the root
mean square in bfloat16, whose numbers have three digits."""
ACTIVATIONS = [word for word, cls in OPERATIONS.items() if cls.inputs == "one" and _nonlinear(cls)]


def _after(shape: Shape, seed: int, words: Sequence[str]) -> Iterator[Op]:
    """One of every such operation that takes a shape."""
    for word in words:
        op = random_op(random.Random(f"{word} {seed}"), OPERATIONS[word], shape)
        if op is not None:
            yield op


def _graphs(shape: Shape, product: Op, seed: int, words: Sequence[str]) -> Iterator[tuple[str, Graph]]:
    """Each operation behind the product alone, and behind it in either branch of a merge; with a norm and without."""
    for norm in (False, True):
        first = [("first", product, ("input",)), *([("norm", ops.BatchNorm(), ("first",))] if norm else [])]
        end, told = first[-1][0], f"{product.text()}{' > batchnorm' if norm else ''}"
        ends = [(told, first)]
        for word in MERGES:
            for inputs in ((end, "other"), ("other", end)):
                branches = [*first, ("other", ops.Identity(), ("input",)), ("merge", OPERATIONS[word](), inputs)]
                ends.append((f"{word} of {' and '.join(inputs)}, {told}", branches))
        for said, lines in ends:
            for op in _after(build(shape, *lines).output.shape, seed, words):
                yield f"{said} > {op.text()}", build(shape, *lines, ("op", op))


def _wrong(graph: Graph, precision: torch.dtype) -> str:
    """How the fused evaluation differs from the reference; empty where it does not."""
    x = batch_of(graph)
    expected = run(graph, state_of(graph), x)["op"]
    image = torch.from_numpy(x).float()
    if image.dim() == 4:
        image = image.contiguous(memory_format=torch.channels_last)
    try:
        with torch.inference_mode():
            found = fold(loaded(graph, torch.float32), ["op"], precision)(image)["op"]
    except RuntimeError as error:
        return str(error).splitlines()[0]
    off = np.abs(found.double().numpy() - expected)
    if precision == torch.float32:
        error, limit = off.max(), EXACT * max(1.0, float(np.abs(expected).max()))
    else:
        error, limit = np.sqrt(np.square(off).mean()), NEAR * max(0.1, np.sqrt(np.square(expected).mean()))
    return "" if error <= limit else f"{error:.2g} off"


def _all_right(product: str, seed: int, words: Sequence[str]) -> None:
    for precision in (torch.float32, torch.bfloat16):
        wrong = {name: _wrong(graph, precision) for name, graph in _graphs(*PRODUCTS[product], seed, words)}
        assert len(wrong) >= 2 * (1 + 2 * len(MERGES)) * 17
        assert not {name: how for name, how in wrong.items() if how}


@pytest.mark.parametrize("product", ["conv", "grouped"])
def test_every_activation_behind_a_convolution_and_a_merge(product: str) -> None:
    _all_right(product, 0, ACTIVATIONS)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("product", PRODUCTS)
def test_every_operation_behind_every_product_and_merge(product: str, seed: int) -> None:
    _all_right(product, seed, [word for word, cls in OPERATIONS.items() if cls.inputs == "one"])


@pytest.mark.parametrize(
    ("shape", "conv"),
    [
        ((4, 3, 4, 2), ops.Conv(4, 2, stride=(1, 1, 3))),
        ((4, 4, 4, 3), ops.Conv(4, 2, stride=(2, 1, 2), groups=2)),
        ((4, 1, 5, 2), ops.Conv(1, 2, stride=(2, 2, 1), padding="same", dilation=2)),
        ((4, 1, 5, 3), ops.Conv(12, 3, stride=2, padding="same", groups=4)),
    ],
    ids=str,
)
def test_volumes_that_torch_gets_wrong_in_bfloat16(shape: Shape, conv: Op) -> None:
    graph = build(shape, ("op", conv), ("flatten", ops.Flatten()))
    x = batch_of(graph)
    expected = run(graph, state_of(graph), x)["op"]
    module, image = loaded(graph, torch.float32).train(), torch.from_numpy(x).float()
    for _ in range(5):
        # Memory that is read before it is written to shall not look like zeros by chance.
        used = [torch.full((size,), 1e30, dtype=torch.bfloat16) for size in (32, 64, 512, 2000, 8000, 20000)]
        del used
        with torch.autocast("cpu", torch.bfloat16):
            found = module.forward_all(image, ["op"])["op"]
        assert found.dtype == torch.bfloat16
        assert np.abs(found.detach().double().numpy() - expected).max() < NEAR
        assert not _wrong(graph, torch.bfloat16)


def _block(merge: str, activation: str) -> str:
    """A residual block, or whatever the merge makes of two branches; the last brings the channels back to 4."""
    back = " > conv 4 1" if merge == "concat" else ""
    op = random_op(random.Random(0), OPERATIONS[activation], (8 if merge == "concat" else 4, 4, 4))
    assert op is not None
    return f"{merge} {{ conv 4 3 padding=1 > batchnorm | identity }} > {op.text()}{back}"


def _trained_and_resumed(net: str, folder: Path, precision: str) -> None:
    """A few steps, stopped, resumed, evaluated; the model's scores are those of the reference."""
    settings = {"epochs": 1, "batch_size": 300, "augment": "none", "lr": 1e-4, "precision": precision}
    for sitting in range(2):
        going = training("digits", net, out=folder, resume=sitting > 0, checkpoint_seconds=0, **settings)
        for event in going:
            if isinstance(event, events.Stepped) and sitting == 0 and event.step >= 2:
                going.close()
                break
    model = Model.load(folder / "model")
    measured = evaluate(model, "digits", "test")
    x = np.random.default_rng(0).standard_normal((20, *model.graph.input))
    state = {name: value.double().numpy() for name, value in model.module.state_dict().items()}
    expected = run(model.graph, state, x)[model.graph.output.path]
    with torch.inference_mode():
        module = model.module.eval()(torch.from_numpy(x).float())
        (found,) = fold(model.module, [model.graph.output.path])(torch.from_numpy(x).float()).values()
    size = max(1.0, float(np.abs(expected).max()))
    assert np.abs(module.numpy() - expected).max() <= EXACT * size
    assert np.abs(found.numpy() - expected).max() <= EXACT * size
    assert np.isfinite(measured.probabilities_NK).all()


@pytest.mark.parametrize("precision", [pytest.param("float32", marks=pytest.mark.slow), "bfloat16"])
def test_all_pairs_of_merge_and_activation_are_trained_resumed_and_evaluated(tmp_path: Path, precision: str) -> None:
    assert len(ACTIVATIONS) >= 17
    blocks = [_block(merge, activation) for merge in MERGES for activation in ACTIVATIONS]
    net = "input 1x8x8 > conv 4 3 padding=1 stride=2 > " + " > batchnorm > ".join(blocks)
    _trained_and_resumed(f"{net} > globalavgpool > flatten > linear 10", tmp_path / "run", precision)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("merge", MERGES)
def test_each_pair_alone_is_trained_resumed_and_evaluated(tmp_path: Path, merge: str, precision: str) -> None:
    for activation in ACTIVATIONS:
        net = f"input 1x8x8 > conv 4 3 padding=1 > {_block(merge, activation)} > globalavgpool > flatten > linear 10"
        _trained_and_resumed(net, tmp_path / activation, precision)
