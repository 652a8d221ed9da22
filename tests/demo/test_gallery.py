"""The photographs that ship with the page: small, without metadata, and each with its source and licence."""

from PIL import Image

from demo import gallery, texts
from demo.gallery import FOLDER, Judged, credits_table, find, photos, suggested, wrong

FREE = {"CC0 1.0", "CC BY 2.0", "Public domain"}


def test_every_photograph_has_its_row_and_every_row_its_photograph():
    assert sorted(photo.file for photo in photos()) == sorted(file.name for file in FOLDER.glob("*.jpg"))
    assert 12 <= len(photos()) <= 16


def test_every_photograph_may_be_redistributed_and_says_where_that_stands():
    for photo in photos():
        assert photo.licence in FREE, photo.file
        for address in (photo.source, photo.licence_url, photo.licence_stated_at):
            assert address.startswith("https://"), photo.file
        assert photo.author and photo.title and photo.description.endswith("."), photo.file


def test_every_photograph_is_small_and_keeps_no_metadata():
    for photo in photos():
        with Image.open(photo.path) as image:
            assert image.format == "JPEG" and max(image.size) <= 640 and not image.getexif(), photo.file
        assert photo.path.stat().st_size <= 150_000, photo.file


def test_the_instructions_of_the_lecture_are_among_the_suggestions():
    asked = {question for photo in photos() for question in photo.questions}
    assert asked >= {
        "What is the cat wearing?",
        "Explain the advantages of this product.",
        "Tell me something about the history of this place.",
        "Write down the facts that you know about this flower.",
    }
    assert all(2 <= len(photo.questions) <= 4 for photo in photos())


def test_a_copy_of_a_photograph_is_recognized_and_another_file_is_not(tmp_path):
    photo, copy = photos()[1], tmp_path / "copy.jpg"
    copy.write_bytes(photo.path.read_bytes())
    assert find(copy) is photo
    copy.write_bytes(photo.path.read_bytes()[:-1] + b"x")
    assert find(copy) is None


def test_the_table_names_every_author():
    table = credits_table()
    assert all(photo.author in table and photo.source in table for photo in photos())


def test_what_the_built_in_model_gets_wrong_is_shown_and_not_suggested(monkeypatch):
    photo = photos()[0]
    first, second, *others = photo.questions
    told = {photo.file: {first: Judged("<Running>.", False), second: Judged("Black.", True)}}
    monkeypatch.setattr(gallery, "_judged_once", lambda: told)
    assert wrong(photo, "pocket") == {first: "<Running>."} and suggested(photo, "pocket") == (second, *others)
    assert wrong(photo, "another model") == {} and suggested(photo, "another model") == photo.questions
    assert f"<li>{first} <q>&lt;Running&gt;.</q></li>" in texts.wrong(wrong(photo, "pocket"))
    assert texts.wrong({}) == ""


def test_every_photograph_has_a_question_that_the_built_in_model_answers_well():
    assert all(suggested(photo, gallery.JUDGED_MODEL) for photo in photos())


def test_what_is_judged_belongs_to_a_photograph_of_the_gallery():
    assert set(gallery.judged()) <= {photo.file for photo in photos()}
