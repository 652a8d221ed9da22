"""The shared loop: resumed runs, frozen parts, checkpoints, bad input."""

import json
import random
import shutil
from pathlib import Path

import pytest
import torch
from full_disk import largest_file
from small_blip2 import make_blip2, pictures_of

from blip2_core.__main__ import main
from blip2_core.checkpoint import save
from blip2_core.datasets.record_files import ShownClass
from blip2_core.errors import DataError, SettingsError, TrainingError
from blip2_core.train.batches import Batches
from blip2_core.train.curves import read_validation
from blip2_core.train.frozen import frozen_fingerprint
from blip2_core.train.loop import TrainSettings, train
from blip2_core.train.samples import Sample, read_samples
from blip2_core.train.stage2 import Stage2
from blip2_core.train.validation import Validation
from blip2_core.train.vqa import QuestionAnswering

SETTINGS = TrainSettings(steps=6, batch_size=2, learning_rate=1e-2, warmup=2, save_every=2)


def run(folder, data, *, settings=SETTINGS, kind=Stage2, resume=False, views=3, stop_at=None, blip2=None, held_out=()):
    blip2 = blip2 or make_blip2("chatml")
    pictures = pictures_of(blip2, views=views)
    samples = pictures.prepare(read_samples([data]), lambda text: None)
    batches = Batches(samples, batch_size=settings.batch_size, seed=settings.seed)
    stage = kind(blip2)
    if stop_at is not None:
        real = batches.step
        batches.step = lambda number: real(number) if number < stop_at else (_ for _ in ()).throw(KeyboardInterrupt)
    validation = Validation(held_out, pictures_of(blip2), batch_size=3, say=print) if held_out else None
    train(stage, batches, pictures, settings=settings, folder=folder, resume=resume, validation=validation)
    return stage


def losses(folder):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "samples_per_s"} for line in lines]


def test_a_run_cut_off_and_resumed_has_the_losses_it_would_have_had(tmp_path, picture_folder):
    data = picture_folder / "caption.jsonl"
    run(tmp_path / "whole", data)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", data, stop_at=5)  # step 4 was done and logged, but its checkpoint is of step 4
    run(tmp_path / "cut", data, resume=True)
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")


def test_held_out_records_are_measured_at_each_checkpoint_and_change_nothing(tmp_path, picture_folder):
    data, held_out = picture_folder / "caption.jsonl", tmp_path / "held-out.jsonl"
    held_out.write_text(data.read_text().replace('"image": "', f'"image": "{picture_folder}/'))
    run(tmp_path / "without", data)
    run(tmp_path / "with", data, held_out=[data, held_out])
    assert losses(tmp_path / "with") == losses(tmp_path / "without")
    lines = read_validation(tmp_path / "with")
    assert [line["step"] for line in lines] == [2, 4, 6] and all(line["caption"] == line["held-out"] for line in lines)
    assert read_validation(tmp_path / "without") == []


def test_every_held_out_answer_counts_alike_and_none_is_dropped_out(tmp_path, picture_folder):
    data = picture_folder / "vqa.jsonl"
    stage = run(tmp_path, data, kind=QuestionAnswering, held_out=[data])
    assert stage.model.qformer.training
    stage.eval()
    pictures = pictures_of(make_blip2("chatml"))
    with torch.no_grad():
        alone = [stage(pictures.features([[s]], random.Random(0)), [s])["answer"] for s in read_samples([data])]
    assert read_validation(tmp_path)[-1]["vqa"] == pytest.approx(float(sum(alone)) / len(alone), abs=1e-4)


def test_a_resumed_run_writes_its_validation_losses_once(tmp_path, picture_folder):
    data = picture_folder / "caption.jsonl"
    run(tmp_path / "whole", data, held_out=[data])
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", data, held_out=[data], stop_at=5)
    shutil.rmtree(next((tmp_path / "cut").glob("checkpoint-*")))  # as if it had been killed before: it begins anew
    run(tmp_path / "cut", data, held_out=[data], resume=True)
    assert read_validation(tmp_path / "cut") == read_validation(tmp_path / "whole")


