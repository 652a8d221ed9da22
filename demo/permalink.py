"""A link that restores a conversation: which picture, what was asked, and how the answers were picked.

All of it stands in the link itself, behind the "#", which a browser keeps from every server on the way:

    #photo=beagle&m=pocket&s=0,1,96,1.05,&q=What+is+the+dog+doing%3F&q=And+now%3F

`photo` is a photograph of the gallery. A picture of the visitor's own cannot stand in a link; `picture` is then the id
under which this machine keeps a copy for some days (`kept_pictures.py`). `m` is what the page calls the model that
answered; links of before lack it. Each `s` sets how the questions after it are
answered, with "short" or "long" at its end where they were put for such an answer, and each `q` is one. The answers
are not in it: whoever writes a link could put words into the model's mouth. The questions are asked again, and with the
same model and settings the answers are the same. A link that lacks `s` gets the settings of `Panel()`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from . import gallery, texts
from .conversation import MOST_CHARACTERS
from .errors import VisitorError
from .exchange import Exchange
from .settings import Panel

MOST_QUESTIONS = 12  # each is asked again when the link is opened
LONGEST_LINK = 6_000  # characters; some programs cut longer addresses
_MODEL = re.compile(r"[\w.:/-]{1,96}")  # no spaces: what stands in a link is shown, and may not be a sentence


@dataclass(frozen=True)
class Asked:
    """A question, and how its answer was picked.

    Args:
        question: its text.
        panel: the settings.
    """

    question: str
    panel: Panel


@dataclass(frozen=True)
class Link:
    """What a link restores.

    Args:
        photo: name of a photograph of the gallery, without its ending; empty for another picture.
        picture: id of a picture that this machine keeps; empty for a photograph.
        asked: the questions, oldest first.
        model: what the page called the model that answered them; empty where the link does not say.
    """

    photo: str = ""
    picture: str = ""
    asked: tuple[Asked, ...] = ()
    model: str = ""

    def was_answered_by_another(self, model: str) -> bool:
        """Whether it names another model than this one."""
        return self.model not in ("", model)


def asked_in(exchanges: Iterable[Exchange]) -> tuple[Asked, ...]:
    """The questions that were answered, for a link."""
    answered = [exchange for exchange in exchanges if exchange.settings is not None and not exchange.failed]
    return tuple(
        Asked(exchange.question, Panel.of(exchange.settings, exchange.mode))
        for exchange in answered
        if exchange.settings
    )


def photo_name(picture: str) -> str:
    """The name of the photograph of the gallery that a file is a copy of; empty if it is none."""
    photo = gallery.find(picture)
    return photo.path.stem if photo is not None else ""


def photo_path(name: str) -> str:
    """Where a photograph of the gallery is.

    Raises:
        VisitorError: there is none of this name.
    """
    for photo in gallery.photos():
        if photo.path.stem == name:
            return str(photo.path)
    raise VisitorError(texts.LINK_BROKEN)


def written(link: Link) -> str:
    """The text of a link, without the "#".

    Raises:
        VisitorError: there are more questions than a link holds.
    """
    pairs = [("photo", link.photo)] if link.photo else [("picture", link.picture)]
    if _MODEL.fullmatch(link.model):
        pairs.append(("m", link.model))
    settings = ""
    for asked in link.asked:
        if (now := _settings_text(asked.panel)) != settings:
            pairs.append(("s", now))
            settings = now
        pairs.append(("q", asked.question))
    text = urlencode(pairs, safe=",")
    if len(link.asked) > MOST_QUESTIONS or len(text) > LONGEST_LINK:
        raise VisitorError(texts.LINK_TOO_LONG.format(most=MOST_QUESTIONS))
    return text


def read(text: str) -> Link:
    """What a link says; anybody may have written it, so all of it is checked.

    Args:
        text: what stands behind the "#".

    Raises:
        VisitorError: it is no link of ours.
    """
    try:
        if len(text) > LONGEST_LINK:
            raise ValueError("too long")
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=2 * MOST_QUESTIONS + 3)
        return _link(pairs)
    except (ValueError, TypeError, AttributeError):  # also UnicodeError
        raise VisitorError(texts.LINK_BROKEN) from None


def _link(pairs: list[tuple[str, str]]) -> Link:
    (kind, name), *rest = pairs
    if kind not in ("photo", "picture") or not name:
        raise ValueError(f"expected photo or picture first, got {kind}")
    model = rest.pop(0)[1] if rest and rest[0][0] == "m" else ""
    if model and not _MODEL.fullmatch(model):
        raise ValueError("no name of a model")
    asked, panel = [], Panel()
    for key, value in rest:
        if key == "s":
            panel = _panel(value)
        elif key == "q" and value.strip() and len(value) <= MOST_CHARACTERS:
            asked.append(Asked(value.strip(), panel))
        else:
            raise ValueError(f"expected s or q, got {key}")
    if len(asked) > MOST_QUESTIONS:
        raise ValueError("too many questions")
    photo, picture = (name, "") if kind == "photo" else ("", name)
    return Link(photo=photo, picture=picture, asked=tuple(asked), model=model)


def _settings_text(panel: Panel) -> str:
    *numbers, seed, mode = panel.values
    told = [*(f"{float(number):g}" for number in numbers), str(seed)]
    return ",".join([*told, str(mode)] if mode else told)


def _panel(text: str) -> Panel:
    temperature, top_p, max_tokens, penalty, seed, *mode = text.split(",")
    panel = Panel(float(temperature), float(top_p), float(max_tokens), float(penalty), seed, *mode)
    try:
        panel.settings()
    except VisitorError:
        raise ValueError("settings out of their range") from None
    return panel
