"""The graph in plain NumPy: the oracle of the engine."""
