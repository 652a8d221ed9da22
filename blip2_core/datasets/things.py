"""A thing that a picture shows by itself: its name, its other names, and plain broader words for it.

WordNet knows that a chickadee is a titmouse, an oscine, a passerine, a bird, a vertebrate, a chordate, an
animal, an organism and an entity. People say "a bird" or "an animal": only words that they would say are kept.
"""

import hashlib
import re
from dataclasses import dataclass

from .wordnet import Synset, WordNet

_LATIN = re.compile(r"[A-Z][a-z]+ [a-z]+( [a-z]+)?")
DEV_SHARE, TEST_SHARE = 0.10, 0.15

# What WordNet calls it, and what people call it; a name that stands for itself has no words behind it.
PLAIN_TERMS: dict[str, tuple[str, ...]] = {
    name: (name,)
    for name in (
        "dog cat bird snake lizard frog salamander turtle fish shark ray spider insect beetle butterfly crab lobster "
        "monkey ape bear mammal reptile amphibian wolf fox rabbit horse sheep goat antelope deer whale seal snail worm "
        "dinosaur duck owl parrot crocodile hen chicken rodent squirrel mouse pig cow bull ox elephant camel kangaroo "
        "weasel goose eagle vulture grouse heron terrier spaniel retriever hound poodle sheepdog crustacean arachnid "
        "invertebrate mollusk grasshopper moth fly bee ant animal car truck ship boat aircraft airplane train "
        "locomotive bicycle motorcycle vehicle fruit vegetable food dish dessert bread sauce candy pasta soup meat "
        "cake furniture chair table desk seat sofa bed cabinet lamp light tool weapon "
        "gun rifle knife clothing hat shoe "
        "boot coat dress skirt swimsuit glove sock helmet armor mask jewelry necklace wig building house bridge shop "
        "tower fence roof door dam wall gate bag bottle box basket container pot pan bowl cup jug spoon machine "
        "computer telephone clock watch timepiece camera screen keyboard printer radio fan heater stove appliance ball "
        "toy puzzle plant flower tree fungus mushroom mountain valley shore rug mat towel cloth curtain sign book "
        "magazine sail lock bus tractor cart sled wagon pen brush stick mirror bandage monument memorial column "
        "platform shelter tent person athlete diver paper guitar violin drum piano flute horn trumpet device tool "
        "structure barrier fastener equipment nut herb berry apple orange grape squash pepper cabbage planet star "
        "umbrella scarf trousers shirt saw hammer wrench scissors balloon helicopter van"
    ).split()
} | {
    "beverage": ("drink",),
    "clothing": ("piece of clothing", "clothing"),
    "garment": ("piece of clothing", "clothing"),
    "footwear": ("footwear",),
    "headdress": ("hat",),
    "musical instrument": ("musical instrument", "instrument"),
    "wind instrument": ("wind instrument",),
    "stringed instrument": ("stringed instrument",),
    "percussion instrument": ("percussion instrument",),
    "keyboard instrument": ("keyboard instrument",),
    "home appliance": ("appliance",),
    "kitchen appliance": ("kitchen appliance",),
    "kitchen utensil": ("kitchen tool", "kitchen utensil"),
    "sports equipment": ("piece of sports equipment", "sports equipment"),
    "electronic equipment": ("electronic device", "electronics", "device"),
    "electronic device": ("electronic device", "device"),
    "place of worship": ("religious building", "church", "temple"),
    "motor vehicle": ("vehicle",),
    "wheeled vehicle": ("vehicle",),
    "craft": ("vehicle",),
    "watercraft": ("boat", "ship"),
    "mercantile establishment": ("shop", "store"),
    "marketplace": ("shop", "store"),
    "geological formation": ("natural place", "landscape"),
    "natural elevation": ("natural place",),
    "body of water": ("water",),
    "implement": ("tool",),
    "writing implement": ("pen",),
    "dwelling": ("house", "home"),
    "housing": ("building",),
    "fortification": ("building",),
    "penal institution": ("building",),
    "toiletry": ("cosmetic",),
    "cosmetic": ("cosmetic", "makeup"),
    "makeup": ("makeup",),
    "bedclothes": ("bedding",),
    "loudspeaker": ("speaker",),
    "feline": ("cat",),
    "canine": ("canine",),
    "gastropod": ("snail",),
    "bovine": ("bovine",),
    "swine": ("pig",),
    "hoofed mammal": ("hoofed animal",),
    "primate": ("primate",),
    "aquatic mammal": ("sea animal",),
    "aquatic bird": ("water bird",),
    "bird of prey": ("bird of prey",),
    "coelenterate": ("sea animal",),
    "echinoderm": ("sea animal",),
    "baked goods": ("food",),
    "edible fruit": ("fruit",),
    "foodstuff": ("food",),
    "produce": ("food",),
    "nutriment": ("food",),
    "solid": (),
    "sweet": ("candy", "sweet"),
    "vascular plant": ("plant",),
    "drawing implement": ("pen",),
}
# Broader words that follow from others, whatever WordNet says.
FOLLOWS = {
    "dog": "animal",
    "bird": "animal",
    "fish": "animal",
    "insect": "animal",
    "mammal": "animal",
    "reptile": "animal",
    "fruit": "food",
    "vegetable": "food",
    "dessert": "food",
    "flower": "plant",
    "tree": "plant",
    "car": "vehicle",
    "truck": "vehicle",
    "boat": "vehicle",
    "airplane": "vehicle",
    "train": "vehicle",
    "bus": "vehicle",
    "ship": "vehicle",
    "aircraft": "vehicle",
    "motorcycle": "vehicle",
    "bicycle": "vehicle",
    "fungus": "mushroom",
    "shoe": "clothing",
    "hat": "clothing",
    "chair": "furniture",
    "table": "furniture",
}
NOT_FOR_TARGETS = frozenset(
    "device structure equipment container mammal invertebrate instrument primate electronics timepiece canine bovine "
    "terrier spaniel retriever hound poodle sheepdog mollusk crustacean arachnid grouse weasel barrier antelope "
    "clothing cabbage squash pepper berry shelter footwear fungus".split()
) | {
    "hoofed animal",
    "water bird",
    "bird of prey",
    "natural place",
    "wind instrument",
    "stringed instrument",
    "percussion instrument",
    "keyboard instrument",
    "wild animal",
    "big cat",
}
WITHOUT_ARTICLE = frozenset(
    "jeans pajamas sunglasses glasses swimwear mail shorts trousers pants guacamole carbonara hay espresso broccoli "
    "cauliflower corn velvet wool eggnog consomme garlic clothing furniture food jewelry makeup electronics bedding "
    "water equipment tissue wine sauce trunks dough spray powder sunscreen lotion perfume armor bread pasta meat "
    "candy thyme ginger popcorn fireworks binoculars scissors cherries blueberries grapes paper cream stones leaves "
    "flowers houses lightning pliers fire landscape money footwear kitchenware stationery cattle cloth bars dishes "
    "mercury venus mars jupiter saturn uranus neptune pluto claus thatch grass rapeseed".split()
)
WITH_THE = frozenset({"sun", "moon", "earth", "eiffel tower"})


