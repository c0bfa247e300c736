"""Normalisations, and a trained scale alone."""
