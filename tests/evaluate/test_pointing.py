"""The pointing game: where a map has its maximum, which questions count, and the command from file to table."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import blip2_core
from blip2_core.__main__ import main
from blip2_core.answer_settings import AnswerSettings
from blip2_core.attention_maps import Relevance, peak
from blip2_core.evaluate.pointing import ask_without, find_points, hide, is_inside, is_right, score_pointing
from blip2_core.evaluate.records import Question
from blip2_core.image import open_image

LEFT = (0.0, 0.0, 0.5, 1.0)
QUESTION = "What is on the left?"
SHORT = AnswerSettings(max_new_tokens=6)


def ask(*answers, image="a", kind="place", box=LEFT, source="stamps") -> Question:
    return Question(Path(image), QUESTION, answers, kind, source, box)


def find(numbers, measure, kind="all"):
    (number,) = [one for one in numbers if (one.measure, one.kind) == (measure, kind)]
    return number


@pytest.mark.parametrize("place", [(0, 0), (0, 2), (1, 1), (2, 0)])
def test_the_peak_of_a_map_lies_in_its_largest_patch(place):
    values = np.full((3, 3), 0.2)
    values[place] = 1.0
    across, down = peak(Relevance(values, -1.0, (0.0, 0.0, 3.0, 3.0)))
    assert (int(3 * down), int(3 * across)) == place


def test_the_peak_counts_from_the_edge_of_the_picture_and_not_of_the_grid():
    values = np.zeros((4, 4))
    values[1, 1] = 1.0  # its middle is at 1.5
    assert peak(Relevance(values, -1.0, (1.0, 1.0, 3.0, 3.0))) == pytest.approx((0.25, 0.25), abs=0.02)


def test_a_map_in_which_nothing_speaks_for_the_answer_has_no_peak():
    assert peak(Relevance(np.zeros((3, 3)), -1.0, (0.0, 0.0, 3.0, 3.0))) is None


def test_yes_and_colours_are_compared_as_wholes_and_names_are_looked_for():
    assert is_right("Yes, there is.", ask("Yes.", kind="yes_no")) and not is_right("No.", ask("Yes.", kind="yes_no"))
    assert is_right("Red.", ask("red", kind="colour")) and not is_right("Red car.", ask("red", kind="colour"))
    assert is_right("This is a crow.", ask("bird", "crow")) and not is_right("A dog.", ask("bird", "crow"))


def test_only_right_answers_count_and_a_map_without_a_peak_is_a_miss():
    questions = [ask("crow", image=name) for name in "abcd"]
    answers, points = ["crow", "a crow", "crow", "dog"], [(0.2, 0.5), (0.7, 0.5), None, (0.2, 0.5)]
    numbers = score_pointing(questions, answers, points, without=["crow", "no", "no", None], seed=0)
    pointing, right = find(numbers, "points at the thing"), find(numbers, "answered right")
    assert (pointing.value, pointing.n, pointing.blind) == (pytest.approx(1 / 3), 3, 0.5)
    assert (right.value, right.n) == (0.75, 4) and pointing.low < pointing.value < pointing.high


def test_an_answer_that_stays_right_without_the_thing_does_not_need_it():
    questions = [ask("crow", image=name) for name in "abc"]
    points = [(0.2, 0.5), (0.2, 0.5), (0.7, 0.5)]
    numbers = score_pointing(questions, ["crow"] * 3, points, without=["a crow", "dog", ""], seed=0)
    assert find(numbers, "still right with the thing hidden").value == pytest.approx(1 / 3)
    needed = find(numbers, "points at the thing, if the answer needs it")
    assert (needed.value, needed.n, needed.blind) == (0.5, 2, 0.5)


def test_a_hidden_thing_takes_the_colour_around_it_and_the_rest_stays():
    pixels = np.full((40, 60, 3), (10, 200, 30), dtype=np.uint8)
    pixels[:, 40:] = (1, 2, 3)
    pixels[10:20, 6:24] = (250, 0, 0)
    hidden = np.asarray(hide(Image.fromarray(pixels), (0.1, 0.25, 0.4, 0.5)))
    assert (hidden[:, :40] == (10, 200, 30)).all() and (hidden[:, 40:] == (1, 2, 3)).all()
    assert hide(Image.fromarray(pixels), (0.0, 0.0, 1.0, 1.0)).size == (60, 40)  # nothing is around it


def test_chance_and_the_middle_are_measured_over_the_same_questions():
    around_the_middle = (0.4, 0.4, 0.6, 0.6)
    questions = [ask("crow", box=around_the_middle), ask("crow", image="b"), ask("crow", image="c", box=(0, 0, 1, 1))]
    numbers = score_pointing(
        questions, ["crow", "crow", "no"], [(0.1, 0.1), (0.1, 0.1), None], without=["", "", None], seed=0
    )
    assert find(numbers, "points at the thing").blind == pytest.approx((0.04 + 0.5) / 2)
    assert find(numbers, "the picture's middle instead").value == 1.0  # the edge of the left half is in it
    assert not is_inside((0.51, 0.5), LEFT)


def test_no_right_answer_leaves_only_how_many_were_right():
    numbers = score_pointing([ask("crow")], ["dog"], [None], without=[None], seed=0)
    assert [(number.measure, number.value) for number in numbers] == [("answered right", 0.0)]


@pytest.fixture(scope="module")
def blip2(model_folder):
    return blip2_core.load(model_folder)


@pytest.fixture
def folder(data, blip2, tmp_path):
    """Questions whose right answer is what the model says, the last one excepted."""
    pictures = [str(picture) for picture in sorted(data.glob("*.png"))]
    answers = [blip2.ask(picture, QUESTION, mode="short") for picture in pictures]
    lines = [
        {"image": picture, "question": QUESTION, "answers": [answer], "kind": "place", "source": "x", "box": LEFT}
        for picture, answer in zip(pictures, [*answers[:-1], "zebra"], strict=True)
    ]
    (tmp_path / "pointing-test.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def test_a_map_is_made_of_right_answers_only(blip2, data):
    picture = data / "red.png"
    answer = blip2.ask(picture, QUESTION, mode="short")
    wrong, right = find_points(blip2, [ask("zebra", image=picture), ask(answer, image=picture)], [answer] * 2)
    assert wrong is None and all(0 <= share <= 1 for share in right)


def test_hidden_things_are_asked_about_in_batches_with_the_answers_of_one_by_one(blip2, data):
    """The wrong answer in the middle is not asked again."""
    pictures = [data / name for name in ("red.png", "blue.png", "green.png")]
    said = [blip2.ask(picture, QUESTION, mode="short") for picture in pictures]
    questions = [ask(answer, image=picture) for answer, picture in zip(said, pictures, strict=True)]
    questions[1] = ask("zebra", image=pictures[1])
    alone = [blip2.ask(hide(open_image(pictures[at]), LEFT), QUESTION, SHORT, mode="short") for at in (0, 2)]
    for size in (1, 2, 64):
        found = ask_without(blip2, questions, said, SHORT, batch_size=size, mode="short")
        assert found == [alone[0], None, alone[1]]


def test_the_command_reports_pointing_beside_chance(folder, model_folder, capsys):
    out, answers = folder / "e.json", folder / "answers.jsonl"
    options = ["--task", "pointing", "--data", folder, "--model", model_folder, "--out", out, "--answers", answers]
    assert main(["evaluate", *map(str, options)]) == 0
    shown = capsys.readouterr().out
    assert "points at the thing" in shown and "50.0%" in shown
    report = json.loads(out.read_text())["pointing-test"]
    numbers = {number["measure"]: number for number in report["numbers"]}
    written = [json.loads(line) for line in answers.read_text().splitlines()]
    assert numbers["answered right"]["value"] == 0.75 and [one["right"] for one in written] == [True] * 3 + [False]
    assert all(isinstance(one["without"], str) for one in written[:3]) and written[3]["without"] is None
    hits = [one["point"] is not None and one["point"][0] <= 0.5 for one in written[:3]]
    assert numbers["points at the thing"]["value"] == pytest.approx(sum(hits) / 3)
    assert main(["evaluate", "--table", str(out)]) == 0
    assert "| pointing, test | x | points at the thing | " in capsys.readouterr().out
