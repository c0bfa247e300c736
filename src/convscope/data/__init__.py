"""Labelled pictures: sources, splits, cache, augmentation."""
