"""Names from the image encoder itself: what its ImageNet classifier is sure to see in a training photograph.

The trunk was trained on 1.2 million photographs of a thousand classes. Its labels carry that over to the visual prompt:
where the classifier is sure, the photograph becomes a lesson about that name. Only training photographs are labelled;
names of classes whose one sample photograph is held out may occur, their photograph never does.
"""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from .naming import BROADER_FIRST, NAME_ALONE, fill_form, right_names, target_broader
from .record_files import Question
from .things import Thing, with_a

SOURCE = "labels"
LABEL_QUESTIONS = (
    "What is in the picture?",
    "What do you see?",
    "What can you see in this picture?",
    "What does the picture show?",
)
QUESTIONS_EACH = 3


def label_records(things: Sequence[Thing], seed: int) -> Iterator[Question]:
    """Questions whose answer is the label (`seen_lessons.Seen`), and one whether it is there."""
    for thing in things:
        draw = random.Random(f"{seed} label {Path(thing.image).name}")
        right, broader = right_names(thing), target_broader(thing)
        forms = draw.sample([*BROADER_FIRST, *NAME_ALONE] if broader else NAME_ALONE, QUESTIONS_EACH)
        for question, form in zip(draw.sample(LABEL_QUESTIONS, QUESTIONS_EACH), forms, strict=True):
            yield Question(thing.image, question, (fill_form(form, thing, broader), *right), "name", SOURCE)
        yield Question(thing.image, f"Is there {with_a(thing.name)} in the picture?", ("Yes.",), "yes_no", SOURCE)
