"""Class folders: ``cats/1.jpg``, or ``train/cats/1.jpg`` and ``test/cats/2.jpg``."""

from __future__ import annotations

import posixpath
from collections import Counter

from convscope.data.content import HEAD, PICTURE_SUFFIXES, recognise
from convscope.data.dataset import Skipped
from convscope.data.sources.place import Listing, Member, Opener, listed, printable
from convscope.data.sources.source import SPLIT_WORDS, FileRow, FileSource, from_files
from convscope.errors import UserError


def open_class_folders(listing: Listing) -> FileSource:
    """Read the folders of a listing as classes; folders inside a class folder belong to the class.

    Files that are no pictures are named in ``skipped``, and so is a class folder without pictures.

    Raises:
        UserError: two folders name the same split (``val`` and ``valid``).
    """
    splits = split_folders(listing)
    depth = 2 if splits else 1
    rows: list[FileRow] = []
    skipped = list(listing.skipped)
    beside: Counter[str] = Counter()
    folders: Counter[str] = Counter()
    with listing.place.opening() as opener:
        for member in listing.members:
            relative = listing.relative(member)
            parts = relative.split("/")
            name = printable(relative)
            if splits and len(parts) > 1 and parts[0] not in splits:
                beside[parts[0]] += 1
            elif len(parts) <= depth:
                skipped.append(Skipped(name, "not in a class folder"))
            else:
                good, reason = is_picture(member, opener)
                folders["/".join(parts[:depth])] += good
                if good:
                    rows.append(FileRow(member, name, printable(parts[depth - 1]), splits.get(parts[0], "")))
                else:
                    skipped.append(Skipped(name, reason))
    for folder, count in beside.items():
        reason = f"a folder beside {', '.join(splits)} that is none of them; its {count:,} files are left out"
        skipped.append(Skipped(printable(folder), reason))
    empty = [folder for folder, count in folders.items() if not count]
    skipped += [Skipped(printable(folder), "a class folder without a picture") for folder in empty]
    return from_files(listing.place.name, listing.where, listing.place, rows, skipped)


def with_unreadable(listing: Listing, source: FileSource, skip: bool) -> FileSource:
    """The source, if no class vanished from it because its folder cannot be read, or that is permitted.

    Args:
        listing: of the class folders.
        source: what they hold.
        skip: leave out classes whose folder cannot be read; they are named in ``skipped``.

    Raises:
        UserError: names such folders.
    """
    splits = split_folders(listing)
    depth = 2 if splits else 1
    start = listing.base.count("/")
    read = {tuple(member.name.split("/")[start : start + depth]) for member in source.members}
    lost: dict[str, str] = {}
    for name, why in listing.unreadable:
        parts = name[len(listing.base) :].split("/")
        if len(parts) < depth and parts[0].casefold() in SPLIT_WORDS:
            lost.setdefault(parts[0], why)
        elif (not splits or parts[0] in splits) and len(parts) >= depth and tuple(parts[:depth]) not in read:
            lost.setdefault("/".join(parts[:depth]), why)
    if lost and not skip:
        first = next(iter(lost))
        names = listed([printable(name) for name in lost])
        got = f"{'class folders' if len(lost) > 1 else 'a class folder'} cannot be read: {names} ({lost[first]})"
        hint = "--skip-unreadable (in Python skip_unreadable=True) leaves such classes out"
        raise UserError(listing.where, got, "permission to read every class", hint)
    return source


def split_folders(listing: Listing) -> dict[str, str]:
    """The top folders that name splits, e.g. ``{"Training": "train"}``; empty where the folders are classes.

    They name splits if ``train`` is among them or there are no others (a class may be called ``test``), and if
    there are folders inside them.

    Raises:
        UserError: two folders name the same split.
    """
    tops: dict[str, bool] = {}
    for member in listing.members:
        parts = listing.relative(member).split("/", 2)
        if len(parts) > 1:
            tops[parts[0]] = tops.get(parts[0], False) or len(parts) > 2
    splits = {top: SPLIT_WORDS[top.casefold()] for top in tops if top.casefold() in SPLIT_WORDS}
    if not any(tops[top] for top in splits) or not ("train" in splits.values() or len(splits) == len(tops)):
        return {}
    for split, count in Counter(splits.values()).items():
        if count > 1:
            twice = " and ".join(top for top, name in splits.items() if name == split)
            raise UserError(listing.where, f"{twice} both name the {split} pictures", "one folder", "rename one")
    return splits


def is_picture(member: Member, opener: Opener) -> tuple[bool, str]:
    """Whether a file may be a picture, else what it is; looks inside only where the ending does not say."""
    if posixpath.splitext(member.name)[1].lower() in PICTURE_SUFFIXES:
        return True, ""
    try:
        with opener(member) as file:
            content = recognise(file.read(HEAD))
    except Exception as error:
        # A damaged archive refuses its members in many ways; one member must not end the run.
        return False, f"cannot be read: {getattr(error, 'strerror', None) or error}".lower()
    return bool(content.format), content.refusal
