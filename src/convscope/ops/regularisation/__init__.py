"""What acts in training alone."""
