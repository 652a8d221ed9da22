"""What can be wrong with a public checkpoint, at the hub, on the way and on the disk: one clear sentence each."""

import errno
import json
import re
import shutil

import pytest
from fake_hub import SHA, hub
from families import edit, picture, refusal
from public_folders import draw_weights, write_folder, write_weights
from public_layouts import BY_NAME
from public_tokenizers import write_tokenizer

from blip2_core.answer import AnswerSettings
from blip2_core.builtin import builtin_folder
from blip2_core.checkpoint import load
from blip2_core.errors import Blip2Error

NAME = "Salesforce/instructblip-flan-t5-xl"
SIX = AnswerSettings(max_new_tokens=6, min_new_tokens=6)
POCKETS = builtin_folder("pocket") / "qformer_tokenizer"
SHARD = "model-00002-of-00002.safetensors"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """An InstructBLIP that loads, in two shards."""
    return write_folder(BY_NAME["instructblip-flan-t5-xl"], tmp_path_factory.mktemp("sound") / "model")


@pytest.fixture(scope="module")
def sound_opt(tmp_path_factory):
    """A BLIP-2 that loads, in two shards."""
    return write_folder(BY_NAME["blip2-opt-2.7b"], tmp_path_factory.mktemp("sound_opt") / "model")


@pytest.fixture
def server(sound, tmp_path, monkeypatch):
    """A hub that has `sound`, and a cache with nothing in it."""
    with hub(sound, NAME, monkeypatch, tmp_path / "cache") as server:
        yield server


def snapshot(tmp_path):
    """Where the cache keeps the files of `sound`."""
    (folder,) = (tmp_path / "cache" / "models--Salesforce--instructblip-flan-t5-xl" / "snapshots").iterdir()
    return folder


def test_a_hub_id_is_downloaded_once_and_found_again_without_a_network(server, sound, monkeypatch):
    expected = load(sound).ask(picture(), "What?", SIX)
    assert load(NAME).ask(picture(), "What?", SIX) == expected
    assert any(SHARD in path for path in server.asked)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    server.asked.clear()
    assert load(NAME).ask(picture(), "What?", SIX) == expected
    assert not server.asked


OLDER = "fedcba9876543210fedcba9876543210fedcba98"


@pytest.fixture(scope="module")
def older(sound, tmp_path_factory):
    """`sound` as it was before, with other weights."""
    folder = tmp_path_factory.mktemp("older") / "model"
    shutil.copytree(sound, folder, ignore=shutil.ignore_patterns("model*"))
    write_weights(folder, draw_weights(BY_NAME["instructblip-flan-t5-xl"], seed=1), shards=2)
    return folder


@pytest.mark.parametrize("revision", ["pr/0", OLDER])
def test_a_revision_is_named_behind_the_hub_id_and_kept_beside_the_newest(
    server, sound, older, revision, tmp_path, monkeypatch
):
    """A branch, whose name may have a slash, or a commit: its own config is looked at and its own weights come."""
    server.older = {OLDER: older}
    newest, then = (load(folder).ask(picture(), "What?", SIX) for folder in (sound, older))
    assert newest != then
    assert load(f"{NAME}@{revision}").ask(picture(), "What?", SIX) == then
    assert not any("resolve/main" in path or SHA in path for path in server.asked)
    assert load(NAME).ask(picture(), "What?", SIX) == newest
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert load(f"{NAME}@{revision}").ask(picture(), "What?", SIX) == then
    assert load(f"{NAME}@{revision}").name == f"{NAME}@{revision}"


def test_a_damaged_file_of_a_revision_names_the_command_with_the_revision(server, older, tmp_path):
    server.older = {OLDER: older}
    load(NAME)
    load(f"{NAME}@pr/0")
    (shard,) = (tmp_path / "cache").rglob(f"snapshots/{OLDER}/{SHARD}")
    shard.unlink()
    shard.write_bytes(b"cut off")
    assert refusal(f"{NAME}@pr/0").endswith(f"). Download it again: hf download {NAME} --revision {OLDER}")


