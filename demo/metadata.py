"""Takes out of a picture file what is not picture: place, camera, comments, thumbnails, what hangs on behind the end.

A photograph tells where it was taken, and an uploaded file can be read by whoever knows its address for an hour. JPEG
and PNG are cleaned without touching a pixel, by leaving out parts of the file; the other formats, which are rare, are
saved anew as PNG. Only how a JPEG is turned stays, for without it a portrait would lie on its side.
"""

import io
import os
import tempfile
from pathlib import Path

from PIL import Image

from blip2_core.image import open_image

ORIENTATION = 0x0112
_JPEG_START, _PNG_START = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = {
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"bKGD", b"iCCP",
    b"acTL", b"fcTL", b"fdAT",
}  # fmt: skip
_APP0, _APP2, _APP14, _APP15, _COMMENT = 0xE0, 0xE2, 0xEE, 0xEF, 0xFE
_SCAN, _END, _STUFFED = 0xDA, 0xD9, frozenset((0x00, *range(0xD0, 0xD8)))


def clean_file(path: str | Path) -> None:
    """Take the metadata out of a picture file, in place.

    Raises:
        ImageError: it cannot be read as a picture; then it stays as it is.
    """
    before = Path(path).read_bytes()
    after = clean_bytes(before)
    if after != before:
        _replace(Path(path), after)


def clean_bytes(data: bytes) -> bytes:
    """The same picture without metadata.

    Raises:
        ImageError: it cannot be read as a picture.
    """
    try:
        if data.startswith(_JPEG_START):
            return _clean_jpeg(data)
        if data.startswith(_PNG_START) and b"eXIf" not in data:
            return _clean_png(data)
    except (IndexError, ValueError):  # a damaged file; perhaps the decoder makes something of it
        pass
    return as_png(open_image(data))


def as_png(image: Image.Image) -> bytes:
    """The bytes of a PNG file."""
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=3)
    return stream.getvalue()


def _replace(path: Path, data: bytes) -> None:
    """Swap the whole file at once: somebody may be reading it."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as fresh:
        fresh.write(data)
    os.replace(fresh.name, path)


def _clean_png(data: bytes) -> bytes:
    kept, place = [_PNG_START], len(_PNG_START)
    while place < len(data):
        length, kind = int.from_bytes(data[place : place + 4]), data[place + 4 : place + 8]
        end = place + 12 + length
        if kind in _PNG_KEPT:
            kept.append(data[place:end])
        if kind == b"IEND":
            return b"".join(kept)
        place = end
    raise ValueError("no end")


def _clean_jpeg(data: bytes) -> bytes:
    kept, place = [_JPEG_START, _turned(data)], 2
    while data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # a byte of padding
            place += 1
            continue
        if marker == _END:
            return b"".join([*kept, b"\xff\xd9"])
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4])
        if _is_picture(marker, data[place + 4 : end]):
            kept.append(data[place:end])
        if marker == _SCAN:
            scan_end = _end_of_scan(data, end)
            kept.append(data[end:scan_end])
            end = scan_end
        if end <= place:
            break
        place = end
    raise ValueError("no end")


def _is_picture(marker: int, content: bytes) -> bool:
    """Whether a segment is needed to draw the picture: tables, frames, and what says how to read the colours."""
    if _APP0 <= marker <= _APP15 or marker == _COMMENT:
        colours = marker == _APP2 and content.startswith(b"ICC_PROFILE\0")
        return colours or (marker == _APP0 and content.startswith(b"JFIF\0")) or marker == _APP14
    return True


def _end_of_scan(data: bytes, place: int) -> int:
    """Where the next marker begins; in between, 0xFF is followed by 0 or by a restart."""
    while (place := data.index(b"\xff", place)) >= 0 and data[place + 1] in _STUFFED:
        place += 2
    return place


def _turned(data: bytes) -> bytes:
    """A segment that says how the picture is turned and nothing else; empty where it stands upright."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            orientation = image.getexif().get(ORIENTATION, 1)
    except Exception:  # damaged EXIF data must not cost the picture
        return b""
    if orientation not in range(2, 9):
        return b""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    content = exif.tobytes()
    if not content.startswith(b"Exif\0\0"):
        content = b"Exif\0\0" + content
    return b"\xff\xe1" + (len(content) + 2).to_bytes(2) + content
