"""What operations compute: the NumPy reference and the torch module made from a graph."""