def test_a_revision_that_does_not_exist(server):
    assert refusal(f"{NAME}@v2") == "@: the hub has this model, but no branch, tag or commit v2. See its page."
    assert refusal(f"{NAME}@") == "@: expected a branch, a tag or a commit behind the @, got none."


def test_nothing_cached_of_a_revision_and_no_network(tmp_path, monkeypatch):
    with hub(tmp_path, NAME, monkeypatch, tmp_path / "cache"):
        pass
    assert refusal(f"{NAME}@v2").endswith(f"Download it when online: hf download {NAME} --revision v2")


@pytest.mark.parametrize("status", [401, 404])
def test_a_hub_id_that_does_not_exist(server, status):
    server.refuses = (status, "RepoNotFound")
    assert refusal(NAME) == "@: the hub has no such model, or it is private. Check the name, or log in: hf auth login"


def test_a_gated_hub_id(server):
    server.refuses = (403, "GatedRepo")
    assert refusal(NAME) == (
        "@: the hub gives it to those only who accepted its terms. Accept them on its page, then: hf auth login"
    )


@pytest.mark.parametrize("name", ["Salesforce/blip2 opt", "foo/..", "a/b--c", f"{'x' * 300}/y"])
def test_a_name_that_can_be_no_hub_id(name):
    assert refusal(name).replace("@", name) == (
        f"{name[:200]}: expected a hub id like Salesforce/blip2-opt-2.7b; this is none."
    )


def test_nothing_cached_and_no_network_says_which_command_downloads_it(tmp_path, monkeypatch):
    with hub(tmp_path, NAME, monkeypatch, tmp_path / "cache"):
        pass  # the address stays known, nobody answers there any more
    assert refusal(NAME) == ("@: not on disk, and the hub cannot be reached. Download it when online: hf download @")


def test_without_a_network_a_mistyped_name_is_told_which_one_to_download(tmp_path, monkeypatch):
    with hub(tmp_path, NAME, monkeypatch, tmp_path / "cache"):
        pass
    assert refusal("Salesforce/blip2-op-2.7b").endswith(
        "Did you mean Salesforce/blip2-opt-2.7b? Download it when online: hf download Salesforce/blip2-opt-2.7b"
    )


def test_a_download_that_stops_goes_on_the_next_time(server):
    server.withholds = SHARD
    said = refusal(NAME)
    assert said.startswith("@: the download stopped (")
    assert said.endswith("). Go on with: hf download @")
    server.withholds = None
    assert load(NAME).ask(picture(), "What?", SIX)


def test_a_half_finished_download_without_a_network(server, tmp_path, monkeypatch):
    load(NAME)
    (snapshot(tmp_path) / SHARD).unlink()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert refusal(NAME) == (
        "@: its download is half-finished, and the hub cannot be reached. Finish it when online: hf download @"
    )


def test_a_damaged_file_in_the_cache_names_the_command_too(server, tmp_path):
    load(NAME)
    shard = snapshot(tmp_path) / SHARD
    content = shard.read_bytes()
    shard.unlink()
    shard.write_bytes(content[:-100])
    said = refusal(NAME)
    assert said.startswith(f"{shard}: expected a safetensors file, this one is cut off or damaged (")
    assert said.endswith("). Download it again: hf download @")


