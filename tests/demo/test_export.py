"""A conversation to take home."""

import io
import json
import zipfile

import pytest
from PIL import Image

from blip2_core.answer_settings import AnswerSettings
from demo import texts
from demo.errors import VisitorError
from demo.export import as_zip
from demo.gallery import photos

SETTINGS = AnswerSettings(max_new_tokens=8, temperature=1.0, seed=3)


def ask(conversation, picture: str, question: str = "what is the *color*?") -> None:
    conversation.begin(question, picture)
    for _ in conversation.answer(SETTINGS):
        pass


def files(conversation) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(as_zip(conversation))) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_it_holds_the_picture_the_words_and_all_facts(conversation, pictures):
    ask(conversation, pictures[0])
    ask(conversation, pictures[0], "and the sea?")
    saved = files(conversation)
    assert sorted(saved) == ["conversation.json", "conversation.md", "picture.jpg"]
    facts = json.loads(saved["conversation.json"])
    assert facts["model"] == conversation.loader.title and facts["precision"] == "fp32"
    first, second = facts["exchanges"]
    assert first["answer"] == conversation.exchanges[0].answer.strip() and second["question"] == "and the sea?"
    assert second["prompt"] == conversation.exchanges[1].prompt
    assert first["settings"]["seed"] == 3 and first["measured"]["tokens"] == 8


def test_the_markdown_shows_the_picture_and_leaves_what_was_typed_as_it_was(conversation, pictures):
    ask(conversation, pictures[0])
    words = files(conversation)["conversation.md"].decode()
    assert "![The picture](picture.jpg)" in words
    assert r"**what is the \*color\*?**" in words
    assert f"```text\n{conversation.exchanges[0].prompt}\n```" in words


def test_a_photograph_of_the_gallery_takes_its_author_and_licence_along(conversation):
    photo = photos()[0]
    ask(conversation, str(photo.path))
    words = files(conversation)["conversation.md"].decode()
    assert photo.author in words and photo.licence_url in words and photo.source in words


def test_the_picture_is_plain_and_of_a_handy_size(conversation, tmp_path):
    exif, file = Image.Exif(), tmp_path / "large.jpg"
    exif[0x010F] = "SecretCamera"
    Image.new("RGB", (3000, 1500)).save(file, exif=exif)
    ask(conversation, str(file))
    picture = files(conversation)["picture.jpg"]
    assert b"Secret" not in picture and Image.open(io.BytesIO(picture)).size == (1600, 800)


def test_there_is_nothing_to_save_before_the_first_answer(conversation, pictures):
    conversation.show(pictures[0])
    with pytest.raises(VisitorError, match="no answer to save yet"):
        as_zip(conversation)


def test_a_picture_that_was_deleted_meanwhile_is_missed_in_a_sentence(conversation, pictures, tmp_path):
    ask(conversation, pictures[0])
    (tmp_path / "first.png").unlink()
    with pytest.raises(VisitorError) as refused:
        as_zip(conversation)
    assert str(refused.value) == texts.LOST_PICTURE
