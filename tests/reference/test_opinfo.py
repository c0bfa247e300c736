"""PyTorch's own samples judge the reference: forward, backward and opened units, and what PyTorch refuses we refuse."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import numpy as np
import opinfo
import pytest
import torch
from opinfo import SAID, Case, RefusedError, Seen, UnsaidError

from convscope.errors import UserError
from convscope.network.graph import Graph, Node
from convscope.ops import Misfit
from convscope.reference.backward import backward
from convscope.reference.forward import forward, run
from convscope.reference.walk import walk

pytestmark = pytest.mark.filterwarnings("ignore")

MANY = {f"nn.functional.max_pool{rank}d": 24 for rank in (1, 2, 3)}
"""Hundreds of samples, each argument with each: of so many one is enough for every day, all are for `make proofs`."""

INEXACT = {"nn.functional.hardsigmoid": 1e-7}
"""Where torch itself computes float64 with a constant of float32."""

UNSAID = {
    "add": {"alpha": 2, "refused: shape": 1},
    "mul": {"refused: shape": 1},
    "cat": {"refused: shape": 2, "tensors of several ranks": 1},
    "nn.functional.avg_pool2d": {"refused: divisor_override": 1},
    "nn.functional.avg_pool3d": {"refused: divisor_override": 1},
    "nn.functional.batch_norm": {"no channels": 2},
    "nn.functional.dropout": {"random": 7, "refused: p": 3},
    "nn.functional.group_norm": {"refused: eps": 4},
    "nn.functional.hardtanh": {"refused: max": 1},
    "nn.functional.rms_norm": {"refused: eps": 5},
    "nn.functional.softplus": {"another threshold than 20": 3},
    "nn.functional.layer_norm": {"refused: eps": 1},
}
"""Samples that cannot be said in our vocabulary, counted by reason. This list may only shrink."""

NOT_OURS = {
    "activations that the vocabulary lacks": (
        "celu glu hardshrink logsigmoid rrelu softmin softshrink softsign tanhshrink threshold normalize"
    ),
    "losses: reference/losses.py, judged by its own tests": (
        "binary_cross_entropy binary_cross_entropy_with_logits cosine_embedding_loss cross_entropy ctc_loss "
        "gaussian_nll_loss hinge_embedding_loss huber_loss kl_div l1_loss linear_cross_entropy margin_ranking_loss "
        "mse_loss multi_margin_loss multilabel_margin_loss multilabel_soft_margin_loss nll_loss poisson_nll_loss "
        "smooth_l1_loss soft_margin_loss triplet_margin_loss triplet_margin_with_distance_loss"
    ),
    "random": "alpha_dropout dropout2d dropout3d feature_alpha_dropout fractional_max_pool2d fractional_max_pool3d",
    "other layouts and sizes": (
        "fold grid_sample interpolate pad pixel_shuffle pixel_unshuffle unfold upsample_bilinear "
        "upsample_nearest conv_transpose1d conv_transpose2d conv_transpose3d max_unpool1d max_unpool2d max_unpool3d"
    ),
    "several inputs, sequences and numbers that are no pictures": (
        "bilinear cosine_similarity embedding embedding_bag multi_head_attention_forward one_hot pairwise_distance "
        "pdist scaled_dot_product_attention"
    ),
}
"""Of ``torch.nn.functional``, by its names there, what no operation of ours says, and why."""


def test_what_of_torch_is_ours_is_known() -> None:
    theirs = {name.removeprefix("nn.functional.") for name in opinfo.database() if name.startswith("nn.functional.")}
    ours = {name.removeprefix("nn.functional.") for name in SAID if name.startswith("nn.functional.")}
    listed = [name for names in NOT_OURS.values() for name in names.split()]
    assert len(listed) == len(set(listed))
    assert ours | set(listed) == theirs | ({"fold"} - theirs)
    assert not ours & set(listed)


def arrays(values: dict[str, Seen]) -> dict[str, np.ndarray]:
    return {name: seen.ours.numpy() for name, seen in values.items()}


def check(case: Case, theirs: torch.Tensor, tolerance: float, rng: random.Random) -> None:
    """Output, gradients and three units of one sample."""
    close = {"rtol": tolerance, "atol": tolerance}
    inputs = [seen.ours.numpy() for seen in case.inputs]
    parameters = arrays(dict(case.parameters))
    buffers = {name: value.numpy() for name, value in case.buffers.items()}
    out = case.out(theirs.detach()).numpy()
    np.testing.assert_allclose(forward(case.op, inputs, parameters, buffers, case.training), out, **close)

    inward = torch.randn(theirs.shape, dtype=theirs.dtype, generator=torch.Generator().manual_seed(0))
    leaves = [seen.tensor for seen in (*case.inputs, *case.parameters.values()) if seen.tensor.requires_grad]
    given = torch.autograd.grad(theirs, leaves, inward)
    expected = {id(leaf): gradient for leaf, gradient in zip(leaves, given, strict=True)}
    found = backward(case.op, inputs, parameters, buffers, case.out(inward).numpy(), case.training)
    ours = [*zip(case.inputs, found.inputs, strict=True)]
    ours += [(seen, found.parameters[name]) for name, seen in case.parameters.items()]
    for seen, gradient in ours:
        if id(seen.tensor) in expected:  # a scale of ones that the sample did not have is no leaf of it
            np.testing.assert_allclose(gradient, seen.view(expected[id(seen.tensor)]).numpy(), **close)

    if case.training or not out.size:  # units are opened in evaluation mode
        return
    for _ in range(3):
        example, *index = (rng.randrange(n) for n in out.shape)
        opened = walk(case.op, [value[example] for value in inputs], parameters, buffers, tuple(index))
        np.testing.assert_allclose(opened.value, out[(example, *index)], **close)


def judged(name: str, every: int = 1) -> tuple[int, Counter[str]]:
    """How many of an operation's samples agree, and why the others cannot be said."""
    rng, agreed, unsaid = random.Random(name), 0, Counter[str]()
    for info in opinfo.database()[name]:
        for place, sample in enumerate(opinfo.samples(info)):
            if place % every:
                continue
            try:
                case = opinfo.said(name, sample)
            except UnsaidError as error:
                unsaid[str(error)] += 1
                continue
            theirs: Any = info.op(sample.input, *sample.args, **sample.kwargs)
            check(case, theirs[0] if isinstance(theirs, tuple) else theirs, INEXACT.get(name, 1e-9), rng)
            agreed += 1
    return agreed, unsaid


