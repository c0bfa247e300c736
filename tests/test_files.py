"""Files are whole or not there: after a kill, on a full disk, without permission."""

import errno
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from convscope.errors import UserError
from convscope.files import make_folder, named_failures, open_regular, refuse_special, write_atomically

OLD = b"old" * 1000
BIG = 6_000_000


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".part"))


def test_it_writes_and_overwrites_and_makes_the_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.bin"
    for data in (b"one", b"", os.urandom(1000)):
        write_atomically(path, data)
        assert path.read_bytes() == data
    assert [p.name for p in path.parent.iterdir()] == ["file.bin"]


@pytest.mark.parametrize("name", ["a" * 250, "한" * 84, " spaces and ünïcode ", "-", ".hidden", "new\nline"])
def test_any_name_that_the_system_takes_will_do(tmp_path: Path, name: str) -> None:
    write_atomically(tmp_path / name, b"data")
    assert (tmp_path / name).read_bytes() == b"data"
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="permissions as on POSIX")
def test_a_file_has_the_permissions_that_the_person_gives_files(tmp_path: Path) -> None:
    for umask, mode in ((0o022, 0o644), (0o077, 0o600), (0o002, 0o664)):
        before = os.umask(umask)
        try:
            write_atomically(tmp_path / "file", b"x")
            assert os.umask(umask) == umask  # and the umask is as it was
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


KILLED = """
import sys
from pathlib import Path
from convscope.files import write_atomically
path, size = Path(sys.argv[1]), int(sys.argv[2])
contents = [bytes([65 + i]) * size for i in range(2)]
while True:
    for content in contents:
        write_atomically(path, content)
        print("written", flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_a_kill_at_any_moment_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path, chance = tmp_path / "file.bin", random.Random(0)
    write_atomically(path, b"A" * BIG)
    seen = set()
    for _ in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path), str(BIG)], stdout=subprocess.PIPE, text=True
        )
        with process:
            assert process.stdout is not None
            for _ in range(chance.randint(1, 4)):
                assert process.stdout.readline() == "written\n"
            time.sleep(chance.uniform(0.0, 0.02))
            process.send_signal(signal.SIGKILL)
        content = path.read_bytes()
        assert content in (b"A" * BIG, b"B" * BIG)
        seen.add(content[:1])
    assert seen == {b"A", b"B"}, "every kill found the same file: this test saw nothing"
    write_atomically(path, b"after")
    assert path.read_bytes() == b"after"


def test_a_failure_at_any_step_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomically(path, OLD)
    for step in ("fsync", "replace", "chmod", "fdopen"):
        for failure in (OSError(errno.EIO, "Input/output error"), KeyboardInterrupt(), MemoryError()):
            with monkeypatch.context() as patched:

                def fail(*_: object, failure: BaseException = failure) -> None:
                    raise failure

                patched.setattr(os, step, fail)
                with pytest.raises(UserError if isinstance(failure, OSError) else type(failure)):
                    write_atomically(path, b"new")
            assert path.read_bytes() == OLD
            assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "quota"),
        (errno.EFBIG, "may not grow this large"),
        (errno.EACCES, "you may write to"),
        (errno.EPERM, "you may write to"),
        (errno.EROFS, "read-only"),
        (errno.EIO, ""),
    ],
)
def test_the_system_s_refusals_are_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, hint: str
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(UserError) as caught:
        write_atomically(tmp_path / "file", b"new")
    assert caught.value.where == str(tmp_path / "file")
    assert caught.value.got == f"writing failed: {os.strerror(number).lower()}"
    assert hint in caught.value.hint
    assert list(tmp_path.iterdir()) == []


FULL = """
import resource, sys
from pathlib import Path
from convscope.errors import UserError
from convscope.files import write_atomically
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    write_atomically(Path(sys.argv[1]), b"new" * 100_000)
except UserError as error:
    print(error)
    sys.exit(2)
