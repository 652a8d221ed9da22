"""What a visitor and the model say to each other, without a browser."""

import pytest

from blip2_core.answer_settings import AnswerSettings
from demo import texts
from demo.conversation import MOST_CHARACTERS, Conversation, VisitorError, suggestions
from demo.gallery import photos
from demo.loading import LoadState, ModelLoader

SHORT = AnswerSettings(max_new_tokens=8)
LONG = AnswerSettings(max_new_tokens=200)
QUESTION = "what is the color?"


def ask(conversation: Conversation, picture: str, question: str = QUESTION, settings: AnswerSettings = SHORT) -> str:
    conversation.begin(question, picture)
    for _ in conversation.answer(settings):
        pass
    return conversation.exchanges[-1].answer


@pytest.fixture
def looks(loader):
    """How many times the image encoder ran."""
    seen = []
    hook = loader.model.model.vision_model.register_forward_hook(lambda *_: seen.append(1))
    yield seen
    hook.remove()


def test_an_answer_grows_on_the_page_and_is_measured(conversation, pictures):
    conversation.begin(QUESTION, pictures[0])
    drawn = [len(conversation.messages[-1]["content"]) for _ in conversation.answer(SHORT)]
    assert [message["role"] for message in conversation.messages] == ["user", "assistant"]
    assert drawn == sorted(drawn) and len(set(drawn)) > 2
    assert conversation.facts.startswith("8 tokens in ") and "first word after" in conversation.facts


def test_the_page_gets_the_answer_that_the_api_gives(conversation, loader, pictures):
    assert ask(conversation, pictures[0]).strip() == loader.model.ask(pictures[0], QUESTION, SHORT)


def test_the_image_encoder_runs_once_a_picture(conversation, pictures, looks):
    conversation.show(pictures[0])
    conversation.look()
    ask(conversation, pictures[0])
    conversation.clear()
    ask(conversation, pictures[0], "what is the picture?")
    assert len(looks) == 1
    ask(conversation, pictures[1])
    assert len(looks) == 2


def test_a_new_picture_begins_a_new_conversation_and_says_so(conversation, pictures):
    ask(conversation, pictures[0])
    assert conversation.show(pictures[1])
    assert conversation.messages == [{"role": "assistant", "content": texts.NEW_CONVERSATION}]
    ask(conversation, pictures[1])
    assert "dialog history" not in conversation.prompt


def test_the_first_picture_and_the_same_one_again_say_nothing(conversation, pictures):
    conversation.show(pictures[0])
    assert conversation.messages == []
    ask(conversation, pictures[0])
    assert not conversation.show(pictures[0])
    assert len(conversation.messages) == 2


def test_the_prompt_on_the_page_is_the_one_that_was_sent_with_its_history(conversation, loader, pictures):
    first = ask(conversation, pictures[0])
    ask(conversation, pictures[0], "what is the picture?")
    assert conversation.prompt == loader.model.prompt("what is the picture?", [(QUESTION, first)])


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("", texts.EMPTY_QUESTION),
        (" \n\t", texts.EMPTY_QUESTION),
        (None, texts.EMPTY_QUESTION),
        ("a" * (MOST_CHARACTERS + 1), texts.LONG_QUESTION.format(most=1_000, got=1_001)),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused_in_a_sentence(conversation, pictures, question, sentence):
    with pytest.raises(VisitorError) as refused:
        conversation.begin(question, pictures[0])
    assert str(refused.value) == sentence
    assert list(conversation.answer(SHORT)) == [] and conversation.messages == []


def test_a_question_without_a_picture_is_refused(conversation):
    with pytest.raises(VisitorError, match="no picture yet"):
        conversation.begin(QUESTION, None)


def test_a_file_that_is_no_picture_is_refused_and_takes_the_old_picture_along(conversation, pictures, tmp_path):
    ask(conversation, pictures[0])
    fake = tmp_path / "fake.png"
    fake.write_text("not a picture")
    with pytest.raises(VisitorError, match="cannot be read as a picture"):
        conversation.show(str(fake))
    assert conversation.messages == []


def test_control_characters_alone_are_answered_with_a_sentence(conversation, pictures):
    assert ask(conversation, pictures[0], "\x07\x07") == texts.CANNOT_ASK
    assert ask(conversation, pictures[0]) != texts.CANNOT_ASK


