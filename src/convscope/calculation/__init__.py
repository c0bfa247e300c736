"""One operation worked by hand on typed numbers."""
