"""One conversation about one picture: what is remembered, what is left out, what stopping keeps."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from tiny import tiny_adapter, visual_prompts

from blip2_core.answer import AnswerSettings, generate_text, stream_text
from blip2_core.chat import ChatSession
from blip2_core.errors import NoImageError, QuestionError, SettingsError

SHORT = AnswerSettings(max_new_tokens=6)


class TinyBlip2:
    """The chat's side of `Blip2` over a tiny real language model; a picture is the seed of its visual prompt."""

    def __init__(self, family="opt"):
        self.adapter = tiny_adapter(family)
        self.model = SimpleNamespace(query_tokens=torch.zeros(1, 4, 32))
        self.seen, self.prompts = [], []

    def see(self, image):
        self.seen.append(image)
        return image

    def answer_settings(self, mode=None):
        return AnswerSettings(max_new_tokens=3, num_beams=2)

    def prompt(self, question, history=(), mode=None):
        return self.adapter.template.render(question, history, mode)

    def stream(self, seen, question, settings=None, history=(), *, mode=None):
        return stream_text(self.adapter, self._inputs(seen, question, history, mode), settings)

    def ask(self, seen, question, settings=None, history=(), *, mode=None):
        return generate_text(self.adapter, self._inputs(seen, question, history, mode), settings)[0]

    def _inputs(self, seen, question, history, mode):
        self.prompts.append(self.prompt(question, history, mode))
        return self.adapter.prompt_inputs(visual_prompts(1, seed=seen), self.prompts[-1:])


@pytest.fixture
def session():
    session = ChatSession(TinyBlip2())
    session.see(1)
    return session


def test_a_question_before_any_picture_says_what_to_do():
    session = ChatSession(TinyBlip2())
    for call in (session.ask, session.stream):
        with pytest.raises(NoImageError) as error:
            call("what is it?")
        assert str(error.value) == "the session has no image yet. Call session.see(image) before session.ask(...)."


def test_without_settings_a_chat_answers_as_the_family_does_and_streams_without_beams(session):
    asked = session.ask("what is it?")
    session.forget()
    assert asked == session.ask("what is it?", AnswerSettings(max_new_tokens=3, num_beams=2))
    session.forget()
    streamed = "".join(session.stream("what is it?"))
    assert session.last_answer.num_tokens <= 3
    session.forget()
    assert streamed == "".join(session.stream("what is it?", AnswerSettings(max_new_tokens=3)))


def test_the_picture_is_seen_once_for_many_questions(session):
    session.ask("what is it?", SHORT)
    list(session.stream("why?", SHORT))
    assert session.blip2.seen == [1]


def test_asking_and_streaming_remember_the_same_turns(session):
    other = ChatSession(session.blip2)
    other.see(1)
    for question in (" what is it? ", "why?"):
        assert session.ask(question, SHORT) == "".join(other.stream(question, SHORT))
    assert session.history == other.history
    assert [question for question, _ in session.history] == ["what is it?", "why?"]
    assert other.last_answer.text == other.history[-1][1]


def test_earlier_turns_are_in_the_prompt(session):
    first = session.ask("what is it?", SHORT)
    session.ask("why?", SHORT)
    assert session.blip2.prompts[-1] == session.blip2.prompt("why?", [("what is it?", first)])


def test_a_question_is_put_for_the_kind_of_answer_that_is_wanted():
    session = ChatSession(TinyBlip2("t5"))
    session.see(1)
    session.ask("what is it?", SHORT, mode="long")
    list(session.stream("why?", SHORT, mode="short"))
    list(session.regenerate(SHORT, mode="long"))
    forms = [prompt.removeprefix(prompt[: prompt.rindex("Question: ")]) for prompt in session.blip2.prompts]
    assert forms == ["Question: what is it? Answer:", "Question: why? Short answer:", "Question: why? Answer:"]


def test_turns_are_left_out_by_the_length_of_the_form_that_is_sent(session):
    template, blip2 = session.blip2.adapter.template, session.blip2
    session.history += [(f"question {n}", "yes") for n in range(3)]
    session.budget_tokens = blip2.adapter.count_tokens(blip2.prompt("why?", session.history))
    session.ask("why?", SHORT)
    assert session.dropped_turns == 0
    session.undo()
    blip2.adapter.template = replace(template, long_question="Tell at length, {question} Answer:")
    session.ask("why?", SHORT, mode="long")
    assert session.dropped_turns > 0 and "Tell at length" in blip2.prompts[-1]


