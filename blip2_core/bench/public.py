"""The configs of the public checkpoints as far as sizes go: what they need can be said before they are downloaded.

The sizes are facts about other people's files, so they are written down here once; all else is `transformers`' default.
"""

from typing import Any

from transformers import PreTrainedConfig

from ..builtin.command import PUBLIC_CHECKPOINTS
from ..config import CONFIG_CLASSES

SCORER = "Salesforce/blip2-itm-vit-g"
LARGE_PICTURE = 364  # pixels, of the checkpoints that were fine-tuned on COCO
IMAGE_TOKEN = {"opt": 50265, "t5": 32100, "llama": 32001}

_OPT = {
    "model_type": "opt", "num_attention_heads": 32, "num_hidden_layers": 32, "max_position_embeddings": 2048,
    "bos_token_id": 2, "eos_token_id": 50118, "pad_token_id": 1, "tie_word_embeddings": True,
}  # fmt: skip
_T5 = {
    "model_type": "t5", "num_layers": 24, "num_decoder_layers": 24, "d_kv": 64, "vocab_size": 32128,
    "feed_forward_proj": "gated-gelu", "dense_act_fn": "gelu", "is_gated_act": True, "is_encoder_decoder": True,
    "decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0, "tie_word_embeddings": False,
}  # fmt: skip
_VICUNA = {
    "model_type": "llama", "vocab_size": 32064, "max_position_embeddings": 2048, "bos_token_id": 0, "eos_token_id": 1,
    "pad_token_id": 32000, "tie_word_embeddings": False,
}  # fmt: skip
_TEXT: dict[str, dict[str, Any]] = {
    "opt-2.7b": {**_OPT, "hidden_size": 2560, "ffn_dim": 10240, "word_embed_proj_dim": 2560},
    "opt-6.7b": {**_OPT, "hidden_size": 4096, "ffn_dim": 16384, "word_embed_proj_dim": 4096},
    "flan-t5-xl": {**_T5, "d_model": 2048, "d_ff": 5120, "num_heads": 32},
    "flan-t5-xxl": {**_T5, "d_model": 4096, "d_ff": 10240, "num_heads": 64},
    "vicuna-7b": {
        **_VICUNA, "hidden_size": 4096, "intermediate_size": 11008, "num_attention_heads": 32, "num_hidden_layers": 32,
        "num_key_value_heads": 32,
    },
    "vicuna-13b": {
        **_VICUNA, "hidden_size": 5120, "intermediate_size": 13824, "num_attention_heads": 40, "num_hidden_layers": 40,
        "num_key_value_heads": 40,
    },
}  # fmt: skip
_SMALL: dict[str, dict[str, Any]] = {
    "vision_config": {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2},
    "qformer_config": {"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2, "encoder_hidden_size": 32},
    "opt": {"hidden_size": 128, "ffn_dim": 256, "word_embed_proj_dim": 128, "num_hidden_layers": 2},
    "t5": {"d_model": 128, "d_ff": 256, "d_kv": 4, "num_layers": 2, "num_decoder_layers": 2},
    "llama": {
        "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 32,
        "num_key_value_heads": 32,
    },
}  # fmt: skip


def config_values(name: str, *, small: bool = False) -> dict[str, Any]:
    """The config.json of a public checkpoint.

    Args:
        name: its hub id, one of `PUBLIC_CHECKPOINTS` or `SCORER`.
        small: shrunk in width and depth.
    """
    if name == SCORER:
        values = config_values(PUBLIC_CHECKPOINTS[0], small=small)
        values["qformer_config"] |= {"vocab_size": 30523, "use_qformer_text_input": True}
        return values | {"architectures": ["Blip2ForImageTextRetrieval"]}
    family, _, rest = name.rpartition("/")[2].partition("-")
    instruct, text = family == "instructblip", dict(_TEXT[rest.removesuffix("-coco")])
    kind = text["model_type"]
    if kind == "opt":
        text["vocab_size"] = 50304
    vision = {"image_size": LARGE_PICTURE if rest.endswith("-coco") else 224}
    qformer: dict[str, Any] = {"vocab_size": 30523 if instruct else 30522}
    if small:
        vision |= _SMALL["vision_config"]
        qformer |= _SMALL["qformer_config"]
        text |= _SMALL[kind]
    return {
        "model_type": "instructblip" if instruct else "blip-2",
        "architectures": [f"{'InstructBlip' if instruct else 'Blip2'}ForConditionalGeneration"],
        "image_token_index": IMAGE_TOKEN[kind],
        "num_query_tokens": 32,
        "vision_config": vision,
        "qformer_config": qformer,
        "text_config": text,
    }


def public_config(name: str, *, small: bool = False) -> PreTrainedConfig:
    """The config of a public checkpoint; arguments as for `config_values`."""
    values = config_values(name, small=small)
    return CONFIG_CLASSES[values["model_type"]].from_dict(values)
