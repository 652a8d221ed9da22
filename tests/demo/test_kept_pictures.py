"""Pictures that are kept for links: unguessable, clean, bounded, and gone in time."""

import io
import os
import time

import pytest
from PIL import Image

from demo import kept_pictures, texts
from demo.errors import VisitorError
from demo.kept_pictures import DAY, LARGEST_PICTURE, KeptPictures


@pytest.fixture
def kept(tmp_path) -> KeptPictures:
    return KeptPictures(tmp_path / "links", days=7)


def grow_older(kept: KeptPictures, name: str, days: float) -> None:
    then = time.time() - days * DAY
    os.utime(kept.folder / name, (then, then))


def test_a_picture_is_found_as_it_was_and_two_copies_have_two_ids(kept, pictures):
    first, second = kept.keep(pictures[0]), kept.keep(pictures[0])
    assert first != second and len(first) == 22
    assert Image.open(io.BytesIO(kept.find(first))).tobytes() == Image.open(pictures[0]).tobytes()


def test_only_the_owner_of_the_server_may_read_the_files(kept, pictures):
    name = kept.keep(pictures[0])
    assert kept.folder.stat().st_mode & 0o777 == 0o700
    assert (kept.folder / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "name", ["", "x", "../" + "x" * 19, "/etc/passwd" + "x" * 11, "x" * 22, "x" * 23, "x" * 21 + "\n"]
)
def test_an_id_that_is_none_finds_nothing(kept, pictures, name):
    kept.keep(pictures[0])
    with pytest.raises(VisitorError) as refused:
        kept.find(name)
    assert str(refused.value) == texts.LINK_EXPIRED


def test_a_picture_goes_after_its_days(kept, pictures):
    old, fresh = kept.keep(pictures[0]), kept.keep(pictures[1])
    grow_older(kept, old, 7.1)
    grow_older(kept, fresh, 6.9)
    with pytest.raises(VisitorError):
        kept.find(old)
    assert kept.find(fresh) and os.listdir(kept.folder) == [fresh]


def test_the_oldest_goes_where_there_are_too_many(kept, pictures, monkeypatch):
    monkeypatch.setattr(kept_pictures, "MOST_PICTURES", 2)
    names = []
    for age in (3, 2, 1):
        names.append(kept.keep(pictures[0]))
        grow_older(kept, names[-1], age)
    assert sorted(os.listdir(kept.folder)) == sorted(names[1:])
    assert kept.find(names[1]) and len(os.listdir(kept.folder)) == 2


def test_the_oldest_goes_where_they_take_too_much_room(kept, pictures, monkeypatch):
    first = kept.keep(pictures[0])
    grow_older(kept, first, 1)
    monkeypatch.setattr(kept_pictures, "MOST_BYTES", (kept.folder / first).stat().st_size + 10)
    second = kept.keep(pictures[0])
    assert os.listdir(kept.folder) == [second]


def test_a_picture_that_is_forgotten_is_gone(kept, pictures):
    name = kept.keep(pictures[0])
    kept.forget(name)
    kept.forget(name)
    with pytest.raises(VisitorError):
        kept.find(name)


def test_metadata_is_left_out_and_a_large_picture_is_kept_smaller(kept, tmp_path):
    exif, file, large = Image.Exif(), tmp_path / "a.jpg", tmp_path / "b.png"
    exif[0x010F] = "SecretCamera"
    Image.new("RGB", (60, 40), "red").save(file, exif=exif)
    assert b"Secret" not in kept.find(kept.keep(str(file)))
    Image.frombytes("RGB", (1800, 1200), os.urandom(1800 * 1200 * 3)).save(large)
    assert large.stat().st_size > LARGEST_PICTURE
    data = kept.find(kept.keep(str(large)))
    assert len(data) <= LARGEST_PICTURE and Image.open(io.BytesIO(data)).size == (1600, 1067)


def test_what_cannot_be_kept_is_said_in_a_sentence(tmp_path, pictures):
    (tmp_path / "file").write_text("in the way")
    for kept, picture, sentence in (
        (KeptPictures(tmp_path / "links"), str(tmp_path / "gone.png"), texts.LOST_PICTURE),
        (KeptPictures(tmp_path / "file"), pictures[0], texts.LINK_NO_ROOM),
    ):
        with pytest.raises(VisitorError) as refused:
            kept.keep(picture)
        assert str(refused.value) == sentence


def test_files_that_are_no_kept_pictures_are_never_deleted(tmp_path):
    for name in ("LICENSE", "requirements.txt"):
        (tmp_path / name).write_text("keep")
        os.utime(tmp_path / name, (0, 0))
    with pytest.raises(VisitorError):
        KeptPictures(tmp_path, 1).find("A" * 22)
    assert sorted(os.listdir(tmp_path)) == ["LICENSE", "requirements.txt"]