def test_the_oldest_turns_are_left_out_first_and_it_says_so(session):
    session.history += [(f"question {n}", "yes") for n in range(20)]
    session.ask("why?", SHORT)
    blip2 = session.blip2
    room = 128 - 4 - 6  # context, visual prompt, answer
    sent = session.history[session.dropped_turns : -1]
    assert blip2.prompts[-1] == blip2.prompt("why?", sent)
    assert blip2.adapter.count_tokens(blip2.prompts[-1]) <= room
    more = blip2.prompt("why?", session.history[session.dropped_turns - 1 : -1])
    assert blip2.adapter.count_tokens(more) > room
    left_out = "oldest questions no longer fit into what the language model reads and were left out."
    assert session.notice == f"The {session.dropped_turns} {left_out}"
    assert len(session.history) == 21


def test_a_budget_of_ones_own_leaves_out_even_more():
    session = ChatSession(TinyBlip2(), budget_tokens=1)
    session.see(1)
    session.ask("what is it?", SHORT)
    assert (session.dropped_turns, session.notice) == (0, None)
    session.ask("why?", SHORT)
    assert session.dropped_turns == 1
    assert session.notice == "The oldest question no longer fits into what the language model reads and was left out."
    session.forget()
    assert (session.dropped_turns, session.notice, session.history) == (0, None, [])


def test_where_each_question_is_answered_by_itself_no_turn_is_left_out():
    session = ChatSession(TinyBlip2(), budget_tokens=1)
    session.blip2.adapter.template = replace(session.blip2.adapter.template, history="")
    session.see(1)
    for question in ("what is it?", "why?"):
        session.ask(question, SHORT)
    assert (session.dropped_turns, session.notice, len(session.history)) == (0, None, 2)
    assert session.blip2.prompts[-1] == session.blip2.prompt("why?")


@pytest.mark.parametrize("budget", [0, 1.5, True, "many"])
def test_a_budget_that_is_no_whole_number_is_refused(budget):
    with pytest.raises(SettingsError) as error:
        ChatSession(TinyBlip2(), budget_tokens=budget)
    assert str(error.value) == f"budget_tokens: expected a whole number above 0, got {budget!r}."


def test_a_stopped_stream_keeps_what_was_said(session):
    stream = session.stream("what is it?", AnswerSettings(max_new_tokens=50))
    said = next(stream) + next(stream)
    stream.close()
    assert session.history == [("what is it?", said)]
    assert session.last_answer.stopped_by == "closed"


def test_a_stop_button_ends_the_stream_from_outside(session):
    said = ""
    for piece in session.stream("what is it?", AnswerSettings(max_new_tokens=50)):
        said += piece
        session.stop()
    assert session.history == [("what is it?", said)]
    assert session.last_answer.stopped_by == "closed"


def test_a_stream_stopped_before_its_first_word_is_no_turn(session):
    session.stream("what is it?").close()
    assert session.history == []


def test_a_question_that_fails_is_no_turn(session):
    for wrong in ("", "why " * 200):
        with pytest.raises(QuestionError):
            session.ask(wrong)
        with pytest.raises(QuestionError):
            list(session.stream(wrong))
    with pytest.raises(SettingsError):
        session.stream("why?", AnswerSettings(num_beams=2))
    assert session.history == []


def test_a_new_picture_begins_a_new_conversation(session):
    late = session.stream("what is it?", SHORT)
    next(late)
    session.see(2)
    list(late)  # an answer about the old picture
    assert session.history == []
    assert session.ask("what is it?", SHORT)
    assert session.blip2.prompts[-1] == session.blip2.prompt("what is it?")


def test_undo_takes_back_the_last_turn(session):
    assert session.undo() is None
    answer = session.ask("what is it?", SHORT)
    assert session.undo() == ("what is it?", answer)
    assert session.history == []


def test_regenerate_asks_the_last_question_again(session):
    with pytest.raises(QuestionError, match="question: nothing was asked yet; ask a question first."):
        session.regenerate()
    session.ask("what is it?", SHORT)
    first = session.ask("why?", SHORT)
    again = "".join(session.regenerate(AnswerSettings(max_new_tokens=6, temperature=2.0, seed=1)))
    assert again != first
    assert session.history[1:] == [("why?", again)]
    assert session.blip2.prompts[-1] == session.blip2.prompts[-2]


def test_beams_answer_in_a_conversation_too(session):
    assert session.ask("what is it?", AnswerSettings(max_new_tokens=5, num_beams=2))
    assert len(session.history) == 1


@pytest.mark.parametrize("family", ["t5", "chatml", "llama"])
def test_every_family_holds_a_conversation(family):
    session = ChatSession(TinyBlip2(family))
    session.see(1)
    for question in ("what is it?", "why?", "<|im_end|> really?"):
        answer = session.ask(question, SHORT)
        assert session.history[-1:] == [(question, answer)] or not answer
    assert session.history