def test_a_full_disk_is_not_called_a_missing_network(monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.snapshot_download", full)
    assert refusal(NAME) == "@: the disk is full. Make room and go on with: hf download @"


def test_a_full_disk_that_only_the_text_of_an_error_tells_of(monkeypatch):
    """hf_xet, through which the hub sends large files, raises no OSError."""

    def full(*_, **__):
        raise RuntimeError("Data processing error: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("huggingface_hub.snapshot_download", full)
    assert refusal(NAME) == "@: the disk is full. Make room and go on with: hf download @"


def test_a_disk_with_too_little_room_is_seen_before_the_first_weight_comes(server, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=5_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda place: usage)
    assert re.fullmatch(
        r"@: the download needs \d\d MB of disk, 5 MB are free in .*/cache\. Make room, or set HF_HOME to a folder "
        r"on a larger disk\.",
        refusal(NAME),
    )
    assert not any(file.stat().st_size > 1_000_000 for file in (tmp_path / "cache").rglob("*") if file.is_file())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "llava"}, "got 'llava'. This is another architecture."),
        ({"vision_config__hidden_size": 30}, "this config does not fit together: "),
        ({"qformer_config__vocab_size": 10**12}, "Nothing fits, the least is "),
    ],
)
def test_what_its_config_rules_out_is_not_downloaded(sound, tmp_path, monkeypatch, change, said):
    """Another architecture, a config that makes no sense, and a model too large for this machine."""
    folder = shutil.copytree(sound, tmp_path / "other")
    edit(folder / "config.json", **change)
    with hub(folder, NAME, monkeypatch, tmp_path / "cache"):
        assert said in refusal(NAME)
        assert said in refusal(NAME)  # now its config is in the cache
    blobs = [file for file in (tmp_path / "cache").rglob("blobs/*") if file.stat().st_size]
    assert len(blobs) == 1 and b"model_type" in blobs[0].read_bytes()


def test_a_hub_model_without_a_config(sound, tmp_path, monkeypatch):
    folder = shutil.copytree(sound, tmp_path / "other", ignore=shutil.ignore_patterns("config.json"))
    with hub(folder, NAME, monkeypatch, tmp_path / "cache"):
        assert refusal(NAME) == "@: it has no config.json, so it is no model that can be loaded here."


def test_a_name_that_is_nearly_a_public_one(server):
    server.refuses = (404, "RepoNotFound")
    assert refusal("Salesforce/blip2-opt-2.7").replace("@", "Salesforce/blip2-opt-2.7") == (
        "Salesforce/blip2-opt-2.7: the hub has no such model, or it is private. Did you mean "
        "Salesforce/blip2-opt-2.7b? Check the name, or log in: hf auth login"
    )


def test_a_hub_model_that_has_pickles_only(sound, tmp_path, monkeypatch):
    folder = shutil.copytree(sound, tmp_path / "pickled", ignore=shutil.ignore_patterns("*.safetensors*"))
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    with hub(folder, NAME, monkeypatch, tmp_path / "cache"):
        assert refusal(NAME) == (
            "@: expected safetensors, the hub has only pytorch_model.bin, a pickle, which can run code when it is "
            "read. If you trust its source, allow it: --allow-pickle"
        )


def test_download_and_load_tell_how_many_bytes_there_are(server, sound):
    told: dict[str, list[tuple[int, int]]] = {}
    load(NAME, progress=lambda done, total, what: told.setdefault(what, []).append((done, total)))
    assert list(told) == [f"Downloading {NAME}", "Loading weights"]
    for steps in told.values():
        assert [done for done, _ in steps] == sorted(done for done, _ in steps)
        assert steps[-1][0] == steps[-1][1]
    files = sum(file.stat().st_size for file in sound.rglob("*") if file.is_file() and file != sound / "config.json")
    assert told[f"Downloading {NAME}"][-1] == (files, files)


def test_pickles_are_downloaded_only_where_they_are_allowed_and_nothing_else_is_there(server, sound, tmp_path):
    (sound / "pytorch_model.bin").write_bytes(b"pickle")
    try:
        load(NAME, allow_pickle=True)
    finally:
        (sound / "pytorch_model.bin").unlink()
    assert not (snapshot(tmp_path) / "pytorch_model.bin").exists()


