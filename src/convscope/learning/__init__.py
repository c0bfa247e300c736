"""Training as a generator of events, checkpoints, evaluation."""
