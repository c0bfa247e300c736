"""What an operation states, held against what it does: a check for each trait and facet.

Each takes a class of operations, an rng and how many cases to draw, and raises AssertionError where a statement is
false. A statement that is merely cautious is false too, where trying can tell: an operation that is affine says so.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import torch
from conformance_cases import (
    FLAT,
    Case,
    Rng,
    case_at,
    cases,
    derivative,
    storage,
    unit_of,
    wide_cases,
)
from conformance_reads import check_reads
from sample_graphs import state_of
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from convscope.engine.fusion import fold
from convscope.engine.module import GraphModule, load_state
from convscope.engine.module_operations import compute_of
from convscope.network.graph import INPUT, Graph, Node
from convscope.network.operation_memory import kept_bytes, shares_memory
from convscope.network.plan import plan
from convscope.ops import Conv, Linear, Op

Check = Callable[[type[Op], Rng, int], None]


def _stated_one_by_one(stated: Iterable[tuple[object, object]], measured: Callable[[list[object]], object]) -> None:
    """Hold each stated value against what was measured of the cases that state it."""
    groups: dict[object, list[object]] = {}
    for value, found in stated:
        groups.setdefault(value, []).append(found)
    for value, found_all in groups.items():
        assert measured(found_all) == value, f"stated {value}, measured {measured(found_all)}"


# What kind of function it is -----------------------------------------------------------------------------------------


def _is_monotone(case: Case, rng: Rng) -> bool:
    numbers = np.random.default_rng(rng.randrange(2**32))
    for size in (0.01, 0.3, 2.0):
        low = [2 * value for value in case.inputs]
        more = [np.abs(numbers.standard_normal(v.shape)) * (numbers.random(v.shape) < 0.5) for v in low]
        before, after = case.outputs(low), case.outputs([a + size * b for a, b in zip(low, more, strict=True)])
        if (after - before).min(initial=0.0) < -1e-9 * np.abs(before).max(initial=1.0):
            return False
    return True


def _meets_maximum(case: Case, rng: Rng) -> bool:
    """Whether it and a maximum give the same bits in either order, also of the gradients, in float32.

    Half of the values that meet are neighbours: a function that rounds makes some of them equal.
    """
    numbers, run = np.random.default_rng(rng.randrange(2**32)), case.function(torch.float32)
    one = [numbers.standard_normal((16, *v.shape[1:])).astype(np.float32) for v in case.inputs]
    other = [np.nextafter(v, np.float32(np.inf)) for v in one]
    other = [np.where(numbers.random(v.shape) < 0.5, v, numbers.permutation(v)) for v in other]
    found = []
    for first in (True, False):
        x, y = ([torch.from_numpy(v).requires_grad_() for v in values] for values in (one, other))
        out = run([torch.maximum(a, b) for a, b in zip(x, y, strict=True)]) if first else torch.maximum(run(x), run(y))
        gradient = torch.from_numpy(np.random.default_rng(0).standard_normal(out.shape).astype(np.float32))
        found.append([out, *torch.autograd.grad(out, [*x, *y], gradient)])
    return all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def check_monotone(cls: type[Op], rng: Rng, count: int) -> None:
    """As far as trying can tell."""
    found = []
    for case in cases(cls, rng, count, batch=16):
        monotone = _is_monotone(case, rng)
        found.append((case.op.traits.monotone, "no" if not monotone else _meets_maximum(case, rng)))
    _stated_one_by_one(found, lambda all_: "no" if "no" in all_ else "exact" if all(all_) else "rounded")


def _linearity(case: Case, rng: Rng) -> str:
    numbers, part = np.random.default_rng(rng.randrange(2**32)), rng.uniform(-2, 2)
    other = [numbers.standard_normal(v.shape) * 3 for v in case.inputs]
    both = [part * a + (1 - part) * b for a, b in zip(case.inputs, other, strict=True)]
    f, g, h = (case.outputs(values) for values in (case.inputs, other, both))
    scale = max(1.0, *(float(np.abs(v).max(initial=0.0)) for v in (f, g, h)))
    if not np.allclose(part * f + (1 - part) * g, h, rtol=0, atol=1e-9 * scale):
        return "none"
    x = case.inputs[0]
    if len(case.inputs) > 1 or f.shape != x.shape or not case.tensors:
        return "affine"
    shift, one = case.outputs([np.zeros_like(x)]), case.outputs([np.ones_like(x)])
    line = (0, slice(None), *[0] * (x.ndim - 2))
    factor_C, shift_C = ((v[line]).reshape(-1, *[1] * (x.ndim - 2)) for v in (one - shift, shift))
    return "channel" if np.allclose(x * factor_C + shift_C, f, rtol=0, atol=1e-9 * scale) else "affine"


def check_linearity(cls: type[Op], rng: Rng, count: int) -> None:
    """Affine by trial; by two numbers a channel, which it then holds itself and a convolution before it can take."""

    def measured(found: list[object]) -> object:
        return "none" if "none" in found else "affine" if "affine" in found else "channel"

    found = []
    for case in cases(cls, rng, count):
        found.append((case.op.traits.linearity, _linearity(case, rng)))
        if found[-1] == ("channel", "channel"):
            _check_folded(case)
    _stated_one_by_one(found, measured)


def _check_folded(case: Case) -> None:
    """The fused evaluation makes it part of the product before it."""
    shape = case.node.shape
    first = Conv(shape[0], 1) if len(shape) > 1 else Linear(shape[0])
    if len(shape) > 4:
        return
    graph = Graph(shape, (Node("first", first, (INPUT,), (shape,), shape), replace(case.node, inputs=("first",))))
    module = GraphModule(graph).eval().double()
    load_state(module, {name: torch.from_numpy(value) for name, value in state_of(graph).items()})
    x = torch.from_numpy(case.inputs[0])
    folded = fold(module, ["n"], torch.float64)
    assert len(folded.steps) == 1, f"{case.node}: not folded"
    expected = module(x).detach()
    assert torch.allclose(folded(x)["n"], expected, rtol=0, atol=1e-9 * float(expected.abs().max())), (
        f"{case.node}: folded into a product before it, it is another function"
    )


def check_nonlinearity(cls: type[Op], rng: Rng, count: int) -> None:
    """By the slopes at -8, 0, 2 and 8, with weights as they start."""
    for _ in range(count):
        case = case_at(cls, rng, (1,), 1)
        stated = (case or next(cases(cls, rng, 1))).op.traits
        if case is None or cls.inputs == "several" or stated.reads != "element":
            bends = stated.nonlinearity == "none" or any(_linearity(c, rng) == "none" for c in cases(cls, rng, 20))
            assert bends, "affine, and yet an activation"
            assert stated.nonlinearity in ("none", "other"), "of each value alone, or no curve to speak of"
            continue
        for name, value in case.tensors.items():
            value[:] = case.op.initial(name)
        slope = {x: float(derivative(case, [np.full((1, 1), float(x))], (0,))[0]) for x in (-8, 0, 2, 8)}
        passes = max(slope[2], slope[8])
        fits = {
            "none": _linearity(case_at(cls, rng, (1,), 64) or case, rng) != "none",
            "rectifier": passes >= 0.75 and abs(slope[-8]) <= passes / 2,
            "saturating": max(abs(slope[-8]), abs(slope[8])) <= 0.05 and max(slope[0], slope[2]) > 0.1,
        }
        # ReLU6 and a clip from 0 up are a little of both.
        shapes = {name for name, fit in fits.items() if fit} or {"other"}
        assert stated.nonlinearity in shapes, f"stated {stated.nonlinearity}, slopes {slope}: {shapes}"


def _pools(case: Case, rng: Rng) -> tuple[str, bool]:
    """``mean`` or ``maximum`` where one case may be that, with whether it certainly is."""
    index = unit_of(rng, case.node.shape)
    others = [
        np.random.default_rng(rng.randrange(2**32)).permutation(v.reshape(-1)).reshape(v.shape) for v in case.inputs
    ]
    one, other = (derivative(case, values, index) for values in (case.inputs, others))
    if case.node.shape[:1] != case.node.input_shapes[0][:1] or len(case.node.shape) != one.ndim:
        return "no", True
    beside = np.delete(one, index[0], axis=0)
    if beside.any():
        return "no", True
    weights = one[one != 0]
    if not len(weights):
        return "", False
    if len(weights) == 1 and weights[0] == 1 and np.array_equal(one, other):
        return "", False  # a window of one place, or an identity
    if np.array_equal(one, other):
        even = weights.min() > 0 and np.ptp(weights) <= 1e-12 and weights.sum() <= 1 + 1e-12
        return ("mean", len(weights) > 1) if even else ("no", True)
    largest = np.count_nonzero(one) == np.count_nonzero(other) == 1 == weights[0]
    return ("maximum", True) if largest and _meets_maximum(case, rng) else ("no", True)


def check_pools(cls: type[Op], rng: Rng, count: int) -> None:
    """By the derivative: an even share of several values, or 1 of the largest, wherever that lies."""
    if cls.inputs == "several":
        assert cls.traits.pools == "no", "a merge gathers no places"
        return

    def measured(found: list[object]) -> object:
        kinds = {kind for kind, _ in found if kind}  # type: ignore[misc, union-attr]
        certain = any(sure for _, sure in found)  # type: ignore[misc]
        return kinds.pop() if len(kinds) == 1 and certain else "no"

    _stated_one_by_one(((c.op.traits.pools, _pools(c, rng)) for c in cases(cls, rng, count)), measured)


# What it does with memory --------------------------------------------------------------------------------------------


def check_keeps(cls: type[Op], rng: Rng, count: int) -> None:
    """The storages that autograd saves in a training pass: operands, output, and as many bytes as memory counts."""
    for case in wide_cases(cls, rng, count):
        saved, weights, out, inputs = _saved(case)
        keeps, batch = case.op.traits.keeps, len(inputs[0])
        copies = _padded_copies(case, inputs, saved)
        reads = {storage(x) for x in inputs}
        if storage(out) in reads:
            assert not saved, f"{case.node}: its operand passes, and yet something is saved"
            continue
        assert ("input" in keeps) == bool(copies or reads & saved.keys()), f"{case.node}: its operand"
        if not copies and "input" in keeps:
            assert reads <= saved.keys(), f"{case.node}: one of its operands"
        assert ("output" in keeps) == (storage(out) in saved), f"{case.node}: its output"
        beside = sum(size for at, size in saved.items() if at not in reads | weights | {storage(out)})
        assert abs(beside - batch * kept_bytes(case.node)) <= 2 * batch * math.prod(case.node.shape), (
            f"{case.node}: {beside} bytes beside its operand and output, stated {batch * kept_bytes(case.node)}"
        )


def _saved(case: Case) -> tuple[dict[int, int], set[int], Tensor, list[Tensor]]:
    """Bytes of each storage that a training pass saves, the weights' places, the output and the operands."""
    part, inputs = case.part(torch.float32, training=True), case.tensors_in(torch.float32, grad=True)
    alive: list[Tensor] = []
    saved: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        alive.append(tensor)  # so that no later tensor has its address
        saved[storage(tensor)] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = compute_of(case.node)(part, inputs)
    return saved, {storage(value) for value in part.state_dict().values()}, out, inputs


