"""What a visitor and the model say to each other, without a browser."""

from dataclasses import replace

import pytest
from families import save_as_older

from blip2_core.answer_settings import AnswerSettings
from blip2_core.attention_maps import relevance
from demo import insight, texts
from demo.conversation import MOST_CHARACTERS, SPOKEN, Conversation, suggestions
from demo.errors import VisitorError
from demo.gallery import photos
from demo.limits import Limits
from demo.loading import LoadState, ModelLoader
from demo.settings import PRESETS

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
    drawn = [len(conversation.messages[1]["content"]) for _ in conversation.answer(SHORT)]
    question, answer, told = conversation.messages
    assert (question["role"], answer["role"], told["role"]) == ("user", "assistant", "assistant")
    assert drawn == sorted(drawn) and len(set(drawn)) > 2
    title = told["metadata"]["title"]
    assert title.startswith("8 tokens · ") and " a second · first after " in title and "longest answer" in title
    assert told["content"].endswith(conversation.exchanges[0].prompt)


def test_the_numbers_beside_an_answer_count_the_q_former_too(conversation, pictures):
    ask(conversation, pictures[0])
    ask(conversation, pictures[0])
    first, second = (exchange.measured for exchange in conversation.exchanges)
    assert (first.tokens, first.picture_was_known, second.picture_was_known) == (8, False, True)
    assert 0 < first.seconds_to_first_token < first.seconds
    inside = conversation._session.last_answer
    assert second.seconds > inside.seconds and second.seconds_to_first_token > inside.seconds_to_first_token
    assert second.facts["tokens_per_second"] == pytest.approx(second.tokens_per_second, abs=1e-3)


def test_the_page_gets_the_answer_that_the_api_gives(conversation, loader, pictures):
    assert ask(conversation, pictures[0]).strip() == loader.model.ask(pictures[0], QUESTION, SHORT)


def test_only_what_the_model_said_is_marked_as_spoken(conversation, pictures, full_gpu):
    ask(conversation, pictures[0])
    with full_gpu():
        ask(conversation, pictures[0], "what is the secret?")
    ask(conversation, pictures[1])
    ask(conversation, pictures[1], "\x07\x07")
    marks = [message.get("metadata", {}).get("id") for message in conversation.messages]
    assert marks == [None, None, SPOKEN, None, None, None]  # notice, question, answer, how, question, what went wrong


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
    assert "dialog history" not in conversation.exchanges[-1].prompt


def test_the_first_picture_and_the_same_one_again_say_nothing(conversation, pictures):
    conversation.show(pictures[0])
    assert conversation.messages == []
    ask(conversation, pictures[0])
    assert not conversation.show(pictures[0])
    assert len(conversation.exchanges) == 1


def test_the_prompt_on_the_page_is_the_one_that_was_sent_with_its_history(conversation, loader, pictures):
    first = ask(conversation, pictures[0])
    ask(conversation, pictures[0], "what is the picture?")
    assert conversation.exchanges[-1].prompt == loader.model.prompt("what is the picture?", [(QUESTION, first)])


def test_a_question_is_put_for_the_kind_of_answer_and_the_map_reads_what_was_read(conversation, loader, pictures):
    """InstructBLIP was asked for its short answers in a form of its own; the page once gave it the bare question."""
    conversation.begin(QUESTION, pictures[0])
    for _ in conversation.answer(SHORT, "short"):
        pass
    (exchange,), model = conversation.exchanges, loader.model
    assert exchange.prompt == f"Question: {QUESTION} Short answer:"
    assert exchange.answer.strip() == model.ask(pictures[0], QUESTION, SHORT, mode="short")
    insight.work_out(conversation, insight.PANELS)
    told, _ = exchange.found[insight.ROAD]
    shapes = {station.name: station.shape for station in told.stations}
    assert shapes["prompt"] == (model.adapter.count_tokens(model.prompt(QUESTION, mode="short")),)
    assert shapes["question"] == (len(model.qformer_tokenizer(exchange.prompt).input_ids),)
    expected = relevance(model, pictures[0], QUESTION, exchange.answer, mode="short").log_probability
    assert exchange.found[insight.LOOKED].log_probability == pytest.approx(expected, abs=1e-3)


