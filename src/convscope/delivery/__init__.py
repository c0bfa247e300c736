"""What leaves: the model folder."""
