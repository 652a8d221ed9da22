"""The numbers that the image encoder gets are those of `transformers`, and so are the settings in a folder."""

import json

import pytest
import torch
from families import picture
from transformers import BlipImageProcessorPil

from blip2_core.errors import CheckpointError, ConfigError, ImageError
from blip2_core.image import ImageProcessor

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


@pytest.mark.parametrize("size", [(40, 30), (1, 1), (28, 28), (300, 17), (13, 211)])
def test_pixel_values_are_those_of_transformers_bit_for_bit(size):
    for side in (28, 224):
        theirs = BlipImageProcessorPil(size={"height": side, "width": side})(picture(3, size), return_tensors="pt")
        ours = ImageProcessor(side, CLIP_MEAN, CLIP_STD)([picture(3, size)])
        assert ours.dtype == torch.float32
        assert torch.equal(ours, theirs.pixel_values)


def test_a_batch_is_its_pictures_one_by_one():
    processor = ImageProcessor(28, CLIP_MEAN, CLIP_STD)
    images = [picture(0), picture(1, (7, 90))]
    assert torch.equal(processor(images), torch.cat([processor([image]) for image in images]))


def test_no_pictures_are_refused():
    with pytest.raises(ImageError) as error:
        ImageProcessor(28, CLIP_MEAN, CLIP_STD)([])
    assert str(error.value) == "images: expected one picture or more, got none."


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((0, CLIP_MEAN, CLIP_STD), "image_size: expected a number of pixels, 1 or more, got 0."),
        ((28.0, CLIP_MEAN, CLIP_STD), "image_size: expected a number of pixels, 1 or more, got 28.0."),
        ((28, (0.5, 0.5), CLIP_STD), "mean: expected three numbers, for red, green and blue, got (0.5, 0.5)."),
        (
            (28, CLIP_MEAN, (1.0, float("nan"), 1.0)),
            "std: expected three numbers, for red, green and blue, got (1.0, nan, 1.0).",
        ),
        ((28, CLIP_MEAN, (1.0, 0.0, 1.0)), "std: expected three numbers above 0, got (1.0, 0.0, 1.0)."),
    ],
)
def test_settings_that_make_no_sense(values, said):
    with pytest.raises(ConfigError) as error:
        ImageProcessor(*values)
    assert str(error.value) == said


def test_transformers_opens_what_we_save_and_gives_the_same_numbers(tmp_path):
    processor = ImageProcessor(28, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    processor.save(tmp_path)
    theirs = BlipImageProcessorPil.from_pretrained(tmp_path)(picture(), return_tensors="pt").pixel_values
    assert torch.equal(processor([picture()]), theirs)
    assert ImageProcessor.from_folder(tmp_path) == processor


def test_we_open_what_transformers_saves(tmp_path):
    BlipImageProcessorPil(size={"height": 28, "width": 28}).save_pretrained(tmp_path)
    assert ImageProcessor.from_folder(tmp_path) == ImageProcessor(28, CLIP_MEAN, CLIP_STD)


@pytest.mark.parametrize(
    "options",
    [
        {"do_normalize": False},
        {"do_rescale": False, "image_mean": [120.0, 110.0, 100.0], "image_std": [60.0, 60.0, 60.0]},
        {"rescale_factor": 1 / 127.5, "image_mean": [1.0, 1.0, 1.0], "image_std": [1.0, 1.0, 1.0]},
    ],
)
def test_other_scales_are_read_as_transformers_reads_them(tmp_path, options):
    theirs = BlipImageProcessorPil(size={"height": 28, "width": 28}, **options)
    theirs.save_pretrained(tmp_path)
    ours = ImageProcessor.from_folder(tmp_path)([picture()])
    torch.testing.assert_close(ours, theirs(picture(), return_tensors="pt").pixel_values, rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"size": {"shortest_edge": 28}}, "size: expected one number or equal height and width"),
        ({"size": {"height": 28, "width": 30}}, "size: expected one number or equal height and width"),
        ({"do_resize": False}, "do_resize: expected True, got False"),
        ({"do_center_crop": True}, "do_center_crop: expected False, got True"),
        ({"resample": 2}, "resample: expected 3, got 2"),
        ({"image_mean": [0.5]}, "image_mean: expected three numbers, got [0.5]"),
        ({"image_std": None}, "image_std: expected three numbers, got None"),
        ({"size": "large"}, "image_size: expected a number of pixels, 1 or more, got 'large'"),
        ({"rescale_factor": 0}, "rescale_factor: expected a number above 0, got 0"),
    ],
)
def test_steps_that_are_not_ours_are_refused(tmp_path, change, said):
    ImageProcessor(28, CLIP_MEAN, CLIP_STD).save(tmp_path)
    file = tmp_path / "preprocessor_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(CheckpointError) as error:
        ImageProcessor.from_folder(tmp_path)
    assert str(error.value).startswith(f"{file}: this image processor cannot be used: {said}")


@pytest.mark.parametrize("content", ["", "{", "\x00"])
def test_a_damaged_file_of_settings(tmp_path, content):
    file = tmp_path / "preprocessor_config.json"
    file.write_text(content)
    with pytest.raises(CheckpointError, match="expected JSON, got .* Copy or download the file again.") as error:
        ImageProcessor.from_folder(tmp_path)
    assert str(error.value).startswith(str(file))


def test_settings_that_are_no_object(tmp_path):
    file = tmp_path / "preprocessor_config.json"
    file.write_text("[]")
    with pytest.raises(CheckpointError) as error:
        ImageProcessor.from_folder(tmp_path)
    assert str(error.value) == f"{file}: expected the settings of an image processor, got list."
