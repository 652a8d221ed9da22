"""Names from the image encoder itself: what its ImageNet classifier is sure to see in a training photograph.

The trunk was trained on 1.2 million photographs of a thousand classes. Its labels carry that over to the visual prompt:
where the classifier is sure, the photograph becomes a lesson about that name. Only training photographs are labelled;
names of classes whose one sample photograph is held out may occur, their photograph never does.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ImageError
from .imagenet import in_classifier_order
from .naming import BROADER_FIRST, NAME_ALONE, fill_form, right_names, target_broader
from .record_files import Question
from .things import Thing, with_a

if TYPE_CHECKING:
    from PIL.Image import Image

SURE = 0.4  # least probability of the label
SOURCE = "labels"
BATCH = 32
LABEL_QUESTIONS = (
    "What is in the picture?",
    "What do you see?",
    "What can you see in this picture?",
    "What does the picture show?",
)
QUESTIONS_EACH = 3


def label_photographs(
    photographs: Sequence[Path], classes: Sequence[Thing], say: Callable[[int, int], None]
) -> list[Thing]:
    """The photographs that the trunk is sure about, each as the thing that it sees there.

    Args:
        photographs: picture files; those that do not open are left out.
        classes: the thousand classes of ImageNet, one `Thing` each, in any order.
        say: told (done, total) photographs after each batch.

    Raises:
        DataError: not a thousand classes.
        FrozenPartError: the trunk cannot be fetched.
    """
    import torch

    from ..builtin.frozen_parts import load_trunk
    from ..checkpoint import TRUNK_PART
    from ..train.bootstrap import PARTS, trunk_image_processor
    from ..vision.efficientnet import EfficientNetLite2

    ordered = in_classifier_order(classes)
    trunk = EfficientNetLite2().eval()
    trunk.load_state_dict(load_trunk(PARTS[TRUNK_PART]))
    processor, found = trunk_image_processor(), []
    for opened in opening(photographs, BATCH, say):
        with torch.no_grad():
            grid = trunk.head_features(trunk.features(processor([picture for _, picture in opened])))
            shares, places = trunk.classify(grid).softmax(dim=1).max(dim=1)
        sure = zip(opened, shares.tolist(), places.tolist(), strict=True)
        found += [replace(ordered[k], image=str(path), source=SOURCE) for (path, _), share, k in sure if share >= SURE]
    return found


def opening(
    photographs: Sequence[Path], at_once: int, say: Callable[[int, int], None]
) -> Iterator[list[tuple[Path, "Image"]]]:
    """So many files at a time, with their pictures; those that do not open are left out.

    Args:
        photographs: picture files.
        at_once: files.
        say: told (done, total) photographs after each few, once they were made use of.
    """
    for start in range(0, len(photographs), at_once):
        few = photographs[start : start + at_once]
        opened = [(path, picture) for path in few if (picture := _open(path)) is not None]
        if opened:
            yield opened
        say(start + len(few), len(photographs))


def _open(path: Path) -> "Image | None":
    from ..image import open_image

    try:
        return open_image(path)
    except ImageError:
        return None


def label_records(things: Sequence[Thing], seed: int) -> Iterator[Question]:
    """Questions whose answer is the label, and one whether it is there."""
    for thing in things:
        draw = random.Random(f"{seed} label {Path(thing.image).name}")
        right, broader = right_names(thing), target_broader(thing)
        forms = draw.sample([*BROADER_FIRST, *NAME_ALONE] if broader else NAME_ALONE, QUESTIONS_EACH)
        for question, form in zip(draw.sample(LABEL_QUESTIONS, QUESTIONS_EACH), forms, strict=True):
            yield Question(thing.image, question, (fill_form(form, thing, broader), *right), "name", SOURCE)
        yield Question(thing.image, f"Is there {with_a(thing.name)} in the picture?", ("Yes.",), "yes_no", SOURCE)
