"""The pointing game: does the map of what an answer rests on have its maximum in the thing that was asked about?

Only answers that are right count, for the map of a wrong answer has no right place. Two numbers tell how much of the
share would be had for nothing: the part of the picture that the box covers, which is where a point drawn at random
falls, and how often the middle of the picture lies in the box. Two more tell how much there is to be found: the thing
is hidden and the question asked again. An answer that stays right does not need the thing, and no map of what it rests
on has to point there.

Paper: Top-down Neural Attention by Excitation Backprop (arXiv 1608.00507), section 4.1.
Differs from the paper: a point 15 pixels beside the thing is a miss, and the thing's area is its box.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ..image import open_image
from .answering import Notes, batches, see_all
from .normalize import mentions_any
from .records import Box, Question
from .scoring import Number, is_right_answer, share_by_group

if TYPE_CHECKING:
    from ..answer_settings import AnswerSettings
    from ..model import Blip2

Point = tuple[float, float]
COMPARED_AS_WHOLES = ("yes_no", "colour")  # kinds of question; of the others a mention is enough
MIDDLE = (0.5, 0.5)
AROUND = 6  # pixels around a box, whose median colour hides what is in it


def is_right(answer: str, question: Question) -> bool:
    """Yes, no and colours as in the task vqa, names of things as in the task name."""
    if question.kind in COMPARED_AS_WHOLES:
        return is_right_answer(answer, question)
    return mentions_any(answer, question.answers)


def find_points(
    blip2: "Blip2", questions: Sequence[Question], answers: Sequence[str], *, mode: str | None = None
) -> list[Point | None]:
    """Where the map of each right answer has its maximum; None for a wrong answer, and where nothing speaks for it.

    Args:
        blip2: the model.
        questions: what was asked.
        answers: what it answered, in the same order.
        mode: in which it was asked.

    Returns:
        For each question a place in the picture as shares of its width and height, 0-1.
    """
    from ..attention_maps import peak, relevance

    notes = Notes("maps", len(questions))
    points: list[Point | None] = []
    for question, answer in zip(questions, answers, strict=True):
        right = is_right(answer, question)
        points.append(peak(relevance(blip2, question.image, question.question, answer, mode=mode)) if right else None)
        notes.count(1)
    return points


def ask_without(
    blip2: "Blip2",
    questions: Sequence[Question],
    answers: Sequence[str],
    settings: "AnswerSettings",
    *,
    batch_size: int,
    mode: str | None = None,
) -> list[str | None]:
    """What the model answers when the thing asked about is hidden; None where it was wrong in the first place.

    Args:
        blip2: the model.
        questions: what was asked.
        answers: what it answered with the thing in sight, in the same order.
        settings: how answers are picked.
        batch_size: questions at a time.
        mode: in which it was asked.
    """
    right = [place for place, pair in enumerate(zip(answers, questions, strict=True)) if is_right(*pair)]
    notes = Notes("questions without the thing", len(right))
    without: list[str | None] = [None] * len(questions)
    for batch in batches(right, batch_size):
        asked = [questions[place] for place in batch]
        seen = see_all(blip2, [hide(open_image(question.image), _box(question)) for question in asked])
        told = blip2.ask_batch(seen, [question.question for question in asked], settings, mode=mode)
        for place, answer in zip(batch, told, strict=True):
            without[place] = answer
        notes.count(len(batch))
    return without


def hide(picture: Image.Image, box: Box) -> Image.Image:
    """The picture with a box filled in the median colour of the pixels around it."""
    pixels = np.asarray(picture).copy()  # (H, W, 3)
    sides = zip(box, picture.size * 2, strict=True)
    left, top, right, bottom = (round(share * side) for share, side in sides)
    around = np.zeros(pixels.shape[:2], dtype=bool)
    around[max(top - AROUND, 0) : bottom + AROUND, max(left - AROUND, 0) : right + AROUND] = True
    around[top:bottom, left:right] = False
    if around.any():
        pixels[top:bottom, left:right] = np.median(pixels[around], axis=0)
    return Image.fromarray(pixels)


def score_pointing(
    questions: Sequence[Question],
    answers: Sequence[str],
    points: Sequence[Point | None],
    *,
    without: Sequence[str | None],
    seed: int,
) -> list[Number]:
    """How often the maximum lies in the box where the answer is right, chance beside it, and how many are right.

    Args:
        questions: what was asked, each with its box.
        answers: what was answered.
        points: from `find_points`.
        without: from `ask_without`.
        seed: of the bootstrap.
    """
    right = [is_right(answer, question) for answer, question in zip(answers, questions, strict=True)]
    counted = [index for index, counts in enumerate(right) if counts]
    asked = [questions[index] for index in counted]
    boxes = [_box(question) for question in asked]
    hits = [float(_hits(points[index], box)) for index, box in zip(counted, boxes, strict=True)]
    chance = [area(box) for box in boxes]
    middles = [float(is_inside(MIDDLE, box)) for box in boxes]
    needless = [float(is_right(without[index] or "", questions[index])) for index in counted]
    needed = [place for place, stays in enumerate(needless) if not stays]
    on_needed = share_by_group(
        "points at the thing, if the answer needs it",
        [asked[place] for place in needed],
        [hits[place] for place in needed],
        blind=[chance[place] for place in needed],
        seed=seed,
    )
    return [
        *share_by_group("points at the thing", asked, hits, blind=chance, seed=seed),
        *share_by_group("the picture's middle instead", asked, middles, seed=seed)[:1],
        *on_needed[:1],
        *share_by_group("still right with the thing hidden", asked, needless, seed=seed)[:1],
        *share_by_group("answered right", questions, [float(one) for one in right], seed=seed),
    ]


def _hits(point: Point | None, box: Box) -> bool:
    return point is not None and is_inside(point, box)


def is_inside(point: Point, box: Box) -> bool:
    """Whether a place lies in a box, its edges included."""
    (across, down), (left, top, right, bottom) = point, box
    return left <= across <= right and top <= down <= bottom


def area(box: Box) -> float:
    """The part of the picture that a box covers, 0-1."""
    left, top, right, bottom = box
    return (right - left) * (bottom - top)


def _box(question: Question) -> Box:
    assert question.box is not None, "read with boxes=True"
    return question.box
