"""Downloads from a server that truncates, stalls, redirects and lies."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from convscope.errors import UserError
from convscope.model.download import ATTEMPTS, download

WHOLE = np.random.default_rng(0).bytes(1_000_000)
DIGEST = hashlib.sha256(WHOLE).hexdigest()
Behave = Callable[[BaseHTTPRequestHandler, int], None]


def _range(handler: BaseHTTPRequestHandler) -> int:
    asked = handler.headers.get("Range", "bytes=0-")
    return int(asked.removeprefix("bytes=").removesuffix("-"))


def _answer(handler: BaseHTTPRequestHandler, body: bytes, length: int | None = None, start: int = 0) -> None:
    handler.send_response(206 if start else 200)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(WHOLE) - 1}/{len(WHOLE)}")
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Serves what ``behave`` does; counts the requests."""

    behave: Behave
    asked: list[int]
    released: threading.Event


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(_range(self))
        self.server.behave(self, len(self.server.asked))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server(("127.0.0.1", 0), _Handler)
    found.asked, found.released = [], threading.Event()
    thread = threading.Thread(target=found.serve_forever, daemon=True)
    thread.start()
    yield found
    found.released.set()
    found.shutdown()
    found.server_close()


def fetch(server: Server, target: Path, digest: str = DIGEST[:8], **options: float) -> Path:
    address = f"http://127.0.0.1:{server.server_port}/weights.pth"
    return download(address, target, digest, 2_000_000, **{"stall": 60.0, "pause": 0.0, **options})


def test_a_file_is_fetched_once(server: Server, tmp_path: Path) -> None:
    server.behave = lambda handler, _: _answer(handler, WHOLE)
    told: list[tuple[int, int | None]] = []
    target = tmp_path / "deep" / "weights.pth"
    address = f"http://127.0.0.1:{server.server_port}/weights.pth"
    download(address, target, DIGEST, 2_000_000, lambda done, total: told.append((done, total)))
    assert target.read_bytes() == WHOLE
    assert told[0] == (0, len(WHOLE))
    assert told[-1] == (len(WHOLE), len(WHOLE))
    fetch(server, target)
    assert server.asked == [0]
    assert [file.name for file in target.parent.iterdir()] == ["weights.pth"]


def test_a_transfer_that_breaks_off_goes_on(server: Server, tmp_path: Path) -> None:
    def truncate(handler: BaseHTTPRequestHandler, number: int) -> None:
        start = _range(handler)
        _answer(handler, WHOLE[start : start + 300_000], len(WHOLE) - start, start)

    server.behave = truncate
    assert fetch(server, tmp_path / "w").read_bytes() == WHOLE
    assert server.asked == [0, 300_000, 600_000, 900_000]


def test_a_server_that_knows_no_ranges_begins_anew(server: Server, tmp_path: Path) -> None:
    def whole(handler: BaseHTTPRequestHandler, number: int) -> None:
        _answer(handler, WHOLE[:400_000] if number == 1 else WHOLE, len(WHOLE))

    server.behave = whole
    assert fetch(server, tmp_path / "w").read_bytes() == WHOLE
    assert server.asked == [0, 400_000]


def test_a_stall_is_not_waited_for(server: Server, tmp_path: Path) -> None:
    def stall(handler: BaseHTTPRequestHandler, number: int) -> None:
        start = _range(handler)
        if number == 1:
            _answer(handler, WHOLE[:1000], len(WHOLE))
            handler.wfile.flush()
            server.released.wait(60)
        else:
            _answer(handler, WHOLE[start:], None, start)

    server.behave = stall
    assert fetch(server, tmp_path / "w", stall=1.0).read_bytes() == WHOLE
    assert server.asked == [0, 1000]


def test_what_came_is_kept_for_a_later_call(server: Server, tmp_path: Path) -> None:
    def nothing_more(handler: BaseHTTPRequestHandler, number: int) -> None:
        start = _range(handler)
        _answer(handler, WHOLE[start : start or 250_000], len(WHOLE) - start, start)

    server.behave = nothing_more
    with pytest.raises(UserError, match="it cannot be fetched") as told:
        fetch(server, tmp_path / "w")
    assert "what has come is kept" in told.value.hint
    assert len(server.asked) == 1 + ATTEMPTS
    assert not (tmp_path / "w").exists()
    server.asked.clear()
    server.behave = lambda handler, _: _answer(handler, WHOLE[_range(handler) :], None, _range(handler))
    assert fetch(server, tmp_path / "w").read_bytes() == WHOLE
    assert server.asked == [250_000]


