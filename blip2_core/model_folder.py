"""What a model folder must hold: finding it, and every check that needs no weights in memory.

A folder is in the Hugging Face layout: config.json, safetensors in one file or in shards with an index, a tokenizer.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedConfig

from .builtin import BUILTIN_MODELS, builtin_folder
from .builtin.frozen_parts import Progress
from .config import CONFIG_CLASSES
from .errors import Blip2Error, CheckpointError, brief
from .hub import download, download_command, split_name
from .language import PromptTemplate

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt")
PICKLE, PICKLE_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
QFORMER_FOLDER = "qformer_tokenizer"
_ADDED_BY_PROCESSORS = ("<image>", "<video>")  # by those of transformers, to any tokenizer: no text has them
_SPARE_ROWS = 128  # embeddings are padded to a multiple of it at most
_HUB_FOLDER = "models--"  # its cache keeps models--NAME/snapshots/REVISION
_LFS_POINTER = b"version https://git-lfs"


def find_folder(
    name: str,
    *,
    allow_pickle: bool,
    progress: Progress | None = None,
    look: Callable[[Path], object] | None = None,
) -> Path:
    """The folder of a built-in model, a folder on disk, or the hub's, downloaded.

    Args:
        name: what the person asked for; of a hub id also NAME@REVISION.
        allow_pickle: also download `.bin` weights.
        progress: told (done bytes, total bytes, what) while the hub's files come.
        look: called with a folder that has config.json alone before the rest of it is downloaded; may raise.

    Raises:
        CheckpointError: there is no such model.
    """
    if name in BUILTIN_MODELS:
        return builtin_folder(name)
    if name and os.path.isdir(name):  # unlike Path.is_dir, no error where the disk refuses the name
        return Path(name)
    if name.endswith(".pth") and os.path.isfile(name):
        raise CheckpointError(
            f"{name}: a LAVIS file has only the weights that were trained. Make a folder of it and the public model it "
            "belongs to: python -m blip2_core convert FILE OUT --like HUB_ID_OR_FOLDER"
        )
    if split_name(name)[0].count("/") == 1 and not name.startswith((".", "/", "~")):
        return download(name, allow_pickle=allow_pickle, progress=progress, look=look)
    raise CheckpointError(
        f"{name[:200]}: expected a built-in model ({', '.join(BUILTIN_MODELS)}), a folder, or a hub id like "
        "Salesforce/blip2-opt-2.7b; there is no such folder. See: python -m blip2_core models"
    )


def download_again(folder: Path) -> str:
    """What to do about a folder with missing or damaged files; names the command where the hub's cache has it."""
    snapshots, kept = folder.parent, folder.parent.parent
    if snapshots.name != "snapshots" or not kept.name.startswith(_HUB_FOLDER):
        return "Copy or download the folder again."
    name, newest = kept.name.removeprefix(_HUB_FOLDER).replace("--", "/"), kept / "refs" / "main"
    if newest.is_file() and newest.read_text() != folder.name:
        name = f"{name}@{folder.name}"
    return f"Download it again: {download_command(name)}"


def read_config(folder: Path) -> PreTrainedConfig:
    """Read config.json.

    Raises:
        CheckpointError: missing, damaged, of another architecture, or with fields that do not fit together.
    """
    file = folder / "config.json"
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{folder}: expected a model folder, config.json is missing.") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{file}: expected JSON, got {brief(error)}. Copy or download the folder again."
        ) from None
    model_type = values.get("model_type") if isinstance(values, dict) else None
    if not isinstance(model_type, str) or model_type not in CONFIG_CLASSES:
        known = ", ".join(CONFIG_CLASSES)
        raise CheckpointError(f"{file}: expected model_type {known}, got {model_type!r}. This is another architecture.")
    try:
        return CONFIG_CLASSES[model_type].from_dict(values)
    except Blip2Error:
        raise
    except Exception as error:  # the config classes check their fields and raise what they like
        raise CheckpointError(f"{file}: this config does not fit together: {brief(error)}.") from None


