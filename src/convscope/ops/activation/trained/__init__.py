"""Activations with trained numbers."""