def test_another_file_is_refused(server: Server, tmp_path: Path) -> None:
    server.behave = lambda handler, _: _answer(handler, b"<html>log in to this network</html>")
    with pytest.raises(UserError, match=r"this is not the file: its checksum is") as told:
        fetch(server, tmp_path / "w")
    assert DIGEST[:8] in told.value.expected
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stated", [True, False])
def test_a_file_without_end_is_not_received(server: Server, tmp_path: Path, stated: bool) -> None:
    def endless(handler: BaseHTTPRequestHandler, number: int) -> None:
        handler.send_response(200)
        if stated:
            handler.send_header("Content-Length", str(10**12))
        handler.end_headers()
        try:
            for _ in range(100):
                handler.wfile.write(bytes(100_000))
        except OSError:
            pass

    server.behave = endless
    with pytest.raises(UserError, match="2,000,000"):
        fetch(server, tmp_path / "w")
    assert list(tmp_path.iterdir()) == []


def test_an_older_beginning_is_thrown_away(server: Server, tmp_path: Path) -> None:
    (tmp_path / "w.part").write_bytes(b"of another version" * 1000)
    server.behave = lambda handler, _: _answer(handler, WHOLE[_range(handler) :], None, _range(handler))
    assert fetch(server, tmp_path / "w").read_bytes() == WHOLE
    assert server.asked == [18_000, 0]


def test_a_damaged_file_in_the_cache_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(WHOLE[:-1] + b"?")
    server.behave = lambda handler, _: _answer(handler, WHOLE)
    assert fetch(server, tmp_path / "w").read_bytes() == WHOLE


def test_a_range_that_lies_is_noticed(server: Server, tmp_path: Path) -> None:
    def elsewhere(handler: BaseHTTPRequestHandler, number: int) -> None:
        if number == 1:
            _answer(handler, WHOLE[:100_000], len(WHOLE))
        elif number == 2:
            _answer(handler, WHOLE[50_000:], None, 50_000)
        else:
            _answer(handler, WHOLE)

    server.behave = elsewhere
    assert fetch(server, tmp_path / "w").read_bytes() == WHOLE
    assert server.asked == [0, 100_000, 0]


def test_redirections_are_followed_and_end(server: Server, tmp_path: Path) -> None:
    def around(handler: BaseHTTPRequestHandler, number: int) -> None:
        if handler.path == "/weights.pth" or server.asked[0] is None:
            handler.send_response(302)
            handler.send_header("Location", "/elsewhere")
            handler.end_headers()
        elif handler.path == "/elsewhere":
            _answer(handler, WHOLE)

    server.behave = around
    assert fetch(server, tmp_path / "w").read_bytes() == WHOLE

    def circle(handler: BaseHTTPRequestHandler, number: int) -> None:
        handler.send_response(302)
        handler.send_header("Location", "/weights.pth")
        handler.end_headers()

    server.behave = circle
    with pytest.raises(UserError, match="302"):
        fetch(server, tmp_path / "v")


@pytest.mark.parametrize(("code", "times"), [(404, 1), (403, 1), (503, ATTEMPTS)])
def test_refusals(server: Server, tmp_path: Path, code: int, times: int) -> None:
    def refuse(handler: BaseHTTPRequestHandler, number: int) -> None:
        handler.send_error(code)

    server.behave = refuse
    with pytest.raises(UserError, match=f"the server says {code}") as told:
        fetch(server, tmp_path / "w")
    assert "fetch it by hand" in told.value.hint
    assert len(server.asked) == times


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be fetched"):
        download("http://127.0.0.1:9/w", tmp_path / "w", DIGEST, 10, pause=0.0)