@dataclass(frozen=True)
class Thing:
    """One picture of one thing.

    Args:
        image: the picture file.
        name: what it is, without article: "chickadee".
        synonyms: other names of the very same.
        broader: plain broader words, nearest first: ("bird", "animal").
        key: things with the same key are the same thing, and stay in one split.
        source: "imagenet" or "stamps".
        sentence: what its maker says of it; "" if nothing.
        photograph: False for a drawing.
    """

    image: str
    name: str
    synonyms: tuple[str, ...]
    broader: tuple[str, ...]
    key: str
    source: str
    sentence: str = ""
    photograph: bool = True


def plain_broader(wordnet: WordNet, offset: str) -> tuple[str, ...]:
    """The plain words for everything above a meaning, nearest first."""
    words = [word for synset in wordnet.broader(offset) for word in _plain_words(synset)]
    words += [FOLLOWS[word] for word in words if word in FOLLOWS]
    if "vehicle" in words:
        words = [word for word in words if word != "container"]
    return tuple(dict.fromkeys(words))


def _plain_words(synset: Synset) -> tuple[str, ...]:
    return PLAIN_TERMS.get(synset.names[0], ())


def everyday_names(synset: Synset) -> tuple[str, ...]:
    """The names of a meaning without the Latin ones ("Panthera leo")."""
    return tuple(name for name in synset.names if not _LATIN.fullmatch(name))


def split_of(key: str, seed: int) -> str:
    """The split of a thing, by a hash of its key: the same on every machine."""
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    if share < TEST_SHARE:
        return "test"
    return "dev" if share < TEST_SHARE + DEV_SHARE else "train"


def with_a(name: str) -> str:
    """The name with its article: "an owl", "jeans", "a unicycle", "the moon"."""
    plain = name.lower()
    if plain in WITH_THE:
        return f"the {name}"
    if plain.split()[-1] in WITHOUT_ARTICLE and not plain.startswith("piece of") or plain == "mashed potato":
        return name
    vowel = plain.startswith((*"aeiou", "hour")) and not plain.startswith(("uni", "eur", "one", "use", "uke"))
    return f"an {name}" if vowel else f"a {name}"


def is_plural(name: str) -> bool:
    """Whether one says "are" of it: "jeans", but not "an owl" or "the moon", nor a name such as "Mars"."""
    return with_a(name) == name and name.endswith("s") and name[0].islower()
