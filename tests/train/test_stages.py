"""What each stage computes, checked against the definition."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from small_blip2 import features_of, make_blip2, pictures_of
from transformers import Blip2QFormerConfig

from blip2_core.datasets.record_files import ShownClass
from blip2_core.errors import DataError, TrainingError
from blip2_core.train.samples import Sample, fingerprint_of, pack, read_samples
from blip2_core.train.stage1 import Stage1, _draw
from blip2_core.train.stage2 import Stage2, split_text
from blip2_core.train.vqa import QuestionAnswering


def batch(blip2, file):
    samples = read_samples([file])
    return features_of(blip2, samples), samples


@pytest.mark.parametrize("family", ["chatml", "opt", "llama"])
@pytest.mark.parametrize("history", [(), (("Is it a picture?", "a photo of red"), ("Which?", "red"))])
def test_the_padded_batch_has_the_mean_loss_of_its_answers_through_the_whole_model(family, history, picture_folder):
    """`transformers`' own loss of each row, unpadded; a long answer counts no more than a short one."""
    blip2 = make_blip2(family)
    features, samples = batch(blip2, picture_folder / "vqa.jsonl")
    samples = [replace(sample, history=history[number % 2 :]) for number, sample in enumerate(samples)]
    stage = QuestionAnswering(blip2).eval()
    losses, lengths = [], set()
    for row, sample in zip(features, samples, strict=True):
        seen = blip2.see(sample.image)
        visual = blip2.visual_prompt([seen], [blip2.template.qformer_question(sample.question, sample.history)])
        prompt = blip2.prompt(sample.question, sample.history)
        ids = blip2.adapter.tokenize([prompt])[0]
        gap = "" if prompt[-1].isspace() else " "
        whole = blip2.adapter.tokenize([f"{prompt}{gap}{sample.text}"])[0] + [blip2.adapter.eos_token_ids[0]]
        embeds = torch.cat([visual, blip2.model.get_input_embeddings()(torch.tensor([whole]))], dim=1)
        labels = torch.tensor([[-100] * (visual.shape[1] + len(ids)) + whole[len(ids) :]])
        losses.append(float(blip2.model.language_model(inputs_embeds=embeds, labels=labels).loss.detach()))
        lengths.add(len(whole) - len(ids))
        assert torch.equal(row, blip2.model.vision_model.frozen_features(blip2.image_processor([_open(sample)]))[0])
    assert len(lengths) > 1
    assert float(stage(features, samples)["answer"]) == pytest.approx(sum(losses) / len(losses), rel=1e-4)


def _open(sample: Sample):
    from blip2_core.image import open_image

    return open_image(sample.image)


def test_the_question_to_the_qformer_changes_the_loss(blip2, picture_folder):
    features, samples = batch(blip2, picture_folder / "vqa.jsonl")
    stage = QuestionAnswering(blip2).eval()
    told = float(stage(features, samples)["answer"])
    visual = blip2.model.project(blip2.model.query(stage.image_embeds(features)))
    prompts = blip2.adapter.tokenize([blip2.prompt(sample.question) for sample in samples])
    targets = [[stage.target_ids(sample.text)] for sample in samples]
    untold = float(stage.language_loss(visual, stage.prompted(prompts, targets)))
    assert abs(told - untold) > 1e-4


def test_a_caption_is_the_answer_to_the_caption_prompt(blip2, picture_folder):
    features, samples = batch(blip2, picture_folder / "caption.jsonl")
    stage = QuestionAnswering(blip2).eval()
    template = blip2.template
    asked = [Sample(s.image, s.text, template.caption_question) for s in samples]
    assert float(stage(features, samples)["answer"]) == pytest.approx(float(stage(features, asked)["answer"]), rel=1e-5)