def test_held_out_files_of_one_name_are_refused(picture_folder, tmp_path):
    other = tmp_path / "vqa.jsonl"
    other.write_text((picture_folder / "vqa.jsonl").read_text())
    with pytest.raises(DataError, match="^--validation: expected files of different names"):
        Validation([picture_folder / "vqa.jsonl", other], pictures_of(make_blip2("chatml")), batch_size=2, say=print)


def test_training_lowers_the_loss_and_leaves_frozen_parts_alone(tmp_path, picture_folder):
    before = frozen_fingerprint(Stage2(make_blip2("chatml")), Stage2.trainable)
    settings = TrainSettings(steps=40, batch_size=4, learning_rate=1e-2, warmup=2, save_every=40)
    stage = run(tmp_path, picture_folder / "caption.jsonl", settings=settings)
    found = [line["language_modelling"] for line in losses(tmp_path)]
    assert found[-1] < 0.8 * found[0]
    assert frozen_fingerprint(stage, stage.trainable) == before


def test_a_stage_that_trains_a_frozen_part_is_found_out(tmp_path, picture_folder):
    class Leaky(Stage2):
        def losses(self, features, samples):
            with torch.no_grad():
                next(self.model.vision_model.parameters()).add_(1e-3)
            return super().losses(features, samples)

    with pytest.raises(TrainingError, match="^frozen parts: expected fingerprint .* after training"):
        run(tmp_path, picture_folder / "caption.jsonl", kind=Leaky)


def test_only_the_newest_checkpoint_is_kept_and_it_is_whole(tmp_path, picture_folder):
    run(tmp_path, picture_folder / "caption.jsonl")
    (checkpoint,) = tmp_path.glob("checkpoint-*")
    assert checkpoint.name == "checkpoint-0000006"
    assert sorted(file.name for file in checkpoint.iterdir()) == ["optimizer.pt", "state.json", "trained.safetensors"]


def test_a_checkpoint_that_was_cut_off_while_written_is_ignored(tmp_path, picture_folder):
    data = picture_folder / "caption.jsonl"
    run(tmp_path / "whole", data)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", data, stop_at=3)
    (tmp_path / "cut" / "unfinished").mkdir()
    (tmp_path / "cut" / "unfinished" / "state.json").write_text('{"st')
    run(tmp_path / "cut", data, resume=True)
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")


def test_resuming_with_other_settings_is_refused(tmp_path, picture_folder):
    run(tmp_path, picture_folder / "caption.jsonl")
    other = TrainSettings(steps=6, batch_size=2, learning_rate=1e-3, warmup=2, save_every=2)
    with pytest.raises(TrainingError, match=r"^--resume: .* was made with other settings \(learning_rate\)\."):
        run(tmp_path, picture_folder / "caption.jsonl", settings=other, resume=True)


QUERIES = ("--answer-queries", "2", "3")


@pytest.mark.parametrize(
    ("first", "then", "differing"),
    [
        ((), QUERIES, "answer_queries"),
        (QUERIES, ("--answer-queries", "2"), "answer_queries"),
        (QUERIES, (*QUERIES, "--language-batch", "1"), "language_batch"),
        ((), ("--withhold-question",), "withhold_question"),
        (("--withhold-question",), QUERIES, "answer_queries, withhold_question"),
        (("--views", "2"), (), "views"),
    ],
)
def test_resuming_question_answering_with_other_options_is_refused(
    first, then, differing, blip2, picture_folder, tmp_path, capsys
):
    save(blip2, tmp_path / "model", with_frozen_parts=True)
    out = tmp_path / "run"
    line = f"train vqa --model {tmp_path / 'model'} --data {picture_folder / 'vqa.jsonl'} --out {out}"
    command = [*line.split(), "--steps", "1", "--batch-size", "2", "--precision", "fp32", "--resume"]
    assert main([*command, *first]) == main([*command, *first]) == 0
    capsys.readouterr()
    made = (out / "run.json").read_text()
    assert main([*command, *then]) == 2 and (out / "run.json").read_text() == made
    refused = f"was made with other settings ({differing}). Give the same ones, or another --out."
    assert capsys.readouterr().err.splitlines()[-1] == f"error: --resume: {out / 'checkpoint-0000001'} {refused}"


