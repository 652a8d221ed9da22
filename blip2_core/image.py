"""Station 1 of 6, image: a file, bytes or a PIL image -> checked RGB -> pixel_values.

People hand in pictures of every kind: turned by the camera, with holes in them, in the colours of a printing press,
with 16 bits a point, moving, cut short, or not pictures at all. `open_image` makes of each one a plain RGB picture,
or says in a sentence why it cannot. It is strict, because files come from strangers: the size is read from the header
and checked before anything is decoded, only formats that browsers and cameras write are tried, and nothing but the
colours of the first frame gets through: no place, no camera, no comment. `ImageProcessor` then squashes the picture
to the square that the image encoder was trained on and puts the colours on the encoder's scale.

Differs from `transformers`: no torchvision. Pillow and numpy give the same numbers as its PIL processor, bit for bit.
"""

import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image

from .errors import CheckpointError, ConfigError, ImageError

if TYPE_CHECKING:
    from torch import Tensor

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
MOST_PIXELS = 50_000_000
LONGEST_SIDE = 65_535  # pixels, the most that a JPEG can have; to squash a longer one costs gigabytes
_DRAFT_SIZE = (2048, 2048)  # pixels; a JPEG of twice this is decoded at half its size, in a fraction of the time
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {  # what turns a photograph upright, by its EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_GREY_RANGES = {"F": (1, 255, 65_535), "I": (255, 65_535)}  # "I;16" is always the last

_PROCESSOR_FILE = "preprocessor_config.json"
_COMBINED_FILE = "processor_config.json"  # where the processors of transformers 5 keep the same values, nested
_FIXED_VALUES = {"do_resize": True, "do_center_crop": False, "resample": Image.Resampling.BICUBIC.value}
_FULL_SCALE = 1 / 255


def open_image(source: str | PathLike[str] | bytes | Image.Image) -> Image.Image:
    """Open a picture and make it plain: upright, on white where it was transparent, RGB, without metadata.

    Args:
        source: a file, the bytes of one, or a PIL image; of a moving picture the first frame is taken.

    Returns:
        A new RGB picture. A JPEG of 4096 pixels a side or more comes at a half, quarter or eighth of its size.

    Raises:
        ImageError: there is no such file, it is no picture, it is damaged, or it has more than 50 megapixels.
    """
    if isinstance(source, Image.Image):
        return _plain(source, "image")
    if isinstance(source, bytes | bytearray | memoryview):
        return _from_stream(io.BytesIO(source), "image")
    if isinstance(source, str | PathLike):
        return _from_path(Path(source), str(source))
    raise ImageError(f"image: expected a path, bytes or a PIL image, got {type(source).__name__}.")


@dataclass(frozen=True)
class ImageProcessor:
    """Squashes pictures to a square and normalizes their colours: (x / 255 - mean) / std.

    Attributes:
        image_size: side of the square, pixels.
        mean: what is subtracted from red, green and blue, on the scale 0-1.
        std: what they are divided by then.

    Raises:
        ConfigError: a value out of its range.
    """

    image_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __post_init__(self) -> None:
        if type(self.image_size) is not int or self.image_size < 1:
            raise ConfigError(f"image_size: expected a number of pixels, 1 or more, got {self.image_size!r}.")
        _expect_three_numbers("mean", self.mean)
        _expect_three_numbers("std", self.std)
        if min(self.std) <= 0:
            raise ConfigError(f"std: expected three numbers above 0, got {self.std!r}.")

    def __call__(self, images: Sequence[Image.Image]) -> "Tensor":
        """Turn pictures into what the image encoder reads.

        Args:
            images: pictures from `open_image`, one or more, of any size.

        Returns:
            pixel_values: (B, 3, H, W) float32, H = W = image_size.

        Raises:
            ImageError: there is no picture in `images`.
        """
        import torch  # here, so that a page that only opens pictures starts without it

        if not images:
            raise ImageError("images: expected one picture or more, got none.")
        return torch.from_numpy(np.stack([self._pixels(image) for image in images]))  # (B, 3, H, W)

    def _pixels(self, image: Image.Image) -> np.ndarray:
        square = image.convert("RGB").resize((self.image_size, self.image_size), Image.Resampling.BICUBIC)
        planes = np.asarray(square).transpose(2, 0, 1)  # (3, H, W), 0-255
        return np.stack([values[plane] for values, plane in zip(self._values(), planes, strict=True)])

    def _values(self) -> np.ndarray:
        """(3, 256): what each of the 256 values of red, green and blue becomes; looked up, not computed a pixel."""
        # The detour over float64 is the one that transformers takes: without it the last bit differs.
        scaled = (np.arange(256, dtype=np.float64) * _FULL_SCALE).astype(np.float32)
        return (scaled - np.array(self.mean, np.float32)[:, None]) / np.array(self.std, np.float32)[:, None]

    @classmethod
    def from_folder(cls, folder: str | PathLike[str]) -> "ImageProcessor":
        """Read the processor that was saved with a model.

        Args:
            folder: holds preprocessor_config.json, or processor_config.json as transformers 5 writes it.

        Raises:
            CheckpointError: the file is missing or broken, or asks for steps other than squash and normalize.
        """
        file, values = _read_values(Path(folder))
        try:
            return _from_values(values)
        except (KeyError, TypeError, ValueError) as error:
            reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")
            raise CheckpointError(f"{file}: this image processor cannot be used: {reason}.") from None

    def save(self, folder: str | PathLike[str]) -> None:
        """Write preprocessor_config.json, which `transformers` opens as a BlipImageProcessor.

        Args:
            folder: an existing folder.
        """
        values = {
            "image_processor_type": "BlipImageProcessor",
            "do_convert_rgb": True,
            "do_resize": True,
            "size": {"height": self.image_size, "width": self.image_size},
            "resample": Image.Resampling.BICUBIC.value,
            "do_rescale": True,
            "rescale_factor": _FULL_SCALE,
            "do_normalize": True,
            "image_mean": list(self.mean),
            "image_std": list(self.std),
        }
        (Path(folder) / _PROCESSOR_FILE).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _from_path(path: Path, name: str) -> Image.Image:
    """Open a regular file, or say which of the many other things `path` is."""
    if name.startswith(("http://", "https://")):
        raise ImageError(f"{name}: expected a file, got a web address. Download the picture first.")
    if "\0" in name:
        raise ImageError(f"{name!r}: expected the path of a picture file, got a name with a zero byte.")
    try:
        if path.is_dir():
            raise ImageError(f"{name}: expected a picture file, got a folder. Name one file in it.")
        if path.exists() and not path.is_file():
            raise ImageError(f"{name}: expected a picture file, got a device or a pipe. Save the picture first.")
        with path.open("rb") as stream:
            return _from_stream(stream, name)
    except FileNotFoundError:
        raise ImageError(f"{name}: there is no such file. Check the path.") from None
    except OSError as error:
        raise ImageError(f"{name[:200]}: the file cannot be read: {error.strerror}.") from None


def _from_stream(stream: BinaryIO, name: str) -> Image.Image:
    """Read the header, check what it says, and go on."""
    if not stream.read(1):
        raise ImageError(f"{name}: expected a picture, got an empty file. Save or download it again.")
    stream.seek(0)
    try:
        image = Image.open(stream, formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(f"{name}: expected at most 50 megapixels, got far more. Make the picture smaller.") from None
    except Exception:  # whatever a header can do to its reader
        raise ImageError(
            f"{name}: expected a PNG, JPEG, WebP, GIF, BMP or TIFF picture, got something else. Save it as PNG or JPEG."
        ) from None
    return _plain(image, name, draft=True)


def _plain(image: Image.Image, name: str, *, draft: bool = False) -> Image.Image:
    """Check the size, decode, and keep the colours only."""
    _check_size(image.size, name)
    if draft:
        image.draft("RGB", _DRAFT_SIZE)
    try:
        image.load()
        upright = _upright(_rgb(image), image)
    except Exception as error:  # decoders raise what they like
        raise ImageError(
            f"{name}: the picture is damaged or of a rare kind ({error}). Save it again as PNG or JPEG."
        ) from error
    clean = Image.new("RGB", upright.size)
    clean.paste(upright)
    return clean


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    shown = f"{width}x{height}"
    if width < 1 or height < 1:
        raise ImageError(f"{name}: expected a picture, got one of {shown} pixels.")
    if width * height > MOST_PIXELS:
        megapixels = math.ceil(width * height / 1e6)
        raise ImageError(
            f"{name}: expected at most 50 megapixels, got {megapixels} ({shown}). Make the picture smaller."
        )
    if max(size) > LONGEST_SIDE:
        raise ImageError(
            f"{name}: expected sides of at most {LONGEST_SIDE} pixels, got {shown}. Make the picture smaller."
        )


def _upright(rgb: Image.Image, image: Image.Image) -> Image.Image:
    """Turn `rgb` as the EXIF data of `image` says."""
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG)
    except Exception:  # damaged EXIF data must not cost the picture
        return rgb
    return rgb.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else rgb


def _rgb(image: Image.Image) -> Image.Image:
    """Bring any mode to RGB: long numbers are scaled, not clipped; holes show white."""
    if image.mode.startswith(("I", "F")):
        return _short_grey(image).convert("RGB")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def _short_grey(image: Image.Image) -> Image.Image:
    """Scale grey of 16 or 32 bits to 8: by the smallest usual range that holds its brightest point."""
    values = np.nan_to_num(np.asarray(image).astype(np.float32))
    brightest = float(values.max())
    ranges = _GREY_RANGES.get(image.mode, (65_535,))
    full = next((top for top in ranges if brightest <= top), brightest)
    return Image.fromarray(np.rint(values.clip(0) / full * 255).astype(np.uint8))


def _expect_three_numbers(name: str, values: Any) -> None:
    """Refuse what is not a tuple of three finite numbers."""
    fits = isinstance(values, tuple) and len(values) == 3
    if not (fits and all(isinstance(value, float | int) and math.isfinite(value) for value in values)):
        raise ConfigError(f"{name}: expected three numbers, for red, green and blue, got {values!r}.")


def _read_values(folder: Path) -> tuple[Path, dict[str, Any]]:
    """Find the processor's file in `folder` and read its values."""
    file, combined, nested = folder / _PROCESSOR_FILE, folder / _COMBINED_FILE, None
    if not file.is_file() and combined.is_file():
        nested = _read_json(combined)
    if isinstance(nested, dict) and "image_processor" in nested:
        file, values = combined, nested["image_processor"]
    else:  # before transformers 5 the combined file has the number of queries alone
        values = _read_json(file)
    if not isinstance(values, dict):
        raise CheckpointError(f"{file}: expected the settings of an image processor, got {type(values).__name__}.")
    return file, values


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{file}: this file is missing. Copy or download the folder again.") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file}: expected JSON, got {error}. Copy or download the file again.") from None