def test_the_prefix_loss_splits_where_the_seed_says_and_scores_the_suffix(picture_folder):
    blip2 = make_blip2("t5")
    features, samples = batch(blip2, picture_folder / "caption.jsonl")
    stage = Stage2(blip2).eval()
    torch.manual_seed(5)
    loss = float(stage(features, samples)["prefix_language_modelling"])
    torch.manual_seed(5)
    total, count = 0.0, 0
    for row, sample in zip(features, samples, strict=True):
        prefix, suffix = split_text(stage.target_ids(sample.text))
        visual = blip2.model.project(blip2.model.query(stage.image_embeds(row[None])))
        embeds = torch.cat([visual, blip2.model.get_input_embeddings()(torch.tensor([prefix]))], dim=1)
        found = blip2.model.language_model(inputs_embeds=embeds, labels=torch.tensor([suffix])).loss
        total, count = total + float(found) * len(suffix), count + len(suffix)
    assert loss == pytest.approx(total / count, rel=1e-4)


def test_the_split_point_is_drawn_evenly_from_one_to_the_middle():
    torch.manual_seed(0)
    points = [len(split_text(list(range(10)))[0]) for _ in range(1000)]
    assert set(points) == {1, 2, 3, 4, 5}
    assert all(150 < points.count(point) < 250 for point in range(1, 6))
    assert split_text([7, 8]) == ([7], [8])


def test_gradients_reach_what_is_trained_and_nothing_else(blip2, picture_folder):
    features, samples = batch(blip2, picture_folder / "vqa.jsonl")
    stage = QuestionAnswering(blip2)
    stage.freeze_the_rest()
    stage(features, samples)["answer"].backward()
    touched = {name for name, parameter in stage.named_parameters() if parameter.grad is not None}
    assert touched and all(name.startswith(stage.trainable) for name in touched)
    assert "model.query_tokens" in touched and "model.language_projection.weight" in touched


def test_stage_one_learns_which_caption_belongs_to_which_picture(blip2, picture_folder):
    torch.manual_seed(0)
    features, samples = batch(blip2, picture_folder / "caption.jsonl")
    features = torch.randn(features.shape)  # pictures that a random ViT tells apart
    stage = Stage1(blip2)
    stage.freeze_the_rest()
    optimizer = torch.optim.AdamW([p for p in stage.parameters() if p.requires_grad], lr=3e-3)
    first = None
    for _ in range(300):
        losses = stage(features, samples)
        first = first or {name: float(loss) for name, loss in losses.items()}
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    assert set(losses) == {"image_text_contrastive", "image_text_matching", "image_grounded_generation"}
    assert all(float(losses[name]) < 0.7 * first[name] for name in losses)


def test_captions_of_one_picture_are_no_negatives_of_it(blip2):
    stage = Stage1(blip2)
    same = torch.tensor([[True, True, False], [True, True, False], [False, False, True]])
    similarity = torch.tensor([[9.0, 9.0, 0.0], [9.0, 9.0, 0.0], [0.0, 0.0, 9.0]])
    near_least = -(0.5 * F.log_softmax(torch.tensor([9.0, 9.0, 0.0]), 0)[:2].sum())
    assert float(stage._contrastive(similarity, same)) < float(near_least)
    drawn = torch.cat([_draw(similarity.masked_fill(same, -torch.inf)) for _ in range(20)]).view(20, 3)
    assert (drawn[:, :2] == 2).all() and (drawn[:, 2] < 2).all()


def test_stage_one_without_a_text_branch_is_refused(blip2):
    assert blip2.model.qformer.reads_text
    blip2.model.qformer.reads_text = False
    with pytest.raises(TrainingError, match="^stage1: expected a Q-Former with a text branch"):
        Stage1(blip2)
    assert Blip2QFormerConfig  # the layout that has none


@pytest.mark.parametrize(
    "line",
    [
        '{"image": "red.png"}',
        '{"image": "red.png", "caption": " "}',
        "[1]",
        '{"image": "a", "question": "b"}',
        '{"image": "a", "question": "b", "said": {"c": 0}}',
        '{"image": "a", "question": "b", "said": ["c"]}',
    ],
)
def test_a_line_that_is_no_record_is_named_with_its_number(tmp_path, line):
    (tmp_path / "data.jsonl").write_text('{"image": "red.png", "caption": "red"}\n' + line + "\n")
    with pytest.raises(DataError, match="data.jsonl, line 2: expected "):
        read_samples([tmp_path / "data.jsonl"])


