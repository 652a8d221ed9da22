"""What the screenshots show: visitors of the page, and what they do there."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scene:
    """A visitor, and what they do.

    Args:
        name: of the picture, without its ending.
        photo: the photograph they click; a file of the gallery.
        questions: what they ask, one after the other.
        size: width and height of the window, in CSS pixels.
        scale: pixels of the picture for one of them.
        dark: whether their system prefers dark colours.
        phone: whether they hold a phone.
        unfold: the panels that they open after the answers, by their selectors.
        press: the buttons that they press then, by their selectors.
        wait_for: what they wait for after that, by its selector.
        compare: what they ask on both sides of the panel that compares.
        fetch: the web address that they fetch a picture from.
        draw: what they draw: for each stroke, places on the board from 0 to 1.
        locale: language and country of their browser.
        options: what the app is started with.
    """

    name: str
    photo: str
    questions: tuple[str, ...]
    size: tuple[int, int] = (1280, 960)
    scale: float = 1.25
    dark: bool = False
    phone: bool = False
    unfold: tuple[str, ...] = ()
    press: tuple[str, ...] = ()
    wait_for: str = "main"
    compare: str = ""
    fetch: str = ""
    draw: tuple[tuple[tuple[float, float], ...], ...] = ()
    locale: str = "en-GB"
    options: tuple[str, ...] = ()


HOUSE = (
    ((0.3, 0.9), (0.3, 0.45), (0.7, 0.45), (0.7, 0.9), (0.3, 0.9)), ((0.24, 0.48), (0.5, 0.14), (0.76, 0.48)),
    ((0.44, 0.9), (0.44, 0.66), (0.56, 0.66), (0.56, 0.9)),
)  # fmt: skip
SCENES = (
    Scene("page", "soccer.jpg", ("What are the men doing?", "What are they wearing?")),
    Scene("page-dark", "space-shuttle.jpg", ("Explain the advantages of this product.",), dark=True),
    Scene("page-phone", "jockey.jpg", ("What is the man riding?",), size=(390, 1500), scale=1.5, phone=True),
    Scene("page-settings", "beagle.jpg", ("What colour is the dog?",), size=(1280, 1400), unfold=("#settings",)),
    Scene(
        "page-looked", "beagle.jpg", ("What colour is the dog?",), size=(1280, 1560), unfold=("#looked",),
        wait_for="#looked-view img.heat",
    ),
    Scene(
        "page-road", "surfer.jpg", ("What is the man doing?",), size=(1280, 1900), unfold=("#road",),
        wait_for="#road-view .queries li:last-child img",
    ),
    Scene(
        "page-compare", "soccer.jpg", ("What are the men doing?",), size=(1280, 1240), unfold=("#compare",),
        compare="What are the men doing?",
    ),
    Scene(
        "page-drawing", "jockey.jpg", ("What is the man riding?",), size=(1280, 1300), unfold=("#more-ways",),
        draw=HOUSE, dark=True,
    ),
    Scene(
        "page-model", "coffee.jpg", ("What is this?",), size=(1280, 1900), unfold=("#pick", "#credits"),
        wait_for="#pick-told p",
    ),
    Scene(
        "page-refused", "pizza.jpg", ("What food is this?",), size=(1280, 1240), unfold=("#more-ways",),
        fetch="http://192.168.0.1/photo.jpg",
    ),
    Scene(
        "page-shared", "soccer.jpg", ("What are the men doing?",), size=(1280, 1100),
        press=("#chat button[title=Like]", "#link"), wait_for="body:has(.toast-body) #link-said p",
        options=("--feedback", "thumbs.jsonl"),
    ),
    Scene("page-german", "surfer.jpg", ("What is the man doing?",), locale="de-DE"),
    Scene(
        "page-phone-dark", "cat.jpg", ("What animal is this?",), size=(390, 2300), scale=1.5, phone=True, dark=True,
        unfold=("#looked",), wait_for="#looked-view img.heat",
    ),
)  # fmt: skip
