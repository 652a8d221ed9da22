"""Scores of texts for a picture: loading what has the heads for it, and `Scorer`, which gives the two numbers.

Two kinds of folder have the heads: the public `Salesforce/blip2-itm-vit-g`, and the `model/` of a stage-1 run, which
keeps them in a file of their own. Later stages move the Q-Former away from its heads, so they drop them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor
from transformers import PreTrainedConfig

from .builtin.frozen_parts import FrozenPart, Progress, load_trunk
from .checkpoint import TRUNK_PART
from .companions import read_image_processor
from .errors import Blip2Error, CheckpointError, QuestionError, SettingsError, brief
from .hub import has_file
from .image import ImageProcessor, open_image
from .matching import MatchingModel
from .memory import free_memory, size
from .model import ImageSource, SeenImage
from .model_folder import (
    QFORMER_FOLDER,
    expect_weights,
    find_folder,
    only_scores,
    read_config,
    read_qformer_tokenizer,
    weight_files,
)
from .out_of_memory import freed_when_full
from .precisions import QUANTIZED
from .quantize import DTYPES, pick_device, pick_precision

HEADS_FILE = "stage1_heads.safetensors"  # of train/stage1.py
HEADS = ("vision_projection.", "text_projection.", "itm_head.")
PARTS = ("vision_model.", "query_tokens", "qformer.", *HEADS)
CONTRASTIVE_WIDTH = 256  # of the public checkpoint
ROWS = 64  # texts at a time
MAX_TEXTS = 10_000
_RENAMED = {"embeddings.": "qformer.embeddings.", "qformer.layernorm.": "qformer.embeddings.layernorm."}


@dataclass(frozen=True)
class Scorer:
    """A loaded model that says how well texts fit a picture.

    Args:
        model: the weights, in evaluation mode.
        image_processor: pictures to pixel_values.
        tokenizer: the Q-Former's vocabulary.
        name: what the person asked for: a folder or a hub id.
        precision: of the image encoder: "fp32", "bf16" or "fp16".
    """

    model: MatchingModel
    image_processor: ImageProcessor
    tokenizer: Any
    name: str
    precision: str

    @property
    def device(self) -> torch.device:
        """Where pictures and texts are read."""
        return self.model.query_tokens.device

    @freed_when_full()
    @torch.no_grad()
    def see(self, image: ImageSource | SeenImage) -> SeenImage:
        """Run the image encoder once; scores of the result do not run it again.

        Raises:
            ImageError: the picture cannot be read.
        """
        if isinstance(image, SeenImage):
            return image
        return SeenImage(self.model.encode_image(self.image_processor([open_image(image)])))

    def similarity(self, image: ImageSource | SeenImage, texts: Sequence[str]) -> list[float]:
        """The cosine of the picture and each text, -1 to 1: an order, no probability.

        Raises:
            ImageError: the picture cannot be read.
            QuestionError: no text, or one that cannot be read.
        """
        return self._score(image, texts, lambda embeds, ids, mask: self.model.similarity(embeds, ids, mask)[0])

    def match_probability(self, image: ImageSource | SeenImage, texts: Sequence[str]) -> list[float]:
        """How sure the model is that each text fits the picture, 0 to 1; the texts do not compete.

        Raises:
            ImageError: the picture cannot be read.
            QuestionError: no text, or one that cannot be read.
        """
        return self._score(image, texts, self.model.match_probability)

    @freed_when_full()
    @torch.no_grad()
    def _score(
        self,
        image: ImageSource | SeenImage,
        texts: Sequence[str],
        score: Callable[[Tensor, Tensor, Tensor], Tensor],
    ) -> list[float]:
        """What `score` gives each text, of (1, N, Dv) image_embeds and (T, L) ids and mask."""
        texts, seen = check_texts(texts), self.see(image)
        found = [score(seen.image_embeds, ids, mask) for ids, mask in self._batches(texts)]
        return torch.cat(found).tolist()

    def _batches(self, texts: list[str]) -> Iterator[tuple[Tensor, Tensor]]:
        most = self.model.qformer.config.max_position_embeddings
        for first in range(0, len(texts), ROWS):
            rows = texts[first : first + ROWS]
            batch = self.tokenizer(rows, padding=True, split_special_tokens=True, return_tensors="pt")
            longest = batch.attention_mask.sum(1)
            if int(longest.max()) > most:
                number = first + int(longest.argmax()) + 1
                raise QuestionError(
                    f"text {number}: expected at most {most:,} tokens, got {int(longest.max()):,}; shorten it."
                )
            yield batch.input_ids.to(self.device), batch.attention_mask.to(self.device)


def check_texts(texts: object) -> list[str]:
    """Return the texts without outer white space.

    Raises:
        QuestionError: not a list of texts, none in it, too many, or an empty one.
    """
    if isinstance(texts, str | bytes) or not isinstance(texts, Sequence):
        raise QuestionError(f"texts: expected a list of texts, got {type(texts).__name__}.")
    if not 0 < len(texts) <= MAX_TEXTS:
        raise QuestionError(f"texts: expected 1 to {MAX_TEXTS:,} texts, got {len(texts):,}.")
    for number, text in enumerate(texts, 1):
        if not isinstance(text, str) or not text.strip():
            what = "an empty one" if isinstance(text, str) else type(text).__name__
            raise QuestionError(f"text {number}: expected a text, got {what}.")
    return [text.strip() for text in texts]


def load_scorer(
    name: str | Path = "Salesforce/blip2-itm-vit-g",
    *,
    precision: str = "auto",
    device: str = "auto",
    progress: Progress | None = None,
    allow_pickle: bool = False,
) -> Scorer:
    """Load a model that scores how well texts fit a picture; its language model, if it has one, stays on the disk.

    Args:
        name: a hub id (also HUB_ID@REVISION) or folder laid out as "Salesforce/blip2-itm-vit-g", or the `model/` folder
            of a stage-1 run.
        precision: of the image encoder: "fp32", "bf16", "fp16", or "auto", which goes on to bf16 where the first does
            not fit into the memory; all else is fp32.
        device: "auto", "cpu" or "cuda".
        progress: told (done bytes, total bytes, what) while files are fetched.
        allow_pickle: also read `.bin` weights, which can only be trusted from people you trust.

    Raises:
        CheckpointError: there is no such model, it has no heads for this, its folder does not fit together, or it does
            not fit into the memory.
        SettingsError: a precision or device that cannot be had here.
    """
    place = pick_device(device)
    first = pick_precision(precision, device=place, model_type="")
    if first in QUANTIZED:
        raise SettingsError(f"precision: {first} is for language models, and none scores texts. Use fp32 or bf16.")
    choices = [first, "bf16"] if precision == "auto" else [first]
    want: dict[str, Any] = {"name": str(name), "choices": choices, "device": place}
    folder = find_folder(str(name), allow_pickle=allow_pickle, progress=progress, look=lambda it: _look(it, **want))
    config = read_config(folder)
    _expect_heads(str(name), config, with_file=(folder / HEADS_FILE).is_file())
    chosen = _choose_precision(folder, config, **want)
    expect_weights(folder, allow_pickle=allow_pickle)
    texts = folder if only_scores(config) else folder / QFORMER_FOLDER
    tokenizer = read_qformer_tokenizer(texts, config.qformer_config)
    processor = read_image_processor(folder, config.vision_config.image_size)
    tokenizer.padding_side = "right"
    model = _load_weights(folder, config, progress=progress, vision_dtype=DTYPES[chosen])
    torch.nn.Module.to(model.vision_model, place, DTYPES[chosen])
    model.to(place).eval().requires_grad_(False)
    return Scorer(model, processor, tokenizer, str(name), chosen)


def _look(folder: Path, *, name: str, choices: Sequence[str], device: torch.device) -> None:
    """Raise, by config.json alone, where the rest of a hub's model need not be downloaded."""
    config = read_config(folder)
    _expect_heads(name, config, with_file=not only_scores(config) and has_file(name, HEADS_FILE))
    _choose_precision(folder, config, name=name, choices=choices, device=device)


