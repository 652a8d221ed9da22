"""A tiny model folder, and a data folder with the four tasks about small pictures of plain colours."""

import json

import families
import pytest
from PIL import Image

COLOURS = {"red": (220, 30, 30), "green": (30, 180, 40), "blue": (30, 60, 220), "white": (250, 250, 250)}


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """A random InstructBLIP of width 32 that loads in a moment."""
    return families.save_as_older("instructblip-llama", tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """DIR/{task}-{split}.jsonl and the pictures beside them; two questions a picture, training files for two tasks."""
    folder = tmp_path_factory.mktemp("data")
    for colour, rgb in COLOURS.items():
        Image.new("RGB", (40, 30), rgb).save(folder / f"{colour}.png")
    files = {"caption-test": _captions(), "vqa-test": _questions(), "vqa-train": _questions(), "vqa-dev": _questions()}
    named = [
        {"image": f"{c}.png", "question": "What is it?", "answers": [c, "colour"], "kind": "name", "source": "stamps"}
        for c in COLOURS
    ]
    files |= {"name-test": named, "name-train": named, "instruct-test": [one | {"kind": "instruct"} for one in named]}
    for name, records in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


def _captions() -> list[dict]:
    texts = ("A {} picture.", "This is a plain {} wall.")
    return [
        {"image": f"{colour}.png", "caption": text.format(colour), "source": "flickr8k"}
        for colour in COLOURS
        for text in texts
    ]


def _questions() -> list[dict]:
    asked = {"colour": "What is the color of the whole picture?", "yes_no": "Is it red?"}
    return [
        {
            "image": f"{colour}.png",
            "question": question,
            "answers": [colour] if kind == "colour" else ["yes" if colour == "red" else "no"],
            "kind": kind,
            "source": "flickr8k",
        }
        for kind, question in asked.items()
        for colour in COLOURS
    ]
