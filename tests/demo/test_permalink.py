"""Links to conversations: what they hold, what is refused, and that a browser cannot forge its way in."""

import pytest

from blip2_core.answer_settings import AnswerSettings
from demo import texts
from demo.errors import VisitorError
from demo.exchange import Exchange
from demo.gallery import photos
from demo.permalink import (
    LONGEST_LINK,
    MOST_QUESTIONS,
    Asked,
    Link,
    asked_in,
    photo_name,
    photo_path,
    read,
    written,
)
from demo.settings import Panel

GREEDY, DRAWN = Panel(max_tokens=24.0, top_p=1.0), Panel(0.9, 0.95, 160.0, 1.15, "77")
SHORT = Panel(max_tokens=24.0, top_p=1.0, mode="short")


def test_a_link_is_read_as_it_was_written():
    asked = (Asked("What is it?", GREEDY), Asked("Why & how #2 = 3%?", GREEDY), Asked("Où?\nHier!", DRAWN))
    asked += (Asked("In a word?", SHORT),)
    for link in (
        Link(photo="beagle", asked=asked),
        Link(picture="A" * 22, asked=asked, model="Salesforce/blip2-opt-2.7b"),
        Link(photo="pen"),
    ):
        assert read(written(link)) == link


def test_settings_stand_in_the_link_only_where_they_change():
    asked = (Asked("a", GREEDY), Asked("b", GREEDY), Asked("c", DRAWN), Asked("d", SHORT))
    text = written(Link(photo="pen", asked=asked))
    assert text == "photo=pen&s=0,1,24,1.05,&q=a&q=b&s=0.9,0.95,160,1.15,77&q=c&s=0,1,24,1.05,,short&q=d"


def test_a_link_names_the_model_that_answered_and_one_of_before_is_still_read():
    assert written(Link(photo="pen", asked=(Asked("a", GREEDY),), model="pocket")).startswith("photo=pen&m=pocket&s=")
    old = read("photo=pen&s=0,1,24,1.05,&q=a")
    assert old.model == "" and not old.was_answered_by_another("pocket")
    new = read("photo=pen&m=pocket&s=0,1,24,1.05,&q=a")
    assert not new.was_answered_by_another("pocket") and new.was_answered_by_another("nonsense")
    assert "&m=" not in written(Link(photo="pen", model="a folder with <b>spaces</b>"))


def test_only_what_was_answered_is_asked_again_and_answers_are_not_in_the_link():
    settings = AnswerSettings(max_new_tokens=24, repetition_penalty=1.05)
    exchanges = [
        Exchange("one", "secret words", settings=settings),
        Exchange("put shortly", "x", settings=settings, mode="short"),
        Exchange("two", "sorry", settings=settings, failed=True),
        Exchange("three"),
    ]
    asked = asked_in(exchanges)
    assert asked == (Asked("one", GREEDY), Asked("put shortly", SHORT)) and asked[0].panel.settings() == settings
    assert "secret" not in written(Link(photo="pen", asked=asked))


@pytest.mark.parametrize(
    "text",
    [
        "", "photo=", "q=hello", "photo", "photo=pen&a=b", "photo=pen&q=", "photo=pen&q=" + "x" * 1001,
        "photo=pen&s=nan,1,24,1.05,&q=a", "photo=pen&s=0,1,100000,1.05,&q=a", "photo=pen&s=0,1,24&q=a",
        "photo=pen&s=inf,1,inf,1,&q=a", "photo=pen&s=0.5,1,24,1.05,-3&q=a",
        "photo=pen&s=0,1,24,1.05,,medium&q=a", "photo=pen&s=0,1,24,1.05,,short,&q=a",
        "photo=pen&m=call+this+number&q=a", "photo=pen&m=" + "a" * 97 + "&q=a", "photo=pen&q=a&m=pocket",
        "m=pocket&photo=pen", "photo=pen" + "&q=a" * (MOST_QUESTIONS + 1),
        "photo=pen" + "&q=a" * 100_000, "photo=pen&q=%ff%fe&role=assistant",
        None, 7,
    ],
)  # fmt: skip
def test_a_link_that_is_none_of_ours_is_refused_in_a_sentence(text):
    with pytest.raises(VisitorError) as refused:
        read(text)
    assert str(refused.value) == texts.LINK_BROKEN


def test_a_long_conversation_has_no_link_but_is_told_what_to_do():
    many = (Asked("a", GREEDY),) * (MOST_QUESTIONS + 1)
    for asked in (many, (Asked("x" * LONGEST_LINK, GREEDY),)):
        with pytest.raises(VisitorError, match="too long for a link, which holds up to 12 questions. Press Save"):
            written(Link(photo="pen", asked=asked))


def test_every_photograph_of_the_gallery_has_its_name_and_nothing_else_has(pictures):
    assert all(photo_path(photo_name(str(photo.path))) == str(photo.path) for photo in photos())
    assert photo_name(pictures[0]) == ""
    for name in ("moon", "../credits", "beagle.jpg", "/etc/passwd"):
        with pytest.raises(VisitorError):
            photo_path(name)