def _expect_heads(name: str, config: PreTrainedConfig, *, with_file: bool) -> None:
    if not only_scores(config) and not with_file:
        raise CheckpointError(
            f"{name}: this model has no heads that score texts. Salesforce/blip2-itm-vit-g has, and the model/ folder "
            "of a run of: python -m blip2_core train stage1"
        )


def _choose_precision(
    folder: Path, config: PreTrainedConfig, *, name: str, choices: Sequence[str], device: torch.device
) -> str:
    """The first of the precisions in which the model fits, weighed on the meta device."""
    skeleton, free = _skeleton(folder, config), free_memory(device)
    for precision in choices:
        if scorer_bytes(skeleton, precision) <= free:
            return precision
    kind = "RAM" if device.type == "cpu" else "GPU memory"
    advice = "Free memory" if device.type == "cpu" else "Use --device cpu"
    if scorer_bytes(skeleton, "bf16") <= free:
        advice = "Use --precision bf16"
    needs = size(scorer_bytes(skeleton, choices[-1]))
    raise CheckpointError(f"{name}: {choices[-1]} needs {needs} of {kind}, {size(free)} are free. {advice}.")


def scorer_bytes(skeleton: MatchingModel, precision: str) -> int:
    """What a scorer takes on its device: its weights, and the largest of them once more while they are read.

    Args:
        skeleton: the model, on the meta device or not.
        precision: of the image encoder: "fp32", "bf16" or "fp16"; all else is fp32.
    """
    half = DTYPES[precision].itemsize
    sizes = [
        tensor.numel() * (half if name.startswith("vision_model.") else 4)
        for name, tensor in skeleton.named_parameters()
    ]
    return sum(sizes) + max(sizes)


