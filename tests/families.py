"""Small random models of the four public families, built and saved by `transformers`, the oracle of the parity tests.

Every weight is drawn far from zero: as the library starts them, its ViT is about 1e-10 and its queries are zeros, and a
loader that loses the picture would pass every comparison.
"""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny import tiny_language_model, tiny_tokenizer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    BlipImageProcessorPil,
    InstructBlipConfig,
    InstructBlipForConditionalGeneration,
    InstructBlipProcessor,
    PreTrainedTokenizerFast,
)

FAMILIES = ("blip2-opt", "blip2-t5", "instructblip-t5", "instructblip-llama")
QUERIES, IMAGE_SIZE, DV, DQ = 3, 28, 24, 16
IMAGE_TOKEN_INDEX = 399  # the last row of the embeddings, which no tokenizer here writes
WEIGHT_STD = 0.2
SEED = 14  # with it no family falls into saying one word again and again


def is_instruct(family: str) -> bool:
    """Whether the family's Q-Former reads the question."""
    return family.startswith("instructblip")


def language_family(family: str) -> str:
    """The family's language model, as `tiny` names it."""
    return family.split("-")[1]


def oracle(family: str, seed: int = SEED):
    """The family's model as `transformers` has it: eager attention, fp32, eval mode, every weight of a useful size."""
    torch.manual_seed(seed)
    config = _config(family)
    kind = InstructBlipForConditionalGeneration if is_instruct(family) else Blip2ForConditionalGeneration
    model = kind._from_config(config, attn_implementation="eager")
    model.language_model = tiny_language_model(language_family(family), seed)
    _draw(model)
    return model.eval()


def _config(family: str) -> Blip2Config | InstructBlipConfig:
    vision = {
        "hidden_size": DV, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 3,
        "image_size": IMAGE_SIZE, "patch_size": 14,
    }  # fmt: skip
    qformer = {
        "vocab_size": len(qformer_tokenizer()), "hidden_size": DQ, "intermediate_size": 20, "num_hidden_layers": 3,
        "num_attention_heads": 2, "max_position_embeddings": 64, "cross_attention_frequency": 2, "pad_token_id": 0,
    }  # fmt: skip
    text = tiny_language_model(language_family(family)).config.to_dict()
    kind = InstructBlipConfig if is_instruct(family) else Blip2Config
    return kind(
        vision_config=vision, qformer_config=qformer, text_config=text, num_query_tokens=QUERIES,
        image_token_index=IMAGE_TOKEN_INDEX,
    )  # fmt: skip


@torch.no_grad()
def _draw(model) -> None:
    """Weights and biases from N(0, 0.2), layer norms around one; the language model has its own start."""
    for name, parameter in model.named_parameters():
        if name.startswith("language_model."):
            continue
        norm = "norm" in name.lower() and name.endswith("weight")
        parameter.normal_(mean=1.0 if norm else 0.0, std=WEIGHT_STD)
    model.query_tokens.normal_(std=0.5)


def qformer_tokenizer() -> PreTrainedTokenizerFast:
    """A lower-case WordPiece tokenizer in BERT's manner, over letters and a few words."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "what", "is", "the", "color", "picture", "?", "[DEC]"]
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    vocabulary = [*words, *letters, *(f"##{letter}" for letter in letters)]
    tokenizer = Tokenizer(models.WordPiece({word: place for place, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, truncation_side="left", pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", mask_token="[MASK]", bos_token="[DEC]",
    )  # fmt: skip


def image_processor() -> BlipImageProcessorPil:
    """The Pillow variant of BLIP's image processor, for the small pictures."""
    return BlipImageProcessorPil(size={"height": IMAGE_SIZE, "width": IMAGE_SIZE})


def processor(family: str):
    """The family's processor; it adds "<image>" to the tokenizer, as the current public folders have it."""
    tokenizer = tiny_tokenizer(language_family(family))
    parts = [image_processor(), tokenizer] + ([qformer_tokenizer()] if is_instruct(family) else [])
    kind = InstructBlipProcessor if is_instruct(family) else Blip2Processor
    return kind(*parts, num_query_tokens=QUERIES)


def oracle_inputs(family: str, images: list[Image.Image], prompts: list[str]) -> dict[str, torch.Tensor]:
    """What the family's processor makes of pictures and prompts of one length."""
    used = processor(family)
    inputs = dict(used(images=images, text=prompts, return_tensors="pt"))
    image_token = used.tokenizer.convert_tokens_to_ids("<image>")
    inputs["input_ids"] = inputs["input_ids"].masked_fill(inputs["input_ids"] == image_token, IMAGE_TOKEN_INDEX)
    return inputs


def save_as_older(family: str, folder: Path, model=None, *, shard_size: str = "50GB") -> Path:
    """A folder as the hub had it before 2024: no image_token_index, no "<image>", no processor_config.json."""
    model = model or oracle(family)
    model.save_pretrained(folder, max_shard_size=shard_size)
    edit(folder / "config.json", image_token_index=None)
    image_processor().save_pretrained(folder)
    tiny_tokenizer(language_family(family)).save_pretrained(folder)
    if is_instruct(family):
        qformer_tokenizer().save_pretrained(folder / "qformer_tokenizer")
    return folder


def save_as_current(family: str, folder: Path, model=None) -> Path:
    """A folder as the hub has it: image_token_index, "<image>" in the tokenizer, num_query_tokens for the processor."""
    (model or oracle(family)).save_pretrained(folder)
    processor(family).save_pretrained(folder)
    return folder


def refusal(folder, **options) -> str:
    """The sentence with which `load` refuses a folder, the folder's own path shortened to @."""
    from blip2_core.checkpoint import load
    from blip2_core.errors import CheckpointError

    with pytest.raises(CheckpointError) as error:
        load(folder, **options)
    assert "\n" not in str(error.value)
    return str(error.value).replace(str(folder), "@")


def edit(file, **values):
    """Set fields of a JSON file, "a.b" inside "a"; None removes one."""
    content = json.loads(file.read_text())
    for name, value in values.items():
        *path, last = name.split("__")
        place = content
        for step in path:
            place = place[step]
        place.pop(last, None)
        if value is not None:
            place[last] = value
    file.write_text(json.dumps(content))


def picture(seed: int = 0, size: tuple[int, int] = (40, 30)) -> Image.Image:
    """A picture of coloured noise."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randint(0, 256, (size[1], size[0], 3), generator=generator, dtype=torch.uint8)
    return Image.fromarray(noise.numpy())
