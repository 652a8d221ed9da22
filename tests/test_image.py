"""Pictures of every kind that people hand in, and the numbers that the image encoder gets."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
import torch
from families import picture
from PIL import Image

from blip2_core.errors import ImageError
from blip2_core.image import ImageProcessor, open_image

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
RED, BLUE = (255, 0, 0), (0, 0, 255)
NOT_A_PICTURE = "expected a PNG, JPEG, WebP, GIF, BMP or TIFF picture, got something else. Save it as PNG or JPEG."


def encoded(image: Image.Image, form: str = "PNG", **options) -> bytes:
    """The bytes of a file."""
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def refusal(source) -> str:
    """The sentence with which a picture is refused."""
    with pytest.raises(ImageError) as error:
        open_image(source)
    return str(error.value)


def png_header(width: int, height: int) -> bytes:
    """A PNG that says it has so many pixels, and has none."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


# Not pictures


def test_no_such_file(tmp_path):
    file = tmp_path / "gone.jpg"
    assert refusal(file) == f"{file}: there is no such file. Check the path."


def test_a_folder(tmp_path):
    assert refusal(tmp_path) == f"{tmp_path}: expected a picture file, got a folder. Name one file in it."


def test_an_empty_file(tmp_path):
    file = tmp_path / "empty.png"
    file.touch()
    assert refusal(str(file)) == f"{file}: expected a picture, got an empty file. Save or download it again."
    assert refusal(b"") == "image: expected a picture, got an empty file. Save or download it again."


def test_text_named_png(tmp_path):
    file = tmp_path / "text.png"
    file.write_text("I am a picture, honestly.")
    assert refusal(file) == f"{file}: {NOT_A_PICTURE}"


