"""Thumbs on answers: stored as text when somebody turned it on, bounded, and nothing else about anybody."""

import json
import threading

import pytest

from blip2_core.answer_settings import AnswerSettings
from demo import feedback, texts
from demo.errors import VisitorError
from demo.feedback import FeedbackError, FeedbackFile
from demo.limits import Guard, Limits

SETTINGS = AnswerSettings(max_new_tokens=8, temperature=1.0, seed=3)


@pytest.fixture
def file(tmp_path) -> FeedbackFile:
    return FeedbackFile(tmp_path / "thumbs.jsonl")


@pytest.fixture
def answered(conversation, pictures):
    conversation.begin("what is\nthe color?", pictures[0])
    for _ in conversation.answer(SETTINGS):
        pass
    return conversation


def lines(file: FeedbackFile) -> list[dict]:
    return [json.loads(line) for line in file.path.read_text().splitlines()]


def test_a_thumb_stores_the_words_the_model_and_the_settings_and_nothing_else(file, answered):
    file.store(answered, 1, True)
    file.store(answered, [1, 0], False)
    file.store(answered, 1, "")
    first, second, third = lines(file)
    assert [line["thumb"] for line in (first, second, third)] == ["up", "down", "taken back"]
    assert set(first) == {"time", "thumb", "question", "answer", "model", "precision", "settings"}
    assert first["question"] == "what is\nthe color?" and first["answer"] == answered.exchanges[0].answer.strip()
    assert first["model"] == answered.loader.title and first["precision"] == "fp32" and first["settings"]["seed"] == 3
    assert answered.picture not in file.path.read_text()


@pytest.mark.parametrize("place", [None, -1, 99, True, "1", [], {}, [[1]]])
def test_a_thumb_on_nothing_is_refused(file, answered, place):
    with pytest.raises(VisitorError) as refused:
        file.store(answered, place, True)
    assert str(refused.value) == texts.NOTHING_TO_JUDGE and not lines(file)


@pytest.mark.parametrize("liked", [None, 1, 0, "Like", "<b>", [], {}])
def test_a_thumb_that_is_none_is_refused(file, answered, liked):
    with pytest.raises(VisitorError):
        file.store(answered, 1, liked)
    assert not lines(file)


def test_our_own_sentences_are_not_judged(file, answered):
    answered.note(texts.FROM_LINK)
    with pytest.raises(VisitorError):
        file.store(answered, 0, True)
    answered.exchanges[0].failed = True
    with pytest.raises(VisitorError):
        file.store(answered, 2, True)


def test_a_line_and_the_file_are_bounded(file, answered, monkeypatch):
    answered.exchanges[0].answer = "x" * 100_000
    file.store(answered, 1, True)
    assert file.path.stat().st_size < 6_000
    monkeypatch.setattr(feedback, "MOST_BYTES", file.path.stat().st_size + 10)
    with pytest.raises(VisitorError) as refused:
        file.store(answered, 1, True)
    assert str(refused.value) == texts.FEEDBACK_FULL and len(lines(file)) == 1


def test_thumbs_of_many_at_once_are_whole_lines(file, answered):
    threads = [threading.Thread(target=file.store, args=(answered, 1, True)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(file)) == 20


def test_the_file_is_for_its_owner_and_one_that_cannot_be_written_is_named(file, tmp_path):
    assert file.path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FeedbackError, match="--feedback: .*nowhere.* cannot be written .*Name a file in a folder"):
        FeedbackFile(tmp_path / "nowhere" / "thumbs.jsonl")


def test_thumbs_are_counted():
    class Request:
        session_hash, client = "one", None

    guard = Guard(Limits(questions_a_minute=2))
    guard.thumb(Request)
    guard.thumb(Request)
    with pytest.raises(VisitorError, match="That was a lot at once"):
        guard.thumb(Request)
