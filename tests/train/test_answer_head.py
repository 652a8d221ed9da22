"""The answer head: its classes, its loss, and what still goes through the language model."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from small_blip2 import COLOURS, make_blip2

from blip2_core.__main__ import main
from blip2_core.train.answer_head import AnswerHead
from blip2_core.train.pictures import Pictures
from blip2_core.train.samples import Sample, read_samples
from blip2_core.train.vqa import READ_TOGETHER, QuestionAnswering

IMAGE = Path("cat.png")


def asked(text: str, *more: str, weights: tuple[float, ...] = (1.0,)) -> Sample:
    return Sample(IMAGE, text, "What?", more=more, weights=weights)


def test_short_answers_that_are_given_three_times_are_classes():
    samples = [asked("Red."), asked("A cat.", "Red.", weights=(0.5, 0.5)), asked("Red.")]
    samples += [asked("A cat."), asked("Two.")] + [asked("It is a very long answer.")] * 3
    samples += [Sample(IMAGE, "Grass.")] * 3 + [asked("A cat.")]  # a caption answers nothing
    head = AnswerHead(8, samples)
    assert head.classes == {"Red.": 0, "A cat.": 1}
    assert [head.knows(sample) for sample in samples[:6]] == [True, True, True, True, False, False]


def test_the_loss_is_the_cross_entropy_against_the_shares_of_the_known_answers():
    torch.manual_seed(0)
    head = AnswerHead(8, [asked("Red."), asked("Blue.")] * 3)
    output = torch.randn(3, 4, 8)
    samples = [asked("Blue."), asked("Pink."), asked("Red.", "Blue.", "Pink.", weights=(0.5, 0.25, 0.25))]
    logs = head.linear(output.mean(1)).log_softmax(1)
    of_first, of_third = -logs[0, 1], -(logs[2, 0] * 2 / 3 + logs[2, 1] / 3)
    torch.testing.assert_close(head.loss(output, samples), (of_first + of_third) / 2)
    assert float(head.loss(output[1:2], samples[1:2])) == 0.0  # nothing to classify


@pytest.fixture
def batch(blip2, picture_folder):
    """More samples than are read together, of different lengths, with their features."""
    samples = read_samples([picture_folder / "vqa.jsonl", picture_folder / "caption.jsonl"])
    samples = [replace(sample, text=f"{sample.text}{' very' * n} much") for n, sample in enumerate(samples * 3)]
    assert len(samples) > READ_TOGETHER
    return Pictures(blip2).features(samples, random.Random(0)), samples


def test_groups_of_like_length_have_the_loss_of_their_answers_one_by_one(blip2, batch):
    features, samples = batch
    stage = QuestionAnswering(blip2).eval()
    with torch.no_grad():
        alone = [float(stage(features[n : n + 1], [sample])["answer"]) for n, sample in enumerate(samples)]
        assert float(stage(features, samples)["answer"]) == pytest.approx(sum(alone) / len(alone), rel=1e-4)


def test_in_training_only_the_first_of_a_batch_go_through_the_language_model(blip2, batch):
    features, samples = batch
    stage = QuestionAnswering(blip2, language_batch=3, answers=samples * 3)
    stage.freeze_the_rest()
    stage.eval().training = True  # in training, but without dropout
    found = stage(features, samples)
    assert set(found) == {"answer", "answer_class"}
    whole = QuestionAnswering(blip2).eval()
    with torch.no_grad():
        torch.testing.assert_close(found["answer"].detach(), whole(features[:3], samples[:3])["answer"])
        assert stage.eval()(features, samples) == whole(features, samples)  # held-out records go through it all
    found["answer_class"].backward()
    assert stage.model.query_tokens.grad is not None and stage.answer_head.linear.weight.grad is not None
    assert stage.model.language_projection.weight.grad is None  # the head teaches the Q-Former alone


def test_each_answer_counts_by_the_number_of_people_who_gave_it(blip2, picture_folder, tmp_path):
    record = {"image": str(picture_folder / "red.png"), "question": "What?", "answers": ["a", "b", "c"]}
    (tmp_path / "said.jsonl").write_text(json.dumps(record | {"said": {"red": 3, "a photo": 1}}) + "\n")
    sample = read_samples([tmp_path / "said.jsonl"])[0]
    assert (sample.texts, sample.weights) == (("red", "a photo"), (0.75, 0.25))
    stage = QuestionAnswering(blip2).eval()
    features = Pictures(blip2).features([sample], random.Random(0))
    with torch.no_grad():
        red, photo = (
            float(stage(features, [replace(sample, text=text, more=(), weights=(1.0,))])["answer"])
            for text in sample.texts
        )
        assert float(stage(features, [sample])["answer"]) == pytest.approx(0.75 * red + 0.25 * photo, rel=1e-5)


def test_the_head_learns_along_is_resumed_and_is_left_behind(picture_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("blip2_core.checkpoint.load", lambda *_, **__: make_blip2("chatml"))
    monkeypatch.setattr("blip2_core.checkpoint.save", lambda blip2, folder, dtype: folder.mkdir(parents=True))
    data = tmp_path / "vqa.jsonl"
    lines = (picture_folder / "vqa.jsonl").read_text().replace('"image": "', f'"image": "{picture_folder}/')
    data.write_text(lines * 3)
    options = ["--data", str(data), "--model", "tiny", "--batch-size", "8", "--language-batch", "2", "--steps", "40"]
    options += ["--learning-rate", "1e-2", "--warmup", "1", "--device", "cpu"]
    assert main(["train", "vqa", "--out", str(tmp_path / "run"), *options]) == 0
    log = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert log[-1]["answer_class"] < 0.5 * log[0]["answer_class"]
    kept = load_file(tmp_path / "run/checkpoint-0000040/trained.safetensors")
    assert kept["answer_head.linear.weight"].shape == (len(COLOURS), 16)
    assert main(["train", "vqa", "--out", str(tmp_path / "none"), *options, "--language-batch", "0"]) == 2
    assert "--language-batch: expected 1 or more" in capsys.readouterr().err