def test_flan_t5_is_asked_for_a_description_when_one_is_wanted(tmp_path, pictures):
    loader = ModelLoader(str(save_as_older("blip2-t5", tmp_path / "t5")), precision="fp32", device="cpu")
    loader.start()
    assert loader.wait(60) and loader.model is not None, loader.state.error
    conversation = Conversation(loader)
    for name, preset in PRESETS.items():
        conversation.begin(name, pictures[0])
        for _ in conversation.answer(replace(preset.settings(), max_new_tokens=4), preset.mode):
            pass
    prompts = [exchange.prompt.rpartition("Question: ")[2] for exchange in conversation.exchanges]
    assert prompts == ["Short answer Short answer:", "Description Answer:", "Creative Answer:"]


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


def test_a_file_that_is_no_picture_is_refused_and_leaves_picture_and_conversation(conversation, pictures, tmp_path):
    """It once took them along: a picture of too many pixels, dropped on the page by mistake, cost the conversation."""
    ask(conversation, pictures[0])
    before = conversation.messages
    fake = tmp_path / "fake.png"
    fake.write_text("not a picture")
    with pytest.raises(VisitorError, match="cannot be read as a picture"):
        conversation.show(str(fake))
    assert conversation.messages == before and conversation.picture == pictures[0] and not conversation.stopped
    ask(conversation, pictures[0], "and what is the picture?")
    assert "dialog history" in conversation.exchanges[-1].prompt


def test_control_characters_alone_are_answered_with_a_sentence(conversation, pictures):
    assert ask(conversation, pictures[0], "\x07\x07") == texts.CANNOT_ASK
    assert ask(conversation, pictures[0]) != texts.CANNOT_ASK


def test_a_picture_that_was_deleted_before_it_was_seen_is_asked_for_again(conversation, pictures, tmp_path):
    conversation.show(pictures[0])
    (tmp_path / "first.png").unlink()
    assert ask(conversation, pictures[0]) == texts.LOST_PICTURE


def test_a_gpu_that_is_full_gets_a_sentence_of_its_own_and_the_next_question_an_answer(
    conversation, pictures, full_gpu, caplog
):
    whole = ask(conversation, pictures[0])
    conversation.clear()
    with full_gpu():
        assert ask(conversation, pictures[0], "what is the secret?") == texts.GPU_FULL
    assert "GpuMemoryError" in caplog.text and "secret" not in caplog.text
    assert ask(conversation, pictures[0]) == whole


def test_looking_ahead_at_a_picture_leaves_what_goes_wrong_to_the_question(conversation, loader, pictures, full_gpu):
    conversation.show(pictures[0])
    with full_gpu(loader.model.model.vision_model):
        conversation.look()
        assert ask(conversation, pictures[0]) == texts.GPU_FULL


def test_stop_keeps_what_was_said_and_the_next_question_is_free(conversation, pictures):
    conversation.begin(QUESTION, pictures[0])
    for drawn, _ in enumerate(conversation.answer(LONG)):
        if drawn == 3:
            conversation.stop()
    stopped = conversation.exchanges[-1]
    assert stopped.answer and stopped.measured.stopped_by == "closed" and stopped.remembered
    assert ask(conversation, pictures[0], "what is the picture?")
    assert stopped.answer.strip() in conversation.exchanges[-1].prompt


def test_stop_before_the_first_word_leaves_a_note_that_the_model_never_reads(conversation, pictures):
    conversation.begin(QUESTION, pictures[0])
    conversation.stop()
    assert len(list(conversation.answer(LONG))) == 1
    assert conversation.messages[-1] == {"role": "assistant", "content": texts.WORDLESS}
    ask(conversation, pictures[0])
    assert texts.WORDLESS not in conversation.exchanges[-1].prompt


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
    assert ask(conversation, pictures[1])