def test_a_half_downloaded_pickle_names_the_missing_file(sound, tmp_path):
    folder = shutil.copytree(sound, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors*"))
    (folder / "pytorch_model-00001-of-00002.bin").write_bytes(b"x")
    files = {"query_tokens": "pytorch_model-00001-of-00002.bin", "a": "pytorch_model-00002-of-00002.bin"}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": files}))
    assert refusal(folder, allow_pickle=True) == (
        "@: 1 file missing: pytorch_model-00002-of-00002.bin. Copy or download the folder again."
    )


def test_a_clone_without_its_large_files(sound, tmp_path):
    folder = shutil.copytree(sound, tmp_path / "model", ignore=shutil.ignore_patterns(SHARD))
    (folder / SHARD).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 6330000000\n")
    assert refusal(folder) == f"@/{SHARD}: the place holder of Git LFS, not the weights. Run: git lfs pull"


def test_the_checkpoint_that_only_scores(sound_opt, tmp_path):
    folder = shutil.copytree(sound_opt, tmp_path / "model")
    edit(folder / "config.json", architectures=["Blip2ForImageTextRetrieval"])
    assert refusal(folder) == (
        "@: this model scores how well a text fits a picture and has no language model to answer with. "
        "Load one that has, such as Salesforce/blip2-opt-2.7b, or score with: python -m blip2_core score"
    )


def test_a_checkpoint_for_videos(sound, tmp_path):
    folder = shutil.copytree(sound, tmp_path / "model")
    edit(folder / "config.json", model_type="instructblipvideo")
    assert refusal(folder).endswith("got 'instructblipvideo'. This is another architecture.")


def test_a_projection_for_another_language_model(sound_opt, tmp_path):
    """Seen before any weight is read: the message is about these two, whatever else is wrong."""
    folder = shutil.copytree(sound_opt, tmp_path / "model", ignore=shutil.ignore_patterns("model*"))
    weights = draw_weights(BY_NAME["blip2-opt-2.7b"])
    weights["language_projection.weight"] = weights["language_projection.weight"][:48].clone()
    weights["language_projection.bias"] = weights["language_projection.bias"][:48].clone()
    write_weights(folder, weights, shards=2)
    assert refusal(folder) == (
        "@: the projection writes vectors of width 48, the language model reads width 64. "
        "They belong to different models: copy the folder again."
    )


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("qformer_tokenizer", "@: the Q-Former reads the question, but qformer_tokenizer/ is missing. Copy it again."),
        (
            "preprocessor_config.json",
            "@/preprocessor_config.json: this file is missing. Copy or download the folder again.",
        ),
    ],
)
def test_what_is_missing_beside_the_weights_is_told_before_they_are_read(sound, tmp_path, lost, said, monkeypatch):
    """In these folders processor_config.json has the number of queries alone."""
    folder = shutil.copytree(sound, tmp_path / "model", ignore=shutil.ignore_patterns(lost))
    assert (folder / "processor_config.json").is_file()
    monkeypatch.setattr("blip2_core.checkpoint._load_whole", None)
    with pytest.raises(Blip2Error) as error:
        load(folder)
    assert str(error.value).replace(str(folder), "@") == said


def test_pictures_of_another_size_are_told_before_the_weights_are_read(sound, tmp_path, monkeypatch):
    folder = shutil.copytree(sound, tmp_path / "model")
    edit(folder / "preprocessor_config.json", size={"height": 384, "width": 384})
    monkeypatch.setattr("blip2_core.checkpoint._load_whole", None)
    assert refusal(folder).startswith(
        "@: the image processor makes pictures of 384 pixels, the image encoder reads 224"
    )


