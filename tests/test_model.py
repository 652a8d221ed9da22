"""The model and its front: one see, many questions; batches; captions; what is read where, and what is refused."""

import io
from dataclasses import replace

import families
import pytest
import torch
from families import DQ, DV, QUERIES, picture
from tiny import WIDTH

from blip2_core.answer import AnswerSettings
from blip2_core.checkpoint import load
from blip2_core.errors import ConfigError, ImageError, QuestionError, SettingsError, ShapeError
from blip2_core.model import QFORMER_TOKENS, Blip2, SeenImage, tokenize_questions

SHORT = AnswerSettings(max_new_tokens=8, min_new_tokens=8)


@pytest.fixture(scope="module")
def blip2(tmp_path_factory):
    """An InstructBLIP over a Llama: the question goes to the Q-Former and to the language model."""
    return load(families.save_as_older("instructblip-llama", tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A BLIP-2 over an OPT: the question goes to the language model alone."""
    return load(families.save_as_older("blip2-opt", tmp_path_factory.mktemp("model")))


def count_calls(module) -> list:
    """One entry for each call of `module` from now on."""
    calls: list = []
    module.register_forward_hook(lambda *_: calls.append(1))
    return calls


def test_the_stations_hand_on_tensors_of_the_documented_shapes(blip2):
    seen = blip2.see(picture())
    assert seen.image_embeds.shape == (1, 5, DV)
    ids, mask = tokenize_questions(blip2.qformer_tokenizer, ["what?"])
    query_output = blip2.model.query(seen.image_embeds, ids, mask)
    assert query_output.shape == (1, QUERIES, DQ)
    assert blip2.model.project(query_output).shape == (1, QUERIES, WIDTH)


def test_a_picture_that_was_seen_is_not_encoded_again(plain):
    calls = count_calls(plain.model.vision_model)
    seen = plain.see(picture())
    answers = {plain.ask(seen, "What?", SHORT), "".join(plain.stream(seen, "What?", SHORT)).strip()}
    assert plain.see(seen) is seen
    assert len(calls) == 1
    assert answers == {plain.ask(picture(), "What?", SHORT)}


def test_a_chat_encodes_its_picture_once(blip2):
    calls = count_calls(blip2.model.vision_model)
    chat = blip2.chat()
    chat.see(picture())
    for question in ("What?", "And the color?", "Why?"):
        chat.ask(question, SHORT)
    assert len(calls) == 1


def test_a_path_the_bytes_and_the_picture_itself_are_the_same_picture(blip2, tmp_path):
    file = tmp_path / "noise.png"
    picture().save(file)
    embeds = [blip2.see(source).image_embeds for source in (picture(), file, str(file), file.read_bytes())]
    assert all(torch.equal(embeds[0], other) for other in embeds[1:])


def test_the_question_changes_the_visual_prompt_where_the_q_former_reads_it(blip2, plain):
    for model, reads in ((blip2, True), (plain, False)):
        seen = [model.see(picture())]
        one, other = (model.visual_prompt(seen, [text]) for text in ("what is it?", "the color?"))
        assert (not torch.equal(one, other)) is reads


def test_answers_of_a_batch_are_the_answers_one_by_one(blip2):
    images, questions = [picture(0), picture(1)], ["What?", "What is the color of the picture?"]
    alone = [blip2.ask(image, question, SHORT) for image, question in zip(images, questions, strict=True)]
    assert blip2.ask_batch(images, questions, SHORT) == alone


def test_captions_of_a_batch_are_the_captions_one_by_one(plain):
    images = [picture(0), picture(1)]
    assert plain.caption_batch(images, SHORT) == [plain.caption(image, SHORT) for image in images]


def test_a_batch_may_have_conversations_of_its_own(blip2):
    images, questions, histories = [picture(0), picture(1)], ["What?", "Why?"], [[("Where?", "a boat")], []]
    alone = [blip2.ask(*asked[:2], SHORT, asked[2]) for asked in zip(images, questions, histories, strict=True)]
    assert blip2.ask_batch(images, questions, SHORT, histories=histories) == alone


@pytest.mark.parametrize("taught", [False, True])
def test_the_history_is_read_by_the_language_model_and_by_a_q_former_that_was_taught_to(blip2, taught, monkeypatch):
    told = replace(blip2.template, qformer_turn=" - {question} {answer}" if taught else "")
    monkeypatch.setattr(blip2.adapter, "template", told)
    prompts: list[str] = []
    questions: list[torch.Tensor] = []
    tokenize = type(blip2.adapter).tokenize
    monkeypatch.setattr(
        type(blip2.adapter), "tokenize", lambda self, texts: prompts.extend(texts) or tokenize(self, texts)
    )
    hook = blip2.model.qformer.register_forward_hook(
        lambda module, args, kwargs, output: questions.append(kwargs["input_ids"][0]), with_kwargs=True
    )
    blip2.ask(picture(), "Why?", SHORT, history=[("What?", "a boat")])
    hook.remove()
    assert prompts == ["dialog history: Question: What? Answer: a boat.\nWhy?"]
    read = "Why? - What? a boat" if taught else "Why?"
    assert [row.tolist() for row in questions] == [blip2.qformer_tokenizer(read).input_ids]


def test_the_q_former_reads_the_last_128_tokens_of_a_long_question(blip2):
    long = "what " * 300 + "color ?"
    ids, mask = tokenize_questions(blip2.qformer_tokenizer, [long])
    assert ids.shape == mask.shape == (1, QFORMER_TOKENS)
    assert blip2.qformer_tokenizer.convert_ids_to_tokens(ids[0].tolist())[-3:] == ["color", "?", "[SEP]"]
    assert ids[0, 0] == blip2.qformer_tokenizer.cls_token_id


def test_a_typed_special_token_is_text_to_the_q_former(blip2):
    ids, _ = tokenize_questions(blip2.qformer_tokenizer, ["what [SEP] is"])
    assert (ids == blip2.qformer_tokenizer.sep_token_id).sum() == 1


def test_no_tokenizer_means_no_text_for_the_q_former():
    assert tokenize_questions(None, ["what?"]) == (None, None)


def test_pictures_of_another_size_are_refused_by_the_encoder(plain):
    with pytest.raises(ShapeError) as error:
        plain.model.encode_image(torch.zeros(1, 3, 28, 42))
    assert str(error.value) == "pixel_values: expected shape (B, C=3, H=28, W=28), got (1, 3, 28, 42)."


def test_the_projection_tells_image_embeds_from_query_output(plain):
    with pytest.raises(ShapeError) as error:
        plain.model.project(torch.zeros(1, 5, DV))
    assert str(error.value) == (
        f"query_output: expected shape (B, Q, Dq={DQ}), got (1, 5, {DV}). Pass QFormer output, not image_embeds."
    )


def test_a_model_whose_q_former_reads_text_needs_its_tokenizer(blip2):
    with pytest.raises(ConfigError) as error:
        Blip2(blip2.model, blip2.adapter, blip2.image_processor, None, "mine", "fp32")
    assert str(error.value) == (
        "mine: the Q-Former reads the question, but qformer_tokenizer/ is missing. Copy it again."
    )


def test_what_cannot_be_asked_or_read_is_refused_before_the_encoder_runs(plain):
    calls = count_calls(plain.model.vision_model)
    with pytest.raises(QuestionError):
        plain.ask(picture(), "  ")
    with pytest.raises(ImageError):
        plain.ask(io.BytesIO(b"x"), "What?")
    assert not calls


def test_beams_answer_but_do_not_stream(plain):
    beams = AnswerSettings(max_new_tokens=8, num_beams=3)
    assert isinstance(plain.ask(picture(), "What?", beams), str)
    with pytest.raises(SettingsError):
        plain.stream(picture(), "What?", beams)


def test_nothing_is_left_to_train_or_to_drop_in_a_loaded_model(blip2):
    assert not blip2.model.training
    seen = SeenImage(blip2.see(picture()).image_embeds)
    assert torch.equal(blip2.visual_prompt([seen], ["what?"]), blip2.visual_prompt([seen], ["what?"]))
