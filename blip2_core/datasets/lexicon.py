"""The words that captions are made of: what may be asked about, and where a phrase ends.

Written by hand from the thousand commonest words of Flickr8k. A word that is in no list is not
guessed at: a question that is never asked does less harm than a wrong answer that is learnt.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.replace("\n", " ").split())


COLOURS = _words(
    "red blue green yellow orange pink purple black white brown gray grey tan beige gold silver turquoise maroon teal"
)
SHADES = _words("light dark bright pale deep neon hot navy")
COLOUR_SPELLINGS = {"grey": "gray", "gray": "grey", "blond": "blonde", "blonde": "blond"}

DETERMINERS = _words("a an the his her its their another some this these each every several many no any both few other")
NUMBERS = {
    word: number
    for number, word in enumerate("one two three four five six seven eight nine ten eleven twelve".split(), start=1)
} | {str(number): number for number in range(1, 13)}
NUMBER_WORDS = {number: word for word, number in NUMBERS.items() if not word.isdigit()}

PREPOSITIONS = _words(
    "in on at with by near over under through across into onto along behind beside beneath below above around "
    "between against toward towards down up off out from past of for to after before during inside outside next "
    "about upon atop alongside among amidst without like underneath via within beyond"
)
OTHER_ENDS = _words(
    "and or but while whilst as is are was were be being been has have had does do can will who which that where "
    "when he she they him them it himself herself itself themselves one's there not just very together away "
    "outdoors indoors nearby forward backwards ahead back both all also then because so if than what how "
    "someone something somebody everyone others each seen midair mid-air upside airborne apart behind asleep alone"
)
PUNCTUATION = frozenset('.,;:!?"()')

GROUPS = _words("group crowd bunch number pair couple team pack herd flock trio lot gang family row line")
COUNTED_GROUPS = {"pair": 2, "couple": 2, "trio": 3}

MEN = _words("man guy gentleman father cowboy policeman groom")
WOMEN = _words("woman lady mother bride")
BOYS = frozenset({"boy"})
GIRLS = frozenset({"girl"})
CHILDREN = _words("child kid toddler baby") | BOYS | GIRLS
NEUTRAL_PEOPLE = _words(
    "person adult teenager player skateboarder snowboarder skier surfer biker cyclist bicyclist climber hiker rider "
    "racer runner performer dancer musician swimmer worker referee athlete wrestler clown motorcyclist goalie kayaker "
    "skater jockey cheerleader photographer officer firefighter soldier rollerblader catcher pitcher batter golfer "
    "spectator onlooker artist singer guitarist student friend couple family people team crowd acrobat chef vendor"
)
PEOPLE = MEN | WOMEN | CHILDREN | NEUTRAL_PEOPLE
ANIMALS = _words(
    "dog puppy cat kitten horse cow bull sheep goat bird duck goose swan pigeon camel monkey elephant greyhound poodle "
    "terrier collie retriever shepherd dalmatian beagle labrador pitbull pug rottweiler doberman dachshund bulldog "
    "lab tiger lion bear fish seagull llama donkey pig rabbit parrot squirrel deer zebra turtle snake owl "
    "butterfly penguin dolphin giraffe calf pony husky boxer hound corgi chihuahua"
)
DOGS = _words(
    "dog puppy greyhound poodle terrier collie retriever shepherd dalmatian beagle labrador pitbull pug rottweiler "
    "doberman dachshund bulldog lab husky boxer hound corgi chihuahua"
)
CLOTHES = _words(
    "shirt t-shirt tshirt jacket coat hat cap helmet shorts pants jeans dress skirt suit sweater sweatshirt hoodie "
    "vest jersey uniform outfit costume swimsuit bikini wetsuit trunks boots shoes sandals gloves scarf sunglasses "
    "glasses goggles mask bandanna bandana headband apron robe tie overalls pajamas top tank-top snowsuit parka "
    "backpack collar harness tuxedo gown kilt wig tutu sneakers socks leggings blouse cape crown headphones life-jacket"
)
PAIRS = _words(
    "shorts pants jeans trunks boots shoes sandals gloves sunglasses glasses goggles overalls pajamas sneakers socks "
    "leggings headphones clothes clothing skis leaves"
)
PLACES = _words(
    "beach snow grass field water pool street road park sand ocean lake river hill mountain forest woods yard backyard "
    "garden lawn sidewalk city stage track court gym rink playground desert room kitchen bedroom bathroom restaurant "
    "store shop market stadium arena path trail dirt mud bench couch sofa bed chair swing slide trampoline boat bus "
    "train subway station bridge dock pier porch deck balcony stairs steps staircase ramp rock rocks cliff log stream "
    "creek pond waterfall fountain puddle tunnel tree surf shore waves air meadow valley canyon cave tent car truck "
    "ice slope hillside mountainside carpet floor table alley crosswalk parade fair racetrack rapids sea pavement "
    "gravel leaves hay bathtub crib stroller wheelchair cart wagon raft canoe kayak rail railing wall bar cafe church "
    "classroom office hallway elevator courtyard plaza intersection boardwalk ground driveway pasture jungle swamp"
)
PLACE_PREPOSITIONS = _words("in on at through across along by near under into onto behind beside over down up")
THINGS = _words(
    "ball frisbee stick toy bike bicycle motorcycle skateboard snowboard surfboard scooter boat kayak canoe raft "
    "guitar camera phone cellphone umbrella bag purse book newspaper magazine flag sign balloon rope leash bat racket "
    "racquet bottle cup glass can drink beer cigarette microphone drum drums violin trumpet sword gun fish hose "
    "shovel bucket flower flowers hoop kite sled ladder horse bull trick guitar paddle oar pole skis tire disc bone "
    "baby puppy dog cat snowball sandwich pizza cake food ice-cream cone popsicle lollipop candy apple banana hat "
    "basketball football baseball volleyball soccer tennis hockey cricket rugby lacrosse golf chess cards music "
    "tricycle unicycle atv jeep jet-ski wave truck car train bus wagon cart stroller pillow blanket towel torch "
    "basket box backpack net puck club javelin hula-hoop jump hurdle chair table bench tray plate bowl knife "
    "spoon fork broom brush pen paper map ticket trophy doll bear bubbles bubble sparkler squirrel bird duck "
    "wheelchair swing rock branch log hydrant sprinkler fence wall mountain cliff tree rail ramp slide obstacle"
)

ADJECTIVES = _words(
    "young little small large big old older elderly tall short long wet dry muddy dirty furry fluffy shaggy curly "
    "smiling happy funny beautiful pretty huge tiny giant wooden plastic metal stone brick rocky grassy snowy sandy "
    "dusty shallow deep steep high low busy crowded empty public outdoor indoor striped plaid colorful multicolored "
    "multi-colored colored bright brightly dark light blond blonde brunette bald bearded shirtless barefoot topless "
    "naked asian african african-american american indian chinese japanese oriental caucasian hispanic female male "
    "teenage middle-aged adult younger skinny fat heavy thin fancy formal casual professional lone single medium "
    "medium-sized mid-sized large-sized different similar various same new round square open closed hot cold warm cool "
    "sunny cloudy rural urban green grassy wide narrow clear murky rough calm choppy inflatable stuffed spotted "
    "white-haired blond-haired blonde-haired dark-haired red-haired brown-haired long-haired short-haired "
    "black-haired curly-haired golden-haired redheaded denim leather hooded plain blue-eyed strange odd "
    "red-headed full half main nice cute two-year-old fallen fenced-in wooded snow-covered paved tree-lined "
    "leafy matching opposing gold golden silver pale neon floral flowered checkered camouflage knit fuzzy silly "
    "rusty bare busy local tropical shiny soft hard thick sharp playful energetic excited cheerful sad angry "
    "tired sleepy lit homeless pregnant hairy overweight slender cropped wild domestic tame stray wearing"
)

VERBS = _words(
    "run jump play sit stand walk ride hold look climb carry swim smile catch chase leap slide swing splash throw kick "
    "hit eat drink read talk dance perform pose watch wait pull push lean lie lay fly fall dive dig sleep "
    "rest kneel crouch crawl skate ski surf sled snowboard skateboard wakeboard waterski rollerblade bike cycle "
    "race drive row paddle kayak canoe hike jog sing shake lick bite chew bark fight wrestle tackle hug kiss laugh "
    "point wave reach touch pet feed fetch retrieve sniff blow smoke paint draw write cook cut clean wash spray work "
    "cross enter leave pass follow lead face stare gaze float balance hang bounce roll flip spin twirl twist turn "
    "grind dribble shoot serve pitch bat tumble compete practice prepare celebrate cheer clap march parade juggle "
    "skip hop lift raise bend stretch squat speed land crash wade bathe relax sunbathe fish camp picnic shop "
    "sell buy pick put drop drag pour wrap open close peek hide show wear use make take do get go come move give "
    "try attempt appear seem travel gather enjoy share help examine inspect explore scale descend ascend rappel "
    "navigate maneuver glide hurdle dodge toss grab snatch attack growl pant yawn stick sprint trot gallop "
    "romp frolic scream yell shout speak listen type study photograph film ice lounge recline nap perch "
    "wrestle spar box tug battle duel embrace cuddle greet gesture knit sew build fix repair shovel swing bow buck"
)
DOUBLED = _words(
    "run swim sit hit cut put get dig chop hop skip flip spin clap jog hug pet bat "
    "tug wrap hum drop drag grab shop trot nap skim spar squat"
)
IRREGULAR_ING = {"lie": "lying", "ski": "skiing", "waterski": "waterskiing", "canoe": "canoeing", "tie": "tying"}
VAGUE_VERBS = _words(
    "try attempt appear seem get go come do make take use put give wear have move leave prepare show enter pass"
)
WITH_OBJECT = _words(
    "look blow hold carry throw catch perform hit kick stick lift point raise reach bring follow drive"
)
BODY = _words("nose head face tongue mouth arm leg hand paw foot eye ear hair tail body back finger lip cheek teeth")
PLURAL_ONLY = {
    "men": "man",
    "women": "woman",
    "children": "child",
    "people": "person",
    "geese": "goose",
    "mice": "mouse",
    "puppies": "puppy",
    "ladies": "lady",
    "babies": "baby",
    "leaves": "leaf",
    "calves": "calf",
    "policemen": "policeman",
    "gentlemen": "gentleman",
    "families": "family",
    "ponies": "pony",
    "butterflies": "butterfly",
    "knives": "knife",
}
ING_NOUNS = _words(
    "building railing clothing painting swimming-pool string spring morning evening ring wing king ceiling"
)
ING_COMPOUNDS = frozenset(
    {
        ("swimming", "pool"),
        ("bathing", "suit"),
        ("bathing", "suits"),
        ("fishing", "pole"),
        ("fishing", "rod"),
        ("fishing", "boat"),
        ("diving", "board"),
        ("climbing", "wall"),
        ("parking", "lot"),
        ("shopping", "cart"),
        ("shopping", "mall"),
        ("sleeping", "bag"),
        ("rocking", "chair"),
        ("skating", "rink"),
        ("skateboarding", "ramp"),
        ("wrestling", "match"),
        ("racing", "uniform"),
        ("washing", "machine"),
        ("wedding", "dress"),
        ("wedding", "gown"),
        ("dining", "room"),
        ("living", "room"),
        ("running", "track"),
        ("hiking", "trail"),
        ("racing", "bike"),
        ("racing", "dog"),
    }
)
