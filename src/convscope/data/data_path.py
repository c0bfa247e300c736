"""DATA as a person names it, with what they permit: a path that carries its permissions to wherever it is read."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class DataPath(os.PathLike[str]):
    """A path of labelled data; used like any other path, and like one without permissions where it has none.

    Args:
        path: as it was written.
        allow_outside: a table may name files outside of its own folder.
        skip_unreadable: class folders that cannot be read are left out.

    Example:
        >>> os.fspath(DataPath("photos.csv", allow_outside=True))
        'photos.csv'
    """

    path: str
    allow_outside: bool = False
    skip_unreadable: bool = False

    def __fspath__(self) -> str:
        return self.path

    def __str__(self) -> str:
        return self.path

    @classmethod
    def of(cls, data: str | os.PathLike[str], allow_outside: bool = False, skip_unreadable: bool = False) -> DataPath:
        """A path with what is permitted beside what it permits already."""
        known = data if isinstance(data, cls) else cls(os.fspath(data))
        outside, unreadable = known.allow_outside or allow_outside, known.skip_unreadable or skip_unreadable
        return cls(known.path, outside, unreadable)

    def at(self, path: str) -> DataPath:
        """Another path with the same permissions."""
        return replace(self, path=path)
