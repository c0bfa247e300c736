"""A graph whose edges are not those that its paths promise: a box a node in order, the longer edges at the side."""

from __future__ import annotations

from convscope.network.drawing.columns import Plan, input_picture
from convscope.network.drawing.layout import BESIDE, GAP, Box, Edge, Label, Words, run_picture, simplified
from convscope.network.drawing.structure import Run, every_node
from convscope.network.graph import Graph, Node

LANE = 10.0


def plain(graph: Graph, words: Words) -> Plan:
    """One column of single nodes; what is read later than by the next node flows through a lane at the right.

    Args:
        graph: any, the nodes in an order in which each reads only earlier ones.
        words: what is written.
    """
    aside = {node.path for head in graph.heads for node in head.nodes}
    nodes = every_node(graph)
    pictures = [input_picture(graph.input), *(run_picture(Run((node,)), words) for node in nodes)]
    left, right = max(p.left for p in pictures), max(p.right for p in pictures)
    boxes: dict[str, Box] = {}
    labels: list[Label] = []
    y = 0.0
    for picture in pictures:
        here = picture.moved(left, y)
        boxes[picture.end] = here.boxes[0]
        labels += here.labels
        y += picture.height + 2 * GAP
    order = {key: index for index, key in enumerate(boxes)}
    free: list[int] = []  # where each lane's last edge ends
    edges: list[Edge] = []
    for node in nodes:
        for source in dict.fromkeys(node.inputs):
            lane = None
            if order[source] + 1 < order[node.path]:
                lane = next((i for i, end in enumerate(free) if end <= order[source]), len(free))
                free[lane : lane + 1] = [order[node.path]]
            edges.append(
                _edge(boxes[source], node, boxes, None if lane is None else left + right + BESIDE + LANE * lane)
            )
    edges = [Edge(e.source, e.target, e.points, e.arrow, e.target in aside) for e in edges]
    wide = left + right + BESIDE + LANE * (len(free) + 1)
    return Plan(wide, y - 2 * GAP, tuple(boxes.values()), tuple(edges), (), tuple(labels))


def _edge(source: Box, node: Node, boxes: dict[str, Box], lane: float | None) -> Edge:
    target = boxes[node.path]
    axis, foot, top = source.x + source.width / 2, source.y + source.height, target.y
    way = [(axis, foot), (axis, top)]
    if lane is not None:
        way[1:1] = [(axis, foot + 4), (lane, foot + 4), (lane, top - GAP + 2), (axis, top - GAP + 2)]
    return Edge(source.key, target.key, simplified(way))
