"""The Q-Former learns to read the turns before: what it is drawn to, what it stays, what is refused."""

import json
import random
from dataclasses import replace

import pytest
import torch
from small_blip2 import COLOURS, QUESTION, features_of, make_blip2

from blip2_core.__main__ import main
from blip2_core.checkpoint import load, save
from blip2_core.errors import DataError, TrainingError
from blip2_core.train.samples import Sample, read_samples
from blip2_core.train.turns import TEXTS_OF_A_PICTURE, Turns, divergence

FOLLOW_UP, TURNS = "a picture of what?", (("a picture?", "a red picture"), ("a photo?", "grey"))


@pytest.fixture
def samples(picture_folder):
    """A question after two turns, another as a first one, and a caption, about each picture."""
    pictures = [picture_folder / f"{colour}.png" for colour in COLOURS]
    asked = [Sample(picture, "red", FOLLOW_UP, history=TURNS, in_full=QUESTION) for picture in pictures]
    return [
        *asked,
        *(Sample(picture, "red", QUESTION) for picture in pictures),
        *(Sample(p, "a photo") for p in pictures),
    ]


def make_stage(samples, blip2=None):
    stage = Turns(blip2 or make_blip2("chatml"), samples)
    stage.freeze_the_rest()
    return stage


def features(samples):
    return features_of(make_blip2("chatml"), samples)


@torch.no_grad()
def loss(stage, samples):
    return float(stage.eval()(features(samples), samples)["turns"])


def test_the_loss_is_how_far_the_visual_prompt_is_from_that_of_the_question_in_full(samples):
    blip2 = make_blip2("chatml")
    stage, four = make_stage(samples, blip2).eval(), samples[:4]
    seen = [blip2.see(sample.image) for sample in four]
    told = blip2.visual_prompt(seen, [f"{FOLLOW_UP} - a photo? grey - a picture? a red picture"] * 4)
    target = blip2.visual_prompt(seen, [QUESTION] * 4)
    spread = target.var(0).mean(1)[:, None]
    assert loss(stage, four) == pytest.approx(float(((told - target).square() / spread).mean()), rel=1e-4)


def test_where_the_queries_look_has_a_loss_of_its_own(samples):
    stage, blip2 = make_stage(samples).eval(), make_blip2("chatml")
    with torch.no_grad():
        for layer in stage.model.qformer.encoder.layer:
            if layer.sees_image:
                layer.crossattention.attention.query.weight.mul_(3)
        losses = stage(features(samples[4:]), samples[4:])
        stage.model.qformer.load_state_dict(blip2.model.qformer.state_dict())
        again = stage(features(samples[4:]), samples[4:])
    assert losses["looking"] > 0.001 and again["looking"] == pytest.approx(0, abs=1e-7)


def test_the_divergence_of_where_they_look_is_that_of_kullback_and_leibler():
    even, sure = torch.tensor([[[[0.5, 0.5]]]]), torch.tensor([[[[0.75, 0.25]]]])
    assert float(divergence([even], [even])) == 0
    assert float(divergence([sure], [even])) == pytest.approx(0.130812, abs=1e-6)  # ln 2 less the entropy 0.562335
    assert float(divergence([sure, even], [even, even])) == pytest.approx(0.065406, abs=1e-6)
    assert float(divergence([sure], [torch.tensor([[[[1.0, 0.0]]]])])) == pytest.approx(2.891542, abs=1e-5)


def test_what_needs_no_turn_is_where_it_shall_be_from_the_start(samples):
    assert loss(make_stage(samples), samples[4:]) == pytest.approx(0, abs=1e-9)