@pytest.mark.parametrize("name", SAID)
def test_every_sample_of_torch_agrees(name: str) -> None:
    torch.manual_seed(0)
    agreed, unsaid = judged(name, MANY.get(name, 1))
    assert unsaid == UNSAID.get(name, {})
    assert agreed or name == "nn.functional.softplus"


@pytest.mark.slow
@pytest.mark.parametrize("name", MANY)
def test_all_of_hundreds_of_samples_agree(name: str) -> None:
    torch.manual_seed(0)
    agreed, unsaid = judged(name)
    assert unsaid == UNSAID.get(name, {})
    assert agreed > 500


OTHER_RANK_OR_TYPE = {"a weight of another rank": 1, "tensors of several types": 2}
OTHER_RANK = {"a tensor of another rank": 1}
ERRORS_UNSAID = {
    "cat": {"no list of tensors": 2, "out given": 4, "tensors of several ranks": 3, "a single number": 1},
    **{f"nn.functional.adaptive_{kind}_pool{rank}d": OTHER_RANK for kind in ("avg", "max") for rank in (2, 3)},
    "nn.functional.avg_pool3d": OTHER_RANK,
    "nn.functional.max_pool1d": {"a tensor of another rank": 4},
    "nn.functional.conv1d": OTHER_RANK_OR_TYPE,
    "nn.functional.conv2d": OTHER_RANK_OR_TYPE,
    "nn.functional.conv3d": OTHER_RANK_OR_TYPE,
    "nn.functional.prelu": {"slopes of two dimensions": 1},
    "nn.functional.rms_norm": {"a shape that is not the input's": 2},
}
"""Errors of torch that cannot be made in our vocabulary, counted by reason."""

TAKEN = {"nn.functional.conv3d": ["padding='same' is not supported for strided convolutions"]}
"""What torch refuses and we do not: our ``padding=same`` is TensorFlow's, at any stride."""


def ask(case: Case) -> None:
    """The sample as a network of one operation; refused where a tensor's shape is not the operation's."""
    shapes = tuple(tuple(seen.ours.shape[1:]) for seen in case.inputs)
    node = Node("n", case.op, ("input",), shapes, case.op.shape(shapes))
    state = {f"n.{name}": value for name, value in arrays(dict(case.parameters)).items()}
    run(Graph(shapes[0], (node,)), state, case.inputs[0].ours.numpy())


@pytest.mark.parametrize("name", SAID)
def test_what_torch_refuses_is_refused(name: str) -> None:
    unsaid, taken = Counter[str](), []
    for info in opinfo.database()[name]:
        for error in info.error_inputs("cpu") if info.error_inputs_func else ():
            try:
                ask(opinfo.said(name, error.sample_input))
            except (RefusedError, Misfit, UserError):
                continue
            except UnsaidError as why:
                unsaid[str(why)] += 1
                continue
            taken.append(str(error.error_regex))
    assert taken == TAKEN.get(name, [])
    assert unsaid == ERRORS_UNSAID.get(name, {})


def test_not_numbers_and_infinities_go_where_they_go_in_torch() -> None:
    """Values and slopes at the edges of what a number can be."""
    edges = torch.tensor(
        [torch.nan, torch.inf, -torch.inf, 0.0, -0.0, 1e300, -1e300, 3.0, -3.0, 6.0], dtype=torch.float64
    )
    wrong = []
    for name in SAID:
        for info in opinfo.database()[name][:1]:
            sample = next(iter(opinfo.samples(info)))
            x = edges.clone().requires_grad_()
            sample.input, sample.args = x, ()
            try:
                sample.kwargs = {}
                case = opinfo.said(name, sample)
            except Exception:
                continue
            if len(case.inputs) > 1 or case.parameters:
                continue
            theirs = info.op(x)
            (slope,) = torch.autograd.grad(theirs, x, torch.ones_like(theirs))
            ours = forward(case.op, [case.inputs[0].ours.numpy()], {}, {})
            back = backward(case.op, [case.inputs[0].ours.numpy()], {}, {}, np.ones_like(ours)).inputs[0]
            for what, got, want in (("value", ours, theirs.detach()), ("slope", back, slope)):
                if not np.allclose(got, case.out(want).numpy(), equal_nan=True):
                    wrong.append((name, what, got, case.out(want).numpy()))
    assert wrong == []
