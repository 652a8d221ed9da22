"""The stamps of Tux Paint: cut-out photographs and drawings of everyday things, with a sentence each.

The English sentence is the first line of the .txt file beside a picture. The folder tells the sort of
thing, so that a "mouse" under animals is not taken for a computer's.
"""

import re
from pathlib import Path

from ..errors import DataError
from .record_files import folder_with_files, read_lines
from .things import PLAIN_TERMS, Thing, everyday_names, plain_broader
from .wordnet import WordNet

# Folder and the broader words that hold for everything in it, nearest first. Other folders (letters, numbers,
# road signs, symbols) show nothing that has a plain name.
FOLDERS: dict[str, tuple[str, ...]] = {
    "animals/amphibians": ("frog", "amphibian", "animal"),
    "animals/birds": ("bird", "animal"),
    "animals/fish": ("fish", "sea animal", "animal"),
    "animals/insects": ("insect", "bug", "animal"),
    "animals/lizards": ("lizard", "reptile", "animal"),
    "animals/mammals/apes": ("ape", "monkey", "mammal", "animal"),
    "animals/mammals/aquatic": ("sea animal", "mammal", "animal"),
    "animals/mammals/bears": ("bear", "mammal", "animal"),
    "animals/mammals/cats": ("cat", "big cat", "wild animal", "mammal", "animal"),
    "animals/mammals/deer": ("deer", "mammal", "animal"),
    "animals/mammals/dogs": ("dog", "mammal", "animal"),
    "animals/mammals/equines": ("horse", "mammal", "animal"),
    "animals/mammals/rodents": ("rodent", "mammal", "animal"),
    "animals/mammals/bovines": ("cattle", "mammal", "animal"),
    "animals/mammals": ("mammal", "animal"),
    "animals/marsupials": ("mammal", "animal"),
    "animals/shellfish": ("shellfish", "shell", "animal"),
    "clothes/hats": ("hat", "piece of clothing", "clothing"),
    "clothes": ("piece of clothing", "clothing"),
    "food/dessert": ("cake", "dessert", "food"),
    "food/fruit": ("fruit", "food"),
    "food/nuts": ("nut", "food"),
    "food/vegetables": ("vegetable", "food"),
    "food": ("food",),
    "hobbies/music": ("musical instrument", "instrument"),
    "household/dishes": ("kitchen item", "kitchenware"),
    "household/tools": ("tool",),
    "household/arttools": ("tool", "stationery"),
    "household": ("household item",),
    "medical": ("medical tool",),
    "people/body_parts": ("body part",),
    "plants/flowers": ("flower", "plant"),
    "plants/mushrooms": ("mushroom", "fungus"),
    "plants/trees": ("tree", "plant"),
    "plants": ("plant",),
    "space": ("object in space",),
    "space/planets": ("planet",),
    "space/moon": ("moon",),
    "sports": ("piece of sports equipment", "sports equipment"),
    "symbols/chess": ("chess piece",),
    "symbols/money/us/coins": ("coin", "money"),
    "symbols/money/euro/coins": ("coin", "money"),
    "symbols/money/canadian/coins": ("coin", "money"),
    "symbols/money/japanese": ("coin", "money"),
    "town/flags": ("flag",),
    "town/houses": ("building", "house"),
    "town/monuments": ("monument", "structure"),
    "town/cartoon": ("structure",),
    "vehicles/auto": ("car", "vehicle"),
    "vehicles/construction": ("truck", "vehicle"),
    "vehicles/cycle": ("bicycle", "vehicle"),
    "vehicles/emergency": ("truck", "vehicle"),
    "vehicles/flight": ("aircraft", "vehicle"),
    "vehicles/locomotive": ("train car", "train", "vehicle"),
    "vehicles/masstransit": ("bus", "vehicle"),
    "vehicles/race": ("car", "vehicle"),
    "vehicles/ship": ("boat", "ship", "vehicle"),
    "vehicles": ("vehicle",),
    "people": ("person",),
}
# Where the sentence does not say the name, or says it in a way that no rule reads: the name, and broader words
# in place of the folder's. "" leaves the stamp out.
NAMES: dict[str, tuple[str, ...]] = {
    "penguin_with_spider": ("penguin", "bird", "animal"),
    "pengwin": ("penguin", "bird", "animal"),
    "tux": ("penguin", "bird", "animal"),
    "albino_peahen": ("peahen", "bird", "animal"),
    "bluegroper": ("groper", "fish", "sea animal", "animal"),
    "lobster": ("lobster", "shellfish", "sea animal", "animal"),
    "shrimp": ("shrimp", "shellfish", "sea animal", "animal"),
    "stripedfish": ("striped fish", "fish", "sea animal", "animal"),
    "lionfish": ("lionfish", "fish", "sea animal", "animal"),
    "Brown_slug": ("slug", "animal"),
    "Woodlouse": ("woodlouse", "bug", "animal"),
    "snail": ("snail", "animal"),
    "snail2": ("snail", "animal"),
    "spider_computer": ("spider", "bug", "animal"),
    "spider_fly": ("spider", "bug", "animal"),
    "spider_football": ("spider", "bug", "animal"),
    "spider": ("spider", "bug", "animal"),
    "wings": ("",),
    "xanthia": ("moth", "insect", "animal"),
    "hoverfly": ("hoverfly", "fly", "insect", "animal"),
    "gnu-baby-stand": ("gnu", "antelope", "animal"),
    "gnu-baby": ("gnu", "antelope", "animal"),
    "gnu-sitting": ("gnu", "antelope", "animal"),
    "gnu-stand": ("gnu", "antelope", "animal"),
    "indian_blackbuck": ("blackbuck", "antelope", "animal"),
    "goat": ("goat", "farm animal", "animal"),
    "mountaingoat": ("mountain goat", "goat", "animal"),
    "ram": ("ram", "sheep", "animal"),
    "sheep": ("sheep", "farm animal", "animal"),
    "sheep_lamb": ("lamb", "sheep", "animal"),
    "teddy_bear": ("teddy bear", "toy", "bear"),
    "edward_bear": ("teddy bear", "toy", "bear"),
    "wildboar": ("wild boar", "pig", "animal"),
    "fox": ("fox", "mammal", "animal"),
    "rabbit_little": ("rabbit", "mammal", "animal"),
    "rabbit": ("rabbit", "mammal", "animal"),
    "rabbit-2": ("rabbit", "mammal", "animal"),
    "bunny": ("bunny", "rabbit", "animal"),
    "bunny-head": ("bunny", "rabbit", "animal"),
    "bunny-egg": ("bunny", "rabbit", "animal"),
    "chick": ("chick", "chicken", "bird", "animal"),
    "chick-hatched": ("chick", "chicken", "bird", "animal"),
    "chick-in-egg": ("chick", "chicken", "bird", "animal"),
    "bluebird": ("bluebird", "bird", "animal"),
    "bat_left": ("bat", "mammal", "animal"),
    "blackcat": ("black cat", "cat", "animal"),
    "butterfly": ("butterfly", "insect", "animal"),
    "rhino_black": ("rhino", "rhinoceros", "mammal", "animal"),
    "hippopotamus": ("hippopotamus", "hippo", "mammal", "animal"),
    "button": ("button",),
    "knight_helmet": ("knight's helmet", "helmet", "armor"),
    "clothespin_new": ("clothespin",),
    "clothespin_old": ("clothespin",),
    "t_tshirt": ("T-shirt", "shirt", "clothing"),
    "t_pants": ("pants", "trousers", "clothing"),
    "apple_core": ("apple core", "apple", "fruit", "food"),
    "avocado": ("avocado", "fruit", "food"),
    "kiwi": ("kiwi", "fruit", "food"),
    "orange_seville": ("orange", "fruit", "food"),
    "blueberry": ("blueberries", "fruit", "food"),
    "cherries": ("cherries", "fruit", "food"),
    "Cherry_Stella": ("cherries", "fruit", "food"),
    "pizza": ("pizza", "food"),
    "ginger": ("ginger", "spice", "food"),
    "broccoli": ("broccoli", "vegetable", "food"),
    "corn": ("corn", "vegetable", "food"),
    "garlics": ("garlic", "vegetable", "food"),
    "garlic": ("garlic", "vegetable", "food"),
    "binoculars": ("binoculars",),
    "camera_35mm": ("camera", "electronic device"),
    "cymbal_crash": ("cymbal", "musical instrument", "instrument"),
    "drum_tomtom_floor": ("drum", "musical instrument", "instrument"),
    "drumkit": ("drum kit", "drums", "musical instrument", "instrument"),
    "Lightbulb": ("light bulb", "lightbulb", "lamp", "light"),
    "highlighter": ("highlighter", "pen", "marker"),
    "pen_dryerase": ("marker", "pen"),
    "scissors_small_closed": ("scissors", "tool"),
    "scissors_small_open": ("scissors", "tool"),
    "cylinder": ("gas cylinder", "container"),
    "pasta_pot": ("cooking pot", "pot"),
    "pressure_cooker": ("pressure cooker", "pot"),
    "glass": ("glass of water", "glass", "drink"),
    "mug": ("mug", "cup"),
    "teapot": ("teapot", "pot"),
    "kettle": ("kettle", "teapot", "appliance"),
    "garbagecan": ("garbage can", "trash can", "bin"),
    "home_compost_bin": ("compost bin", "bin"),
    "wheelie_bin": ("wheelie bin", "garbage can", "trash can", "bin"),
    "rubberduck": ("rubber duck", "duck", "toy"),
    "toilet": ("toilet",),
    "cementmixer": ("cement mixer", "machine", "tool"),
    "mallet_metal": ("mallet", "hammer", "tool"),
    "wrench_plumbers": ("wrench", "tool"),
    "adeenia": ("desert rose", "flower", "plant"),
    "anemone_red": ("anemone", "flower", "plant"),
    "anthoorium": ("anthurium", "flower", "plant"),
    "appooppanthady": ("milkweed", "flower", "plant"),
    "bolsom": ("balsam", "flower", "plant"),
    "chemparathi": ("hibiscus", "flower", "plant"),
    "flower10": ("hibiscus", "flower", "plant"),
    "pigface": ("pigface flower", "flower", "plant"),
    "chuvanna_plastic_poo": ("plastic flower", "flower"),
    "whitestar-petunia": ("petunia", "flower", "plant"),
    "red-gazania": ("gazania", "flower", "plant"),
    "flower4": ("flowers", "flower", "plant"),
    "flower7": ("flowers", "flower", "plant"),
    "lavender": ("lavender", "flower", "plant"),
    "thyme": ("thyme", "herb", "plant"),
    "lettuce_bolted": ("lettuce", "vegetable", "plant"),
    "eggplant": ("eggplant", "vegetable", "plant", "food"),
    "cep": ("cep", "mushroom", "fungus"),
    "cep-1": ("cep", "mushroom", "fungus"),
    "cep-2": ("cep", "mushroom", "fungus"),
    "holly_leaves": ("holly leaves", "leaf", "leaves", "plant"),
    "rambutan": ("rambutan", "fruit", "plant"),
    "tree336": ("tree", "plant"),
    "pinecone": ("pine cone", "pinecone", "cone"),
    "bandage_adhesive": ("bandage", "plaster"),
    "mercurythermometer": ("thermometer", "medical tool"),
    "stethoscope": ("stethoscope", "medical tool"),
    "tooth": ("tooth", "body part"),
    "old_naval_shell": ("",),
    "fireman240a": ("fireman", "firefighter", "person", "man"),
    "fireman200b": ("fireman", "firefighter", "person", "man"),
    "paratrooper": ("paratrooper", "soldier", "person", "man"),
    "bradley": ("tank", "military vehicle", "vehicle"),
    "infantry-stryker": ("tank", "military vehicle", "vehicle"),
    "f22_raptor": ("fighter jet", "airplane", "plane", "aircraft", "vehicle"),
    "ww2_german_gun": ("cannon", "gun", "weapon"),
    "fire": ("fire", "flame"),
    "lightningbolt": ("lightning bolt", "lightning"),
    "eye": ("eye", "body part"),
    "mermaid": ("mermaid",),
    "snowman": ("snowman",),
    "grannysmith": ("rag doll", "doll", "toy"),
    "candle": ("candle",),
    "holiday_candle": ("candle",),
    "Candy_cane_photo_1": ("candy cane", "candy", "food"),
    "Candy_cane_photo_2": ("candy cane", "candy", "food"),
    "candy_cane": ("candy cane", "candy", "food"),
    "Christmas_Tree_photo": ("Christmas tree", "tree"),
    "tree": ("Christmas tree", "tree"),
    "Christmas_pudding": ("Christmas pudding", "dessert", "food"),
    "Mince_Pie": ("mince pie", "pie", "dessert", "food"),
    "Roast_turkey": ("roast turkey", "turkey", "meat", "food"),
    "Santa": ("Santa Claus", "person", "man"),
    "santahat": ("Christmas hat", "hat", "clothing"),
    "stocking": ("Christmas stocking", "stocking", "sock"),
    "xmaswreath": ("wreath", "decoration"),
    "hard_candy": ("candy", "sweets", "food"),
    "wrapped_chocolate_easter_egg": ("Easter egg", "egg", "chocolate", "food"),
    "wrapped_chocolate_easter_egg_2": ("Easter egg", "egg", "chocolate", "food"),
    "ghost": ("ghost",),
    "jackolantern_mean": ("jack-o'-lantern", "pumpkin"),
    "skull": ("skull", "bone"),
    "menorah": ("menorah", "candle holder"),
    "party-hat": ("party hat", "hat"),
    "fireworks": ("fireworks",),
    "fireworks2": ("fireworks",),
    "apollo_lander": ("lunar lander", "spacecraft", "spaceship", "vehicle"),
    "voyager2": ("space probe", "spacecraft", "satellite"),
    "spacewalk": ("astronaut", "person"),
    "moon_3qt": ("moon",),
    "moon_crescent": ("moon",),
    "moon_full": ("moon",),
    "0_sun": ("sun", "star"),
    "1_mercury": ("Mercury", "planet"),
    "2_venus": ("Venus", "planet"),
    "3_earth": ("Earth", "planet"),
    "4_mars": ("Mars", "planet"),
    "5_jupiter": ("Jupiter", "planet"),
    "6_saturn": ("Saturn", "planet"),
    "7_uranus": ("Uranus", "planet"),
    "8_neptune": ("Neptune", "planet"),
    "9_pluto": ("Pluto", "planet"),
    "australian_rules_football": ("football", "ball", "sports equipment"),
    "football": ("American football", "football", "ball", "sports equipment"),
    "basketball": ("basketball", "ball", "sports equipment"),
    "volleyball": ("volleyball", "ball", "sports equipment"),
    "cricketball": ("cricket ball", "ball", "sports equipment"),
    "soccer": ("soccer ball", "ball", "football", "sports equipment"),
    "tennis_ball": ("tennis ball", "ball", "sports equipment"),
    "football_helmet_front": ("football helmet", "helmet", "sports equipment"),
    "football_helmet_side": ("football helmet", "helmet", "sports equipment"),
    "trophy_cup": ("trophy", "cup"),
    "docks": ("dock", "pier"),
    "fountain": ("fountain",),
    "mine": ("",),
    "ruins": ("castle", "ruin", "building"),
    "shipwreck": ("shipwreck", "ship", "boat"),
    "watch_tower": ("watch tower", "tower", "building"),
    "wishing_well": ("wishing well", "well"),
    "cave_entrance": ("cave",),
    "city": ("city", "town", "buildings"),
    "cityhouse": ("houses", "house", "building"),
    "hunter": ("house", "building"),
    "blacksmith": ("blacksmith shop", "shop", "house", "building"),
    "townhall": ("town hall", "building", "house"),
    "circus": ("circus tent", "tent"),
    "tent": ("tent",),
    "medieval_tent": ("tent",),
    "pinkhome": ("house", "building"),
    "swisshome": ("house", "building"),
    "wooden_cottage": ("cottage", "house", "building"),
    "tower_flag_red": ("tower", "building"),
    "tower_round": ("tower", "building"),
    "tower_round_flag": ("tower", "building"),
    "tower_square": ("tower", "building"),
    "eiffel_tower": ("Eiffel Tower", "tower", "monument", "landmark"),
    "magic_stones": ("magic stones", "stones", "rocks"),
    "graveyard": ("graveyard", "cemetery"),
    "inukshuk-outline": ("inukshuk", "landmark", "stones"),
    "inukshuk-photo": ("inukshuk", "landmark", "stones"),
    "statue": ("statue", "sculpture"),
    "pyramid": ("pyramid", "building", "monument"),
    "sword_in_the_stone": ("sword", "weapon"),
    "stop": ("stop sign", "road sign", "sign"),
    "stoplight_01_red": ("traffic light", "stoplight", "light"),
    "stoplight_02_yellow": ("traffic light", "stoplight", "light"),
    "stoplight_03_green": ("traffic light", "stoplight", "light"),
    "traffic_cone": ("traffic cone", "cone"),
    "railroad_crossing": ("railroad crossing sign", "road sign", "sign"),
    "yield": ("yield sign", "road sign", "sign"),
    "school_sign": ("school sign", "road sign", "sign"),
    "uk_post_box": ("mailbox", "post box", "box"),
    "usps_mailbox": ("mailbox", "post box", "box"),
    "7spoke256": ("wheel",),
    "wheel_tractor": ("wheel", "tire"),
    "beetle": ("Volkswagen Beetle", "car", "vehicle"),
    "sedan": ("car", "vehicle"),
    "sedan_police": ("",),
    "dumper": ("dumper", "dump truck", "truck", "vehicle"),
    "cementMixer": ("cement truck", "truck", "toy", "vehicle"),
    "terex": ("dump truck", "truck", "vehicle"),
    "towTruck": ("tow truck", "truck", "toy", "vehicle"),
    "tux_tractor": ("tractor", "vehicle"),
    "eddieCopter": ("helicopter", "aircraft", "vehicle"),
    "balloon360": ("hot air balloon", "balloon", "aircraft"),
    "747": ("airplane", "plane", "aircraft", "vehicle"),
    "plane": ("airplane", "plane", "aircraft", "vehicle"),
    "boxcar": ("boxcar", "train car", "train", "vehicle"),
    "caboose": ("caboose", "train car", "train", "vehicle"),
    "tanker": ("tank car", "train car", "train", "vehicle"),
    "tender": ("tender", "train car", "train", "vehicle"),
    "toy_train": ("steam locomotive", "train", "locomotive", "vehicle"),
    "trainSign": ("train sign", "sign"),
    "bathyscape": ("submarine", "boat", "ship", "vehicle"),
    "tugboat": ("tugboat", "boat", "ship", "vehicle"),
    "chineseJunk": ("sailing ship", "boat", "ship", "vehicle"),
    "walnutBoat": ("toy boat", "boat", "toy"),
    "paintbrush_large": ("paintbrush", "brush", "tool"),
    "measuring_tape": ("measuring tape", "tape measure", "tool"),
    "garbagetruck": ("garbage truck", "truck", "vehicle"),
    "tomato": ("tomato", "vegetable", "fruit", "food"),
    "european-bear": ("bear", "mammal", "animal"),
    "silver-gull": ("gull", "seagull", "bird", "animal"),
    "blue-and-yellowflag": ("flag",),
}
GRAVESTONES = re.compile(r"grave-[a-z]")
CHESS = re.compile(r"[bw]_\d_(king|queen|bishop|knight|rook|pawn)")
COLOURS = "red|green|blue|yellow|purple|pink|brown|black|white|golden|silver"
_DRESSING = re.compile(
    rf"^(?:(?:an?|the|some|our|two|couple of|pair of|very|small|large|big|little|happy|colou?rful|ripe|huge|old|toy|"
    rf"bunch of|cluster of|head of|male|female|modern|old-fashioned|folded|tough|lit|sliced|sitting|sleeping|singing|"
    rf"poisonous|big eared|pair of open|pair of closed|sweet|{COLOURS}),? )+",
    re.IGNORECASE,
)


