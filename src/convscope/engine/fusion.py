"""A network with its weights as one fast function: for evaluation, where nothing is trained and nobody looks inside.

Batch normalisation of running statistics and a scale are affine, so they become part of the convolution or linear
product before them, exactly up to rounding. An activation and the sum of a residual block are computed where the
convolution writes its result, before it leaves the registers (oneDNN's "post-operations"), and its weights are laid
out once as its kernels read them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeGuard, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from convscope import ops
from convscope.engine.module import GraphModule
from convscope.engine.module_operations import NodeModule, compute_of
from convscope.errors import UserError
from convscope.network.graph import INPUT, Graph, Node
from convscope.network.plan import needed_input, needed_nodes, rectifies_exactly
from convscope.ops import spell_shape
from convscope.ops.activation.spec import Activation


def _fuses(op: ops.Op) -> TypeGuard[Activation]:
    """Whether an activation says that oneDNN computes it as it writes a convolution's result."""
    return isinstance(op, Activation) and bool(op.post_operation()[0])


@cache
def writes_as(
    name: str, numbers: tuple[float, ...], variant: str, precision: torch.dtype, summed: bool, grouped: bool
) -> bool:
    """Whether this torch computes a post-operation as a convolution's result is written, found by trying it.

    Behind a sum there are fewer: torch 2.13 has relu alone, of groups in bfloat16 not even that, and refuses the others
    when they are called.

    Args:
        name, numbers, variant: what :meth:`Activation.post_operation` says.
        precision: of the convolution.
        summed: behind the sum with a second operand.
        grouped: whether the convolution has more than one group.
    """
    channels = 2 if grouped else 1
    x, weight = torch.zeros(1, channels, 1, 1, dtype=precision), torch.zeros(channels, 1, 1, 1, dtype=precision)
    window, after = ([0, 0], [1, 1], [1, 1], channels), (name, list(numbers), variant)
    try:
        if summed:
            torch.ops.mkldnn._convolution_pointwise.binary(x, x, weight, None, *window, "add", 1.0, *after)
        else:
            torch.ops.mkldnn._convolution_pointwise(x, weight, None, *window, *after)
    except RuntimeError:
        return False
    return True


@dataclass(frozen=True)
class Fused:
    """Nodes that become one computation.

    Args:
        node: the first: a convolution, a linear product, or anything else, which then stands alone.
        affine: batch normalisations and scales folded into it.
        added: the path of what is added to its result, if anything is.
        activation: the last.
        writes: the path of the node whose output this is.
    """

    node: Node
    writes: str
    affine: tuple[Node, ...] = ()
    added: str | None = None
    activation: Node | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        """The paths of the operands."""
        return self.node.inputs if self.added is None else (*self.node.inputs, self.added)


def fuse(graph: Graph, wanted: Collection[str]) -> tuple[Fused, ...]:
    """The computations that give some nodes' outputs, in order; a wanted node is always the end of one.

    Args:
        graph: the network.
        wanted: paths of its nodes.

    Raises:
        UserError: a path that the graph does not have.

    Example:
        >>> conv = Node("conv1", ops.Conv(8, 3), ("input",), ((1, 8, 8),), (8, 6, 6))
        >>> norm = Node("batchnorm1", ops.BatchNorm(), ("conv1",), ((8, 6, 6),), (8, 6, 6))
        >>> relu = Node("relu1", ops.ReLU(), ("batchnorm1",), ((8, 6, 6),), (8, 6, 6))
        >>> [(step.node.path, step.writes) for step in fuse(Graph((1, 8, 8), (conv, norm, relu)), ["relu1"])]
        [('conv1', 'relu1')]
    """
    needed = needed_nodes(graph, wanted)
    nodes = [node for node in graph.nodes if node.path in needed]
    readers = Counter(path for node in nodes for path in node.inputs)
    done: dict[str, Fused] = {}
    for node in nodes:
        before = [done.get(path) for path in node.inputs]
        free = [
            step is not None and readers[path] == 1 and path not in wanted
            for step, path in zip(before, node.inputs, strict=True)
        ]
        grown = _grown(node, before, free)
        if grown is not None:
            del done[node.inputs[before.index(grown[0])]]
            done[node.path] = grown[1]
        else:
            done[node.path] = Fused(node, node.path)
    return tuple(done.values())