def test_a_text_that_names_a_side_never_gets_a_mirrored_view(blip2, picture_folder):
    image = picture_folder / "red.png"
    pictures = pictures_of(blip2, views=4)
    sided, plain = Sample(image, "A cat on the left."), Sample(image, "A cat.")
    assert {pictures._draw([sided], random.Random(n)).number for n in range(50)} == {0, 2}
    assert {pictures._draw([plain], random.Random(n)).number for n in range(50)} == {0, 1, 2, 3}


@pytest.mark.parametrize("family", ["chatml", "opt", "llama", "t5"])
@pytest.mark.parametrize("question", [None, "What is this?"])
def test_packed_texts_have_the_loss_they_have_one_by_one(family, question, picture_folder):
    blip2 = make_blip2(family)
    blip2.model.language_model.eval()
    stage = QuestionAnswering(blip2).eval()
    image = read_samples([picture_folder / "caption.jsonl"])[0].image
    texts = ("a photo of a red picture", "red", "a picture", "a photo of a photo of a grey picture")
    single = [Sample(image, text, question) for text in texts]
    packed = pack(single)
    assert [sample.texts for sample in packed] == [texts]
    features = pictures_of(blip2).features([single], random.Random(0))
    apart = stage(features, single)["answer"]
    together = stage(features, packed)["answer"]
    assert float(together.detach()) == pytest.approx(float(apart.detach()), rel=1e-5)
    alike = [torch.autograd.grad(loss, stage.model.query_tokens)[0] for loss in (apart, together)]
    torch.testing.assert_close(*alike, rtol=1e-4, atol=5e-6)


def test_what_several_questions_are_about_is_looked_at_once(blip2, picture_folder):
    """Their loss is the mean of what they have one by one, with and without a box."""
    stage = QuestionAnswering(blip2).eval()
    red, grey = (s.image for s in read_samples([picture_folder / "caption.jsonl"])[:2])
    box = (0.0, 0.0, 0.5, 0.5)
    samples = [
        Sample(image, text, "What?", box=where)
        for image, text, where in ((red, "red", box), (grey, "a photo", box), (red, "a", None), (red, "grey", box))
    ]
    pictures = pictures_of(blip2)
    features = pictures.features(stage.groups(samples), random.Random(0))
    assert len(features) == 2
    with torch.no_grad():
        found = stage(features, samples)
        apart = [stage(pictures.features([[one]], random.Random(0)), [one]) for one in samples]
    for name, number in (("answer", 4), ("looking", 3)):
        expected = sum(float(losses[name]) for losses in apart if name in losses) / number
        assert float(found[name]) == pytest.approx(expected, rel=1e-4)


def test_each_answer_counts_by_the_number_of_people_who_gave_it(blip2, picture_folder, tmp_path):
    record = {"image": str(picture_folder / "red.png"), "question": "What?", "answers": ["a", "b", "c"]}
    (tmp_path / "said.jsonl").write_text(json.dumps(record | {"said": {"red": 3, "a photo": 1}}) + "\n")
    sample = read_samples([tmp_path / "said.jsonl"])[0]
    assert (sample.texts, sample.weights) == (("red", "a photo"), (0.75, 0.25))
    stage = QuestionAnswering(blip2).eval()
    features = pictures_of(blip2).features([[sample]], random.Random(0))
    with torch.no_grad():
        red, photo = (
            float(stage(features, [replace(sample, text=text, more=(), weights=(1.0,))])["answer"])
            for text in sample.texts
        )
        assert float(stage(features, [sample])["answer"]) == pytest.approx(0.75 * red + 0.25 * photo, rel=1e-5)


