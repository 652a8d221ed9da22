"""Scores of texts for a picture: the public checkpoint against `transformers`, and our own stage-1 models."""

import json
import re
import shutil

import pytest
import torch
from fake_hub import hub
from families import edit, picture
from public_folders import draw, write_folder, write_scorer_folder
from public_layouts import BY_NAME, scorer_config, scorer_shapes
from public_tokenizers import write_tokenizer
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import Blip2Config, Blip2ForImageTextRetrieval, BlipImageProcessorPil

from blip2_core.checkpoint import save
from blip2_core.errors import CheckpointError, QuestionError, SettingsError
from blip2_core.scorer import _our_name, load_scorer, scorer_bytes, scorer_skeleton

TEXTS = ["what is the color", "a cat in the house.", "How many dogs?"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_scorer_folder(tmp_path_factory.mktemp("itm") / "model")


@pytest.fixture(scope="module")
def scorer(folder):
    return load_scorer(folder, device="cpu")


def oracle_scores(folder, *, matching: bool) -> torch.Tensor:
    """What `transformers` makes of each text: the cosine, or both numbers of the matching head."""
    model, report = Blip2ForImageTextRetrieval.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    pixels = BlipImageProcessorPil.from_pretrained(folder)(picture(), return_tensors="pt").pixel_values
    tokenizer, rows = Tokenizer.from_file(str(folder / "tokenizer.json")), []
    for text in TEXTS:
        ids = torch.tensor([tokenizer.encode(text).ids])
        with torch.no_grad():
            found = model.eval()(
                pixel_values=pixels,
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                use_image_text_matching_head=matching,
            )
        rows.append(found.logits_per_image[0])
    return torch.stack(rows)


def test_similarity_is_the_cosine_of_transformers(scorer, folder):
    theirs = oracle_scores(folder, matching=False)[:, 0]
    ours = torch.tensor(scorer.similarity(picture(), TEXTS))
    assert (ours - theirs).abs().max() < 1e-5
    assert theirs.std() > 1e-3 and theirs.abs().max() <= 1


def test_match_probability_is_the_share_of_yes_in_the_matching_head_of_transformers(scorer, folder):
    theirs = oracle_scores(folder, matching=True).softmax(-1)[:, 1]
    ours = torch.tensor(scorer.match_probability(picture(), TEXTS))
    assert (ours - theirs).abs().max() < 1e-5
    assert theirs.std() > 1e-3


def test_texts_do_not_compete_and_more_than_a_batch_of_them_are_scored_in_their_order(scorer):
    seen, many = scorer.see(picture()), (TEXTS * 30)[:70]
    for score in (scorer.similarity, scorer.match_probability):
        alone = torch.tensor([score(seen, [text])[0] for text in TEXTS])
        assert torch.allclose(torch.tensor(score(seen, many)), alone.repeat(30)[:70], atol=1e-5)


def test_another_picture_has_other_scores(scorer):
    one, other = scorer.see(picture(0)), scorer.see(picture(1))
    assert scorer.similarity(one, TEXTS) != scorer.similarity(other, TEXTS)
    assert scorer.match_probability(one, TEXTS) != scorer.match_probability(other, TEXTS)


def test_a_typed_special_token_stays_text(scorer):
    assert scorer.similarity(picture(), ["a cat [SEP]"]) != scorer.similarity(picture(), ["a cat"])


def test_bf16_is_for_the_image_encoder_alone(folder, scorer):
    half = load_scorer(folder, precision="bf16", device="cpu")
    assert {tensor.dtype for tensor in half.model.vision_model.parameters()} == {torch.bfloat16}
    assert {tensor.dtype for tensor in half.model.qformer.parameters()} == {torch.float32}
    ours, exact = (torch.tensor(model.match_probability(picture(), TEXTS)) for model in (half, scorer))
    assert (ours - exact).abs().max() < 0.02
    with pytest.raises(SettingsError, match="int8 is for language models"):
        load_scorer(folder, precision="int8")


NAME = "somebody/something"


def cached(cache) -> list:
    """The files that a cache of the hub holds."""
    return [file for file in cache.rglob("blobs/*") if file.stat().st_size]


def test_a_hub_model_that_only_answers_is_refused_before_it_is_downloaded(tmp_path, monkeypatch):
    """Salesforce/blip2-opt-2.7b has 15 GB."""
    folder = write_folder(BY_NAME["blip2-opt-2.7b"], tmp_path / "opt")
    with hub(folder, NAME, monkeypatch, tmp_path / "cache"), pytest.raises(CheckpointError) as error:
        load_scorer(NAME)
    assert str(error.value).startswith(f"{NAME}: this model has no heads that score texts. Salesforce/blip2-itm-vit-g")
    (config,) = cached(tmp_path / "cache")
    assert b"model_type" in config.read_bytes()


@pytest.mark.parametrize("public", [True, False])
def test_a_hub_model_with_heads_scores_as_its_folder_does(folder, stage1, public, tmp_path, monkeypatch):
    own = folder if public else stage1[0]
    expected = load_scorer(own, device="cpu").similarity(picture(), TEXTS)
    with hub(own, NAME, monkeypatch, tmp_path / "cache"):
        assert load_scorer(NAME, device="cpu").similarity(picture(), TEXTS) == expected


@pytest.mark.parametrize("from_hub", [True, False])
def test_a_model_that_does_not_fit_is_refused_before_its_weights_are_fetched_or_read(
    folder, from_hub, tmp_path, monkeypatch
):
    monkeypatch.setattr("blip2_core.scorer.free_memory", lambda device: 1_000_000)
    monkeypatch.setattr("blip2_core.scorer._read_parts", None)
    name = NAME if from_hub else str(folder)
    with hub(folder, NAME, monkeypatch, tmp_path / "cache"), pytest.raises(CheckpointError) as error:
        load_scorer(name, precision="fp32", device="cpu")
    assert re.fullmatch(rf"{name}: fp32 needs \d MB of RAM, 1 MB are free\. Free memory\.", str(error.value))
    assert len(cached(tmp_path / "cache")) == from_hub


def test_where_fp32_does_not_fit_auto_takes_bf16_and_who_asked_for_fp32_is_told_to(folder, monkeypatch):
    fp32, bf16 = (load_scorer(folder, precision=precision, device="cpu") for precision in ("fp32", "bf16"))
    free = scorer_bytes(bf16.model, "bf16")
    assert free < scorer_bytes(fp32.model, "fp32")
    monkeypatch.setattr("blip2_core.scorer.free_memory", lambda device: free)
    assert load_scorer(folder, device="cpu").precision == "bf16"
    with pytest.raises(CheckpointError, match=r"free\. Use --precision bf16\.$"):
        load_scorer(folder, precision="fp32", device="cpu")


def test_what_it_is_said_to_take_is_what_it_takes(folder):
    for precision in ("fp32", "bf16"):
        model = load_scorer(folder, precision=precision, device="cpu").model
        sizes = [tensor.nbytes for tensor in model.parameters()]
        assert scorer_bytes(model, precision) == sum(sizes) + max(sizes)


def test_at_full_size_it_has_exactly_the_published_weights():
    values = scorer_config(shrunk=False)
    model = scorer_skeleton(Blip2Config.from_dict(values))
    ours = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert ours == {_our_name(name): shape for name, shape in scorer_shapes(values).items()}
    assert round(sum(tensor.numel() for tensor in model.parameters()) / 1e9, 3) == 1.172
    assert scorer_bytes(model, "fp32") > 4.6e9 and scorer_bytes(model, "bf16") < 2.9e9


def test_pickles_need_to_be_allowed(folder, tmp_path, scorer):
    pickled = shutil.copytree(folder, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    torch.save(load_file(folder / "model.safetensors"), pickled / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="allow it: --allow-pickle"):
        load_scorer(pickled)
    allowed = load_scorer(pickled, allow_pickle=True)
    assert allowed.similarity(picture(), TEXTS) == scorer.similarity(picture(), TEXTS)


@pytest.fixture(scope="module")
def stage1(tmp_path_factory):
    """(the folder of a stage-1 model, the stage that wrote its heads)."""
    from train.small_blip2 import make_blip2

    from blip2_core.train.stage1 import Stage1

    blip2 = make_blip2("llama")
    stage = Stage1(blip2).eval()
    folder = tmp_path_factory.mktemp("stage1")
    save(blip2, folder)
    stage.save_heads(folder)
    return folder, stage


def test_a_stage_1_model_scores_as_it_was_trained(stage1):
    from blip2_core.train.stage import read_texts

    folder, stage = stage1
    scorer = load_scorer(folder, device="cpu")
    texts = ["a photo of a red picture", "what color"]
    seen = scorer.see(picture())
    ids, mask = read_texts(stage.qformer_tokenizer, texts, device=torch.device("cpu"))
    with torch.no_grad():
        trained = (stage._similarity(seen.image_embeds, ids, mask) * stage.temp)[0]
        queries = stage.model.query_tokens.expand(2, -1, -1)
        hidden = stage.model.qformer(queries, seen.image_embeds.expand(2, -1, -1), input_ids=ids, attention_mask=mask)
        matched = stage.itm_head(hidden[:, : queries.shape[1]]).mean(1).softmax(-1)[:, 1]
    assert torch.allclose(torch.tensor(scorer.similarity(seen, texts)), trained, atol=1e-5)
    assert torch.allclose(torch.tensor(scorer.match_probability(seen, texts)), matched, atol=1e-5)
    assert torch.equal(seen.image_embeds, stage.model.encode_image(scorer.image_processor([picture()])))


def test_a_model_without_heads_is_refused_with_the_one_that_has_them(stage1, tmp_path):
    without = shutil.copytree(stage1[0], tmp_path / "model", ignore=shutil.ignore_patterns("stage1_heads*"))
    with pytest.raises(CheckpointError) as error:
        load_scorer(without)
    assert str(error.value) == (
        f"{without}: this model has no heads that score texts. Salesforce/blip2-itm-vit-g has, and the model/ folder "
        "of a run of: python -m blip2_core train stage1"
    )


@pytest.mark.parametrize("public", [True, False])
def test_the_tokenizer_of_another_model_is_refused_before_weights_are_read(
    folder, stage1, public, tmp_path, monkeypatch
):
    own = shutil.copytree(folder if public else stage1[0], tmp_path / "model")
    texts = own if public else own / "qformer_tokenizer"
    for file in [*texts.glob("*token*"), *texts.glob("vocab*")]:
        if file.is_file():
            file.unlink()
    write_tokenizer(BY_NAME["blip2-opt-2.7b"], texts)
    monkeypatch.setattr("blip2_core.scorer._read_parts", None)
    with pytest.raises(CheckpointError) as error:
        load_scorer(own, device="cpu")
    rows = json.loads((own / "config.json").read_text())["qformer_config"]["vocab_size"]
    assert str(error.value) == (
        f"{texts}: expected the Q-Former's tokenizer, {rows} tokens with [CLS] and [SEP] around a text, got 50265 "
        "tokens without them. It belongs to another model: copy the folder again."
    )


def test_pictures_of_another_size_than_the_encoder_s_are_refused(folder, tmp_path):
    other = shutil.copytree(folder, tmp_path / "model")
    edit(other / "preprocessor_config.json", size={"height": 384, "width": 384})
    with pytest.raises(CheckpointError, match="makes pictures of 384 pixels, the image encoder reads 224. They belong"):
        load_scorer(other)


def test_weights_that_do_not_fit_are_named(folder, tmp_path):
    wrong = shutil.copytree(folder, tmp_path / "model")
    weights = draw(scorer_shapes(scorer_config(shrunk=True)))
    weights["itm_head.weight"] = torch.ones(3, 24)
    del weights["text_projection.bias"]
    save_file(weights, wrong / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError) as error:
        load_scorer(wrong)
    assert str(error.value) == (
        f"{wrong}: config.json does not fit the weights: text_projection.bias is missing; "
        "itm_head.weight: the file has (3, 24), the model needs (2, 24)."
    )


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("a cat", "texts: expected a list of texts, got str."),
        ([], "texts: expected 1 to 10,000 texts, got 0."),
        (["a", " "], "text 2: expected a text, got an empty one."),
        ([3], "text 1: expected a text, got int."),
        (["a", "a " * 600], "text 2: expected at most 512 tokens, got 602; shorten it."),
    ],
)
def test_texts_that_cannot_be_scored(texts, message, scorer):
    for score in (scorer.similarity, scorer.match_probability):
        with pytest.raises(QuestionError) as error:
            score(picture(), texts)
        assert str(error.value) == message


def test_an_older_folder_with_a_buffer_of_positions_loads(folder, tmp_path):
    older = shutil.copytree(folder, tmp_path / "model")
    weights = load_file(folder / "model.safetensors") | {"embeddings.position_ids": torch.arange(512)[None]}
    save_file(weights, older / "model.safetensors", {"format": "pt"})
    edit(older / "config.json", image_text_hidden_size=None)
    assert "image_text_hidden_size" not in json.loads((older / "config.json").read_text())
    assert load_scorer(older).similarity(picture(), TEXTS)
