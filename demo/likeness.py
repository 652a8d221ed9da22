"""Whether two screenshots show the same page: alike in where everything is, whatever the edges of letters look like."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

REDUCED = 8  # pictures are compared at an eighth of their size, where the edges of letters weigh little
ALIKE = 32  # of 255: two pixels that differ by no more than this are alike
WINDOW = (3, 16)  # rows and columns of the reduced picture: as large as a word on a button
TOLERANCE = 0.15  # share of the pixels in such a window that may differ


def difference(taken: "Image", kept: "Image", left_out: list[list[float]]) -> str | None:
    """How two pictures differ, in a sentence; None if they are alike.

    Args:
        taken: the one that was taken now.
        kept: the one to compare with.
        left_out: places that do not count: left, top, right, bottom in pixels.
    """
    import numpy
    from PIL import ImageDraw

    if taken.size != kept.size:
        return f"expected {kept.width} x {kept.height} pixels, got {taken.width} x {taken.height}."
    pixels = []
    for picture in (taken.convert("RGB"), kept.convert("RGB")):
        for left, top, right, bottom in left_out:
            ImageDraw.Draw(picture).rectangle((left, top, right, bottom), fill="gray")
        pixels.append(numpy.asarray(picture.reduce(REDUCED), dtype=int))
    unlike = abs(pixels[0] - pixels[1]).max(axis=2) > ALIKE
    windows = numpy.lib.stride_tricks.sliding_window_view(unlike, WINDOW).mean(axis=(2, 3))
    if windows.max() <= TOLERANCE:
        return None
    rows, columns = (numpy.flatnonzero(unlike.any(axis=axis)) * REDUCED for axis in (1, 0))
    place = f"from ({columns[0]}, {rows[0]}) to ({columns[-1]}, {rows[-1]})"
    return f"{unlike.mean():.1%} of the pixels differ, {place}."
