"""No held-out picture, and none that is nearly one, may be trained on."""

import json
from pathlib import Path

from PIL import Image, ImageEnhance

from blip2_core.datasets.duplicates import keep_clear, near_duplicates

GALLERY = Path(__file__).parents[2] / "demo" / "gallery"
PHOTOS = sorted(GALLERY.glob("*.jpg"))


def test_a_picture_made_smaller_brighter_and_compressed_is_found_and_other_photographs_are_not(tmp_path):
    again = tmp_path / "again.jpg"
    with Image.open(GALLERY / "cat.jpg") as picture:
        ImageEnhance.Brightness(picture.resize((224, 224))).enhance(1.15).save(again, quality=60)
    others = [GALLERY / "beagle.jpg", GALLERY / "pizza.jpg"]
    assert near_duplicates([again, *others], [GALLERY / "cat.jpg"]) == {again: GALLERY / "cat.jpg"}
    for photo in PHOTOS:
        assert near_duplicates([photo], [other for other in PHOTOS if other != photo]) == {}


def test_a_picture_that_does_not_open_is_no_duplicate(tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    assert near_duplicates([broken, tmp_path / "missing.jpg"], PHOTOS) == {}


def test_training_files_lose_what_is_held_out_and_keep_the_rest(tmp_path):
    again = tmp_path / "again.png"
    with Image.open(GALLERY / "cat.jpg") as picture:
        picture.resize((300, 300)).save(again)
    held_out, other = GALLERY / "cat.jpg", GALLERY / "pizza.jpg"
    files = {"caption-train": [again, other, again], "vqa-train": [other], "name-test": [held_out]}
    for name, images in files.items():
        lines = (json.dumps({"image": str(image), "caption": "One."}) for image in images)
        (tmp_path / f"{name}.jsonl").write_text("".join(line + "\n" for line in lines))
    assert keep_clear(tmp_path) == {again: held_out}
    left = {name: (tmp_path / f"{name}.jsonl").read_text().count("\n") for name in files}
    assert left == {"caption-train": 1, "vqa-train": 1, "name-test": 1}
    assert keep_clear(tmp_path) == {}


def test_pictures_that_records_name_relative_to_their_file_are_compared_too(tmp_path):
    """Composed pictures stand in a folder beside their records."""
    (tmp_path / "composed").mkdir()
    with Image.open(GALLERY / "cat.jpg") as picture:
        picture.resize((300, 300)).save(tmp_path / "composed" / "0.png")
    for name, image in {"composed-train": "composed/0.png", "name-test": str(GALLERY / "cat.jpg")}.items():
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"image": image, "caption": "One."}) + "\n")
    assert keep_clear(tmp_path) == {tmp_path / "composed" / "0.png": GALLERY / "cat.jpg"}
    assert (tmp_path / "composed-train.jsonl").read_text() == ""