def _grown(node: Node, before: Sequence[Fused | None], free: Sequence[bool]) -> tuple[Fused, Fused] | None:
    """A computation that a node can be added to, and both together; None where it begins one of its own."""
    for step, may in zip(before, free, strict=True):
        if step is None or not may or not step.node.op.traits.product or step.activation is not None:
            continue
        if node.op.traits.linearity == "channel" and step.added is None:
            return step, replace(step, writes=node.path, affine=(*step.affine, node))
        if _fuses(node.op):
            return step, replace(step, writes=node.path, activation=node)
        # What one branch is stretched over has no room in the product of the other.
        pictures = isinstance(step.node.op, ops.Conv) and len(node.shape) == 3 and len(set(node.input_shapes)) == 1
        if isinstance(node.op, ops.Add) and len(node.inputs) == 2 and pictures and step.added is None:
            other = node.inputs[1] if node.inputs[0] == step.writes else node.inputs[0]
            return step, replace(step, writes=node.path, added=other)
    return None


Run = Callable[[Sequence[Tensor]], Tensor]


@dataclass(frozen=True)
class _Step:
    run: Run
    reads: tuple[str, ...]
    writes: str
    frees: tuple[str, ...]


@dataclass(frozen=True)
class Folded:
    """Some nodes' outputs as a function of pictures; made by :func:`fold`. Weights are those of that moment.

    Args:
        graph: the network.
        wanted: paths of the nodes.
        precision: the numbers that it computes in.
    """

    graph: Graph
    wanted: tuple[str, ...]
    precision: torch.dtype
    steps: tuple[_Step, ...]
    extent: tuple[int, ...]

    def __call__(self, x_N_shape: Tensor) -> dict[str, Tensor]:
        """The wanted outputs by path for a batch ``(N, *graph.input)``, each ``(N, *node.shape)`` in float32.

        Raises:
            UserError: the batch has another shape.
        """
        if tuple(x_N_shape.shape[1:]) != self.graph.input:
            got = spell_shape(tuple(x_N_shape.shape[1:]))
            raise UserError("input", f"examples of shape {got}", spell_shape(self.graph.input))
        for dimension, extent in enumerate(self.extent, start=2):
            x_N_shape = x_N_shape.narrow(dimension, 0, extent)
        values = {INPUT: x_N_shape.to(self.precision)}
        for step in self.steps:
            values[step.writes] = step.run([values[path] for path in step.reads])
            for path in step.frees:
                del values[path]
        return {path: values[path].to(torch.promote_types(self.precision, torch.float32)) for path in self.wanted}


def fold(module: GraphModule, wanted: Collection[str], precision: torch.dtype = torch.float32) -> Folded:
    """A module's outputs in evaluation mode as one fast function.

    Args:
        module: the network with its weights; it is neither changed nor kept.
        wanted: paths of nodes.
        precision: float32, float64, or bfloat16 (7 bits behind the point: a feature's error is about a hundredth
            of the largest).

    Raises:
        UserError: a path that the network does not have.

    Example:
        >>> node = Node("linear1", ops.Linear(2), ("input",), ((3,),), (2,))
        >>> fold(GraphModule(Graph((3,), (node,))), ["linear1"])(torch.ones(1, 3))
        {'linear1': tensor([[0., 0.]])}
    """
    graph = module.graph
    fused = fuse(graph, wanted)
    readers = Counter(path for step in fused for path in step.reads)
    last = {path: index for index, step in enumerate(fused) for path in step.reads}
    # An add of one branch passes its operand on and makes nothing new.
    fresh = {step.writes for step in fused if _makes_new(step.node.op) and _reads_enough(step)}
    steps = []
    for index, step in enumerate(fused):
        alone = all(path in fresh and readers[path] == 1 and path not in wanted for path in step.reads)
        run = _linear_run(step, module, precision) if step.node.op.traits.product else None
        run = run or _other_run(step.node, module, precision, alone and rectifies_exactly(step.node.op))
        frees = tuple(path for path in dict.fromkeys(step.reads) if last[path] == index and path not in wanted)
        steps.append(_Step(run, step.reads, step.writes, frees))
    return Folded(graph, tuple(wanted), precision, tuple(steps), needed_input(graph, wanted))


def _makes_new(op: ops.Op) -> bool:
    """Whether an operation writes memory that nothing else holds."""
    return op.traits.product or op.traits.linearity == "channel" or isinstance(op, ops.Add)


def _reads_enough(step: Fused) -> bool:
    return step.node.op.inputs == "one" or len(step.reads) > 1