def read_stamps(folder: Path, wordnet: WordNet) -> list[Thing]:
    """Read the stamps that have a clear name.

    Args:
        folder: the stamps folder, with "animals", "food" and others in it.
        wordnet: adds synonyms and broader words.

    Raises:
        DataError: no such folder, or no stamp with a sentence in it.
    """
    things = [thing for file in folder_with_files(folder, "**/*.png", "--stamps") if (thing := _read(file, folder, wordnet))]
    if not things:
        raise DataError(f"--stamps: {folder} has no stamp with a name. Expected the folder that has animals/ in it.")
    return things


def _read(file: Path, folder: Path, wordnet: WordNet) -> Thing | None:
    """One stamp; None if it has no sentence or no clear name."""
    sentence_file = file.with_suffix(".txt")
    if not sentence_file.is_file() or file.stem.endswith("_mirror"):
        return None
    sentence = next(text for _, text in read_lines(sentence_file))
    place = file.parent.relative_to(folder).as_posix()
    name, broader = _name_of(file.stem, sentence, place)
    if not name:
        return None
    synonyms, more = _from_wordnet(name, broader, wordnet)
    words = tuple(dict.fromkeys(word for word in (*broader, *more) if word != name))
    return Thing(
        str(file.resolve()),
        name,
        synonyms,
        words,
        key=_key(name, broader),
        source="stamps",
        sentence=sentence,
        photograph="cartoon" not in place,
    )


