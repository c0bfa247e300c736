"""Training from trained weights."""