def _padded_copies(case: Case, inputs: list[Tensor], saved: dict[int, int]) -> bool:
    """Whether a copy with uneven padding stands for the operand."""
    window = case.op.window(case.node.input_shapes)
    return window is not None and storage(inputs[0]) not in saved and max(saved.values(), default=0) > inputs[0].nbytes


def check_aliases(cls: type[Op], rng: Rng, count: int) -> None:
    """When the output is the operand's memory, of pictures channels last; memory counts it so."""
    found, unchanged = [], 0
    for case in wide_cases(cls, rng, count, FLAT):
        shared, same = [], False
        for training in (True, False):
            inputs = case.tensors_in(torch.float32)
            out = case.function(torch.float32, training)(inputs)
            shared.append(storage(out) in {storage(x) for x in inputs})
            same = out.shape == inputs[0].shape and torch.equal(out, inputs[0])
        if cls.inputs == "one" and case.op.traits.aliases in ("always", "vector"):
            assert shares_memory(plan(case.graph, ["n"])[0]) == shared[0], f"{case.node}: as memory counts it"
        # What changes nothing of this one shape, as a shuffle of one group, may pass it on.
        unchanged += same
        if same and case.op.traits.aliases == "never" and unchanged < count:
            continue
        found.append((case.op.traits.aliases, (*shared, case.tensors_in(torch.float32)[0].is_contiguous())))

    def measured(shared: list[object]) -> object:
        train, evaluation, flat = zip(*shared, strict=True)  # type: ignore[arg-type]
        if all(train) and all(evaluation):
            return "always"
        if train == evaluation == flat and any(flat):
            return "vector"
        return "evaluation" if all(evaluation) else "sometimes" if any(train + evaluation) else "never"

    _stated_one_by_one(found, measured)


