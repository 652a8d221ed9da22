"""DAQUAR: real indoor photographs, with questions and answers that people wrote.

The two CSV files that go around with it share pictures between training and test, and cut the words
"in the image700" out of the questions badly. So the raw pairs are read here, and split by the two
lists of pictures.
"""

import random
import re
from pathlib import Path

from ..errors import DataError
from .record_files import SPLITS, Question, expect_files, folder_with_files, read_lines

PAIRS_FILE, TRAIN_FILE, TEST_FILE = "all_qa_pairs.txt", "train_images_list.txt", "test_images_list.txt"
DEV_SHARE = 0.1  # of the training pictures
_IMAGE = re.compile(r"\b(?:in|on|of|at|from)?\s*(?:the\s+|this\s+)?\bimage\s?(\d+)\s*\??\s*$")
_ENDS_IN = re.compile(r"\s+(?:in(?: the| this)?|(?:of|on|at|from) (?:the|this))$")
NUMBERS = dict(enumerate("Zero One Two Three Four Five Six Seven Eight Nine Ten Eleven Twelve".split()))


def read_daquar(folder: Path, seed: int) -> dict[str, list[Question]]:
    """The questions by split; a tenth of the training pictures, drawn by `seed`, becomes dev.

    Args:
        folder: the folder with all_qa_pairs.txt, the two lists and images/.
        seed: which pictures become dev.

    Raises:
        DataError: a file is missing or malformed, or a picture is in no list or in both.
    """
    expect_files(folder, (PAIRS_FILE, TRAIN_FILE, TEST_FILE), "--daquar")
    images = {file.stem: file for file in folder_with_files(folder / "images", "*.png", "--daquar")}
    splits = _read_lists(folder, seed)
    records: dict[str, list[Question]] = {split: [] for split in SPLITS}
    for question, answer, number in _read_pairs(folder / PAIRS_FILE):
        if number not in splits:
            raise DataError(f"--daquar: {number} is in neither list of pictures.")
        if number not in images:
            raise DataError(f"--daquar: {folder / 'images'} has no {number}.png, which {PAIRS_FILE} names.")
        image = str(images[number].resolve())
        records[splits[number]].append(Question(image, question, (clean_answer(answer),), "daquar", "daquar"))
    return records


def clean_question(text: str) -> tuple[str, str]:
    """Part a raw question into plain words and the picture it names.

    "what is on the desk in the image3 ?" becomes ("What is on the desk?", "image3").

    Raises:
        ValueError: it names no picture.
    """
    found = _IMAGE.search(text.strip().lower())
    if not found:
        raise ValueError("no picture is named")
    words = re.sub(r"\s+", " ", text.strip().lower()[: found.start()]).strip(" ?,.")
    words = _ENDS_IN.sub("", words)
    words = re.sub(r"\s+(in|of) (this|the) (picture|image)$", " in the picture", words)
    words = re.sub(r"\b(the|and|of|in|on|is) \1\b", r"\1", words)
    words = re.sub(r"^how man\b", "how many", words)
    words = re.sub(r"\bimage\s?\d+\b", "picture", words)
    words = re.sub(r"^(how many [a-z ]+) are$", r"\1 are there", words)
    words = re.sub(r"\s+([,;:.])", r"\1", words)
    return words[:1].upper() + words[1:] + "?", f"image{found.group(1)}"


def clean_answer(text: str) -> str:
    """ "garbage_bin, 3" becomes "Garbage bin, three."."""
    parts = [re.sub(r"[_\s]+", " ", part).strip() for part in text.split(",")]
    parts = [NUMBERS[int(part)].lower() if part.isdigit() and int(part) in NUMBERS else part for part in parts if part]
    joined = ", ".join(parts)
    return joined[:1].upper() + joined[1:] + "."


def _read_lists(folder: Path, seed: int) -> dict[str, str]:
    """The split of each picture."""
    train = [name for _, name in read_lines(folder / TRAIN_FILE)]
    test = [name for _, name in read_lines(folder / TEST_FILE)]
    both = set(train) & set(test)
    if both:
        raise DataError(f"--daquar: {min(both)} is in the training list and in the test list.")
    dev = set(random.Random(seed).sample(sorted(train), round(len(train) * DEV_SHARE)))
    return {name: "dev" if name in dev else "train" for name in train} | dict.fromkeys(test, "test")


def _read_pairs(file: Path) -> list[tuple[str, str, str]]:
    """(question, raw answer, picture) of each pair of lines."""
    lines = list(read_lines(file))
    if len(lines) % 2:
        raise DataError(f"{file.name}: expected a line with the answer below each question, the last one has none.")
    pairs = []
    for (number, asked), (_, answer) in zip(lines[::2], lines[1::2], strict=True):
        try:
            question, image = clean_question(asked)
        except ValueError as error:
            raise DataError(
                f'{file.name}, line {number}: expected a question about "image<N>", got {asked[:60]!r}.'
            ) from error
        pairs.append((question, answer, image))
    return pairs
