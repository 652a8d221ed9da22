"""What the documentation quotes is what the built-in model says."""

import json
from pathlib import Path

import pytest

from demo import answers

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


@pytest.mark.pocket
def test_asked_again_it_says_the_same():
    assert answers.main(["--check", "--photo", "surfer.jpg"]) == 0


def test_a_photograph_that_is_not_there_is_refused_in_one_line(capsys):
    with pytest.raises(SystemExit):
        answers.main(["--photo", "moon.jpg"])
    assert "--photo: the gallery has no moon.jpg" in capsys.readouterr().err
