"""The forms of questions, what a question may be, and the file a template is saved in."""

import copy
import json
import pickle
from dataclasses import replace
from types import SimpleNamespace

import pytest

from blip2_core.errors import ConfigError, QuestionError
from blip2_core.language.prompts import (
    CHATML,
    INSTRUCT,
    OPT,
    T5,
    Prompt,
    PromptTemplate,
    check_question,
    template_for,
)

HISTORY = [("what is it?", "a tower"), ("where?", "It is in Paris.")]


def test_each_family_has_its_own_form():
    assert OPT.render("what is it?") == "Question: what is it? Answer:"
    assert T5.render("what is it?") == "Question: what is it? Short answer:"
    assert INSTRUCT.render("what is it?") == "what is it?"
    assert CHATML.render("hi") == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    assert OPT.caption_prompt == "a photo of"


def test_earlier_turns_stand_in_front_and_no_full_stop_is_doubled():
    assert OPT.render("how high?", HISTORY) == (
        "Question: what is it? Answer: a tower. Question: where? Answer: It is in Paris. Question: how high? Answer:"
    )
    assert T5.render("how high?", HISTORY[:1]) == (
        "Question: what is it? Short answer: a tower. Question: how high? Short answer:"
    )
    assert INSTRUCT.render("how high?", HISTORY[:1]) == (
        "dialog history: Question: what is it? Answer: a tower.\nhow high?"
    )
    assert CHATML.render("how high?", HISTORY[:1]) == (
        "<|im_start|>user\nwhat is it?<|im_end|>\n<|im_start|>assistant\na tower<|im_end|>\n"
        "<|im_start|>user\nhow high?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_q_former_that_was_taught_to_reads_the_last_two_turns_too_the_latest_first():
    both = "how high? - where? It is in Paris. - what is it? a tower"
    assert CHATML.qformer_question("how high?", HISTORY) == both
    assert CHATML.qformer_question("how high?", [("is it new?", "No."), *HISTORY]) == both
    assert CHATML.qformer_question("how high?") == "how high?"
    assert all(template.qformer_question("how high?", HISTORY) == "how high?" for template in (OPT, T5, INSTRUCT))
    assert INSTRUCT.qformer_question("how high?", HISTORY, "short") == "Question: how high? Short answer:"


def test_of_long_turns_the_q_former_reads_the_beginning_and_of_those_that_do_not_fit_nothing():
    long = "It was built in 1889. " * 20
    assert CHATML.qformer_question("why?", [("when?", long)]) == f"why? - when? {long[:150]}"
    assert CHATML.qformer_question("why?", [("where?", "There."), ("when?" * 80, "In 1889.")]) == "why?"
    assert CHATML.qformer_question("why?" * 90, HISTORY) == "why?" * 90


@pytest.mark.parametrize(
    ("question", "read"),
    [
        ("And the dog?", "what is it? And the dog?"),
        ("and how many dogs?", "what is it? and how many dogs?"),
        ("What about his brown hat?", "what is it? What about his brown hat?"),
        ("And the boy's?", "what is it? And the boy's?"),
        ("And what is he wearing?", "And what is he wearing?"),
        ("And where is the dog?", "And where is the dog?"),
        ("And why?", "And why?"),
        ("And is there a dog?", "And is there a dog?"),
        ("And the dog in the snow?", "And the dog in the snow?"),
        ("The dog?", "The dog?"),
    ],
)
def test_an_ellipsis_stands_behind_the_question_that_it_goes_on_with(question, read):
    told = replace(OPT, history="", continued="{before} {question}")
    assert told.render(question, [("why?", "No."), HISTORY[0]]) == f"Question: {read} Answer:"
    assert told.render(question, [HISTORY[0], ("And a cat?", "No.")]) == f"Question: {read} Answer:"
    assert told.render(question) == OPT.render(question) == replace(OPT, history="").render(question, HISTORY)
    assert told.render(question, [("And a cat?", "No.")]) == OPT.render(question)


def test_a_model_that_answers_each_question_by_itself_reads_no_earlier_turns():
    alone = replace(OPT, history="")
    assert alone.render("how high?", HISTORY) == OPT.render("how high?")


def test_no_space_is_left_at_the_end():
    template = PromptTemplate(question="Q: {question} A: ", turn="{question}{answer}", answer_end="\n", caption="a ")
    assert template.render(" why?  ") == "Q: why? A:"
    assert template.caption_prompt == "a"


def test_braces_in_a_question_are_letters():
    assert OPT.render("what does {answer} {0} mean?") == "Question: what does {answer} {0} mean? Answer:"


def test_a_prompt_knows_who_wrote_what_even_when_copied():
    prompt = OPT.render("how high?", HISTORY[:1])
    assert prompt.pieces[1::2] == ("what is it?", "a tower", "how high?")
    for twin in (copy.deepcopy(prompt), pickle.loads(pickle.dumps(prompt))):
        assert (twin, type(twin), twin.pieces) == (prompt, Prompt, prompt.pieces)


@pytest.mark.parametrize("template", [OPT, T5, INSTRUCT, CHATML])
def test_a_saved_template_comes_back_the_same(template, tmp_path):
    template.save(tmp_path)
    assert PromptTemplate.from_folder(tmp_path) == template


def test_a_folder_with_its_own_template_wins(tmp_path):
    config = SimpleNamespace(model_type="blip-2", text_config=SimpleNamespace(is_encoder_decoder=False))
    assert template_for(config, tmp_path) is OPT
    CHATML.save(tmp_path)
    assert template_for(config, tmp_path) == CHATML


def test_the_family_decides_where_no_template_was_saved():
    t5, opt = SimpleNamespace(is_encoder_decoder=True), SimpleNamespace(is_encoder_decoder=False)
    assert template_for(SimpleNamespace(model_type="blip-2", text_config=t5)) is T5
    assert template_for(SimpleNamespace(model_type="blip-2", text_config=opt)) is OPT
    assert template_for(SimpleNamespace(model_type="instructblip", text_config=t5)) is INSTRUCT


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"question": "no gap"}, "question: expected a text with {question} once and in this order, got 'no gap'."),
        ({"turn": 3}, "turn: expected a text, got int."),
        ({"answer_end": ""}, 'answer_end: expected the text of the token that ends an answer, got "".'),
        ({"colour": "red"}, "colour is not known"),
        ({"caption": None}, "caption: expected a text, got NoneType."),
    ],
)
def test_a_broken_template_file_says_what_is_wrong(change, message, tmp_path):
    OPT.save(tmp_path)
    file = tmp_path / "chat_prompt.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(ConfigError) as error:
        PromptTemplate.from_folder(tmp_path)
    assert message in str(error.value)


