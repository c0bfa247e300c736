"""Pooling: sliding, adaptive and global."""