def test_every_picture_is_asked_its_own_text_first_and_others_that_mostly_have_turns_before_them(samples):
    stage = make_stage(samples)
    batch = stage.collate(samples[4:8], random.Random(0))
    rows = [stage.qformer_tokenizer.decode(row, skip_special_tokens=True) for row in batch.asked[0]]
    own = stage.qformer_tokenizer.decode(stage.qformer_tokenizer(QUESTION).input_ids, skip_special_tokens=True)
    assert len(rows) == 4 * TEXTS_OF_A_PICTURE == len(batch.in_full[0])
    assert rows[::TEXTS_OF_A_PICTURE] == [own] * 4
    assert 0.4 < sum("photo" in row for row in rows) / len(rows) < 0.9
    again = stage.collate(samples[4:8], random.Random(0))
    assert all(torch.equal(one, other) for one, other in zip(batch.asked, again.asked, strict=True))


def test_a_batch_of_texts_about_few_pictures_has_the_loss_of_each_beside_its_picture(samples):
    stage = make_stage(samples).eval()
    batch = stage.collate(samples[:2], random.Random(1))
    shared = features(samples[:2])
    alone = stage(shared.repeat_interleave(TEXTS_OF_A_PICTURE, dim=0), batch)["turns"]
    torch.testing.assert_close(stage(shared, batch)["turns"], alone)


def test_texts_of_a_batch_are_about_as_long_as_its_own(samples):
    longer = [replace(samples[0], history=(("a picture?", "a red picture " * n),)) for n in range(1, 9)]
    stage = make_stage(longer * 50)
    lengths = [stage.collate([one] * 20, random.Random(0)).asked[1].sum(1).float() for one in (longer[0], longer[-1])]
    assert float(lengths[0].max()) < float(lengths[1].mean())


def test_the_command_teaches_the_q_former_alone_and_what_it_is_asked_first_stays(samples, picture_folder, tmp_path):
    """Three hundred steps of a tiny model: behind the turns it comes near the target, and does not leave it before."""
    save(make_blip2("chatml"), tmp_path / "model", with_frozen_parts=True)
    turns = [list(turn) for turn in TURNS]
    lines = [
        {"image": str(s.image), "question": s.question, "answers": [s.text], "in_full": s.in_full} for s in samples[:8]
    ]
    lines = [line | {"history": turns if line["in_full"] else []} for line in lines]
    (tmp_path / "chat.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    line = f"train turns --model {tmp_path / 'model'} --data {tmp_path / 'chat.jsonl'} --out {tmp_path / 'run'}"
    options = "--precision fp32 --steps 300 --batch-size 4 --warmup 20 --learning-rate 5e-3 --validation"
    assert main([*line.split(), *options.split(), str(tmp_path / "chat.jsonl")]) == 0
    before, after = (load(tmp_path / folder, precision="fp32", device="cpu") for folder in ("model", "run/model"))
    changed = {
        name.split(".")[0]
        for name, value in after.model.state_dict().items()
        if not torch.equal(value, before.model.state_dict()[name])
    }
    assert changed == {"qformer"}
    stage = make_stage(samples, before)
    stage.model = after.model
    behind, first = loss(stage, samples[:4]), loss(stage, samples[4:8])
    start = loss(make_stage(samples, before), samples[:4])
    assert behind < start / 4 and first < start / 4


def test_a_model_that_reads_no_turns_and_data_without_any_are_refused(samples):
    blip2 = make_blip2("chatml")
    with pytest.raises(TrainingError, match="--data: expected records with a history"):
        Turns(blip2, samples[4:])
    untaught = replace(blip2.adapter.template, qformer_turn="")
    blip2.adapter.template = untaught
    with pytest.raises(TrainingError, match='expected a Q-Former that reads text, and "qformer_turn" in chat_prompt'):
        Turns(blip2, samples)


def test_a_question_in_full_that_is_no_text_is_refused(tmp_path):
    record = {"image": "red.png", "question": "And it?", "answers": ["Red."], "in_full": 3}
    (tmp_path / "chat.jsonl").write_text(json.dumps(record))
    with pytest.raises(DataError, match="line 1: in_full: expected the question as a text, got 3"):
        read_samples([tmp_path / "chat.jsonl"])
