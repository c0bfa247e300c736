"""Activations that bend by an exponential where ReLU has its kink."""
