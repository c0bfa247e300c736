"""The network as data: notation, tree, graph, shapes, costs. No torch, no numpy."""