def test_a_picture_that_was_deleted_before_it_was_seen_is_asked_for_again(conversation, pictures, tmp_path):
    conversation.show(pictures[0])
    (tmp_path / "first.png").unlink()
    assert ask(conversation, pictures[0]) == texts.LOST_PICTURE


def test_stop_keeps_what_was_said_and_the_next_question_is_free(conversation, pictures):
    conversation.begin(QUESTION, pictures[0])
    for drawn, _ in enumerate(conversation.answer(LONG)):
        if drawn == 3:
            conversation.stop()
    stopped = conversation.exchanges[-1]
    assert stopped.answer and conversation.facts.startswith("Stopped: ") and stopped.remembered
    assert ask(conversation, pictures[0], "what is the picture?")
    assert stopped.answer.strip() in conversation.prompt


def test_stop_before_the_first_word_leaves_a_note_that_the_model_never_reads(conversation, pictures):
    conversation.begin(QUESTION, pictures[0])
    conversation.stop()
    assert len(list(conversation.answer(LONG))) == 1
    assert conversation.messages[-1]["content"] == texts.WORDLESS
    ask(conversation, pictures[0])
    assert texts.WORDLESS not in conversation.prompt


def test_a_visitor_who_leaves_stops_the_work(conversation, pictures):
    conversation.begin(QUESTION, pictures[0])
    answer = conversation.answer(LONG)
    for _ in range(3):
        next(answer)
    answer.close()
    assert not conversation.running
    assert 0 < conversation._session.last_answer.num_tokens < 20


def test_a_second_question_must_wait_for_the_first_answer(conversation, pictures):
    conversation.begin(QUESTION, pictures[0])
    answer = conversation.answer(LONG)
    next(answer)
    with pytest.raises(VisitorError, match="still on its way"):
        conversation.begin("and then?", pictures[0])
    answer.close()


def test_a_new_picture_in_the_middle_of_an_answer_stops_it(conversation, pictures):
    conversation.begin(QUESTION, pictures[0])
    for drawn, _ in enumerate(conversation.answer(LONG)):
        if drawn == 2:
            conversation.show(pictures[1])
    assert [message["content"] for message in conversation.messages] == [texts.NEW_CONVERSATION]
    assert conversation.facts == "" and ask(conversation, pictures[1])


def test_undo_takes_the_last_turn_back_for_the_model_too(conversation, pictures):
    ask(conversation, pictures[0])
    ask(conversation, pictures[0], "what is the picture?")
    assert conversation.undo() == "what is the picture?"
    assert len(conversation.messages) == 2
    ask(conversation, pictures[0], "is the color what?")
    assert "what is the picture?" not in conversation.prompt and QUESTION in conversation.prompt


def test_another_answer_replaces_the_last_one(conversation, pictures):
    first = ask(conversation, pictures[0])
    conversation.begin_again()
    for _ in conversation.answer(AnswerSettings(max_new_tokens=8, temperature=1.5, seed=3)):
        pass
    assert len(conversation.exchanges) == 1 and conversation.exchanges[0].answer != first
    assert first not in conversation.prompt


@pytest.mark.parametrize("action", ["undo", "begin_again"])
def test_there_is_nothing_to_take_back_before_the_first_question(conversation, action):
    with pytest.raises(VisitorError, match="Nothing was asked yet"):
        getattr(conversation, action)()


def test_two_visitors_do_not_hear_each_other(loader, pictures):
    one, other = Conversation(loader), Conversation(loader)
    ask(one, pictures[0])
    ask(other, pictures[1], "what is the picture?")
    assert len(one.messages) == len(other.messages) == 2
    assert QUESTION not in other.prompt


def test_a_visitor_who_is_early_hears_how_far_the_model_is(pictures):
    early = Conversation(ModelLoader("pocket"))  # never started
    early.loader.state = LoadState("downloading a part", 0.43)
    early.begin(QUESTION, pictures[0])
    answer = early.answer(SHORT)
    next(answer)
    assert early.messages[-1]["content"].endswith("downloading a part 43% …")
    early.stop()
    assert [early.messages[-1]["content"] for _ in answer] == [texts.WORDLESS]


def test_photographs_bring_questions_of_their_own():
    photo = photos()[0]
    assert suggestions(str(photo.path)) == photo.questions
    assert suggestions(None) == texts.GENERIC_QUESTIONS