def test_a_place_that_cannot_be_written_to(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    server.behave = lambda handler, _: _answer(handler, WHOLE)
    with pytest.raises(UserError, match="writing failed"):
        fetch(server, tmp_path / "file" / "w")


def _trickle(size: int, every: float) -> Behave:
    """A few bytes at a time, for ever as far as the test goes."""

    def behave(handler: BaseHTTPRequestHandler, number: int) -> None:
        start = _range(handler)
        _answer(handler, b"", len(WHOLE) - start, start)
        for at in range(start, len(WHOLE), size):
            try:
                handler.wfile.write(WHOLE[at : at + size])
                handler.wfile.flush()
            except OSError:
                return
            if handler.server.released.wait(every):  # type: ignore[attr-defined]
                return

    return behave


def test_a_server_that_trickles_is_given_up(server: Server, tmp_path: Path) -> None:
    server.behave = _trickle(10, 0.02)
    with pytest.raises(UserError, match=r"it comes too slowly: [\d,]+ bytes a second") as told:
        fetch(server, tmp_path / "w", least_rate=100_000.0, slow_for=0.2)
    assert len(server.asked) == ATTEMPTS
    assert "what has come is kept" in told.value.hint
    assert server.asked == sorted(set(server.asked))  # each attempt goes on where the last one ended
    assert (tmp_path / "w.part").stat().st_size > 0


def test_a_slow_connection_may_be_followed_by_a_fast_one(server: Server, tmp_path: Path) -> None:
    def behave(handler: BaseHTTPRequestHandler, number: int) -> None:
        if number == 1:
            _trickle(10, 0.02)(handler, number)
        else:
            _answer(handler, WHOLE[_range(handler) :], None, _range(handler))

    server.behave = behave
    assert fetch(server, tmp_path / "w", least_rate=100_000.0, slow_for=0.2).read_bytes() == WHOLE
    assert len(server.asked) == 2


def test_all_of_it_has_a_deadline(server: Server, tmp_path: Path) -> None:
    """Fast enough for the rate, or a little at every attempt: it ends all the same."""
    server.behave = _trickle(10, 0.02)
    with pytest.raises(UserError, match="not whole after 1 s"):
        fetch(server, tmp_path / "w", least_rate=1.0, deadline=1.0)

    def a_little(handler: BaseHTTPRequestHandler, number: int) -> None:
        start = _range(handler)
        _answer(handler, WHOLE[start : start + 1], len(WHOLE) - start, start)

    server.behave = a_little
    with pytest.raises(UserError, match=r"it cannot be fetched|not whole after 1 s"):
        fetch(server, tmp_path / "v", deadline=1.0, pause=0.05)
    assert (tmp_path / "v.part").stat().st_size > 1


def test_it_waits_longer_before_every_further_attempt(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("convscope.model.download.time.sleep", waited.append)
    server.behave = lambda handler, _: handler.send_error(503)
    with pytest.raises(UserError, match="503"):
        fetch(server, tmp_path / "w", pause=0.5)
    assert waited == [0.5, 1.0, 2.0, 4.0]
    # One that brought something is followed by a wait as well: no server is asked a thousand times a second.
    waited.clear()

    def truncate(handler: BaseHTTPRequestHandler, number: int) -> None:
        start = _range(handler)
        _answer(handler, WHOLE[start : start + 400_000], len(WHOLE) - start, start)

    server.behave = truncate
    fetch(server, tmp_path / "v", pause=0.5)
    assert waited == [0.5, 0.5]
    # No wait is longer than half a minute, or than what is left.
    waited.clear()
    server.behave = lambda handler, _: handler.send_error(503)
    with pytest.raises(UserError, match="503"):
        fetch(server, tmp_path / "u", pause=20.0, deadline=35.0)
    assert waited == pytest.approx([20.0, 30.0, 30.0, 30.0], abs=1.0)


@pytest.mark.parametrize("stated", [10, 400_000, 999_999, 1_000_001])
def test_a_length_that_lies_gives_the_file_or_a_message(server: Server, tmp_path: Path, stated: int) -> None:
    server.behave = lambda handler, _: _answer(handler, WHOLE[_range(handler) :], stated, _range(handler))
    try:
        assert fetch(server, tmp_path / "w", deadline=20.0).read_bytes() == WHOLE
    except UserError:
        assert not (tmp_path / "w").exists()


def test_the_whole_checksum_is_compared(server: Server, tmp_path: Path) -> None:
    server.behave = lambda handler, _: _answer(handler, WHOLE)
    assert fetch(server, tmp_path / "w", DIGEST).read_bytes() == WHOLE
    with pytest.raises(UserError, match="this is not the file"):
        fetch(server, tmp_path / "v", DIGEST[:-1] + ("0" if DIGEST[-1] != "0" else "1"))
