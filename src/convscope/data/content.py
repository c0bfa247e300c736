"""What a file is, told from its first bytes: names lie, and a text renamed to .jpg should be called a text."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: As many first bytes as :func:`recognise` looks at.
HEAD = 512
#: A file of more bytes is not read.
MAX_BYTES = 1 << 30

#: Endings that promise a picture; a file with another ending is looked into before it is called one.
PICTURE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".gif", ".bmp", ".dib", ".webp"),
        *(".tif", ".tiff", ".avif", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".qoi", ".ico"),
    }
)


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Args:
        what: for people, e.g. ``"a PDF"``.
        format: Pillow's name of the format where it is a picture that can be decoded, else ``""``.
    """

    what: str
    format: str = ""

    @property
    def refusal(self) -> str:
        """Why this is no picture that can be decoded, for people."""
        mend = "; save it as JPEG or PNG" if self.what in _CONVERTIBLE else ""
        return f"not a picture that can be decoded but {self.what}{mend}" if mend else f"not a picture but {self.what}"


_CONVERTIBLE = frozenset({"a HEIC photograph", "an SVG drawing", "a Photoshop document", "PostScript"})
_PICTURES = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
    (re.compile(rb"BM.{4}.{4}.{4}[\x0c-\x7c]\x00\x00\x00", re.DOTALL), "BMP"),
    (re.compile(rb"II[*+]\x00|MM\x00[*+]"), "TIFF"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "WEBP"),
    (re.compile(rb".{4}ftyp(avif|avis)", re.DOTALL), "AVIF"),
    (re.compile(rb"\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51"), "JPEG2000"),
    (re.compile(rb"P[1-6][\s#]"), "PPM"),
    (re.compile(rb"qoif"), "QOI"),
    (re.compile(rb"\x00\x00\x01\x00[^\x00]\x00"), "ICO"),
)

_OTHERS = (
    (re.compile(rb".{4}ftyp(heic|heix|heim|heis|hevc|mif1|msf1)", re.DOTALL), "a HEIC photograph"),
    (re.compile(rb".{4}ftyp", re.DOTALL), "a video"),
    (re.compile(rb"\x1aE\xdf\xa3|RIFF.{4}AVI ", re.DOTALL), "a video"),
    (re.compile(rb"RIFF.{4}WAVE|ID3|OggS|fLaC", re.DOTALL), "a sound"),
    (re.compile(rb"%PDF"), "a PDF"),
    (re.compile(rb"%!PS"), "PostScript"),
    (re.compile(rb"8BPS"), "a Photoshop document"),
    (re.compile(rb"PK(\x03\x04|\x05\x06)"), "a zip archive"),
    (re.compile(rb"\x1f\x8b|7z\xbc\xaf|Rar!|BZh|\xfd7zXZ"), "compressed data"),
    (re.compile(rb"\x93NUMPY"), "a NumPy array"),
    (re.compile(rb"\x80[\x02-\x05][}\]c(\x8c\x95]"), "a pickle"),
    (re.compile(rb"\x7fELF|MZ"), "a program"),
    (re.compile(rb"PAR1"), "a Parquet table"),
    (re.compile(rb"SQLite format 3"), "a database"),
    (re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?(<!DOCTYPE svg[^>]*>\s*)?<svg", re.DOTALL), "an SVG drawing"),
    (re.compile(rb"\s*<(!doctype html|html)", re.IGNORECASE), "a web page"),
    (re.compile(rb"version https://git-lfs"), "a Git LFS pointer, not the file itself"),
)


def recognise(head: bytes) -> Content:
    """Say what a file is by its first :data:`HEAD` bytes; never raises.

    Example:
        >>> recognise(b"%PDF-1.7 ...").what
        'a PDF'
        >>> recognise(b"GIF89a" + bytes(20)).format
        'GIF'
    """
    if not head:
        return Content("an empty file")
    for pattern, name in _PICTURES:
        if pattern.match(head):
            return Content(f"a {name} picture", name)
    for pattern, what in _OTHERS:
        if pattern.match(head):
            return Content(what)
    if not any(head):
        return Content("zeros alone")
    return Content("text") if _is_text(head) else Content("data of no kind known here")


def _is_text(head: bytes) -> bool:
    if b"\x00" in head:
        return head.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The cut at HEAD may go through a character.
        return error.start > len(head) - 4 and len(head) >= HEAD
    return not re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", head)