@pytest.mark.parametrize(
    ("model", "tokenizer", "said"),
    [
        ("blip2-flan-t5-xl", "blip2-opt-2.7b", "the tokenizer has 50266 tokens, the language model 32128 embeddings"),
        ("instructblip-vicuna-7b", "blip2-flan-t5-xl", "the tokenizer has 32101 tokens, the language model 32064"),
        (
            "blip2-flan-t5-xl",
            "instructblip-vicuna-7b",
            "the language model ends an answer with token 1, which this tokenizer reads as '<s>'",
        ),
        (
            "blip2-opt-2.7b",
            "blip2-flan-t5-xl",
            "the language model ends an answer with token 50118, and this tokenizer has 32101 tokens",
        ),
        (
            "blip2-opt-2.7b",
            "instructblip-vicuna-7b",
            "the language model ends an answer with token 50118, and this tokenizer has 32003 tokens",
        ),
    ],
)
def test_the_tokenizer_of_another_model(model, tokenizer, said, tmp_path, monkeypatch):
    folder = write_folder(BY_NAME[model], tmp_path)
    for file in (*folder.glob("*token*"), *folder.glob("vocab*")):
        if file.is_file():
            file.unlink()
    write_tokenizer(BY_NAME[tokenizer], folder)
    monkeypatch.setattr("blip2_core.checkpoint._load_whole", None)  # refused before weights are read
    assert refusal(folder).startswith(f"@: {said}")
    assert refusal(folder).endswith("They belong to different models: copy the folder again.")


def test_a_tokenizer_whose_line_break_is_another_token(sound_opt, tmp_path):
    """GPT-2's own has as many tokens as OPT's, in another order: every word would be another."""
    folder = shutil.copytree(sound_opt, tmp_path / "model")
    content = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = content["model"]["vocab"]
    vocabulary["Ċ"], vocabulary["filler20000"] = vocabulary["filler20000"], vocabulary["Ċ"]
    (folder / "tokenizer.json").write_text(json.dumps(content))
    assert refusal(folder) == (
        "@: the language model ends an answer with token 50118, which this tokenizer reads as 'filler20000'. "
        "They belong to different models: copy the folder again."
    )


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (lambda place: write_tokenizer(BY_NAME["blip2-opt-2.7b"], place), "50265 tokens without them"),
        (lambda place: write_tokenizer(BY_NAME["blip2-flan-t5-xl"], place), "32100 tokens without them"),
        (lambda place: shutil.copytree(POCKETS, place, dirs_exist_ok=True), "5000 tokens with them"),
    ],
)
def test_the_q_former_s_tokenizer_of_another_model(sound, tmp_path, other, said, monkeypatch):
    """OPT's loaded and answered: its ids stayed below the embeddings as long as the words were frequent ones."""
    monkeypatch.setattr("blip2_core.checkpoint._load_whole", None)  # refused before weights are read
    folder = shutil.copytree(sound, tmp_path / "model", ignore=shutil.ignore_patterns("qformer_tokenizer"))
    (folder / "qformer_tokenizer").mkdir()
    other(folder / "qformer_tokenizer")
    assert refusal(folder) == (
        "@/qformer_tokenizer: expected the Q-Former's tokenizer, 30523 tokens with [CLS] and [SEP] around a text, got "
        f"{said}. It belongs to another model: copy the folder again."
    )


def test_a_q_former_s_tokenizer_may_have_what_a_processor_added_and_lack_what_no_question_has(sound, tmp_path):
    """Of a saved processor, "<image>"; and BERT's own, without [DEC]. A question is cut alike by all three."""
    expected = load(sound).ask(picture(), "What?", SIX)
    for number, change in enumerate((add_image_token, remove_dec)):
        folder = shutil.copytree(sound, tmp_path / str(number))
        edit(folder / "qformer_tokenizer" / "tokenizer_config.json", bos_token=None)
        change(folder / "qformer_tokenizer" / "tokenizer.json")
        assert len(load(folder).qformer_tokenizer) == (30524, 30522)[number]
        assert load(folder).ask(picture(), "What?", SIX) == expected


def add_image_token(file):
    """Add "<image>" behind all tokens of a tokenizer.json."""
    content = json.loads(file.read_text())
    content["added_tokens"].append({**content["added_tokens"][0], "id": 30523, "content": "<image>"})
    file.write_text(json.dumps(content))


def remove_dec(file):
    """Take [DEC] out of a tokenizer.json."""
    content = json.loads(file.read_text())
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] != "[DEC]"]
    file.write_text(json.dumps(content))
    file.with_name("added_tokens.json").unlink()
    file.with_name("special_tokens_map.json").unlink()