def expect_answering(folder: Path, config: PreTrainedConfig) -> None:
    """Raise for a model that has no language model: BLIP-2's for matching pictures and texts has the same model_type.

    Raises:
        CheckpointError: it has none.
    """
    if only_scores(config):
        raise CheckpointError(
            f"{folder}: this model scores how well a text fits a picture and has no language model to answer with. "
            "Load one that has, such as Salesforce/blip2-opt-2.7b, or score with: python -m blip2_core score"
        )


def only_scores(config: PreTrainedConfig) -> bool:
    """Whether a config is of BLIP-2's model for matching pictures and texts, which has no language model."""
    names = getattr(config, "architectures", None) or []
    return any(name.endswith("ForImageTextRetrieval") for name in names)


def shard_files(folder: Path) -> list[Path]:
    """The safetensors files of a folder; all that the index names, whether they are there or not."""
    return _indexed_files(folder / "model.safetensors.index.json") or [folder / "model.safetensors"]


def weight_files(folder: Path) -> list[Path]:
    """The files with a folder's weights: its safetensors, or its pickles where it has no others."""
    shards = shard_files(folder)
    if any(shard.is_file() for shard in shards):
        return shards
    return _indexed_files(folder / PICKLE_INDEX) or [folder / PICKLE]


def _indexed_files(index: Path) -> list[Path]:
    """The files that an index of shards names; none where there is no index."""
    if not index.is_file():
        return []
    try:
        return [index.parent / file for file in sorted(set(json.loads(index.read_text())["weight_map"].values()))]
    except (ValueError, KeyError, AttributeError, TypeError):
        again = download_again(index.parent)
        raise CheckpointError(f"{index}: expected an index of shards. {again}") from None


def expect_weights(folder: Path, *, allow_pickle: bool) -> None:
    """Raise unless all weight files are there and whole.

    Args:
        folder: the model's folder.
        allow_pickle: whether a folder that has `.bin` weights only will do.

    Raises:
        CheckpointError: a file is missing or damaged, or pickles are all there is.
    """
    shards = shard_files(folder)
    pickles = sorted(folder.glob("*.bin"))
    if pickles and not any(shard.is_file() for shard in shards):
        if not allow_pickle:
            raise CheckpointError(
                f"{folder}: expected safetensors, found only {pickles[0].name}, a pickle, which can run code when it "
                "is read. If you trust its source, allow it: --allow-pickle"
            )
        _expect_files(folder, _indexed_files(folder / PICKLE_INDEX) or [folder / PICKLE])
        return
    _expect_files(folder, shards)
    for shard in shards:
        _expect_readable(shard)


def _expect_files(folder: Path, files: list[Path]) -> None:
    if missing := [file.name for file in files if not file.is_file()]:
        count = f"{len(missing)} file{'s' * (len(missing) > 1)} missing"
        raise CheckpointError(f"{folder}: {count}: {', '.join(missing)}. {download_again(folder)}")


def _expect_readable(shard: Path) -> None:
    try:
        with safe_open(shard, "pt") as file:
            file.keys()
    except (SafetensorError, OSError, ValueError) as error:
        with shard.open("rb") as stream:
            pointer = stream.read(len(_LFS_POINTER)) == _LFS_POINTER
        if pointer:
            raise CheckpointError(f"{shard}: the place holder of Git LFS, not the weights. Run: git lfs pull") from None
        raise CheckpointError(
            f"{shard}: expected a safetensors file, this one is cut off or damaged ({brief(error)}). "
            f"{download_again(shard.parent).replace('the folder', 'it')}"
        ) from None


def weight_shape(folder: Path, key: str) -> tuple[int, ...] | None:
    """The shape of one weight, from the headers of the safetensors; None where there is no such weight."""
    for shard in shard_files(folder):
        if shard.is_file():
            with safe_open(shard, "pt") as file:
                if key in file.keys():
                    return tuple(file.get_slice(key).get_shape())
    return None