def test_undo_takes_the_last_turn_back_for_the_model_too(conversation, pictures):
    ask(conversation, pictures[0])
    ask(conversation, pictures[0], "what is the picture?")
    assert conversation.undo() == "what is the picture?"
    assert len(conversation.exchanges) == 1
    ask(conversation, pictures[0], "is the color what?")
    assert (
        "what is the picture?" not in conversation.exchanges[-1].prompt
        and QUESTION in conversation.exchanges[-1].prompt
    )


def test_another_answer_replaces_the_last_one(conversation, pictures):
    first = ask(conversation, pictures[0])
    conversation.begin_again()
    for _ in conversation.answer(AnswerSettings(max_new_tokens=8, temperature=1.5, seed=3)):
        pass
    assert len(conversation.exchanges) == 1 and conversation.exchanges[0].answer != first
    assert first not in conversation.exchanges[-1].prompt


@pytest.mark.parametrize("action", ["undo", "begin_again"])
def test_there_is_nothing_to_take_back_before_the_first_question(conversation, action):
    with pytest.raises(VisitorError, match="Nothing was asked yet"):
        getattr(conversation, action)()


def test_an_earlier_question_in_other_words_takes_back_what_came_after_it(conversation, pictures):
    for question in ("what is the picture?", QUESTION, "and the sea?"):
        ask(conversation, pictures[0], question)
    place = [message["content"] for message in conversation.messages].index(QUESTION)
    conversation.begin_edited(place, " is the color what? ")
    for _ in conversation.answer(SHORT):
        pass
    assert [exchange.question for exchange in conversation.exchanges] == ["what is the picture?", "is the color what?"]
    assert QUESTION not in conversation.exchanges[-1].prompt and "the sea" not in conversation.exchanges[-1].prompt
    assert "what is the picture?" in conversation.exchanges[-1].prompt


@pytest.mark.parametrize("place", [-1, 1, 99, None, "0", 0.0])
def test_only_a_question_can_be_put_in_other_words(conversation, pictures, place):
    ask(conversation, pictures[0])
    with pytest.raises(VisitorError):
        conversation.begin_edited(place, "is it?")
    assert len(conversation.exchanges) == 1


def test_an_answer_is_cut_at_its_deadline_and_says_so(loader, pictures):
    hasty = Conversation(loader, Limits(seconds_an_answer=0.0))
    ask(hasty, pictures[0], settings=LONG)
    measured = hasty.exchanges[0].measured
    assert measured.stopped_by == "deadline" and measured.tokens < 20
    assert texts.ENDED["deadline"] in hasty.messages[-1]["metadata"]["title"]


def test_a_conversation_has_an_end(loader, pictures):
    short = Conversation(loader, Limits(turns=2))
    ask(short, pictures[0])
    ask(short, pictures[0])
    with pytest.raises(VisitorError, match="has 2 questions, which is the most"):
        short.begin(QUESTION, pictures[0])
    short.clear()
    assert ask(short, pictures[0])


def test_a_question_that_was_never_answered_makes_place_for_the_next(conversation, pictures):
    conversation.begin("and the sea?", pictures[0])
    ask(conversation, pictures[0])
    assert [exchange.question for exchange in conversation.exchanges] == [QUESTION]


def test_two_visitors_do_not_hear_each_other(loader, pictures):
    one, other = Conversation(loader), Conversation(loader)
    ask(one, pictures[0])
    ask(other, pictures[1], "what is the picture?")
    assert len(one.exchanges) == len(other.exchanges) == 1
    assert QUESTION not in other.exchanges[0].prompt


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
    assert suggestions(str(photo.path)) == (photo.questions, {})
    assert suggestions(None, "pocket") == (texts.GENERIC_QUESTIONS, {})
