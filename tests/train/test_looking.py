"""The queries learn to look at the thing asked about, where a record says in which box it is."""

import json
import math
from dataclasses import replace

import pytest
import torch
from small_blip2 import features_of, pictures_of
from torch import nn

from blip2_core.errors import DataError
from blip2_core.train.looking import cells_in, looking_loss
from blip2_core.train.samples import read_samples
from blip2_core.train.vqa import QuestionAnswering

FRAME = (0.5, 0.5, 2.5, 2.5)  # the first and the last cell of a side are centered on the edges of the picture
UPPER_LEFT = (0.0, 0.0, 0.5, 0.5)


@pytest.mark.parametrize(
    ("box", "cells"),
    [
        (UPPER_LEFT, "110 110 000"),
        ((0.6, 0.2, 1.0, 1.0), "000 001 001"),
        ((0.3, 0.3, 0.4, 0.4), "000 010 000"),
    ],
)
def test_the_cells_of_a_box(box, cells):
    assert [int(cell) for cell in cells.replace(" ", "")] == cells_in(box, 3, FRAME).int().tolist()


def test_the_loss_is_by_the_share_of_the_box_and_samples_without_one_do_not_count():
    uniform, elsewhere = torch.full((4, 3, 10), 0.1), torch.zeros(4, 3, 10)
    weights = [torch.stack([uniform, elsewhere])] * 2  # (B, heads, Q, N), of which 4 cells are in the box
    cells = cells_in(UPPER_LEFT, 3, FRAME)[None]
    assert float(looking_loss(weights, [0], cells)) == pytest.approx(-math.log(0.4))
    both = float(looking_loss(weights, [0, 1], cells.expand(2, -1)))
    assert both == pytest.approx((-math.log(0.4) - math.log(1e-6)) / 2)


def test_after_some_steps_the_queries_look_into_the_box(blip2, picture_folder):
    plain = read_samples([picture_folder / "vqa.jsonl"])
    samples = [replace(sample, box=UPPER_LEFT) for sample in plain]
    features = features_of(blip2, samples)
    stage = QuestionAnswering(blip2)
    stage.freeze_the_rest()
    optimizer = torch.optim.AdamW([p for p in stage.parameters() if p.requires_grad], lr=1e-2)
    told = []
    for _ in range(80):
        losses = stage(features, samples)
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        told.append(float(losses["looking"].detach()))
    assert told[-1] < 0.7 * told[0]
    assert stage(features, plain).keys() == {"answer"}


def test_a_compiled_stage_looks_although_no_sample_of_the_first_batch_had_a_box(blip2, picture_folder, monkeypatch):
    compiled = nn.Module.compile
    monkeypatch.setattr(nn.Module, "compile", lambda layer, **how: compiled(layer, **how, backend="eager"))
    plain = read_samples([picture_folder / "vqa.jsonl"])
    stage, features = QuestionAnswering(blip2), features_of(blip2, plain)
    stage.freeze_the_rest()
    stage.compile_layers()
    assert stage(features, plain).keys() == {"answer"}
    assert stage(features, [replace(sample, box=UPPER_LEFT) for sample in plain])["looking"] > 0


def test_a_thing_with_a_box_is_shown_in_the_whole_picture(picture_folder):
    (sample, *_) = read_samples([picture_folder / "vqa.jsonl"])
    assert [sample.may_be_shown(view) for view in range(3)] == [True, True, True]
    assert [replace(sample, box=UPPER_LEFT).may_be_shown(view) for view in range(3)] == [True, False, False]


def test_no_crop_is_computed_of_a_picture_that_is_always_shown_whole(blip2, picture_folder, tmp_path):
    boxed, *plain = read_samples([picture_folder / "vqa.jsonl"])
    pictures = pictures_of(blip2, cache_folder=tmp_path / "features", views=3)
    pictures.prepare([replace(boxed, box=UPPER_LEFT), *plain], print)
    assert pictures.cache is not None and len(pictures.cache.rows) == 1 + 3 * len(plain)


@pytest.mark.parametrize("box", [[0.5, 0, 0.5, 1], [0, 0, 1], [0, 0, 1, 1.2], "all"])
def test_a_box_that_is_none_is_refused_with_its_line(box, tmp_path):
    record = {"image": "a.png", "question": "What?", "answers": ["A cat."], "box": box}
    (tmp_path / "vqa.jsonl").write_text(json.dumps(record) + "\n")
    with pytest.raises(DataError, match="line 1: box: expected left, top, right, bottom"):
        read_samples([tmp_path / "vqa.jsonl"])