def _linear_run(step: Fused, module: GraphModule, precision: torch.dtype) -> Run:
    """A convolution or linear product with what is folded into it."""
    weight, bias = _folded_tensors(step, module)
    weight = weight.to(precision)
    bias = None if bias is None else bias.to(precision)
    activation: Run | None = None
    if step.activation is not None:
        activation = _other_run(step.activation, module, precision, rectifies_exactly(step.activation.op))
    packed = _packed_run(step, weight, bias, activation)
    if packed is not None:
        return packed
    part = NodeModule()
    part.hold(step.node)
    part.weight = nn.Parameter(weight, requires_grad=False)
    part.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
    product = compute_of(step.node)

    def run(values: Sequence[Tensor]) -> Tensor:
        y = product(part, [values[0].to(precision)])
        if step.added is not None:
            y = y.add_(values[1])
        return y if activation is None else activation([y])

    return run


def _folded_tensors(step: Fused, module: GraphModule) -> tuple[Tensor, Tensor | None]:
    """Weight and bias of a computation, batch normalisations and scales multiplied in; float64 until they are."""
    part = module.get_submodule(step.node.path)
    assert isinstance(part, NodeModule)
    weight, bias = part.weight.detach(), None if part.bias is None else part.bias.detach()
    if not step.affine:
        return weight, bias
    weight = weight.double()
    shift = torch.zeros(weight.shape[0], dtype=torch.float64, device=weight.device) if bias is None else bias.double()
    for node in step.affine:
        factor, offset = _affine(node, module)
        weight = weight * factor.view(-1, *[1] * (weight.dim() - 1))
        shift = shift * factor + offset
    return weight, shift


def _affine(node: Node, module: GraphModule) -> tuple[Tensor, Tensor]:
    """Factor and offset, one a channel, of an operation that is affine by two numbers a channel; float64."""
    part = module.get_submodule(node.path)
    assert isinstance(part, NodeModule)
    if isinstance(node.op, ops.BatchNorm):
        factor = (part.running_var.double() + node.op.eps).rsqrt()
        if part.weight is not None:
            factor = factor * part.weight.detach().double()
        offset = -part.running_mean.double() * factor
    elif isinstance(node.op, ops.Scale):
        factor = part.weight.detach().double()
        offset = torch.zeros_like(factor)
    else:
        return _affine_by_trial(node, part)
    return factor, offset if part.bias is None else offset + part.bias.detach().double()


def _affine_by_trial(node: Node, part: NodeModule) -> tuple[Tensor, Tensor]:
    """Of an operation whose tensors nothing is known of: what it makes of 0 and of 1."""
    own = NodeModule().eval()
    own.hold(node)
    own.double()
    own.load_state_dict({name: value for name, value in part.state_dict().items() if "." not in name})
    device = next((value.device for value in part.state_dict().values()), torch.device("cpu"))
    zero = torch.zeros((1, *node.shape), dtype=torch.float64, device=device)
    compute = compute_of(node)
    with torch.no_grad():
        ends = [compute(own.to(device), [zero + at]).reshape(node.shape[0], -1)[:, 0] for at in (0, 1)]
    return ends[1] - ends[0], ends[0]