def _from_values(values: dict[str, Any]) -> ImageProcessor:
    """Build the processor; KeyError, TypeError or ValueError where a value is missing or does not fit."""
    for name, fixed in _FIXED_VALUES.items():
        if (value := values.get(name)) not in (None, fixed):
            raise ValueError(f"{name}: expected {fixed}, got {value!r}")
    mean, std = _triple(values, "image_mean"), _triple(values, "image_std")
    if values.get("do_normalize") is False:
        mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    factor = values.get("rescale_factor", _FULL_SCALE) if values.get("do_rescale") is not False else 1.0
    if not factor > 0:
        raise ValueError(f"rescale_factor: expected a number above 0, got {factor!r}")
    if factor != _FULL_SCALE:  # mean and std are on another scale than 0-1
        mean, std = _times(mean, _FULL_SCALE / factor), _times(std, _FULL_SCALE / factor)
    return ImageProcessor(image_size=_side(values["size"]), mean=mean, std=std)


def _triple(values: dict[str, Any], name: str) -> tuple[float, float, float]:
    """Read the three numbers of a list."""
    match values[name]:
        case [red, green, blue]:
            return red, green, blue
        case other:
            raise ValueError(f"{name}: expected three numbers, got {other!r}")


def _times(triple: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    red, green, blue = triple
    return red * factor, green * factor, blue * factor


def _side(size: Any) -> int:
    """Read `size` as it is written: a number, or height and width of a square."""
    if not isinstance(size, dict):
        return size
    if set(size) != {"height", "width"} or size["height"] != size["width"]:
        raise ValueError(f"size: expected one number or equal height and width, got {size!r}")
    return size["height"]
