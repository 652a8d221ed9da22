"""The pointing game: does the map of what an answer rests on have its maximum in the thing that was asked about?

Only answers that are right count, for the map of a wrong answer has no right place. Two numbers tell how much of the
share would be had for nothing: the part of the picture that the box covers, which is where a point drawn at random
falls, and how often the middle of the picture lies in the box.

Paper: Top-down Neural Attention by Excitation Backprop (arXiv 1608.00507), section 4.1.
Differs from the paper: a point 15 pixels beside the thing is a miss, and the thing's area is its box.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .normalize import mentions_any
from .records import Box, Question
from .scoring import Number, is_right_answer, share_by_group

if TYPE_CHECKING:
    from ..model import Blip2

Point = tuple[float, float]
COMPARED_AS_WHOLES = ("yes_no", "colour")  # kinds of question; of the others a mention is enough
MIDDLE = (0.5, 0.5)


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
    from .answering import Notes

    notes = Notes("maps", len(questions))
    points: list[Point | None] = []
    for question, answer in zip(questions, answers, strict=True):
        right = is_right(answer, question)
        points.append(peak(relevance(blip2, question.image, question.question, answer, mode=mode)) if right else None)
        notes.count(1)
    return points


def score_pointing(
    questions: Sequence[Question], answers: Sequence[str], points: Sequence[Point | None], *, seed: int
) -> list[Number]:
    """How often the maximum lies in the box where the answer is right, chance beside it, and how many are right.

    Args:
        questions: what was asked, each with its box.
        answers: what was answered.
        points: from `find_points`.
        seed: of the bootstrap.
    """
    right = [is_right(answer, question) for answer, question in zip(answers, questions, strict=True)]
    asked = [question for question, counts in zip(questions, right, strict=True) if counts]
    found = [point for point, counts in zip(points, right, strict=True) if counts]
    boxes = [_box(question) for question in asked]
    hits = [float(point is not None and is_inside(point, box)) for point, box in zip(found, boxes, strict=True)]
    middles = [float(is_inside(MIDDLE, box)) for box in boxes]
    chance = [area(box) for box in boxes]
    return [
        *share_by_group("points at the thing", asked, hits, blind=chance, seed=seed),
        *share_by_group("the picture's middle instead", asked, middles, seed=seed)[:1],
        *share_by_group("answered right", questions, [float(one) for one in right], seed=seed),
    ]


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