def _name_of(stem: str, sentence: str, place: str) -> tuple[str, tuple[str, ...]]:
    """The name and the broader words; "" if there is no clear name."""
    if stem in NAMES:
        return NAMES[stem][0], NAMES[stem][1:]
    if GRAVESTONES.fullmatch(stem):
        return "gravestone", ("tombstone", "headstone", "stone", "grave")
    chess = CHESS.match(stem)
    if chess and place.startswith("symbols/chess"):
        return f"chess {chess.group(1)}", ("chess piece", chess.group(1))
    broader = _of_folder(place)
    if not broader:
        return "", ()
    if broader[0] == "coin":
        return "coin", broader[1:]
    return plain_name(sentence), broader


def _of_folder(place: str) -> tuple[str, ...]:
    """The broader words of the nearest folder that has some."""
    parts = place.split("/")
    for length in range(len(parts), 0, -1):
        found = FOLDERS.get("/".join(parts[:length]))
        if found:
            return found
    return ()


def plain_name(sentence: str) -> str:
    """The name in a sentence such as "A very small pumpkin.": "pumpkin"; "" if it is no such sentence."""
    text = re.split(r"[.!(,;—–]", sentence, maxsplit=1)[0]
    text = re.sub(r"[“”\"]|’s\b", "", text).strip()
    if not _DRESSING.match(text + " "):
        return ""
    name = _DRESSING.sub("", text).strip()
    name = re.split(r"\b(?:with|covered|of|in|for|from|at|called|is|has)\b", name)[0].strip()
    return "" if len(name.split()) > 3 else name


def _from_wordnet(name: str, broader: tuple[str, ...], wordnet: WordNet) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Synonyms and broader words of the first meaning that fits the words known already."""
    meanings = [(plain_broader(wordnet, offset), offset) for offset in wordnet.senses(name)[:4]]
    fits = [len(set(above) & set(broader)) for above, _ in meanings]
    if any(fits):
        above, offset = meanings[fits.index(max(fits))]
        rails = "train" in broader  # whose cars are no cars
        synonyms = tuple(other for other in everyday_names(wordnet.synset(offset)) if other != name)
        return synonyms, tuple(word for word in above if not (rails and word == "car"))
    last = name.split()[-1]
    return ((last,) if last != name and last in PLAIN_TERMS else ()), ()


def _key(name: str, broader: tuple[str, ...]) -> str:
    """What makes two stamps the same thing: the last word of the name, and the nearest sort of thing."""
    return f"{name.split()[-1].lower().rstrip('s')}, {broader[0] if broader else ''}"
