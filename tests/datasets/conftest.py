"""A WordNet of a few meanings, photographs of one colour, and small folders of every source."""

import random
from pathlib import Path

import pytest
from PIL import Image

from blip2_core.datasets.wordnet import WordNet

# id, names, id right above, definition
MEANINGS = (
    ("00000001", "entity", "", "that which exists"),
    ("00000002", "animal", "00000001", "a living thing that moves"),
    ("00000003", "bird", "00000002", "a feathered animal"),
    ("00000004", "chickadee", "00000003", "any of various small grey-and-black songbirds of North America"),
    ("00000005", "dog domestic_dog Canis_familiaris", "00000002", "a tame animal"),
    ("00000006", "beagle", "00000005", "a small short-legged smooth-coated breed of hound"),
    ("00000007", "plant flora", "00000001", "a living thing that grows"),
    ("00000008", "flower", "00000007", "a plant that is grown for its blossoms"),
    ("00000009", "daisy", "00000008", "a white flower with a yellow middle"),
    ("00000010", "vehicle", "00000001", "a thing that transports"),
    ("00000011", "car auto motorcar", "00000010", "a vehicle with four wheels"),
    ("00000012", "ball", "00000001", "a round thing"),
    ("00000013", "tennis_ball", "00000012", "a ball about the size of a fist"),
    ("00000014", "person", "00000001", "a human being"),
    ("00000015", "man", "00000014", "a grown male person"),
    ("00000016", "elephant", "00000002", "a large grey animal"),
)
NOUNS = (
    "woman boy girl child people shirt jacket hat jeans shorts grass snow field water bench street beach park pool "
    "stick frisbee bike bicycle skateboard guitar fence hurdle air mouth face trick tree rock helmet dress coat road "
    "swing camera pair group"
).split()


def write_wordnet(folder: Path) -> Path:
    """Write data.noun and index.noun in WordNet's own format."""
    folder.mkdir(parents=True, exist_ok=True)
    more = [(f"{number:08}", noun, "00000001", "a thing") for number, noun in enumerate(NOUNS, start=100)]
    data, index = ["  1 The licence stands here."], {}
    for key, names, above, gloss in (*MEANINGS, *more):
        words = names.split()
        pointers = f"001 @ {above} n 0000" if above else "000"
        named = " ".join(f"{word} 0" for word in words)
        data.append(f"{key} 03 n {len(words):02x} {named} {pointers} | {gloss}")
        for word in words:
            index.setdefault(word.lower(), []).append(key)
    lines = [f"{word} n {len(ids)} 1 @ {len(ids)} 0 {' '.join(ids)}" for word, ids in sorted(index.items())]
    (folder / "data.noun").write_text("\n".join(data) + "\n")
    (folder / "index.noun").write_text("\n".join(["  1 The licence stands here.", *lines]) + "\n")
    return folder


@pytest.fixture(scope="session")
def wordnet_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wordnet(tmp_path_factory.mktemp("wordnet"))


@pytest.fixture(scope="session")
def wordnet(wordnet_folder: Path) -> WordNet:
    return WordNet(wordnet_folder)


def write_picture(file: Path) -> None:
    """Coloured squares, other ones for every file name."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.frombytes("RGB", (16, 16), random.Random(file.name).randbytes(3 * 16 * 16)).save(file)


@pytest.fixture
def sources(tmp_path: Path, wordnet_folder: Path) -> dict[str, Path]:
    """Small folders of Flickr8k, DAQUAR, ImageNet samples and stamps, and of WordNet."""
    folders = {
        name: tmp_path / name for name in ("flickr8k", "flickr8k-captions", "daquar", "imagenet-samples", "stamps")
    }
    _write_flickr8k(folders["flickr8k"], folders["flickr8k-captions"])
    _write_daquar(folders["daquar"])
    for name in ("n00000004_chickadee", "n00000006_beagle", "n00000009_daisy", "n00000011_car", "n00000016_elephant"):
        write_picture(folders["imagenet-samples"] / f"{name}.JPEG")
    for name, sentence in (("animals/birds/crow", "A crow."), ("animals/birds/cartoon/crow2", "A black crow!")):
        write_picture(folders["stamps"] / f"{name}.png")
        (folders["stamps"] / f"{name}.txt").write_text(f"{sentence}\nde.utf8=Eine Krähe.\n", encoding="utf-8")
    return {**folders, "wordnet": wordnet_folder}


def _write_flickr8k(images: Path, captions: Path) -> None:
    captions.mkdir(parents=True)
    lines = []
    for split, first, last in (("train", 0, 12), ("dev", 12, 16), ("test", 16, 20)):
        names = [f"{number}.jpg" for number in range(first, last)]
        (captions / f"Flickr_8k.{split}Images.txt").write_text("\n".join(names) + "\n")
        for number, name in zip(range(first, last), names, strict=True):
            write_picture(images / name)
            one = ("A black dog runs through the snow .", "A dog is running in the snow .", "A black dog in the snow .")
            two = ("Two men in red shirts play soccer .", "Two men are playing soccer on a field .", "Two men play .")
            lines += [f"{name}#{place}\t{text}" for place, text in enumerate(two if number % 2 else one)]
    (captions / "Flickr8k.token.txt").write_text("\n".join(lines) + "\n")


def _write_daquar(folder: Path) -> None:
    folder.mkdir(parents=True)
    for number in range(1, 31):
        write_picture(folder / "images" / f"image{number}.png")
    (folder / "train_images_list.txt").write_text("".join(f"image{number}\n" for number in range(1, 21)))
    (folder / "test_images_list.txt").write_text("".join(f"image{number}\n" for number in range(21, 31)))
    pairs = [f"what is on the desk in the image{number} ?\ngarbage_bin, lamp\n" for number in range(1, 31)]
    (folder / "all_qa_pairs.txt").write_text("".join(pairs))
