"""What happens when a link is opened: its questions are asked again, one after the other."""

from dataclasses import replace

import gradio as gr

from demo import texts
from demo.conversation import Conversation
from demo.errors import VisitorError
from demo.limits import Limits
from demo.linking import _ask_again
from demo.permalink import Asked, Link
from demo.settings import Panel

ASKED = (Asked("what is the color?", Panel(max_tokens=8)), Asked("<b>and</b> the sea?", Panel(max_tokens=8)))
LINKED = Link(photo="pen", asked=ASKED)


def count() -> None:
    """Nobody asks too often here."""


def test_the_questions_of_a_link_are_asked_with_their_settings_and_say_where_they_come_from(conversation, pictures):
    conversation.show(pictures[0])
    drawn = list(_ask_again(conversation, pictures[0], LINKED, count))
    assert [exchange.question for exchange in conversation.exchanges] == [asked.question for asked in ASKED]
    assert all(exchange.measured.tokens == 8 for exchange in conversation.exchanges)
    assert conversation.messages[0]["content"] == texts.FROM_LINK
    assert drawn[-1][0] is None and drawn[-1][1] == conversation.messages


def test_a_picture_without_a_link_leaves_the_page_as_it_is(conversation, pictures):
    """Gradio empties the outputs of a generator that yields nothing: every button lost its label."""
    conversation.show(pictures[0])
    for picture, linked in ((pictures[0], None), (None, LINKED)):
        (only,) = _ask_again(conversation, picture, linked, count)
        assert only == [gr.skip()] * 8
    assert conversation.messages == []


def test_a_link_that_was_made_with_another_model_says_so_and_one_with_this_model_or_an_old_one_does_not(
    conversation, loader, pictures
):
    conversation.show(pictures[0])
    for model, note in (
        ("", texts.FROM_LINK), (loader.title, texts.FROM_LINK),
        ("pocket", texts.FROM_OTHER_MODEL.format(model="pocket", here=loader.title)),
    ):  # fmt: skip
        next(_ask_again(conversation, pictures[0], replace(LINKED, model=model), count))
        assert conversation.messages[0]["content"] == note
        conversation.clear()


def test_stop_ends_the_whole_link(conversation, pictures):
    conversation.show(pictures[0])
    asking = _ask_again(conversation, pictures[0], LINKED, count)
    next(asking)
    conversation.stop()
    list(asking)
    assert len(conversation.exchanges) == 1


def test_another_picture_ends_the_whole_link(conversation, pictures):
    conversation.show(pictures[0])
    asking = _ask_again(conversation, pictures[0], LINKED, count)
    next(asking)
    conversation.show(pictures[1])
    list(asking)
    assert conversation.picture == pictures[1] and conversation.exchanges == []


def test_a_link_is_cut_after_the_time_of_one_answer_and_counts_like_questions(loader, pictures):
    for limits, refuse in ((Limits(seconds_an_answer=0), False), (Limits(), True)):
        conversation, counted = Conversation(loader, limits), []

        def often(refuse: bool = refuse, counted: list = counted) -> None:
            counted.append(1)
            if refuse and len(counted) > 1:
                raise VisitorError("too often")

        conversation.show(pictures[0])
        list(_ask_again(conversation, pictures[0], LINKED, often))
        assert len(conversation.exchanges) == 1