def test_a_packed_caption_of_stage_two_sees_no_other_caption(blip2, picture_folder):
    stage = Stage2(blip2).eval()
    samples = [Sample(s.image, s.text) for s in read_samples([picture_folder / "caption.jsonl"])[:1]]
    features = features_of(blip2, samples)
    with torch.no_grad():
        alone = float(stage(features, samples)["language_modelling"])
        twice = float(stage(features, [replace(samples[0], more=(samples[0].text,))])["language_modelling"])
    assert twice == pytest.approx(alone, rel=1e-5)


def test_texts_of_one_picture_and_question_are_packed_and_no_others():
    one, two = Path("one.png"), Path("two.png")
    samples = [
        Sample(one, "a"),
        Sample(two, "b"),
        Sample(one, "c"),
        Sample(one, "d", "Why?"),
        Sample(one, "to the left"),
    ]
    packed = pack(samples)
    assert [(s.image, s.question, s.texts) for s in packed] == [
        (one, None, ("a", "c", "to the left")), (two, None, ("b",)), (one, "Why?", ("d",))
    ]  # fmt: skip
    assert [s.may_be_shown(1) for s in packed] == [False, True, True]
    assert [sum(s.weights) for s in packed] == [3, 1, 1]  # each record counts alike


def test_a_record_that_is_there_twice_gets_a_visual_prompt_each_time():
    captions = [Sample(Path("one.png"), text) for text in "abc"]
    asked = Sample(Path("one.png"), "no", "Why?")
    packed = pack([*captions, asked, *captions, asked])
    assert [sample.texts for sample in packed] == [("a", "b", "c"), ("a", "b", "c"), ("no",), ("no",)]


def test_a_conversation_is_read_with_its_record_and_packed_by_itself(tmp_path):
    record = {"image": "red.png", "question": "What colour is it?", "answers": ["Red."]}
    told = record | {"history": [["What is on the left?", "A box."]]}
    (tmp_path / "chat.jsonl").write_text(f"{json.dumps(record)}\n{json.dumps(told)}\n")
    first, later = pack(read_samples([tmp_path / "chat.jsonl"]))
    assert (first.history, later.history) == ((), (("What is on the left?", "A box."),))
    assert first.may_be_shown(1) and not later.may_be_shown(1)  # mirrored, the box is on the right
    assert fingerprint_of([first]) != fingerprint_of([later])


@pytest.mark.parametrize("history", ["What?", [["What?"]], [["What?", ""]], [["What?", 3]]])
def test_a_conversation_that_is_none_is_refused(history, tmp_path):
    record = {"image": "red.png", "question": "What?", "answers": ["Red."], "history": history}
    (tmp_path / "chat.jsonl").write_text(json.dumps(record))
    with pytest.raises(DataError, match=r"line 1: history: expected a list of \[question, answer\], got"):
        read_samples([tmp_path / "chat.jsonl"])


def lesson_file(folder: Path, imagenet_class: object) -> Path:
    shown = [{"imagenet_class": imagenet_class}]
    record = {"image": "red.png", "question": "What is this?", "answers": ["A lion."], "shown": shown}
    file = folder / "class.jsonl"
    file.write_text(json.dumps(record) + "\n")
    return file


def test_lessons_about_other_classes_are_not_packed_together(tmp_path):
    one, other = (read_samples([lesson_file(tmp_path, number)])[0] for number in (291, 293))
    assert len(pack([one, replace(one, text="a cat"), other])) == 2


@pytest.mark.parametrize("number", [1000, -1, "lion", [291]])
def test_a_class_that_imagenet_does_not_have_is_refused(number, tmp_path):
    with pytest.raises(DataError, match="line 1: imagenet_class: expected a whole number from 0 to 999, got"):
        read_samples([lesson_file(tmp_path, number)])


def test_class_lessons_need_a_model_with_prototypes(blip2, picture_folder):
    features, samples = batch(blip2, picture_folder / "vqa.jsonl")
    samples[0] = replace(samples[0], classes=(ShownClass(291),))
    with pytest.raises(TrainingError, match="expected a model with class prototypes"):
        QuestionAnswering(blip2)(features, samples)
