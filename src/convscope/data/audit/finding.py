"""Something worth knowing about some files of a data set."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = {
    "unreadable": "skipped: damaged, empty, not what was expected, refused",
    "leak": "{many} that are in two of the training, validation and test sets",
    "contradiction": "the same {one} with two different labels",
    "duplicate": "the same {one} more than once",
    "suspicious": "labels that are probably wrong",
    "blank": "pictures of one colour",
    "rare": "classes with very few {many}",
    "imbalance": "some classes have many times the {many} of others",
    "huge": "pictures of more than 50 megapixels, which take time and memory",
    "misnamed": "files whose extension does not match their format",
    "turned": "photographs stored on their side; they are rotated upright as their EXIF entry says",
    "constant": "columns with the same value in every row: nothing can be learnt from them",
    "unusual": "pictures that are converted to 8 bits and 1 or 3 channels: transparent, CMYK, 16 bits, animated",
    "grey": "greyscale pictures among colour pictures",
    "elongated": "pictures that are more than twice as long as wide, or the other way round",
    "tiny": "pictures smaller than 32 pixels a side among larger ones",
}
"""What may be found, the worst first, in words; ``{one}`` and ``{many}`` are what inputs are called."""
PROBLEMS = frozenset({"unreadable", "leak", "contradiction", "duplicate", "suspicious", "blank", "rare", "imbalance"})
"""The kinds that should be looked at before training; the others are reported so that nobody is surprised."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Args:
        kind: of :data:`KINDS`.
        files: the inputs that it concerns, by name; of copies all of them, the one that is kept first.
        detail: what exactly, for people.
        drop: those of the files that a cleaned list leaves out.
    """

    kind: str
    files: tuple[str, ...]
    detail: str = ""
    drop: tuple[str, ...] = ()