def test_a_checkpoint_from_before_it_held_the_options_of_its_stage_goes_on(tmp_path, picture_folder):
    data = picture_folder / "vqa.jsonl"
    run(tmp_path, data, kind=QuestionAnswering)
    (file,) = tmp_path.glob("checkpoint-*/state.json")
    state = json.loads(file.read_text())
    state["settings"] = {name: value for name, value in state["settings"].items() if hasattr(SETTINGS, name)}
    file.write_text(json.dumps(state))
    run(tmp_path, data, kind=QuestionAnswering, resume=True)


def test_resuming_with_other_data_is_refused(tmp_path, picture_folder):
    run(tmp_path, picture_folder / "caption.jsonl")
    with pytest.raises(TrainingError, match=r"^--resume: .* was made with other training data\. Give the same as then"):
        run(tmp_path, picture_folder / "vqa.jsonl", resume=True)


def test_a_bridge_trained_on_one_language_model_does_not_go_on_with_another(tmp_path, picture_folder):
    """Otherwise the soft visual prompts of the one would be read by the other."""
    run(tmp_path, picture_folder / "caption.jsonl")
    other = make_blip2("chatml")
    with torch.no_grad():
        next(other.model.language_model.parameters()).add_(1e-3)
    with pytest.raises(TrainingError, match="was made with other frozen parts, such as another language model"):
        run(tmp_path, picture_folder / "caption.jsonl", resume=True, blip2=other)


def test_a_disk_that_fills_up_is_named_and_the_run_goes_on_from_its_checkpoint(tmp_path, picture_folder):
    data = picture_folder / "caption.jsonl"
    run(tmp_path / "whole", data)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", data, stop_at=3)
    with largest_file(20_000), pytest.raises(TrainingError, match="cut: the disk is full. Make room and give the same"):
        run(tmp_path / "cut", data, resume=True)
    run(tmp_path / "cut", data, resume=True)
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")


def test_losses_that_are_not_finite_stop_the_run(tmp_path, picture_folder):
    class Broken(Stage2):
        def losses(self, features, samples):
            return {"language_modelling": super().losses(features, samples)["language_modelling"] * torch.nan}

    settings = TrainSettings(steps=60, batch_size=2, warmup=2)
    with pytest.raises(
        TrainingError, match="^stage2: 21 steps in a row without a finite loss. Lower --learning-rate.$"
    ):
        run(tmp_path, picture_folder / "caption.jsonl", settings=settings, kind=Broken)


def test_cached_features_are_the_fresh_ones_in_half_precision(tmp_path, blip2, picture_folder):
    samples = read_samples([picture_folder / "vqa.jsonl"])
    fresh, cached = (pictures_of(blip2, views=3, cache_folder=folder) for folder in (None, tmp_path / "features"))
    for pictures in (fresh, cached):
        pictures.prepare(samples, lambda text: None)
    alone = [[sample] for sample in samples]
    for seed in range(5):
        one, other = (pictures.features(alone, random.Random(seed)) for pictures in (fresh, cached))
        assert torch.allclose(one, other, atol=2e-3)
    assert not torch.allclose(one[0], one[1], atol=0.1)


@pytest.mark.parametrize("cached", [True, False])
def test_pictures_that_do_not_open_are_counted_and_named_and_left_out(cached, tmp_path, blip2, picture_folder):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    lines = (picture_folder / "caption.jsonl").read_text().splitlines()
    whole = [line.replace('"image": "', f'"image": "{picture_folder}/') for line in lines]
    bad = [json.dumps({"image": name, "caption": "a photo"}) for name in ("broken.png", "missing.png")]
    (tmp_path / "data.jsonl").write_text("\n".join([*whole, *bad]))
    said = []
    pictures = pictures_of(blip2, cache_folder=tmp_path / "features" if cached else None, views=3)
    samples = pictures.prepare(read_samples([tmp_path / "data.jsonl"]), said.append)
    assert len(samples) == len(whole)
    assert len(pictures.features([[sample] for sample in samples], random.Random(0))) == len(whole)
    assert said[0].startswith("2 pictures were left out: ") and "missing.png" in said[0] and "broken.png" in said[0]


