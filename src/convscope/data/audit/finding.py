"""Something worth knowing about some files of a data set."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = {
    "unreadable": "files that are left out: damaged, empty, no pictures, refused",
    "leak": "pictures that are in two of training, validation and test",
    "contradiction": "the same picture under two labels",
    "duplicate": "the same picture more than once",
    "suspicious": "labels that are probably wrong",
    "blank": "pictures of one colour",
    "rare": "classes with very few pictures",
    "imbalance": "some classes have many times the pictures of others",
    "huge": "pictures of more than 50 megapixels, which take time and memory",
    "misnamed": "files whose ending says another format than they have",
    "turned": "photographs that lie on their side; they are set upright by their EXIF entry",
    "constant": "columns that hold one value in every row: nothing can be learnt from them",
    "unusual": "pictures that are brought to 8 bits and 1 or 3 channels: transparent, CMYK, 16 bits, animated",
    "grey": "grey pictures among colour pictures",
    "elongated": "pictures that are more than twice as long as wide, or the other way round",
    "tiny": "pictures smaller than 32 pixels a side among larger ones",
}
"""What may be found, the worst first, in words."""
PROBLEMS = frozenset({"unreadable", "leak", "contradiction", "duplicate", "suspicious", "blank", "rare", "imbalance"})
"""The kinds that should be looked at before training; the others are told so that nobody is surprised."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Args:
        kind: of :data:`KINDS`.
        files: the pictures that it concerns, by name; of copies all of them, the one that is kept first.
        detail: what exactly, for people.
        drop: those of the files that a cleaned list leaves out.
    """

    kind: str
    files: tuple[str, ...]
    detail: str = ""
    drop: tuple[str, ...] = ()
