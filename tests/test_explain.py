"""The road of one picture and one question, checked against the parts themselves."""

import families
import numpy as np
import pytest
import torch
from families import DQ, DV, QUERIES, picture
from tiny import WIDTH

from blip2_core.attention_maps import query_attention
from blip2_core.checkpoint import load
from blip2_core.errors import QuestionError, SettingsError
from blip2_core.explain import _is_word, explain, explain_and_watch, nearest_words

QUESTION = "what is the color?"


@pytest.fixture(scope="module", params=["instructblip-llama", "blip2-t5"])
def blip2(request, tmp_path_factory):
    """A model whose Q-Former reads the question, and one whose Q-Former does not."""
    return load(families.save_as_older(request.param, tmp_path_factory.mktemp("model")))


def test_the_stations_have_the_shapes_that_the_model_hands_on(blip2):
    found = explain(blip2, picture(), QUESTION)
    shapes = {station.name: station.shape for station in found.stations}
    asked = len(blip2.qformer_tokenizer(QUESTION).input_ids) if blip2.qformer_tokenizer else 0
    assert shapes["image_embeds"] == (5, DV) and shapes["query_output"] == (QUERIES, DQ)
    assert shapes["visual_prompt"] == (QUERIES, WIDTH) and shapes["question"] == (asked,)
    assert found.prompt == blip2.prompt(QUESTION)
    assert found.qformer_question == (QUESTION if blip2.qformer_tokenizer else "")
    assert len(found.nearest_words) == QUERIES


def test_a_visual_prompt_that_is_a_word_is_nearest_to_that_word(blip2):
    tokens = blip2.adapter.tokenizer.convert_ids_to_tokens(range(len(blip2.adapter.tokenizer)))
    place = next(place for place, token in enumerate(tokens) if _is_word(token))
    row = blip2.model.get_input_embeddings().weight[place]
    with torch.no_grad():
        ((word, cosine), *others), *_ = nearest_words(blip2, row[None], count=3)
    assert word == tokens[place][1:] and cosine == pytest.approx(1.0, abs=1e-5)
    assert all(other <= cosine for _, other in others)


def test_where_the_queries_looked_comes_from_the_very_pass_that_is_explained(blip2, monkeypatch):
    asked, plain = [], type(blip2.model).query
    monkeypatch.setattr(type(blip2.model), "query", lambda *args: asked.append(args) or plain(*args))
    found, looked = explain_and_watch(blip2, picture(), QUESTION)
    assert len(asked) == 1
    assert np.array_equal(looked.weights, query_attention(blip2, picture(), QUESTION).weights)
    assert found == explain(blip2, picture(), QUESTION)


@pytest.mark.parametrize("mode", [None, "short", "long"])
def test_the_road_is_the_one_of_the_answer_with_its_turns_and_its_mode(blip2, mode):
    """The page once put the question for both readers together itself, for a mode and turns had no place here."""
    history = [("what is this?", "a boat")]
    prompt, read = blip2.prompt(QUESTION, history, mode), blip2.template.qformer_question(QUESTION, history, mode)
    found, looked = explain_and_watch(blip2, picture(), QUESTION, history=history, mode=mode)
    shapes = {station.name: station.shape for station in found.stations}
    asked = len(blip2.qformer_tokenizer(read).input_ids) if blip2.qformer_tokenizer else 0
    assert found.prompt == prompt and "a boat" in found.prompt
    assert found.qformer_question == (read if blip2.qformer_tokenizer else "")
    assert shapes["prompt"] == (blip2.adapter.count_tokens(prompt),) and shapes["question"] == (asked,)
    same = query_attention(blip2, picture(), QUESTION, history=history, mode=mode)
    assert np.array_equal(looked.weights, same.weights)
    assert found == explain(blip2, picture(), QUESTION, history=history, mode=mode)


def test_in_short_mode_the_words_are_those_of_the_pass_that_answers(blip2):
    short, plain = (explain(blip2, picture(), QUESTION, mode=mode).nearest_words for mode in ("short", None))
    told = blip2.template.qformer_question(QUESTION, mode="short")
    reads_the_form = told != QUESTION and blip2.model.qformer.reads_text
    assert (short != plain) == reads_the_form


def test_an_unknown_mode_is_refused(blip2):
    for look in (explain, query_attention):
        with pytest.raises(SettingsError, match='mode: expected "short" or "long", got'):
            look(blip2, picture(), QUESTION, mode="brief")


def test_a_question_without_words_is_refused(blip2):
    with pytest.raises(QuestionError):
        explain(blip2, picture(), "  ")