@pytest.mark.parametrize("content", [b"%PDF-1.7 ...", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\0" * 100])
def test_files_of_other_kinds(content):
    assert refusal(content) == f"image: {NOT_A_PICTURE}"


def test_formats_that_no_browser_writes_are_not_tried():
    """Pillow runs Ghostscript on the EPS files of strangers."""
    assert refusal(encoded(picture(), "EPS")) == f"image: {NOT_A_PICTURE}"
    assert refusal(encoded(picture(), "PPM")) == f"image: {NOT_A_PICTURE}"


def test_a_web_address_is_not_fetched():
    assert refusal("https://example.org/dog.jpg") == (
        "https://example.org/dog.jpg: expected a file, got a web address. Download the picture first."
    )


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert refusal(tmp_path / "pipe.png").endswith("got a device or a pipe. Save the picture first.")


def test_a_name_with_a_zero_byte():
    assert refusal("a\0b.png") == "'a\\x00b.png': expected the path of a picture file, got a name with a zero byte."


def test_a_name_that_is_too_long_for_the_disk():
    assert refusal("x" * 5000) == f"{'x' * 200}: the file cannot be read: File name too long."


@pytest.mark.parametrize(("source", "kind"), [(None, "NoneType"), (7, "int"), (np.zeros((2, 2, 3)), "ndarray")])
def test_objects_that_are_no_source(source, kind):
    assert refusal(source) == f"image: expected a path, bytes or a PIL image, got {kind}."


# Damaged, tiny, huge


@pytest.mark.parametrize(("form", "kept"), [("JPEG", 0.5), ("PNG", 0.7), ("GIF", 0.5), ("WEBP", 0.5), ("BMP", 0.5)])
def test_a_truncated_file_is_refused_whole(form, kept):
    content = encoded(picture(size=(200, 150)), form)
    said = refusal(content[: int(len(content) * kept)])
    damaged = said.startswith("image: the picture is damaged or of a rare kind (")
    assert damaged and said.endswith("). Save it again as PNG or JPEG.") or said == f"image: {NOT_A_PICTURE}"


def test_a_truncated_jpeg_says_that_it_is_damaged(tmp_path):
    file = tmp_path / "half.jpg"
    content = encoded(picture(size=(200, 150)), "JPEG")
    file.write_bytes(content[: len(content) // 2])
    assert refusal(file).startswith(f"{file}: the picture is damaged or of a rare kind (image file is truncated")


def test_a_header_alone_is_not_a_picture():
    assert refusal(encoded(picture(), "JPEG")[:4]) == f"image: {NOT_A_PICTURE}"


def test_one_pixel_is_a_picture():
    one = open_image(encoded(Image.new("RGB", (1, 1), RED)))
    assert one.size == (1, 1)
    pixel_values = ImageProcessor(28, CLIP_MEAN, CLIP_STD)([one])
    assert pixel_values.shape == (1, 3, 28, 28)
    assert torch.equal(pixel_values, pixel_values[:, :, :1, :1].expand(-1, -1, 28, 28))


def test_20000_by_20000_pixels_are_refused_from_the_header_alone():
    assert refusal(png_header(20_000, 20_000)) in (
        "image: expected at most 50 megapixels, got 400 (20000x20000). Make the picture smaller.",
        "image: expected at most 50 megapixels, got far more. Make the picture smaller.",
    )


def test_a_picture_of_51_megapixels_is_refused_and_says_how_large_it_is():
    assert refusal(png_header(10_200, 5_000)) == (
        "image: expected at most 50 megapixels, got 51 (10200x5000). Make the picture smaller."
    )


def test_a_thread_of_pixels_is_refused():
    assert refusal(png_header(70_000, 1)) == (
        "image: expected sides of at most 65535 pixels, got 70000x1. Make the picture smaller."
    )


def test_no_pixels_at_all_are_refused():
    assert refusal(Image.new("RGB", (0, 4))) == "image: expected a picture, got one of 0x4 pixels."


# Modes


def test_the_inks_of_a_printing_press_become_rgb():
    opened = open_image(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    red, green, blue = opened.getpixel((4, 4))
    assert opened.mode == "RGB" and red > 200 and green < 60 and blue < 60


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_and_not_clipped(form):
    values = np.array([[0, 16_384], [32_800, 65_535]], dtype=np.uint16)
    opened = open_image(encoded(Image.fromarray(values), form))
    assert np.asarray(opened)[..., 0].tolist() == [[0, 64], [128, 255]]


@pytest.mark.parametrize("full", [1.0, 255.0, 65_535.0, 1e6])
def test_grey_of_32_bits_is_scaled_by_the_smallest_usual_range_that_holds_it(full):
    values = np.array([[0, full / 4], [full / 2, full]], dtype=np.float32)
    assert np.asarray(open_image(Image.fromarray(values)))[..., 0].tolist() == [[0, 64], [128, 255]]


def test_numbers_that_are_none_do_not_spoil_the_others():
    values = np.array([[float("nan"), -3.0], [0.0, 1.0]], dtype=np.float32)
    assert np.asarray(open_image(Image.fromarray(values)))[..., 0].tolist() == [[0, 0], [0, 255]]


def test_a_palette_with_transparency_shows_white_in_its_holes():
    paletted = Image.new("P", (2, 1))
    paletted.putpalette([*RED, *BLUE])
    paletted.putpixel((1, 0), 1)
    opened = open_image(encoded(paletted, transparency=1))
    assert [opened.getpixel((x, 0)) for x in (0, 1)] == [RED, (255, 255, 255)]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_what_is_half_transparent_is_half_white(mode):
    clear = Image.new("RGBA", (1, 1), (0, 0, 0, 0)).convert(mode)
    assert open_image(clear).getpixel((0, 0)) == (255, 255, 255)
    half = open_image(Image.new("RGBA", (1, 1), (0, 0, 0, 128)))
    assert half.getpixel((0, 0)) == (127, 127, 127)


@pytest.mark.parametrize("mode", ["1", "L", "P", "YCbCr", "LAB", "HSV", "RGBX", "I", "F"])
def test_every_mode_becomes_rgb(mode):
    assert open_image(Image.new(mode, (3, 2))).mode == "RGB"


def test_of_a_moving_picture_the_first_frame_is_taken():
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE)]
    moving = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
    assert Image.open(io.BytesIO(moving)).n_frames == 2
    assert open_image(moving).getpixel((4, 4)) == RED


# Turned photographs, metadata


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_phone_photograph_is_turned_upright(orientation, form):
    """Pillow's own ImageOps.exif_transpose is the oracle."""
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(picture(size=(32, 16)), form, exif=exif)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    opened = open_image(content)
    assert opened.size == ((32, 16) if orientation < 5 else (16, 32))
    assert np.array_equal(np.asarray(opened), np.asarray(expected))


@pytest.mark.parametrize("orientation", [0, 9, 65_535])
def test_an_orientation_that_does_not_exist_is_ignored(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(picture(size=(32, 16)), "JPEG", exif=exif)
    assert open_image(content).size == (32, 16)


def test_nothing_but_the_colours_gets_through():
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    opened = open_image(encoded(picture(), "JPEG", exif=exif, comment=b"where I live"))
    assert opened.info == {} and not opened.getexif() and type(opened) is Image.Image


def test_the_picture_that_was_handed_in_is_left_alone():
    given = picture()
    opened = open_image(given)
    opened.putpixel((0, 0), (1, 2, 3))
    assert given.getpixel((0, 0)) == picture().getpixel((0, 0))


def test_a_photograph_of_a_large_camera_is_decoded_small():
    content = encoded(Image.new("RGB", (8192, 4096), RED), "JPEG")
    assert open_image(content).size == (4096, 2048)
