"""The graph in torch."""
