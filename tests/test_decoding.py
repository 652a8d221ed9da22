"""How each family answers when nothing else is asked for, and what a person's own choice does to it."""

import pytest
import torch
from families import picture, save_as_older
from public_folders import write_folder
from public_layouts import BY_NAME, PUBLISHED, config

from blip2_core.answer import generate_text
from blip2_core.answer_settings import AnswerSettings
from blip2_core.checkpoint import load
from blip2_core.config import CONFIG_CLASSES
from blip2_core.decoding import adjusted, answer_settings, caption_notice, caption_settings
from blip2_core.errors import SettingsError
from blip2_core.language.prompts import CHATML, INSTRUCT, OPT, T5

QUESTION = "What is the color?"
PENALTY = {"opt": 0.0, "t5": -1.0, "llama": 0.0}


def config_of(name: str):
    values = config(BY_NAME[name], shrunk=True)
    return CONFIG_CLASSES[values["model_type"]].from_dict(values)


class Hybrid:
    model_type = "hybrid_blip2"


@pytest.mark.parametrize("checkpoint", PUBLISHED, ids=lambda checkpoint: checkpoint.name)
def test_questions_and_captions_are_searched_as_the_papers_did(checkpoint):
    family = config_of(checkpoint.name)
    short = answer_settings(family, "short")
    assert (short.num_beams, short.length_penalty, short.max_new_tokens) == (5, PENALTY[checkpoint.kind], 10)
    caption = caption_settings(family)
    assert (caption.num_beams, caption.min_new_tokens, caption.max_new_tokens) == (5, 8, 30)
    long = answer_settings(family, "long")
    assert (long.num_beams, long.length_penalty, long.max_new_tokens) == (5, 1.0, 256)
    assert answer_settings(family) == (long if checkpoint.instruct else short)


def test_a_hybrid_model_takes_the_likeliest_word_each_time():
    assert answer_settings(Hybrid) == answer_settings(Hybrid, "long") == caption_settings(Hybrid) == AnswerSettings()
    assert answer_settings(Hybrid, "short") == AnswerSettings(max_new_tokens=12)


@pytest.mark.parametrize(
    ("template", "short", "long"),
    [
        (OPT, "Question: Why? Answer:", "Question: Why? Answer:"),
        (T5, "Question: Why? Short answer:", "Question: Why? Answer:"),
        (INSTRUCT, "Question: Why? Short answer:", "Why?"),
        (CHATML, CHATML.render("Why?"), CHATML.render("Why?")),
    ],
    ids=["opt", "t5", "instruct", "chatml"],
)
def test_a_mode_has_its_own_form_where_the_family_has_one(template, short, long):
    assert (template.render("Why?", mode="short"), template.render("Why?", mode="long")) == (short, long)
    assert template.render("Why?", [("A?", "b")], mode="short").endswith(short)


def test_an_instructblip_s_q_former_reads_the_short_form_too(tmp_path):
    blip2 = load(save_as_older("instructblip-llama", tmp_path))
    seen, settings = blip2.see(picture()), blip2.answer_settings("short")
    told = "Question: What is the color? Short answer:"
    inputs = blip2.adapter.prompt_inputs(blip2.visual_prompt([seen], [told]), [blip2.prompt(QUESTION, mode="short")])
    assert blip2.ask(seen, QUESTION, mode="short") == generate_text(blip2.adapter, inputs, settings)[0]
    assert not torch.equal(blip2.visual_prompt([seen], [told]), blip2.visual_prompt([seen], [QUESTION]))
    assert {blip2.template.qformer_question(QUESTION, mode=mode) for mode in (None, "long")} == {QUESTION}


def test_without_settings_a_model_answers_as_its_family_does(tmp_path):
    blip2 = load(write_folder(BY_NAME["blip2-flan-t5-xl"], tmp_path))
    seen = blip2.see(picture())
    paper = AnswerSettings(max_new_tokens=10, num_beams=5, length_penalty=-1.0)
    assert blip2.ask(seen, QUESTION) == blip2.ask_batch([seen], [QUESTION])[0] == blip2.ask(seen, QUESTION, paper)
    captions = AnswerSettings(min_new_tokens=8, max_new_tokens=30, num_beams=5)
    assert blip2.caption(seen) == blip2.caption(seen, captions)
    assert "".join(blip2.stream(seen, QUESTION)) == blip2.ask(seen, QUESTION, AnswerSettings(max_new_tokens=10))


@pytest.mark.parametrize("checkpoint", PUBLISHED, ids=lambda checkpoint: checkpoint.name)
def test_only_who_asks_a_captioning_checkpoint_is_told_so(checkpoint):
    told = caption_notice(config_of(checkpoint.name))
    assert (told is not None) == checkpoint.name.endswith("-coco")


def test_what_a_person_gives_goes_before_the_family_s_own():
    family = config_of("blip2-flan-t5-xl")
    short, caption = answer_settings(family), caption_settings(family)
    assert adjusted(short, {"length_penalty": 1.0}).num_beams == 5
    drawn = adjusted(short, {"temperature": 0.7})
    assert (drawn.temperature, drawn.num_beams) == (0.7, 1)
    assert adjusted(caption, {"max_new_tokens": 4}).min_new_tokens == 4
    with pytest.raises(SettingsError, match="beams do not draw at random"):
        adjusted(short, {"temperature": 0.7, "num_beams": 3})
    with pytest.raises(SettingsError, match='mode: expected "short" or "long", got \'brief\''):
        answer_settings(family, "brief")
