"""Merges: where branches come together again."""
