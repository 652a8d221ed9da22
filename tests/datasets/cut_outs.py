"""Stamps of one colour with a transparent margin, to compose pictures from."""

from PIL import Image

from blip2_core.datasets.things import Thing, split_of

COLOURS = ((250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0))
KINDS = (("crow", "bird", "animal"), ("daisy", "flower", "plant"), ("hammer", "tool"), ("car", "vehicle"))
MARGIN = 20  # transparent pixels around the stamps of this test


def key_in(split: str, name: str) -> str:
    """A key that falls in a split."""
    return next(key for number in range(1000) if split_of(key := f"{name} {number}", 0) == split)


def stamp(
    folder, name: str, broader: tuple[str, ...], *, colour=(250, 0, 0), split: str = "test", sentence=""
) -> Thing:
    """A filled rectangle with a transparent margin, whose key falls in a split."""
    key = key_in(split, name)
    picture = Image.new("RGBA", (100 + 2 * MARGIN, 80 + 2 * MARGIN), (0, 0, 0, 0))
    picture.paste((*colour, 255), (MARGIN, MARGIN, MARGIN + 100, MARGIN + 80))
    file = folder / f"{name}.png"
    picture.save(file)
    return Thing(str(file), name, (), broader, key, "stamps", sentence or f"A {name}.")


def photograph(folder, name: str, broader: tuple[str, ...], *, colour, split: str = "test") -> Thing:
    """A photograph of one thing, all of one colour, whose key falls in a split."""
    key = key_in(split, name)
    Image.new("RGB", (90, 60), colour).save(folder / f"{name}.jpg")
    return Thing(str(folder / f"{name}.jpg"), name, (), broader, key, "imagenet", f"A {name}.")
