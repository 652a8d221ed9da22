"""What the documentation quotes is what the built-in model says."""

import json
from pathlib import Path

import pytest

from demo import answers
from demo.gallery import Judged, judged, photos

PAGE = Path(__file__).parents[2] / "docs" / "pocket.md"


def quoted() -> list[tuple[str, str, str]]:
    """Photograph, question and answer of every row, good and bad."""
    cells = [row.strip("| \n").split(" | ") for row in PAGE.read_text().splitlines() if row.startswith("| <img")]
    halves = [half for row in cells for half in (row[:3], row[3:])]
    return [(picture.split('"')[1].rsplit("/", 1)[-1], question, answer) for picture, question, answer in halves]


def test_the_page_quotes_twelve_good_and_twelve_bad_answers_as_they_came():
    written = json.loads(answers.FILE.read_text())
    rows = quoted()
    assert len(rows) == 24
    assert [written[photo][question] for photo, question, _ in rows] == [answer for *_, answer in rows]


def test_the_readme_quotes_the_same_answers():
    written = json.loads(answers.FILE.read_text())
    lines = (PAGE.parents[1] / "README.md").read_text().splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith('| <img src="demo/gallery/')]
    assert len(rows) == 5
    for picture, asked, said in rows:
        photo = picture.split('"')[1].rsplit("/", 1)[-1]
        quoted = said.split(" *(")[0].split(" <br> ")
        assert [written[photo][question] for question in asked.split(" <br> ")] == quoted


@pytest.mark.pocket
def test_asked_again_it_says_the_same():
    """Of three photographs, for the sake of time; `python -m demo.answers --check` asks about all."""
    some = [part for file in ("surfer.jpg", "beagle.jpg", "cat.jpg") for part in ("--photo", file)]
    assert answers.main(["--check", *some]) == 0


def test_a_photograph_that_is_not_there_is_refused_in_one_line(capsys):
    with pytest.raises(SystemExit):
        answers.main(["--photo", "moon.jpg"])
    assert "--photo: the gallery has no moon.jpg" in capsys.readouterr().err


def test_every_suggested_question_is_judged_by_the_answer_that_was_written():
    written = json.loads(answers.FILE.read_text())
    assert all(set(photo.questions) <= set(written[photo.file]) for photo in photos())
    assert answers.judgements_missing(written, judged()) == []


def test_an_answer_that_changes_is_reported_with_its_judgement():
    known = {"cat.jpg": {"What is it?": Judged("A cat.", True), "Where?": Judged("Here.", False)}}
    now = {"cat.jpg": {"What is it?": "A dog.", "Where?": "Here.", "Why?": "No."}}
    changed, new = answers.judgements_missing(now, known)
    assert changed.startswith("cat.jpg: What is it? 'A cat.' was judged good, but it is now 'A dog.'.")
    assert new.startswith("cat.jpg: Why? 'No.' is not judged yet.") and new.endswith("python -m demo.answers --judge")
    assert answers.changes(now, {"cat.jpg": {"What is it?": "A cat.", "Where?": "Here.", "Why?": "No."}}) == [
        "cat.jpg: What is it? 'A cat.' is now 'A dog.'"
    ]


def test_a_person_is_asked_about_what_is_not_judged_as_it_stands():
    known = {"cat.jpg": {"What is it?": Judged("A cat.", True), "Where?": Judged("There.", True)}}
    now = {"cat.jpg": {"What is it?": "A cat.", "Where?": "Here.", "Why?": "No.", "Who?": "Nobody."}}
    typed, seen = iter(["b", "s", "q"]), []
    after = answers.judge(now, known, lambda asked: seen.append(asked) or next(typed))
    assert after == {"cat.jpg": {"What is it?": Judged("A cat.", True), "Where?": Judged("Here.", False)}}
    assert len(seen) == 3 and "Here." in seen[0] and known["cat.jpg"]["Where?"].answer == "There."
