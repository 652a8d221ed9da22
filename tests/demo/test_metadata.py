"""Cleaning a picture file: everything but the picture goes, and not one pixel changes."""

import io

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from blip2_core.errors import ImageError
from blip2_core.image import open_image
from demo.gallery import photos
from demo.metadata import clean_bytes, clean_file

SECRET = b"Secret"


def noise() -> Image.Image:
    return Image.merge("RGB", [Image.effect_noise((61, 40), spread) for spread in (40, 90, 120)])


def saved(kind: str, orientation: int = 1, **options) -> bytes:
    exif, stream = Image.Exif(), io.BytesIO()
    exif[0x010F], exif[0x0112] = "SecretCamera", orientation
    if kind == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_text("Comment", "SecretComment")
    noise().save(stream, kind, exif=exif, **options)
    return stream.getvalue()


def same_pixels(before: bytes, after: bytes) -> bool:
    return np.array_equal(np.asarray(open_image(before)), np.asarray(open_image(after)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_keeps_its_pixels_and_how_it_is_turned(orientation):
    before = saved("JPEG", orientation, comment=b"SecretComment", progressive=orientation % 2 == 0)
    after = clean_bytes(before)
    assert SECRET in before and SECRET not in after
    assert same_pixels(before, after) and clean_bytes(after) == after


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_jpeg_of_other_colours_looks_the_same(mode):
    stream = io.BytesIO()
    noise().convert(mode).save(stream, "JPEG", comment=SECRET)
    assert SECRET not in clean_bytes(stream.getvalue()) and same_pixels(
        stream.getvalue(), clean_bytes(stream.getvalue())
    )


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_the_other_formats_lose_their_metadata_too(kind):
    before = saved(kind, orientation=6)
    after = clean_bytes(before)
    assert SECRET in before and SECRET not in after
    assert same_pixels(before, after) and clean_bytes(after) == after


def test_what_hangs_on_behind_a_picture_is_cut_off():
    for kind in ("JPEG", "PNG"):
        before = saved(kind) + b"Secret film, as some phones add one"
        assert SECRET not in clean_bytes(before) and same_pixels(before, clean_bytes(before))


def test_holes_in_a_picture_stay(tmp_path):
    file = tmp_path / "a.png"
    Image.new("RGBA", (8, 8), (9, 9, 9, 0)).save(file)
    before = file.read_bytes()
    clean_file(file)
    assert file.read_bytes() == before


def test_a_jpeg_that_is_cut_short_is_saved_anew_or_refused():
    whole = saved("JPEG")
    for length in range(2, len(whole), 97):
        try:
            after = clean_bytes(whole[:length])
        except ImageError:
            continue
        assert SECRET not in after and open_image(after)


def test_what_is_no_picture_stays_as_it_is(tmp_path):
    file = tmp_path / "a.jpg"
    file.write_bytes(b"\xff\xd8 not a picture")
    with pytest.raises(ImageError):
        clean_file(file)
    assert file.read_bytes() == b"\xff\xd8 not a picture"


def test_the_photographs_of_the_gallery_come_out_as_they_went_in():
    """Or a copy that a visitor clicked would no longer be known, and its suggestions lost."""
    for photo in photos():
        assert clean_bytes(photo.path.read_bytes()) == photo.path.read_bytes(), photo.file
