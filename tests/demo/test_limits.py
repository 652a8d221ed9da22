"""Counting what visitors ask for."""

from types import SimpleNamespace

import pytest

from demo import limits
from demo.errors import VisitorError
from demo.limits import LOOK_AGAIN, Bucket, Guard, Limits, Room


@pytest.fixture
def clock(monkeypatch):
    """Set `clock.now` to the second it should be."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(limits.time, "monotonic", lambda: clock.now)
    return clock


def visitor(session: str | None = "a", address: str = "1.1.1.1") -> SimpleNamespace:
    return SimpleNamespace(session_hash=session, client=SimpleNamespace(host=address))


def test_a_bucket_fills_again_with_time(clock):
    bucket = Bucket(a_minute=6)
    assert [bucket.take() for _ in range(7)] == [0] * 6 + [pytest.approx(10)]
    clock.now += 9
    assert bucket.take() == pytest.approx(1)
    clock.now += 1
    assert bucket.take() == 0 and bucket.take() == pytest.approx(10)
    clock.now += 3600
    assert [bucket.take() == 0 for _ in range(7)] == [True] * 6 + [False]


def test_a_session_that_asks_too_often_is_told_how_long_to_wait(clock):
    guard = Guard(Limits(questions_a_minute=2))
    guard.question(visitor())
    guard.question(visitor())
    with pytest.raises(VisitorError, match="try again in 30 seconds"):
        guard.question(visitor())
    guard.picture(visitor())
    guard.question(visitor(session="b"))


@pytest.mark.parametrize("names", [[None] * 3, "abcdefghi"])
def test_new_names_for_a_session_do_not_help_an_address_for_long(clock, names):
    guard = Guard(Limits(questions_a_minute=2))
    with pytest.raises(VisitorError):
        for name in names:
            guard.question(visitor(session=name))
    guard.question(visitor(session="b", address="2.2.2.2"))


def test_only_so_many_sessions_are_remembered(clock, monkeypatch):
    monkeypatch.setattr(limits, "_MOST_ADDRESSES", 4)
    guard = Guard()
    for number in range(50):
        guard.question(visitor(session=str(number)))
    assert len(guard._buckets) == 4


def test_an_address_may_upload_so_often_and_no_session_helps(clock):
    guard = Guard(Limits(pictures_a_minute=2))
    for _ in range(8):
        guard.upload("1.1.1.1")
    with pytest.raises(VisitorError, match="try again in 8 seconds"):
        guard.upload("1.1.1.1")
    guard.upload("2.2.2.2")
    guard.picture(visitor())


def test_a_folder_takes_no_more_than_it_may_until_files_are_deleted(clock, tmp_path):
    room = Room(tmp_path, most=100)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a").write_bytes(b"x" * 60)
    assert room.fits(40) and room.fits(40) and not room.fits(41)
    room.add(30)
    assert room.fits(10) and not room.fits(11)
    room.add(10)
    (tmp_path / "below" / "a").unlink()
    assert not room.fits(0)
    clock.now += LOOK_AGAIN
    assert room.fits(100)
    assert Room(tmp_path / "not there", most=1).fits(1)
