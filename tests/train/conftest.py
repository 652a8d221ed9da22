"""A tiny BLIP-2, and a few pictures of plain colours whose captions say which."""

import json

import pytest
from PIL import Image
from small_blip2 import COLOURS, QUESTION, captions, make_blip2


@pytest.fixture
def blip2():
    """A tiny decoder-only BLIP-2."""
    return make_blip2("chatml")


@pytest.fixture(scope="session")
def picture_folder(tmp_path_factory):
    """Pictures, and caption.jsonl and vqa.jsonl about them."""
    folder = tmp_path_factory.mktemp("pictures")
    records: dict[str, list[dict]] = {"caption": [], "vqa": []}
    for colour, rgb in COLOURS.items():
        Image.new("RGB", (40, 30), rgb).save(folder / f"{colour}.png")
        records["caption"].append({"image": f"{colour}.png", "caption": captions()[colour]})
        records["vqa"].append({"image": f"{colour}.png", "question": QUESTION, "answers": [colour]})
    for name, lines in records.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder
