"""Samples that are kept: nothing of their answers is learnt, and what the visual prompts say of them stays."""

import json
import random
from dataclasses import replace

import pytest
import torch
from small_blip2 import features_of, make_blip2

from blip2_core.__main__ import main
from blip2_core.checkpoint import save
from blip2_core.train.samples import fingerprint_of, read_samples
from blip2_core.train.teacher import distance
from blip2_core.train.vqa import KEPT_WEIGHT, QuestionAnswering

BOX = (0.0, 0.0, 0.5, 0.5)


@pytest.fixture
def samples(picture_folder):
    return read_samples([picture_folder / "vqa.jsonl"])


def kept(samples):
    return [replace(sample, kept=True) for sample in samples]


def make_stage(blip2):
    stage = QuestionAnswering(blip2, answer_queries=(1, 3), keeps=True)
    stage.freeze_the_rest()
    return stage.eval()


def test_the_loss_is_how_far_the_visual_prompts_are_from_what_they_were(samples):
    blip2 = make_blip2("chatml")
    stage, two = make_stage(blip2), [samples[0], *kept(samples[1:3])]
    seen, asked = [blip2.see(sample.image) for sample in two[1:]], [sample.question for sample in two[1:]]
    before = blip2.visual_prompt(seen, asked).detach()
    assert stage(features_of(blip2, two), two)["kept"].item() == pytest.approx(0, abs=1e-6)
    with torch.no_grad():
        blip2.model.language_projection.weight *= 1.5
    apart = distance(blip2.visual_prompt(seen, asked), before)
    loss = stage(features_of(blip2, two), two)["kept"]
    assert loss.item() == pytest.approx(KEPT_WEIGHT * apart.item(), rel=1e-4) and loss.item() > 0.01
    loss.backward()
    assert blip2.model.query_tokens.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in stage.teacher.parameters())


def test_of_what_is_kept_neither_answer_nor_words_nor_box_is_learnt(samples):
    blip2 = make_blip2("chatml")
    stage = make_stage(blip2)

    def losses(samples):
        return stage(features_of(blip2, samples), stage.collate(samples, random.Random(0)))

    boxed = [replace(sample, box=BOX) for sample in samples]
    assert all(losses(boxed)[name] > 0 for name in ("answer", "words", "looking"))
    assert losses(kept(boxed)).keys() == {"words", "kept"} and losses(kept(boxed))["words"].item() == 0
    alone = [boxed[0], *kept(boxed[1:])]
    other = [boxed[0], *kept(replace(sample, text="another", question="What?") for sample in boxed[1:])]
    for name in ("answer", "words", "looking"):
        assert losses(alone)[name].item() == pytest.approx(losses(other)[name].item(), rel=1e-4)


def test_a_kept_sample_by_itself_has_nothing_to_be_measured_by(samples):
    blip2 = make_blip2("chatml")
    stage, one = make_stage(blip2), kept(samples[:1])
    with torch.no_grad():
        blip2.model.language_projection.weight *= 1.5
    assert stage(features_of(blip2, one), one)["kept"].item() == 0


def test_a_run_that_keeps_is_another_run(samples):
    assert fingerprint_of(samples) != fingerprint_of(kept(samples))


def test_the_command_keeps_the_records_of_some_files(blip2, picture_folder, tmp_path):
    save(blip2, tmp_path / "model", with_frozen_parts=True)
    (picture_folder / "keep.jsonl").write_text((picture_folder / "caption.jsonl").read_text())
    line = f"train vqa --model {tmp_path / 'model'} --data {picture_folder / 'vqa.jsonl'} --out {tmp_path / 'run'}"
    assert main([*line.split(), "--keep", str(picture_folder / "keep.jsonl"), "--steps", "3", "--batch-size", "8"]) == 0
    lines = [json.loads(text) for text in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert all({"answer", "kept"} <= line.keys() and line["kept"] > 0 for line in lines)  # dropout
    assert json.loads((tmp_path / "run" / "run.json").read_text())["keep"] == [str(picture_folder / "keep.jsonl")]
