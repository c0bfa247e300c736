"""A file from a public address: checked, kept, gone on with where it broke off. Nothing is fetched unasked."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convscope.errors import UserError
from convscope.files import named_failures

Progress = Callable[[int, int | None], None]
"""Told (bytes there, bytes in all where the server says so)."""

CHUNK = 2**18
ATTEMPTS = 5
"""In a row without a single new byte, before it is given up."""
STALL = 20.0
"""Seconds without a byte after which a connection is given up."""
LEAST_RATE = 4096.0
"""Bytes a second, over :data:`SLOW_FOR` seconds, below which a connection is given up: a server that trickles."""
SLOW_FOR = 30.0
"""Seconds over which the rate is measured."""
WHOLE_AT = 32_768.0
"""Bytes a second at which the whole file must come, all attempts and pauses together; see :func:`deadline_of`."""
SHORTEST = 600.0
"""Seconds that any file is given."""
PAUSE = 0.5
"""Seconds before the second attempt; doubled with every further one, up to :data:`LONGEST_PAUSE`."""
LONGEST_PAUSE = 30.0


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirection, but never from an encrypted address to one that is not."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise UserError(req.full_url, f"it leads to {newurl}, which is not encrypted", "an https address")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Slow(Exception):  # noqa: N818  likewise
    """A connection that brings next to nothing."""


class _Lies(Exception):  # noqa: N818  it never leaves this module
    """What was received cannot be the file."""


def download(
    url: str,
    target: Path,
    sha256: str,
    largest: int,
    progress: Progress = lambda done, total: None,
    stall: float = STALL,
    pause: float = PAUSE,
    least_rate: float = LEAST_RATE,
    slow_for: float = SLOW_FOR,
    deadline: float | None = None,
) -> Path:
    """Fetch a file unless it is there already; what is there has the checksum.

    A transfer that breaks off goes on where it ended, in this call or in a later one: what has come is kept beside
    the target under its name with ``.part``.

    Args:
        url: http or https.
        target: the file to make.
        sha256: its checksum or the beginning of it, at least eight hexadecimal digits.
        largest: bytes beyond which it cannot be the file.
        progress: told how far it is.
        stall: seconds without a byte after which a connection is tried anew.
        pause: seconds before the second attempt; doubled with every further one that brought nothing.
        least_rate: bytes a second, over ``slow_for`` seconds, below which a connection is given up and tried anew.
        slow_for: seconds.
        deadline: seconds for all of it, pauses included; None: :func:`deadline_of` ``largest``.

    Returns:
        the target.

    Raises:
        UserError: the server cannot be reached, is too slow, gives another file, or the place cannot be written to.

    Example:
        >>> download("https://example.org/a.pth", Path("a.pth"), "0123abcd", 10**8)  # doctest: +SKIP
        PosixPath('a.pth')
    """
    if target.is_file() and _sha256(target).startswith(sha256):
        return target
    part = target.with_name(target.name + ".part")
    with named_failures(target, "writing"):
        part.parent.mkdir(parents=True, exist_ok=True)
    whole = deadline_of(largest) if deadline is None else deadline
    ends = time.monotonic() + whole
    fruitless, wrong, slow = 0, 0, 0
    while True:
        before = _size(part)
        try:
            _receive(url, part, largest, progress, _Pace(ends, whole, stall, least_rate, slow_for))
            if _sha256(part).startswith(sha256):
                with named_failures(target, "writing"):
                    os.replace(part, target)  # noqa: PTH105
                return target
            raise _Lies(f"its checksum is {_sha256(part)[: max(8, len(sha256))]}")
        except _Lies as error:
            part.unlink(missing_ok=True)
            wrong += 1
            # Once may be the rest of an older file, or a transfer that ended early unsaid; twice is another file.
            if wrong == 2:
                raise UserError(
                    url, f"this is not the file: {error}", f"sha256 {sha256}...", _by_hand(target)
                ) from None
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code not in (408, 416, 429):
                raise UserError(url, f"the server says {error.code} {error.reason}", hint=_by_hand(target)) from None
            if error.code == 416:  # what is there is no beginning of it
                part.unlink(missing_ok=True)
            fruitless = _again(fruitless, f"the server says {error.code} {error.reason}", url, target, pause, ends)
        except _Slow as error:
            # What trickled in is kept, but it is no progress that would make the attempts endless.
            slow += 1
            if slow == ATTEMPTS or time.monotonic() >= ends:
                raise UserError(url, f"it comes too slowly: {error}", "a faster connection", _by_hand(target)) from None
            _wait(slow - 1, pause, ends)
        except (OSError, http.client.HTTPException) as error:
            if _size(part) > before and time.monotonic() < ends:
                fruitless = 0
                _wait(0, pause, ends)
                continue
            said = getattr(error, "reason", None) or error
            fruitless = _again(fruitless, str(said) or type(error).__name__, url, target, pause, ends)


def deadline_of(largest: int) -> float:
    """Seconds in which a file of so many bytes must come.

    Example:
        >>> deadline_of(10**6), round(deadline_of(10**8))
        (600.0, 3052)
    """
    return max(SHORTEST, largest / WHOLE_AT)


@dataclass
class _Pace:
    """How fast one connection must be.

    Args:
        ends: when all of the download must have ended, on the monotonic clock.
        whole: the seconds that it had, for the message.
        stall: seconds without a byte.
        least_rate, slow_for: bytes a second over so many seconds.
    """

    ends: float
    whole: float
    stall: float
    least_rate: float
    slow_for: float

    def __post_init__(self) -> None:
        self.since, self.got = time.monotonic(), 0

    @property
    def timeout(self) -> float:
        """Seconds that the next byte may take."""
        return max(0.05, min(self.stall, self.ends - time.monotonic()))

    def came(self, count: int) -> None:
        """So many bytes came.

        Raises:
            _Slow: too few by now.
        """
        now = time.monotonic()
        self.got += count
        if now >= self.ends:
            raise _Slow(f"not whole after {self.whole:,.0f} s")
        if now - self.since >= self.slow_for:
            rate = self.got / (now - self.since)
            if rate < self.least_rate:
                raise _Slow(f"{rate:,.0f} bytes a second")
            self.since, self.got = now, 0


def _wait(times: int, pause: float, ends: float) -> None:
    time.sleep(max(0.0, min(pause * 2**times, LONGEST_PAUSE, ends - time.monotonic())))


def _again(fruitless: int, said: str, url: str, target: Path, pause: float, ends: float) -> int:
    if fruitless + 1 >= ATTEMPTS or time.monotonic() >= ends:
        raise UserError(url, f"it cannot be fetched: {said}", "a connection to this address", _by_hand(target))
    _wait(fruitless, pause, ends)
    return fruitless + 1


def _by_hand(target: Path) -> str:
    return f"try again later, what has come is kept; or fetch it by hand, as {target}"


def _receive(url: str, part: Path, largest: int, progress: Progress, pace: _Pace) -> None:
    """Add what is missing to the part; returns where the server has no more."""
    have = _size(part)
    request = urllib.request.Request(url, headers={"User-Agent": "convscope", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    opener = urllib.request.build_opener(_Redirects)
    with opener.open(request, timeout=pace.timeout) as answer:
        resumed = answer.status == 206 and _begins_at(answer.headers.get("Content-Range", "")) == have
        if answer.status == 206 and not resumed:
            raise _Lies("the server goes on at another place than asked")
        if not resumed:
            have = 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length is not None and length.isdigit() else None
        if total is not None and total > largest:
            raise _Lies(f"{total:,} bytes, at most {largest:,} are expected")
        opened = None
        with named_failures(part, "writing"):
            opened = part.open("ab" if resumed else "wb")
        with opened:
            progress(have, total)
            while chunk := answer.read1(CHUNK):
                have += len(chunk)
                if have > largest:
                    raise _Lies(f"more than {largest:,} bytes")
                with named_failures(part, "writing"):
                    opened.write(chunk)
                progress(have, total)
                pace.came(len(chunk))
            with named_failures(part, "writing"):
                opened.flush()
        if total is not None and have < total:
            raise http.client.IncompleteRead(b"", total - have)


def _begins_at(content_range: str) -> int:
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", content_range)
    return int(match[1]) if match else -1


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