def _gradients(case: Case, overwrite: bool) -> tuple[Tensor, list[Tensor]]:
    part, inputs = case.part(torch.float32, training=True), case.tensors_in(torch.float32, grad=True)
    torch.manual_seed(0)
    out = compute_of(case.node)(part, inputs)
    gradient = torch.ones_like(out) * torch.arange(1.0, 1 + out.shape[0]).view(-1, *[1] * (out.dim() - 1))
    if overwrite:
        with torch.no_grad():
            out.mul_(-3.0)
    return gradient, list(torch.autograd.grad(out, [*inputs, *part.parameters()], gradient))


def check_gradient(cls: type[Op], rng: Rng, count: int) -> None:
    """Whether the gradient of the operands lies in the memory of the output's."""
    found = []
    for case in wide_cases(cls, rng, count):
        gradient, made = _gradients(case, overwrite=False)
        passed = [storage(one) == storage(gradient) for one in made[: len(case.inputs)]]
        if cls.inputs == "several" and case.op.traits.reads == "element":
            stretched = [shape != case.node.shape for shape in case.node.input_shapes]
            assert not any(map(operator.and_, passed, stretched)), f"{case.node}: a stretched operand's is a sum"
            passed = [one for one, wide in zip(passed, stretched, strict=True) if not wide]
        if passed:
            found.append((case.op.traits.gradient, all(passed)))
    _stated_one_by_one(found, lambda passed: "passed" if all(passed) else "made")