def read_tokenizer(folder: Path, *, truncation_side: str = "right") -> Any:
    """Read the tokenizer of a folder.

    Raises:
        CheckpointError: missing or damaged.
    """
    if not any((folder / file).is_file() for file in TOKENIZER_FILES):
        raise CheckpointError(f"{folder}: the tokenizer is missing. Copy or download the folder again.")
    try:
        return AutoTokenizer.from_pretrained(folder, truncation_side=truncation_side)
    except Exception as error:  # depends on the tokenizer's kind
        raise CheckpointError(
            f"{folder}: the tokenizer cannot be read ({brief(error)}). Copy or download the folder again."
        ) from None


def read_qformer_tokenizer(folder: Path, qformer_config: Any, *, truncation_side: str = "right") -> Any:
    """Read the tokenizer of a Q-Former: BERT's, or one of another vocabulary in BERT's manner.

    Args:
        folder: where the tokenizer is.
        qformer_config: of the Q-Former that will read its tokens.
        truncation_side: on which a text that is too long is cut.

    Raises:
        CheckpointError: missing, damaged, or that of another model.
    """
    tokenizer = read_tokenizer(folder, truncation_side=truncation_side)
    count = sum(token not in _ADDED_BY_PROCESSORS for token in tokenizer.get_vocab())
    around = tokenizer.convert_ids_to_tokens(tokenizer("a").input_ids)
    framed = [*around[:1], *around[-1:]] == ["[CLS]", "[SEP]"]
    if not framed or not 0 <= qformer_config.vocab_size - count < _SPARE_ROWS:
        raise CheckpointError(
            f"{folder}: expected the Q-Former's tokenizer, {qformer_config.vocab_size} tokens with [CLS] and [SEP] "
            f"around a text, got {count} tokens {'with' if framed else 'without'} them. It belongs to another model: "
            "copy the folder again."
        )
    return tokenizer


def expect_same_vocabulary(folder: Path, tokenizer: Any, model: Any, template: PromptTemplate) -> None:
    """Raise unless tokenizer and language model can be of one model: by the number of tokens, and what ends an answer.

    A config may name an end that the tokenizer never writes, as long as it is no ordinary word: Vicuna's does.

    Args:
        folder: where the tokenizer is.
        tokenizer: what was read there.
        model: a `Blip2Model`, on the meta device or not.
        template: that the model answers in.

    Raises:
        CheckpointError: they cannot be of one model.
    """
    rows = len(_embeddings(model))
    if len(tokenizer) > rows:
        raise CheckpointError(
            f"{folder}: the tokenizer has {len(tokenizer)} tokens, the language model {rows} embeddings. "
            "They belong to different models: copy the folder again."
        )
    config: Any = model.language_model.config
    ends = tokenizer.encode(template.answer_end, add_special_tokens=False)
    named = config.eos_token_id if isinstance(config.eos_token_id, list | tuple) else [config.eos_token_id]
    if len(ends) == 1 and ends[0] in named:
        return
    special = tokenizer.added_tokens_decoder
    words = [token for token in named if token is not None and token < len(tokenizer) and token not in special]
    beyond = [token for token in named if token is not None and token >= len(tokenizer)]
    if words or config.is_encoder_decoder:
        end, read = named[0], f"which this tokenizer reads as {tokenizer.decode(named[:1])!r}"
    elif beyond and len(ends) != 1:
        end, read = beyond[0], f"and this tokenizer has {len(tokenizer)} tokens"
    else:
        return
    raise CheckpointError(
        f"{folder}: the language model ends an answer with token {end}, {read}. They belong to different models: "
        "copy the folder again."
    )


def expect_one_width(folder: Path, skeleton: Any) -> None:
    """Raise where the files hold a projection for a language model of another width; only headers are read.

    Raises:
        CheckpointError: the two widths differ.
    """
    embeddings = next(key for key, tensor in skeleton.named_parameters() if tensor is _embeddings(skeleton))
    rows, found = weight_shape(folder, embeddings), weight_shape(folder, "language_projection.weight")
    if rows and found and rows[-1] != found[0]:
        raise CheckpointError(
            f"{folder}: the projection writes vectors of width {found[0]}, the language model reads width {rows[-1]}. "
            "They belong to different models: copy the folder again."
        )


def _embeddings(model: Any) -> Tensor:
    embeddings: Any = model.get_input_embeddings()
    return embeddings.weight
