"""What a network costs as a notebook shows it: its drawing, and its table below."""

from __future__ import annotations

from convscope.network.costs import Costs, costs_of
from convscope.network.graph import Graph
from convscope.network.memory import Optimizer
from convscope.network.operation_memory import Dtype


class Summary(Costs):
    """The costs of a network; a notebook shows them as a drawing and a table."""

    def _repr_html_(self) -> str:
        from convscope.network.drawing import beside_table  # no one else pays for it

        return beside_table(self)


def summarise(
    graph: Graph, batch: int | None = None, dtype: Dtype = "float32", optimizer: Optimizer = "adamw"
) -> Summary:
    """The costs of a graph, to be shown; with ``batch``, the memory of a batch of so many.

    Args:
        graph: any.
        batch: how many examples at once; None: memory is not asked for.
        dtype: of the activations.
        optimizer: whose moments training keeps.

    Example:
        >>> from convscope.network.network import Network
        >>> summarise(Network.parse("input 1x8x8\\nconv 4 3x3 > flatten > linear 10").graph()).macs
        2736
    """
    return Summary(**vars(costs_of(graph, batch, dtype, optimizer)))