"""


@pytest.mark.skipif(os.name != "posix", reason="limits on the size of files")
def test_where_a_file_cannot_grow_the_old_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, OLD)
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout.startswith(f"{path}: writing failed: file too large\n  hint: files may not grow this large")
    assert path.read_bytes() == OLD
    assert leftovers(tmp_path) == []


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["unshare", "--mount", "--", "sh", "-c"]
    script = f"mount -t tmpfs -o size=64k none {disk} && exec {sys.executable} -c '{ON_A_FULL_DISK}' {disk}/file"
    try:
        done = subprocess.run([*mount, script], capture_output=True, text=True, check=False, timeout=300)
    except FileNotFoundError:
        pytest.skip("there is no unshare to make a small disk with")
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip(f"a small disk may not be made here: {done.stderr.strip()[:80]}")
    assert done.stdout.splitlines() == ["no space left on device", "free some space", "True", "['file']"], done.stderr


ON_A_FULL_DISK = """
import sys
from pathlib import Path
from convscope.errors import UserError
from convscope.files import write_atomically
path = Path(sys.argv[1])
write_atomically(path, b"old" * 1000)
try:
    write_atomically(path, b"new" * 100_000)
except UserError as error:
    print(error.got.removeprefix("writing failed: "))
    print(error.hint[:15])
print(path.read_bytes() == b"old" * 1000)
print([p.name for p in path.parent.iterdir()])
"""


def test_a_place_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(OLD)
    for path in (tmp_path / "file" / "new", tmp_path / "file" / "deep" / "new"):
        with pytest.raises(UserError) as caught:
            write_atomically(path, b"new")
        assert caught.value.where == str(path)
        assert caught.value.hint
        with pytest.raises(UserError, match="making the folder failed"):
            make_folder(path)
    assert (tmp_path / "file").read_bytes() == OLD


def test_a_folder_in_the_file_s_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "precious").write_bytes(OLD)
    with pytest.raises(UserError, match="writing failed: is a directory"):
        write_atomically(tmp_path / "place", b"new")
    assert (tmp_path / "place" / "precious").read_bytes() == OLD
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(UserError, match="choose a place that you may write to"):
            write_atomically(tmp_path / "file", b"new")
        with pytest.raises(UserError, match="choose a place that you may write to"):
            make_folder(tmp_path / "folder")
    finally:
        tmp_path.chmod(0o700)


def test_many_threads_write_one_file(tmp_path: Path) -> None:
    path, contents = tmp_path / "file", [bytes([65 + i]) * 100_000 for i in range(4)]

    def write(content: bytes) -> None:
        for _ in range(10):
            write_atomically(path, content)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert not path.exists() or path.read_bytes() in contents
    assert path.read_bytes() in contents
    assert leftovers(tmp_path) == []


def test_a_folder_is_made_with_its_parents_and_may_be_there_already(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert make_folder(tmp_path / "a" / "b").is_dir()


def test_what_is_no_failure_of_the_system_is_not_renamed(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), named_failures(tmp_path, "dividing"):
        print(1 / 0)
    with pytest.raises(UserError) as caught, named_failures(tmp_path, "reading"):
        raise OSError("strange")
    assert caught.value.got == "reading failed: strange"
    assert isinstance(caught.value.__cause__, OSError)


def test_what_is_exchanged_for_a_fifo_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    os.mkfifo(path)
    monkeypatch.setattr("convscope.files.refuse_special", lambda path: None)  # as if it had been a file at first
    with pytest.raises(UserError, match="a FIFO"):
        open_regular(path)


def test_what_is_not_there_is_left_to_others(tmp_path: Path) -> None:
    for name in ("none", "a" * 5000, "zero\0byte", ""):
        refuse_special(name)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "none")
    (tmp_path / "file").write_bytes(b"abc")
    with open_regular(tmp_path / "file") as file:
        assert file.read() == b"abc"
