"""Clearer names for some classes of ImageNet, and plain broader words where WordNet has none."""

# Names that WordNet or ImageNet shortened until nobody understands them.
CLEARER = dict(
    pair.split(": ")
    for pair in (
        "cock: rooster; drake: duck; maillot: swimsuit; jean: jeans; pajama: pajamas; jinrikisha: rickshaw; brass: "
        "memorial plaque; ear: ear of corn; nipple: baby bottle nipple; black and gold garden spider: garden "
        "spider; sunglass: sunglasses; hip: rose hip; hard disc: hard drive; web site: website; groom: bridegroom; "
        "pick: guitar pick; pot: flower pot; kite: kite bird; loafer: loafer shoe; Loafer: loafer shoe; plate: "
        "plate of food; ringlet: ringlet butterfly; admiral: admiral butterfly; monarch: monarch butterfly; wing: "
        "airplane wing; screen: computer screen; mouse: computer mouse; nail: metal nail; bib: baby bib; pirate: "
        "pirate ship; liner: ocean liner; file: filing cabinet; slot: slot machine; upright: upright piano; vault: "
        "vaulted ceiling; wreck: shipwreck; sax: saxophone; cab: taxi; organ: pipe organ; scale: weighing scale; "
        "rule: ruler; iron: clothes iron; teddy: teddy bear; plate rack: dish rack; hand blower: hair dryer; beach "
        "wagon: station wagon; ashcan: trash can"
    ).split("; ")
)
# Plain words for what WordNet puts right under "covering" or "device", or files where few people would look for it.
MORE_BROADER: dict[str, tuple[str, ...]] = {
    "binder": (
        "folder",
        "stationery",
    ),
    "breastplate": ("armor",),
    "chain": ("metal chain",),
    "cloak": (
        "coat",
        "piece of clothing",
    ),
    "holster": ("case",),
    "lampshade": ("lamp",),
    "manhole cover": (
        "lid",
        "cover",
    ),
    "maze": ("labyrinth",),
    "pillow": ("cushion",),
    "radio": (
        "electronic device",
        "device",
    ),
    "television": (
        "screen",
        "electronic device",
        "device",
    ),
    "scabbard": (
        "sheath",
        "case",
    ),
    "stretcher": ("bed",),
    "book jacket": (
        "book",
        "book cover",
    ),
    "comic book": (
        "book",
        "magazine",
    ),
    "plate of food": (
        "dish",
        "food",
        "meal",
    ),
    "lens cap": (
        "cap",
        "cover",
    ),
    "thimble": ("cap",),
    "ballplayer": (
        "player",
        "person",
        "man",
    ),
    "bridegroom": (
        "person",
        "man",
    ),
    "scuba diver": (
        "diver",
        "person",
    ),
    "car mirror": (
        "mirror",
        "car",
    ),
    "car wheel": (
        "wheel",
        "car",
    ),
    "airplane wing": (
        "airplane",
        "plane",
    ),
    "computer mouse": (
        "electronic device",
        "computer",
    ),
    "computer screen": (
        "monitor",
        "screen",
        "computer",
    ),
    "loudspeaker": ("speaker",),
    "microphone": ("electronic device",),
    "remote control": ("electronic device",),
    "spider web": ("web",),
    "steam locomotive": ("train",),
    "electric locomotive": ("train",),
    "bullet train": ("train",),
    "streetcar": (
        "tram",
        "train",
    ),
    "racket": (
        "piece of sports equipment",
        "sports equipment",
    ),
    "ski": (
        "piece of sports equipment",
        "sports equipment",
    ),
    "puck": (
        "piece of sports equipment",
        "sports equipment",
    ),
    "corn": (
        "vegetable",
        "food",
    ),
    "ear of corn": (
        "vegetable",
        "food",
    ),
    "acorn": ("nut",),
    "buckeye": ("nut",),
    "rose hip": ("berry",),
    "photocopier": (
        "machine",
        "copier",
    ),
    "stethoscope": ("medical tool",),
    "syringe": ("medical tool",),
    "barometer": ("measuring instrument",),
    "odometer": ("measuring instrument",),
    "weighing scale": ("measuring instrument",),
    "stopwatch": (
        "watch",
        "clock",
    ),
    "hourglass": ("clock",),
    "sundial": ("clock",),
    "magnetic compass": (
        "compass",
        "measuring instrument",
    ),
    "bottlecap": (
        "cap",
        "lid",
    ),
    "binoculars": ("optical instrument",),
    "candle": ("light",),
    "wig": ("hairpiece",),
    "swimsuit": (
        "swimwear",
        "piece of clothing",
    ),
    "bubble": ("soap bubble",),
    "menu": ("paper",),
    "hay": ("dried grass",),
    "lumbermill": (
        "building",
        "factory",
    ),
    "website": (
        "screen",
        "page",
    ),
    "slide rule": (
        "ruler",
        "tool",
    ),
    "ruler": ("tool",),
    "umbrella": ("rain umbrella",),
    "strawberry": ("fruit",),
    "rapeseed": (
        "flower",
        "plant",
    ),
    "clog": ("shoe",),
    "Christmas stocking": (
        "stocking",
        "sock",
    ),
    "cup": (
        "mug",
        "drink",
    ),
    "sunglasses": ("glasses",),
    "home theater": (
        "television",
        "room",
    ),
    "academic gown": (
        "robe",
        "piece of clothing",
    ),
    "catamaran": (
        "boat",
        "sailboat",
    ),
    "yawl": (
        "boat",
        "sailboat",
    ),
    "schooner": (
        "boat",
        "sailboat",
        "ship",
    ),
    "trimaran": (
        "boat",
        "sailboat",
    ),
    "freight car": (
        "train car",
        "train",
    ),
    "passenger car": (
        "train car",
        "train",
    ),
    "projector": ("machine",),
    "water tower": (
        "tower",
        "building",
    ),
    "radio telescope": ("antenna",),
    "carousel": (
        "merry-go-round",
        "ride",
    ),
    "mortar": ("bowl",),
    "beaker": ("glass",),
    "bucket": ("pail",),
    "coffee mug": (
        "mug",
        "cup",
    ),
    "beer glass": (
        "glass",
        "drink",
    ),
    "goblet": (
        "glass",
        "cup",
    ),
    "barrel": ("container",),
    "ladle": (
        "spoon",
        "kitchen tool",
    ),
    "washbasin": ("sink",),
    "bathtub": (
        "tub",
        "bath",
    ),
    "tub": (
        "bathtub",
        "bath",
    ),
    "envelope": (
        "letter",
        "mail",
    ),
    "swing": ("toy",),
    "pier": (
        "dock",
        "bridge",
    ),
    "dock": (
        "pier",
        "harbor",
    ),
    "altar": ("table",),
    "wallet": ("purse",),
    "handkerchief": ("cloth",),
    "measuring cup": ("cup",),
    "pitcher": ("jug",),
    "saltshaker": ("shaker",),
    "whistle": ("toy",),
    "fountain": ("water",),
    "strainer": ("kitchen tool",),
    "tray": ("dish",),
    "piggy bank": (
        "bank",
        "toy",
    ),
    "bannister": ("railing",),
    "chainlink fence": ("fence",),
    "guillotine": ("machine",),
    "drilling platform": ("oil rig",),
    "gas pump": ("pump",),
    "soap dispenser": ("bottle",),
    "scoreboard": ("sign",),
    "sleeping bag": ("bed",),
    "hand-held computer": (
        "computer",
        "phone",
    ),
    "cellular telephone": ("phone",),
    "dial telephone": ("phone",),
    "pay-phone": ("phone",),
}
# Broader words that are right for botanists, or for another meaning.
WRONG = {
    "corn": "fruit",
    "ear of corn": "fruit",
    "lumbermill": "plant",
    "menu": "food",
    "hay": "food",
    "bubble": "ball",
}