@pytest.mark.parametrize("cached", [True, False])
def test_data_without_one_good_picture_is_refused(cached, tmp_path, blip2):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    lines = (json.dumps({"image": name, "caption": "a photo"}) for name in ("missing.png", "broken.png"))
    (tmp_path / "data.jsonl").write_text("\n".join(lines))
    pictures = pictures_of(blip2, cache_folder=tmp_path / "features" if cached else None)
    with pytest.raises(DataError, match="^--data: none of the pictures opens"):
        pictures.prepare(read_samples([tmp_path / "data.jsonl"]), lambda text: None)


def test_features_larger_than_the_free_memory_are_said_before_they_are_computed(tmp_path, blip2, picture_folder):
    said, samples = [], read_samples([picture_folder / "caption.jsonl"])
    pictures = pictures_of(blip2, cache_folder=tmp_path / "features")
    pictures.cache.shape = (10**6, 10**7)  # 20 TB a picture
    with pytest.raises(TrainingError, match="the features of 4 views need"):
        pictures.prepare(samples, said.append)
    assert said[0].startswith("--cache-features: the features take ") and "of memory are free" in said[0]


@pytest.mark.parametrize("values", [{"steps": 0}, {"batch_size": 0}, {"learning_rate": float("nan")}, {"warmup": -1}])
def test_settings_out_of_range_are_refused(values):
    with pytest.raises(SettingsError):
        TrainSettings(**{"steps": 1, **values})


def test_the_learning_rate_warms_up_and_ends_at_zero():
    settings = TrainSettings(steps=100, warmup=10)
    rates = [settings.rate_at(step) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and rates[9] == 1 and max(rates) == 1 and rates[100] == pytest.approx(0)


def test_batches_are_the_same_every_time_and_cover_each_epoch(picture_folder):
    samples = read_samples([picture_folder])
    one, two = (Batches(samples, batch_size=2, seed=3, length=lambda s: len(s.text)) for _ in range(2))
    assert [one.step(n) for n in range(12)] == [two.step(n) for n in reversed(range(12))][::-1]
    epoch = [sample for n in range(one.steps_per_epoch) for sample in one.step(n)]
    assert sorted(map(str, epoch)) == sorted(map(str, samples))


@pytest.mark.parametrize("length", [None, lambda sample: len(sample.text)])
def test_questions_about_one_picture_stand_together_and_each_once_an_epoch(length):
    one, two = (Path(f"{name}.png") for name in ("one", "two"))
    shown = (ShownClass(3, None),)
    many = [Sample(Path(f"{number}.png"), "x" * number) for number in range(20)]
    samples = [Sample(one, "a" * n) for n in range(1, 9)] + [Sample(two, "b"), Sample(two, "b", classes=shown)] + many
    batches = Batches(samples, batch_size=10, seed=3, length=length, together=4)
    for epoch in range(3):
        order = [s for n in range(3) for s in batches.step(3 * epoch + n)]
        assert sorted(map(str, order)) == sorted(map(str, samples))
        places = [place for place, sample in enumerate(order) if sample.image == one]
        runs = sum(place - 1 not in places for place in places)
        assert runs <= 3  # two groups of four; one may lie across two batches, which are shuffled
    with pytest.raises(SettingsError, match="--together: expected 1 or more, got 0."):
        Batches(samples, batch_size=10, seed=3, together=0)


def test_a_folder_in_use_and_a_file_are_refused_before_anything_is_loaded(tmp_path, picture_folder, capsys):
    line = f"train stage2 --model {tmp_path / 'nowhere'} --data {picture_folder / 'caption.jsonl'} --out".split()
    for out, said in (
        (picture_folder, "is not empty. Give --resume to go on with its run, or another folder."),
        (picture_folder / "red.png", "is a file, expected a folder."),
    ):
        assert main([*line, str(out)]) == 2
        assert capsys.readouterr().err == f"error: --out: {out} {said}\n"
