"""A graph as a ``torch.nn.Module``: the engine that trains it and runs it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from torch import Tensor

from convscope.engine.initialise import initialise
from convscope.engine.module_operations import AnyNameModule, NodeModule, compute_of
from convscope.errors import UserError
from convscope.network.graph import INPUT, Graph, Node
from convscope.network.plan import needed_input, plan, scores_path
from convscope.ops import spell_shape
from convscope.ops.tensors import Compute


@dataclass(frozen=True)
class _Action:
    """A step of the plan bound to its tensors."""

    part: NodeModule
    compute: Compute
    reads: tuple[str, ...]
    writes: str
    frees: tuple[str, ...]


class GraphModule(AnyNameModule):
    """A network that torch can train. Its ``state_dict`` is named by the graph: ``path.weight``, ``path.bias``,
    ``path.running_mean``, ``path.running_var``.

    All tensors are zero until a state is loaded; :func:`to_module` starts from drawn ones. A batch of a single
    value a channel makes batch normalisation use its running statistics, in training too.

    Args:
        graph: the network, in at most three spatial dimensions.
        head: what ``forward`` returns: the last node's ``"output"``, or the ``"scores"`` before a last softmax,
            which training needs and which ``torch.compile`` and data parallelism only reach through ``forward``.

    Example:
        >>> import torch
        >>> from convscope.ops import Linear
        >>> node = Node("linear1", Linear(2), ("input",), ((3,),), (2,))
        >>> module = GraphModule(Graph((3,), (node,)))
        >>> list(module.state_dict()), module(torch.ones(1, 3))
        (['linear1.weight', 'linear1.bias'], tensor([[0., 0.]], grad_fn=<AddmmBackward0>))
    """

    def __init__(self, graph: Graph, head: str = "output") -> None:
        super().__init__()
        if head not in ("output", "scores"):
            raise ValueError(f"head={head!r} is neither 'output' nor 'scores'")
        self.graph = graph
        self._output, self._scores = graph.output.path, scores_path(graph)
        self._head = self._output if head == "output" else self._scores
        self._parts: dict[str, NodeModule] = {}
        for node in graph.nodes:
            self._parts[node.path] = self._place(node)
        # Made once, since every step of training runs one of them.
        self._actions = {path: self._bind([path]) for path in (self._output, self._scores)}
        self._heads = tuple(head.output.path for head in graph.heads if head.output.path in graph.by_path)
        self._trained = self._bind([self._scores, *self._heads]) if self._heads else ()
        self._read = {path: needed_input(graph, [path]) for path in (self._output, self._scores)}

    def forward(self, x_N_shape: Tensor) -> Tensor:
        """The network's output ``(N, *graph.output.shape)`` for a batch ``(N, *graph.input)``, or its scores."""
        return self._run_head(x_N_shape, self._head)

    def scores(self, x_N_shape: Tensor) -> Tensor:
        """The output before a last softmax, ``(N, *shape)``: what cross entropy takes. Without one, the output."""
        return self._run_head(x_N_shape, self._scores)

    def scores_and_heads(self, x_N_shape: Tensor) -> list[Tensor]:
        """The scores, and behind them those of the auxiliary heads; none of a graph that leaves the heads out."""
        if not self._heads:
            return [self.scores(x_N_shape)]
        self._check(x_N_shape)
        values = self._run(x_N_shape, self._trained)
        return [values[path] for path in (self._scores, *self._heads)]

    def forward_all(self, x_N_shape: Tensor, paths: Collection[str] | None = None) -> dict[str, Tensor]:
        """Nodes' outputs by path, each ``(N, *node.shape)``.

        Args:
            x_N_shape: a batch ``(N, *graph.input)``.
            paths: the nodes that are asked for, all if None; nothing that they do not need is computed.

        Raises:
            UserError: a path that the graph does not have.
        """
        wanted = [node.path for node in self.graph.nodes] if paths is None else list(paths)
        self._check(x_N_shape)
        values = self._run(x_N_shape, self._bind(wanted))
        return {path: values[path] for path in wanted}

    def share(self, other: GraphModule) -> None:
        """Take the very tensors of a module of the same nodes, so that both are trained as one."""
        for path, part in self._parts.items():
            part._parameters.update(other._parts[path]._parameters)
            part._buffers.update(other._parts[path]._buffers)

    def _place(self, node: Node) -> NodeModule:
        """The part of a node, in its place among the nested ones, with its tensors registered."""
        place: AnyNameModule = self
        for name in node.path.split("."):
            place = place.child(name)
        assert isinstance(place, NodeModule)
        place.hold(node)
        return place

    def _bind(self, wanted: Collection[str]) -> tuple[_Action, ...]:
        return tuple(
            _Action(self._parts[s.node.path], compute_of(s.node, s.in_place, s.role), s.reads, s.writes, s.frees)
            for s in plan(self.graph, wanted)
        )

    def _run_head(self, x_N_shape: Tensor, path: str) -> Tensor:
        self._check(x_N_shape)
        for dimension, extent in enumerate(self._read[path], start=2):
            x_N_shape = x_N_shape.narrow(dimension, 0, extent)
        return self._run(x_N_shape, self._actions[path])[path]

    def _check(self, x_N_shape: Tensor) -> None:
        if tuple(x_N_shape.shape[1:]) != self.graph.input:
            got = spell_shape(tuple(x_N_shape.shape[1:]))
            raise UserError("input", f"examples of shape {got}", spell_shape(self.graph.input))

    def _run(self, x_N_shape: Tensor, actions: tuple[_Action, ...]) -> dict[str, Tensor]:
        values = {INPUT: x_N_shape}
        for action in actions:
            # The operands are named nowhere but in this call, so that freeing them below is freeing them.
            values[action.writes] = action.compute(action.part, [values[path] for path in action.reads])
            for path in action.frees:
                del values[path]
        return values


def to_module(graph: Graph, scheme: str = "default", seed: int = 0, head: str = "output") -> GraphModule:
    """A network with freshly drawn weights.

    Args:
        graph: the network.
        scheme: of initialisation; see :func:`convscope.engine.initialise.initialise`.
        seed: of the draw; the global generator is neither read nor moved.
        head: ``"output"`` or ``"scores"``; see :class:`GraphModule`.

    Raises:
        UserError: an unknown scheme, or an operation in more dimensions than torch has.

    Example:
        >>> import torch
        >>> from convscope.ops import Linear
        >>> node = Node("linear1", Linear(2), ("input",), ((3,),), (2,))
        >>> to_module(Graph((3,), (node,)))(torch.ones(5, 3)).shape
        torch.Size([5, 2])
    """
    module = GraphModule(graph, head)
    load_state(module, initialise(graph, scheme, seed))
    return module


def load_state(module: GraphModule, state: Mapping[str, Tensor]) -> None:
    """Copy a state into a module; every name must be there and no other.

    Raises:
        RuntimeError: names or shapes differ.
    """
    module.load_state_dict(dict(state), strict=True)