def scorer_skeleton(config: Any, contrastive_width: int = 0) -> MatchingModel:
    """The model of a config on the meta device; without a width, as wide as the config says."""
    width: int = contrastive_width or getattr(config, "image_text_hidden_size", CONTRASTIVE_WIDTH)
    with torch.device("meta"):
        return MatchingModel(
            config.vision_config,
            config.qformer_config,
            num_query_tokens=config.num_query_tokens,
            contrastive_width=width,
        )


def _skeleton(folder: Path, config: Any, contrastive_width: int = 0) -> MatchingModel:
    """That of a folder, whose config may not fit together."""
    try:
        return scorer_skeleton(config, contrastive_width)
    except Blip2Error:
        raise
    except Exception as error:  # the parts check what they are given, or stumble over it
        raise CheckpointError(f"{folder / 'config.json'}: this config does not fit together: {brief(error)}.") from None


def _load_weights(folder: Path, config: Any, *, progress: Progress | None, vision_dtype: torch.dtype) -> MatchingModel:
    state = _read_parts(folder, vision_dtype)
    if trunk := (getattr(config, "frozen_parts", None) or {}).get(TRUNK_PART):
        weights = load_trunk(FrozenPart.from_dict(TRUNK_PART, trunk), progress)
        state |= {f"{TRUNK_PART}.{key}": tensor for key, tensor in weights.items()}
    head = state.get("vision_projection.weight")
    model = _skeleton(folder, config, 0 if head is None else len(head))
    _expect_fitting(folder, model, state)
    model.load_state_dict(state, assign=True)
    return model


def _read_parts(folder: Path, vision_dtype: torch.dtype) -> dict[str, Tensor]:
    """The weights of image encoder, Q-Former and heads, under our names; all but the image encoder's in fp32."""
    heads = [folder / HEADS_FILE] if (folder / HEADS_FILE).is_file() else []
    state: dict[str, Tensor] = {}
    for file in [*weight_files(folder), *heads]:
        for key, tensor in _read_file(file):
            dtype = vision_dtype if key.startswith("vision_model.") else torch.float32
            state[_our_name(key)] = tensor.to(dtype) if tensor.is_floating_point() else tensor
    return state


def _our_name(key: str) -> str:
    """The same, but for the text branch, which the public checkpoint keeps beside its Q-Former."""
    for old, new in _RENAMED.items():
        if key.startswith(old):
            return new + key.removeprefix(old)
    return key


def _is_wanted(key: str) -> bool:
    return _our_name(key).startswith(PARTS) and not key.endswith("position_ids")  # a buffer of older versions


def _read_file(file: Path) -> Iterator[tuple[str, Tensor]]:
    """What is wanted of a file, one weight at a time."""
    if file.suffix == ".safetensors":
        with safe_open(file, "pt") as weights:
            yield from ((key, weights.get_tensor(key)) for key in weights.keys() if _is_wanted(key))
        return
    try:
        state = torch.load(file, weights_only=True, map_location="cpu", mmap=True)
    except Exception as error:  # damaged in any way, or with more in it than tensors
        raise CheckpointError(
            f"{file}: expected a pickle of tensors alone; this one is damaged or holds other things, which are never "
            f"run ({brief(error)}). Use safetensors."
        ) from None
    yield from ((key, tensor) for key, tensor in state.items() if _is_wanted(key))


def _expect_fitting(folder: Path, model: MatchingModel, state: dict[str, Tensor]) -> None:
    own = model.state_dict()
    problems = [f"{key} is missing" for key in own if key not in state]
    problems += [f"{key} has no place" for key in state if key not in own]
    problems += [
        f"{key}: the file has {tuple(state[key].shape)}, the model needs {tuple(own[key].shape)}"
        for key in own
        if key in state and own[key].shape != state[key].shape
    ]
    if problems:
        more = f", and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise CheckpointError(f"{folder}: config.json does not fit the weights: {'; '.join(problems[:3])}{more}.")
