"""Flickr8k: photographs of people and dogs, five captions each, in the official splits.

The captions come with spaces around their punctuation ("A dog , running .") and with their
sentences in any case. Here they become plain sentences, because whatever the language model
is trained to say it will say to people.
"""

import re
from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError
from .record_files import SPLITS, Caption, expect_files, folder_with_files, read_lines

CAPTION_FILE, SPLIT_FILE = "Flickr8k.token.txt", "Flickr_8k.{}Images.txt"
FEWEST_WORDS = 3  # a shorter caption teaches nothing
SENTENCE_ENDS = (".", "!", "?", '."', '!"', '?"')


@dataclass(frozen=True)
class CaptionedPhotograph:
    """One photograph, its split, and its captions as plain sentences."""

    image: str
    split: str
    captions: tuple[str, ...]


def read_flickr8k(images: Path, captions: Path, say: Callable[[str], None]) -> list[CaptionedPhotograph]:
    """Read the photographs of the three splits with their captions, split by split.

    Pictures that no split names are left out, as in every published result, and counted.

    Args:
        images: folder of the JPEG files.
        captions: folder of Flickr8k.token.txt and Flickr_8k.{train,dev,test}Images.txt.
        say: told how many pictures of the captions no split names.

    Raises:
        DataError: a file is missing, empty or malformed; a listed picture has no file or no
            caption; a picture is in two splits.
    """
    there = {file.name for file in folder_with_files(images, "*.jpg", "--flickr8k")}
    expect_files(captions, (CAPTION_FILE, *map(SPLIT_FILE.format, SPLITS)), "--flickr8k-captions")
    texts, splits = _read_captions(captions / CAPTION_FILE), _read_splits(captions)
    _expect_all(splits, there, f"--flickr8k: {images}", "photographs")
    _expect_all(splits, texts, f"--flickr8k-captions: {CAPTION_FILE}", "captions of the photographs")
    unlisted = [name for name in texts if name not in splits]
    if unlisted:
        say(f"{CAPTION_FILE}: {len(unlisted):,} of its pictures are in no split list and left out, as {unlisted[0]}.")
    return [
        CaptionedPhotograph(str((images / name).resolve()), split, tuple(texts[name])) for name, split in splits.items()
    ]


def _expect_all(splits: dict[str, str], there: Container[str], where: str, what: str) -> None:
    missing = [name for name in splits if name not in there]
    if missing:
        raise DataError(
            f"{where} has {len(splits) - len(missing):,} of the {len(splits):,} {what} that the split lists name; the "
            f"{splits[missing[0]]} list's {missing[0]} is missing. Get the rest, or take it out of the lists."
        )


def caption_records(photographs: list[CaptionedPhotograph]) -> dict[str, list[Caption]]:
    """One record a caption, by split; captions of one or two words are dropped from training."""
    records: dict[str, list[Caption]] = {split: [] for split in SPLITS}
    for photograph in photographs:
        for caption in photograph.captions:
            if photograph.split != "train" or len(caption.split()) >= FEWEST_WORDS:
                records[photograph.split].append(Caption(photograph.image, caption, "flickr8k"))
    return records


def clean_caption(text: str) -> str:
    """Turn a caption of the file into a plain sentence.

    "a man 's dog , running" becomes "A man's dog, running."
    """
    text = re.sub(r"``|''", '"', text)
    text = re.sub(r'"\s*([^"]*?)\s*"', r'"\1"', text)  # quotation marks close around their words
    text = re.sub(r"\s+", " ", text).strip(" ,;:-.")
    text = re.sub(r"\s+([,;:.!?)])", r"\1", text)
    text = re.sub(r"\(\s+", "(", text)
    text = re.sub(r"\s+('s|n't|'re|'ll)\b", r"\1", text)
    text = re.sub(r"# (\d)", r"#\1", text)
    if not text.endswith(SENTENCE_ENDS):
        text += "."
    return text[:1].upper() + text[1:]


def _read_captions(file: Path) -> dict[str, list[str]]:
    """Read "NAME.jpg#N<tab>caption" lines into the captions of each picture."""
    captions: dict[str, list[str]] = {}
    for number, line in read_lines(file):
        key, tab, text = line.partition("\t")
        name, mark, _ = key.rpartition("#")
        if not tab or not mark or not text.strip():
            raise DataError(f'{file.name}, line {number}: expected "NAME.jpg#N<tab>caption", got {line[:60]!r}.')
        captions.setdefault(name, []).append(clean_caption(text))
    return captions


def _read_splits(folder: Path) -> dict[str, str]:
    """Read the lists of the three splits into the split of each picture."""
    splits: dict[str, str] = {}
    for split in SPLITS:
        for _, name in read_lines(folder / SPLIT_FILE.format(split)):
            if splits.setdefault(name, split) != split:
                raise DataError(f"{SPLIT_FILE.format(split)}: {name} is in the {splits[name]} list too.")
    return splits
