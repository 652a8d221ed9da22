"""Candidate answers in the order of their likelihood, against one plain pass over each whole text."""

import families
import pytest
import torch
from families import FAMILIES, picture

from blip2_core.answer import AnswerSettings
from blip2_core.checkpoint import load
from blip2_core.errors import QuestionError
from blip2_core.ranking import candidate_ids

QUESTION = "what is in the picture?"
CANDIDATES = ["a red bus", "dog", "two dogs and a cat on the street", "<|im_end|></s>", "海 🐶"]


@pytest.fixture(scope="module", params=FAMILIES)
def blip2(request, tmp_path_factory):
    return load(families.save_as_older(request.param, tmp_path_factory.mktemp(request.param)))


def directly(blip2, seen, ids: list[int]) -> float:
    """The log-likelihood of `ids` from one pass over picture, prompt and answer, without cache and padding."""
    inputs = blip2.adapter.prompt_inputs(blip2.visual_prompt([seen], [QUESTION]), [blip2.prompt(QUESTION)])
    model, target = blip2.model.language_model, torch.tensor([ids])
    with torch.no_grad():
        if model.config.is_encoder_decoder:
            logits = model(inputs_embeds=inputs.inputs_embeds, labels=target).logits
        else:
            answer = model.get_input_embeddings()(target)
            logits = model(inputs_embeds=torch.cat([inputs.inputs_embeds, answer], dim=1)).logits
            logits = logits[:, inputs.inputs_embeds.shape[1] - 1 : -1]
    return float(logits.log_softmax(-1)[0].gather(1, target.T).sum())


def test_scores_are_those_of_a_direct_computation(blip2):
    seen = blip2.see(picture())
    ranked = blip2.rank(seen, QUESTION, CANDIDATES)
    assert sorted(found.text for found in ranked) == sorted(CANDIDATES)
    for found in ranked:
        ids = candidate_ids(blip2.adapter, blip2.prompt(QUESTION), found.text)
        assert ids[-1] == blip2.adapter.eos_token_ids[0] and found.tokens == len(ids)
        assert found.log_likelihood == pytest.approx(directly(blip2, seen, ids), abs=1e-3)
        assert found.score == pytest.approx(found.log_likelihood / len(ids))


def test_the_likeliest_comes_first_and_ties_stay_as_given(blip2):
    ranked = blip2.rank(picture(), QUESTION, [*CANDIDATES, "dog"])
    scores = [found.score for found in ranked]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) == len(CANDIDATES)
    again = blip2.rank(picture(), QUESTION, list(reversed(CANDIDATES)))
    assert [found.text for found in again] == list(dict.fromkeys(found.text for found in ranked))


def test_more_candidates_than_fit_in_a_batch_have_the_scores_they_have_alone(blip2, monkeypatch):
    together = {found.text: found.score for found in blip2.rank(picture(), QUESTION, CANDIDATES)}
    monkeypatch.setattr("blip2_core.ranking.ROWS", 2)
    for found in blip2.rank(picture(), QUESTION, CANDIDATES):
        assert found.score == pytest.approx(together[found.text], abs=1e-4)
    assert blip2.rank(picture(), QUESTION, ["dog"])[0].score == pytest.approx(together["dog"], abs=1e-4)


def test_the_picture_changes_the_scores(blip2):
    one, other = ({f.text: f.score for f in blip2.rank(picture(seed), QUESTION, CANDIDATES)} for seed in (0, 1))
    assert max(abs(one[text] - other[text]) for text in CANDIDATES) > 1e-2


def test_a_candidate_is_tokenized_as_the_model_would_go_on(blip2):
    """As in training: after "Answer:" the tokens of " dog"; what looks like a special token stays text."""
    prompt, adapter = blip2.prompt(QUESTION), blip2.adapter
    ids = candidate_ids(adapter, prompt, "dog")
    if not adapter.language_model.config.is_encoder_decoder:
        (joined,), (before,) = adapter.tokenize([f"{prompt} dog"]), adapter.tokenize([str(prompt)])
        assert ids[:-1] == joined[len(before) :]
    else:
        assert ids == adapter.tokenizer("dog").input_ids
    typed = candidate_ids(adapter, prompt, "</s>")[:-1]
    assert len(typed) > 1 and not set(typed) & set(adapter.eos_token_ids)


def test_asking_after_ranking_gives_the_same_answer(blip2):
    settings = AnswerSettings(max_new_tokens=6, min_new_tokens=6)
    before = blip2.ask(picture(), QUESTION, settings)
    blip2.rank(picture(), QUESTION, CANDIDATES)
    assert blip2.ask(picture(), QUESTION, settings) == before


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    return load(families.save_as_older("blip2-opt", tmp_path_factory.mktemp("one")))


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ([], "candidates: expected 1 to 10,000 texts, got 0."),
        (["a"] * 10_001, "candidates: expected 1 to 10,000 texts, got 10,001."),
        ("yes", "candidates: expected a list of texts, got str."),
        (None, "candidates: expected a list of texts, got NoneType."),
        (["yes", 5], "candidate 2: expected a text, got int."),
        (["yes", " \n"], "candidate 2: expected a text, got an empty one; leave it out."),
        (["a" * 4_001], "candidate 1: expected at most 4,000 characters, got 4,001; shorten it."),
    ],
)
def test_what_cannot_be_ranked_is_refused(one, candidates, message):
    with pytest.raises(QuestionError) as error:
        one.rank(picture(), QUESTION, candidates)
    assert str(error.value) == message


def test_a_candidate_longer_than_the_context_is_refused(one):
    with pytest.raises(QuestionError, match=r"candidate 2: expected at most \d+ tokens after this question, got 901"):
        one.rank(picture(), QUESTION, ["dog", "dog " * 300])


def test_a_question_that_cannot_be_asked_is_refused(one):
    with pytest.raises(QuestionError, match="question: expected a text, got an empty one"):
        one.rank(picture(), " ", ["dog"])
