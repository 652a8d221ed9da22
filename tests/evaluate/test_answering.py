"""Running a model over the questions: in batches, each picture seen once, the answers of one by one."""

import pytest

from blip2_core.answer_settings import AnswerSettings
from blip2_core.checkpoint import load
from blip2_core.evaluate import answering
from blip2_core.evaluate.answering import answer_in_words, answer_questions, caption_images
from blip2_core.evaluate.records import read_captions, read_questions

SETTINGS = AnswerSettings(max_new_tokens=5)


@pytest.fixture(scope="module")
def blip2(model_folder):
    return load(model_folder)


@pytest.fixture
def counted(blip2):
    """How many pictures each run of the image encoder was given."""
    runs: list[int] = []
    hook = blip2.model.vision_model.register_forward_pre_hook(lambda _, pixels: runs.append(len(pixels[0])))
    yield runs
    hook.remove()


@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_batches_answer_as_one_by_one_and_in_the_order_of_the_questions(blip2, data, batch_size):
    questions = read_questions(data / "vqa-test.jsonl")
    alone = [blip2.ask(question.image, question.question, SETTINGS) for question in questions]
    assert answer_questions(blip2, questions, SETTINGS, batch_size=batch_size) == alone
    assert len(set(alone)) > 1


def test_each_picture_is_seen_once_however_many_questions_are_asked(blip2, data, counted):
    answer_questions(blip2, read_questions(data / "vqa-test.jsonl"), SETTINGS, batch_size=3)
    assert counted == [3, 1]


def test_captions_come_in_the_order_of_the_pictures(blip2, data, counted):
    images = read_captions(data / "caption-test.jsonl")
    beams = AnswerSettings(max_new_tokens=5, num_beams=2)
    captions = caption_images(blip2, images, beams, batch_size=3)
    assert counted == [3, 1]
    assert captions == [blip2.caption(image.image, beams) for image in images]


def test_in_words_the_language_model_gets_the_name_and_no_picture(blip2, data, counted):
    questions = read_questions(data / "instruct-test.jsonl")
    answers = answer_in_words(blip2, questions, SETTINGS, batch_size=3)
    assert counted == []
    adapter = blip2.adapter
    prompt = blip2.prompt("This is a picture of green. What is it?")
    embeds = adapter.language_model.get_input_embeddings()
    nothing = embeds.weight.new_zeros(1, 0, embeds.embedding_dim)
    alone = answering.generate_text(adapter, adapter.prompt_inputs(nothing, [prompt]), SETTINGS)
    assert answers[1] == alone[0]
    assert len(answers) == 4


def test_long_work_says_now_and_then_how_far_it_is(blip2, data, capsys, monkeypatch):
    monkeypatch.setattr(answering, "SECONDS_BETWEEN_NOTES", 0)
    answer_questions(blip2, read_questions(data / "vqa-test.jsonl"), SETTINGS, batch_size=4)
    assert capsys.readouterr().err.startswith("questions: 4 of 8 after 0 s\nquestions: 8 of 8 after")