def check_overwritable(cls: type[Op], rng: Rng, count: int) -> None:
    """Where it is stated: overwriting the output before the backward pass changes no gradient."""
    for case in wide_cases(cls, rng, count):
        if not case.op.traits.overwritable:
            continue
        _, expected = _gradients(case, overwrite=False)
        inputs = case.tensors_in(torch.float32)
        out = case.function(torch.float32, training=True)(inputs)
        assert storage(out) not in {storage(x) for x in inputs}, f"{case.node}: its output is its operand"
        try:
            _, found = _gradients(case, overwrite=True)
        except RuntimeError as error:
            raise AssertionError(f"{case.node}: {error}") from None
        assert all(map(torch.equal, found, expected)), f"{case.node}: other gradients"


# What it computes with -----------------------------------------------------------------------------------------------


def check_precise(cls: type[Op], rng: Rng, count: int) -> None:
    """In bfloat16 the fused evaluation computes it in float32 where it is stated, and need not where it is not."""
    for case in cases(cls, rng, count):
        shape = case.node.input_shapes[0]
        shapes = (shape,) * (1 if cls.inputs == "one" else 2)
        node = Node("n", case.op, (INPUT,) * len(shapes), shapes, case.op.shape(shapes))
        module = GraphModule(Graph(shape, (node,))).eval()
        for name, value in case.tensors.items():
            getattr(module.get_submodule("n"), name).data = torch.from_numpy(value).float()
        x = torch.from_numpy(case.inputs[0]).bfloat16()
        with torch.no_grad():
            exact = case.function(torch.float32)([x.float()] * len(shapes))
            try:
                found = fold(module, ["n"], torch.bfloat16)(x)["n"]
            except NotImplementedError as error:  # torch has it in float32 alone
                raise AssertionError(f"{node}: {error}") from None
        if case.op.traits.precise:
            assert torch.equal(found, exact.bfloat16().float()), f"{node}: not as float32 gives it"
        elif not case.op.traits.product:
            # One rounding of the result, one of each tensor.
            unit = torch.exp2(torch.floor(torch.log2(exact.abs().clamp_min(1e-30))) - 7) * (1 + len(case.tensors))
            assert ((found - exact).abs() <= unit).all(), f"{node}: bfloat16 is not enough"


def check_product(cls: type[Op], rng: Rng, count: int) -> None:
    """It multiplies by a matrix or kernels, which are its ``weight``, and that costs multiply-adds."""
    for case in cases(cls, rng, count):
        matrix = len(case.node.parameters.get("weight", ())) > 1 and case.node.macs > 0
        assert case.op.traits.product == matrix, f"{case.node}: stated {case.op.traits.product}"


def check_random(cls: type[Op], rng: Rng, count: int) -> None:
    """Two training passes differ; two in evaluation never do."""
    differ = []
    for case in cases(cls, rng, count):
        inputs = case.tensors_in(torch.float32)
        for training in (True, False):
            run = case.function(torch.float32, training)
            same = torch.equal(run(inputs), run(inputs))
            assert training or same, f"{case.node}: evaluation differs from itself"
            if training:
                differ.append((case.op.traits.random, not same))
    _stated_one_by_one(differ, any)


def check_macs(cls: type[Op], rng: Rng, count: int) -> None:
    """Half of the floating point operations that torch counts."""
    for case in cases(cls, rng, count):
        inputs = case.tensors_in(torch.float32)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            case.function(torch.float32)(inputs)
        assert 2 * case.node.macs * len(inputs[0]) == counter.get_total_flops(), f"{case.node}: {case.node.macs}"


TRAITS: dict[str, Check] = {
    "reads": check_reads,
    "monotone": check_monotone,
    "linearity": check_linearity,
    "nonlinearity": check_nonlinearity,
    "keeps": check_keeps,
    "aliases": check_aliases,
    "gradient": check_gradient,
    "pools": check_pools,
    "product": check_product,
    "overwritable": check_overwritable,
    "precise": check_precise,
    "random": check_random,
}
"""The check of each trait."""
