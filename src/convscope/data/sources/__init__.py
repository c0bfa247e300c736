"""What DATA may be: one module a format, and :func:`open_source`, which finds out which it is."""

from convscope.data.sources.recognise import open_source
from convscope.data.sources.source import ArraySource, FileSource, Source

__all__ = ["ArraySource", "FileSource", "Source", "open_source"]
