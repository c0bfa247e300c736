"""Where files lie, what they hold by their first bytes, and the values that name them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.data.content import recognise
from convscope.data.sources import ArraySource, open_source
from convscope.data.sources.place import Folder, listed, natural_key, printable
from convscope.data.sources.source import check, given_splits, in_use
from convscope.errors import UserError


def test_natural_order():
    names = ["b", "a10", "A9", "a009", "img2/x", "img10/x", "a", ""]
    assert sorted(names, key=natural_key) == ["", "a", "A9", "a009", "a10", "b", "img2/x", "img10/x"]


@given(st.lists(st.text(max_size=8), max_size=12), st.randoms(use_true_random=False))
def test_natural_order_is_total(names, random):
    expected = sorted(names, key=natural_key)
    random.shuffle(names)
    assert sorted(names, key=natural_key) == expected


def test_natural_order_of_very_long_numbers():
    assert sorted(["9" * 9000, "1" + "0" * 9000], key=natural_key)[0] == "9" * 9000


@given(st.text(st.characters(), max_size=30))
def test_printable_can_be_printed(text):
    shown = printable(text)
    shown.encode("utf-8")
    assert not set(shown) & {"\n", "\r", "\x1b", "\0"}


def test_printable_keeps_people_s_letters():
    assert printable("고양이 café") == "고양이 café"
    assert printable("cafe\u0301") == "café"


@pytest.mark.parametrize(
    ("head", "what", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "a JPEG picture", "JPEG"),
        (b"\0\0\0\x1cftypavif", "a AVIF picture", "AVIF"),
        (b"RIFF\0\0\0\0WEBP", "a WEBP picture", "WEBP"),
        (b"RIFF\0\0\0\0WAVE", "a sound", ""),
        (b"BMW is a car, not a bitmap", "text", ""),
        (b"Path of pictures", "text", ""),
        ("고양이".encode() * 100, "text", ""),
        (("x" + "고" * 400).encode()[:512], "text", ""),
        ("été".encode("latin-1"), "data of no kind known here", ""),
        (b"", "an empty file", ""),
    ],
)
def test_content_by_first_bytes(head, what, kind):
    content = recognise(head)
    assert (content.what, content.format) == (what, kind)


@given(st.binary(max_size=600))
def test_any_content_has_a_name(head):
    assert recognise(head).what


def test_a_folder_is_listed_in_order_without_litter(tmp_path):
    for name in ("b/10.jpg", "b/9.jpg", "a.jpg", ".hidden/x.jpg", "b/Thumbs.db", "b/._9.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"12345")
    listing = Folder(tmp_path).listing()
    assert [member.name for member in listing.members] == ["a.jpg", "b/9.jpg", "b/10.jpg"]
    assert {member.size for member in listing.members} == {5}
    assert listing.skipped == ()
    assert [listing.below("b").relative(m) for m in listing.below("b").members] == ["9.jpg", "10.jpg"]


def test_a_changed_permission_changes_the_stamp(tmp_path):
    path = tmp_path / "x.jpg"
    path.write_bytes(b"1")
    before = Folder(tmp_path).find("x.jpg")
    path.chmod(0o600)
    path.chmod(0o644)
    assert before is not None
    assert Folder(tmp_path).find("x.jpg") != before


def test_given_splits_and_classes_in_use():
    sides = given_splits(["test", "", "train", "test"])
    assert {side: indices.tolist() for side, indices in sides.items()} == {"train": [2], "test": [0, 3]}
    classes, labels_N, unused = in_use(("a", "b", "c"), np.array([2, 2, 0]))
    assert (classes, labels_N.tolist()) == (("a", "c"), [1, 1, 0])
    assert [item.file for item in unused] == ["class b"]


def test_listed():
    assert listed(["a", "b"]) == "a, b"
    assert listed([str(i) for i in range(9)], 3) == "0, 1, 2 and 6 more"


def _source(labels: list[int], classes: tuple[str, ...], given_sides: dict[str, list[int]]) -> ArraySource:
    images_NHWC = np.zeros((len(labels), 2, 2, 1), np.uint8)
    sides = {side: np.array(indices, np.int64) for side, indices in given_sides.items()}
    names = [str(i) for i in range(len(labels))]
    return ArraySource("x", "x", classes, np.array(labels), names, sides, (), (images_NHWC,), "x")


def test_what_can_be_evaluated_need_not_be_trainable():
    for source in (
        _source([0], ("cat",), {}),
        _source([0, 1], ("cat", "dog"), {"test": [0, 1]}),
        _source([0, 1], ("cat", "dog"), {"train": [0], "test": [1]}),
    ):
        assert check(source, training=False) is source
        with pytest.raises(UserError):
            check(source, training=True)
    with pytest.raises(UserError, match="no labelled pictures"):
        check(_source([], (), {}), training=False)


def test_pictures_over_several_parts():
    first, second = (
        np.arange(12, dtype=np.uint8).reshape(3, 2, 2, 1),
        np.arange(100, 108, dtype=np.uint8).reshape(2, 2, 2, 1),
    )
    source = ArraySource("x", "x", ("a",), np.zeros(5, np.int64), list("abcde"), {}, (), (first, second), "x")
    whole = np.concatenate([first, second])
    for wanted in ([0, 1, 2], [3, 4], [4, 0, 3, 2, 2], []):
        np.testing.assert_array_equal(source.take(np.array(wanted, np.int64)), whole[wanted])


def test_digits():
    for name in ("digits", "Digits", " DIGITS "):
        source = open_source(name)
        assert isinstance(source, ArraySource)
    assert (len(source.labels_N), source.shape(), source.given) == (1797, (1, 8, 8), {})
    assert source.classes == tuple("0123456789")
    images_NHWC = source.take(np.arange(1797))
    assert (images_NHWC.min(), images_NHWC.max()) == (0, 255)
    assert set(np.unique(images_NHWC).tolist()) <= {round(level * 255 / 16) for level in range(17)}
