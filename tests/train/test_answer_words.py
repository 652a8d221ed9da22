"""Visual prompts drawn towards the words of the answer: which words, how far, and what the language model reads."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_blip2 import features_of, make_blip2

from blip2_core.__main__ import main
from blip2_core.checkpoint import save
from blip2_core.errors import SettingsError
from blip2_core.train.answer_words import SHARPNESS, answer_words_loss, words_of, words_to_say
from blip2_core.train.samples import Sample, read_samples
from blip2_core.train.vqa import QuestionAnswering

EMBEDDINGS = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])  # their mean is 0
TOKENS = {" red": [0], " green": [1], " dark blue": [2, 3]}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("Brown.", " brown"),
        ("A brown dog.", " brown dog"),
        ("Yes, there is a cat.", " yes cat"),
        ("On the left of a table, near two chairs.", ""),
        ("It is a.", ""),
    ],
)
def test_the_words_of_short_answers_that_say_something(answer, words):
    assert words_of(answer) == words


def loss(prompts, *samples):
    words = words_to_say(samples, lambda texts: [TOKENS[text] for text in texts])
    return float(answer_words_loss(torch.tensor(prompts), words, EMBEDDINGS, EMBEDDINGS.mean(0))) if words else None


def asked(text, *more, weights=(1.0,)):
    return Sample(Path("a.png"), text, "What colour?", more=more, weights=weights)


def test_a_prompt_that_lies_on_the_word_has_no_loss_and_one_that_lies_opposite_has_the_largest():
    others = asked("Green."), asked("Dark blue.")
    right, wrong = (loss([[[x, 0.0]], [[-1.0, 0.0]], [[0.0, 1.0]]], asked("Red."), *others) for x in (3.0, -3.0))
    dark_blue = SHARPNESS  # one prompt on "dark" and so opposite to "blue": half of 0 and half of 2 * SHARPNESS
    assert right == pytest.approx(dark_blue / 3, abs=1e-3)
    assert wrong == pytest.approx((2 * SHARPNESS + dark_blue) / 3, abs=1e-3)


def test_one_of_several_prompts_is_enough_for_a_word():
    said_by_two = loss([[[0.0, 1.0], [0.0, -1.0]]], asked("Dark blue."))
    assert said_by_two == pytest.approx(math.log(2), abs=1e-3)


def test_answers_count_by_their_weights_and_captions_and_long_answers_do_not():
    both = asked("Red.", "Green.", weights=(0.75, 0.25))
    assert loss([[[1.0, 0.0]]], both) == pytest.approx(0.25 * 2 * SHARPNESS, abs=1e-3)
    silent = Sample(Path("a.png"), "Red."), asked("On the left of a table, near two chairs.")
    assert loss([[[1.0, 0.0]]] * 3, both, *silent) == pytest.approx(0.25 * 2 * SHARPNESS, abs=1e-3)
    assert loss([[[1.0, 0.0]]] * 2, *silent) is None


@pytest.mark.parametrize("family", ["chatml", "opt", "llama", "t5"])
def test_words_read_many_at_a_time_have_the_ids_they_have_one_by_one_and_are_read_once(family, monkeypatch):
    blip2 = make_blip2(family)
    stage = QuestionAnswering(blip2, answer_queries=(1,))
    words = [" red", " brown dog", " a photo of a grey picture", " red", " œuvre d'art"]
    alone = [blip2.adapter.tokenizer(text, add_special_tokens=False).input_ids for text in words]
    read, real = [], stage.texts_ids
    monkeypatch.setattr(stage, "texts_ids", lambda texts: read.extend(texts) or real(texts))
    assert stage._ids_of_words(words[:3]) == alone[:3] and stage._ids_of_words(words) == alone
    assert read == [*words[:3], words[4]]


def test_the_language_model_reads_its_share_of_a_batch_and_all_of_what_is_held_out(blip2, picture_folder, monkeypatch):
    samples = read_samples([picture_folder / "vqa.jsonl"])
    features = features_of(blip2, samples)
    stage = QuestionAnswering(blip2, answer_queries=(1, 3), language_batch=2)
    stage.freeze_the_rest()
    read = []
    real = stage.language_loss
    monkeypatch.setattr(stage, "language_loss", lambda prompt, *rest: read.append(len(prompt)) or real(prompt, *rest))
    losses = stage(features, samples)
    losses["words"].backward()
    assert losses.keys() == {"answer", "words"} and blip2.model.query_tokens.grad.abs().sum() > 0
    stage.eval()(features, samples)
    assert read == [2, len(samples)]


def test_without_the_language_model_the_queries_learn_by_words_and_boxes_and_it_still_measures(blip2, picture_folder):
    samples = [replace(one, box=(0, 0, 0.5, 0.5)) for one in read_samples([picture_folder / "vqa.jsonl"])]
    features = features_of(blip2, samples)
    stage = QuestionAnswering(blip2, answer_queries=(1, 3), language_batch=0)
    stage.freeze_the_rest()
    losses = stage(features, samples)
    torch.stack(list(losses.values())).sum().backward()
    assert losses.keys() == {"words", "looking"} and blip2.model.query_tokens.grad.abs().sum() > 0
    assert "answer" in stage.eval()(features, samples)


@pytest.mark.parametrize(
    "wrong",
    [
        {"answer_queries": (4,)},
        {"answer_queries": (-1,)},
        {"language_batch": 2},
        {"answer_queries": (1,), "language_batch": -1},
    ],
)
def test_queries_that_are_not_there_and_samples_that_would_learn_nothing_are_refused(wrong, blip2):
    with pytest.raises(SettingsError, match="expected"):
        QuestionAnswering(blip2, **wrong)


def test_the_command_trains_with_both_losses(blip2, picture_folder, tmp_path):
    save(blip2, tmp_path / "model", with_frozen_parts=True)
    line = f"train vqa --model {tmp_path / 'model'} --data {picture_folder / 'vqa.jsonl'} --out {tmp_path / 'run'}"
    options = "--steps 2 --batch-size 4 --answer-queries 2 3 --language-batch 2"
    assert main([*line.split(), *options.split()]) == 0
    lines = [json.loads(text) for text in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert len(lines) == 2 and all({"answer", "words"} <= line.keys() for line in lines)