@pytest.mark.parametrize("content", [None, "{", "[1]", '{"question": "{question}"}'])
def test_a_missing_or_unreadable_template_is_a_config_error(content, tmp_path):
    if content is not None:
        (tmp_path / "chat_prompt.json").write_text(content)
    with pytest.raises(ConfigError, match="chat_prompt.json"):
        PromptTemplate.from_folder(tmp_path)


@pytest.mark.parametrize("question", ["Что это? 🐕", "👩‍👩‍👧 是什么？", "ما هذا؟", "می‌خواهم", "a < b\nc", "?"])
def test_emoji_and_every_script_are_welcome(question):
    assert check_question(question) == question


def test_control_characters_and_half_surrogates_are_removed():
    assert check_question("\x00 what\x1b is\tthis\ud83d?\r\nreally\x7f \n") == "what is this?\nreally"


@pytest.mark.parametrize("question", ["", "  \n\t", "\x00\x01", "\u200b\u200b", "\ufeff"])
def test_an_empty_question_is_refused(question):
    with pytest.raises(QuestionError) as error:
        check_question(question)
    assert str(error.value) == "question: expected a text, got an empty one; type a question about the picture."


def test_a_question_too_long_or_of_another_type_is_refused():
    assert len(check_question("é" * 4_000)) == 4_000
    with pytest.raises(QuestionError) as error:
        check_question("a" * 20_000)
    assert str(error.value) == "question: expected at most 4,000 characters, got 20,000; shorten it."
    with pytest.raises(QuestionError) as error:
        check_question(None)
    assert str(error.value) == "question: expected a text, got NoneType."