def _packed_run(step: Fused, weight: Tensor, bias: Tensor | None, activation: Run | None) -> Run | None:
    """A picture's convolution by oneDNN with what follows in one call; None where it has no such thing.

    An activation that it cannot compute as it writes the result is computed by itself.
    """
    op = step.node.op
    if not isinstance(op, ops.Conv) or weight.dim() != 4 or not packs(weight):
        return None
    window = op.window(step.node.input_shapes)
    pads, padding = None, [before for before, _ in window.padding]
    if any(before != after for before, after in window.padding):
        uneven = [after - before for before, after in window.padding]
        lengths = zip(
            step.node.input_shapes[0][1:], window.kernel, window.dilation, uneven, window.padding, strict=True
        )
        fits = all(d * (k + more - 1) + 1 <= n + 2 * after for n, k, d, more, (_, after) in lengths)
        spread = any(more and d > 1 for more, d in zip(uneven, window.dilation, strict=True))
        if op.groups > 1 and min(uneven) >= 0 and fits and not spread:
            # torch pads both sides alike. A row of zeros before the kernel reads the extra zeros before the picture;
            # that costs a depthwise convolution less than a padded copy of its wide input.
            weight = functional.pad(weight, (uneven[1], 0, uneven[0], 0))
            padding = [after for _, after in window.padding]
        else:
            (top, bottom), (left, right) = window.padding
            pads, padding = (left, right, top, bottom), [0, 0]
    window_of = (padding, list(window.stride), list(window.dilation), op.groups)
    layouts = _Layouts(weight, window_of)
    name, numbers, variant = "none", list[float](), ""
    if step.activation is not None and _fuses(step.activation.op):
        found = step.activation.op.post_operation()
        summed = step.added is not None
        if writes_as(found[0], tuple(found[1]), found[2], weight.dtype, summed, op.groups > 1):
            (name, numbers, variant), activation = found, None
    precision, convolve = weight.dtype, torch.ops.mkldnn._convolution_pointwise
    last = torch.channels_last

    def operand(x: Tensor) -> Tensor:
        x = x.to(precision)
        return (x if pads is None else functional.pad(x, pads)).contiguous(memory_format=last)

    def run(values: Sequence[Tensor]) -> Tensor:
        x = operand(values[0])
        return cast("Tensor", convolve(x, layouts.weight_for(x), bias, *window_of, name, numbers, variant))

    def run_and_add(values: Sequence[Tensor]) -> Tensor:
        x, other = operand(values[0]), values[1].to(precision).contiguous(memory_format=last)
        after = ("add", 1.0, None if name == "none" else name, numbers, variant)
        return cast("Tensor", convolve.binary(x, other, layouts.weight_for(x), bias, *window_of, *after))

    written = run if step.added is None else run_and_add
    return written if activation is None else lambda values: activation([written(values)])


class _Layouts:
    """A convolution's weights as oneDNN's kernels read them.

    Which blocks it wants depends on the batch and on the number of threads. Weights in other blocks are correct too,
    but turned round at every call, which can take five times as long as the convolution itself.
    """

    MOST = 4

    def __init__(self, weight: Tensor, arguments: tuple[list[int], list[int], list[int], int]) -> None:
        self._plain, self._arguments = weight.contiguous(memory_format=torch.channels_last), arguments
        self._laid: dict[tuple[int, int], Tensor] = {}

    def weight_for(self, x_NCHW: Tensor) -> Tensor:
        """The weights for an operand; two threads that ask at once both lay them out, and either is kept."""
        key = x_NCHW.shape[0], torch.get_num_threads()
        found = self._laid.get(key)
        if found is None:
            if len(self._laid) >= self.MOST:
                return self._plain
            found = torch.ops.mkldnn._reorder_convolution_weight(self._plain, *self._arguments, list(x_NCHW.shape))
            self._laid[key] = found
        return found


def packs(weight: Tensor) -> bool:
    """Whether this torch has oneDNN's fused convolutions for a tensor's device and numbers."""
    known = weight.device.type == "cpu" and weight.dtype in (torch.float32, torch.bfloat16)
    if not known or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    if not hasattr(torch.ops.mkldnn, "_convolution_pointwise"):
        return False
    return weight.dtype == torch.float32 or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _other_run(node: Node, module: GraphModule, precision: torch.dtype, in_place: bool) -> Run:
    if node.op.traits.aliases in ("always", "evaluation") and node.shape == node.input_shapes[0]:
        return lambda values: values[0]
    if isinstance(node.op, ops.GlobalAvgPool):
        dimensions = tuple(range(2, 1 + len(node.input_shapes[0])))
        # A sum is kept as exact as it was computed: what reads it is small.
        return lambda values: values[0].to(_wide(values[0])).mean(dimensions, keepdim=True)
    compute = compute_of(node, in_place)
    part = NodeModule().eval()
    part.hold(node)
    # torch has not every operation on volumes in bfloat16.
    wide = node.op.traits.precise or len(node.input_shapes[0]) >= 4
    state = {k: v for k, v in module.get_submodule(node.path).state_dict().items() if "." not in k}
    device = next((value.device for value in state.values()), torch.device("cpu"))
    part = part.to(device, torch.promote_types(precision, torch.float32) if wide else precision)
    part.load_state_dict(state)
    if not wide:
        return lambda values: compute(part, values)

    def run(values: Sequence[Tensor]) -> Tensor:
        wide = [value.to(_wide(value)) for value in values]
        return compute(part, wide).to(values[0].dtype)

    return run


def _wide(value: Tensor) -> torch.dtype:
    return torch.promote_types(value.dtype, torch.float32)
