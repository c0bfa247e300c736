"""What DATA may be: one module a format, and :func:`open_source`, which finds out which it is."""

from convscope.data.sources.recognise import TableColumns, open_source
from convscope.data.sources.source import ArraySource, FileSource, Source, TableSource

__all__ = ["ArraySource", "FileSource", "Source", "TableColumns", "TableSource", "open_source"]
