"""The public checkpoints as the hub has them: config values and the names and shapes of all weights, at full size.

Written down by hand from what is published (shared/reference/blip2-facts.md, section 5), not made by a library, so that
a change of a library's names is seen. `shrunk` makes them small in width and depth and leaves all else: vocabularies,
queries, patches, picture sizes, special ids.
"""

from collections.abc import Iterator
from dataclasses import dataclass

Shape = tuple[int, ...]
QUERIES = 32
OPT, T5, LLAMA = "opt", "t5", "llama"


@dataclass(frozen=True)
class Published:
    """One public checkpoint.

    Args:
        name: its hub id without "Salesforce/".
        text: its language model, a key of `TEXT`.
        billions: its parameters as published, the head of a T5 counted.
        shards: the number of its safetensors files.
        image_size: pixels.
        older: as before 2024: no image_token_index, no processor_config.json, long configs, OPT's head saved twice.
    """

    name: str
    text: str
    billions: float
    shards: int
    image_size: int = 224
    older: bool = False

    @property
    def instruct(self) -> bool:
        """Whether its Q-Former reads the question."""
        return self.name.startswith("instructblip")

    @property
    def kind(self) -> str:
        """ "opt", "t5" or "llama"."""
        return TEXT[self.text]["model_type"]


# The captioning checkpoints have not been seen in the current layout.
PUBLISHED = (
    Published("blip2-opt-2.7b", "opt-2.7b", 3.745, 2),
    Published("blip2-opt-6.7b", "opt-6.7b", 7.753, 4),
    Published("blip2-opt-2.7b-coco", "opt-2.7b", 3.745, 2, image_size=364, older=True),
    Published("blip2-opt-6.7b-coco", "opt-6.7b", 7.753, 4, image_size=364, older=True),
    Published("blip2-flan-t5-xl", "flan-t5-xl", 3.942, 2),
    Published("blip2-flan-t5-xl-coco", "flan-t5-xl", 3.942, 2, image_size=364, older=True),
    Published("blip2-flan-t5-xxl", "flan-t5-xxl", 12.23, 6),
    Published("instructblip-flan-t5-xl", "flan-t5-xl", 4.022, 2),
    Published("instructblip-flan-t5-xxl", "flan-t5-xxl", 12.31, 6),
    Published("instructblip-vicuna-7b", "vicuna-7b", 7.914, 4),
    Published("instructblip-vicuna-13b", "vicuna-13b", 14.19, 6),
)
BY_NAME = {checkpoint.name: checkpoint for checkpoint in PUBLISHED}

_OPT = {
    "model_type": OPT, "activation_function": "relu", "do_layer_norm_before": True, "max_position_embeddings": 2048,
    "bos_token_id": 2, "eos_token_id": 50118, "pad_token_id": 1, "prefix": "</s>", "num_attention_heads": 32,
    "num_hidden_layers": 32, "vocab_size": 50304, "architectures": ["OPTForCausalLM"], "tie_word_embeddings": True,
}  # fmt: skip
_T5 = {
    "model_type": T5, "d_kv": 64, "num_layers": 24, "num_decoder_layers": 24, "vocab_size": 32128, "bos_token_id": 1,
    "eos_token_id": 1, "pad_token_id": 0, "decoder_start_token_id": 0, "feed_forward_proj": "gated-gelu",
    "dense_act_fn": "gelu", "is_gated_act": True, "is_encoder_decoder": True, "layer_norm_epsilon": 1e-6,
    "n_positions": 512, "relative_attention_max_distance": 128, "relative_attention_num_buckets": 32,
    "tie_word_embeddings": False, "output_past": True, "architectures": ["T5ForConditionalGeneration"],
    "task_specific_params": {"summarization": {"max_length": 200, "prefix": "summarize: "}},
}  # fmt: skip
_VICUNA = {
    "model_type": LLAMA, "hidden_act": "silu", "max_position_embeddings": 2048, "rms_norm_eps": 1e-6,
    "vocab_size": 32064, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 32000, "tie_word_embeddings": False,
    "architectures": ["LlamaForCausalLM"],
}  # fmt: skip
TEXT = {
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
OLDER_ROWS = {OPT: 50272, T5: 32128, LLAMA: 32001}
IMAGE_TOKEN = {OPT: 50265, T5: 32100, LLAMA: 32001}
VISION = {
    "hidden_size": 1408, "intermediate_size": 6144, "num_hidden_layers": 39, "num_attention_heads": 16,
    "patch_size": 14, "hidden_act": "gelu", "layer_norm_eps": 1e-6, "qkv_bias": True, "attention_dropout": 0.0,
    "dropout": 0.0, "initializer_range": 1e-10, "initializer_factor": 1.0, "num_channels": 3, "projection_dim": 512,
}  # fmt: skip
QFORMER = {
    "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
    "encoder_hidden_size": 1408, "cross_attention_frequency": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512, "pad_token_id": 0, "position_embedding_type": "absolute",
    "classifier_dropout": None, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
}  # fmt: skip
# Every part of a config of 2023 carries these; of those that `transformers` 5 knows, some have another meaning there.
LEGACY = {
    "_name_or_path": "", "add_cross_attention": False, "bad_words_ids": None, "chunk_size_feed_forward": 0,
    "cross_attention_hidden_size": None, "diversity_penalty": 0.0, "do_sample": False, "early_stopping": False,
    "encoder_no_repeat_ngram_size": 0, "exponential_decay_length_penalty": None, "finetuning_task": None,
    "forced_bos_token_id": None, "forced_eos_token_id": None, "id2label": {"0": "LABEL_0", "1": "LABEL_1"},
    "is_decoder": False, "label2id": {"LABEL_0": 0, "LABEL_1": 1}, "length_penalty": 1.0, "max_length": 20,
    "min_length": 0, "no_repeat_ngram_size": 0, "num_beam_groups": 1, "num_beams": 1, "num_return_sequences": 1,
    "output_attentions": False, "output_hidden_states": False, "output_scores": False, "problem_type": None,
    "pruned_heads": {}, "remove_invalid_values": False, "repetition_penalty": 1.0, "return_dict": True,
    "return_dict_in_generate": False, "sep_token_id": None, "suppress_tokens": None, "temperature": 1.0,
    "tf_legacy_loss": False, "tie_encoder_decoder": False, "tokenizer_class": None, "top_k": 50, "top_p": 1.0,
    "torch_dtype": None, "torchscript": False, "transformers_version": "4.27.0.dev0", "typical_p": 1.0,
    "use_bfloat16": False,
}  # fmt: skip
# Width 64: what 4-bit blocks need; heads are as many as published, so they are narrow.
_SHRUNK_VISION = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
_SHRUNK_QFORMER = {"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 3, "encoder_hidden_size": 32}
_SHRUNK_TEXT = {
    OPT: {"hidden_size": 64, "ffn_dim": 128, "word_embed_proj_dim": 64, "num_hidden_layers": 2},
    T5: {"d_model": 64, "d_ff": 128, "d_kv": 2, "num_layers": 2, "num_decoder_layers": 2},
    LLAMA: {"intermediate_size": 128, "num_hidden_layers": 2},
}


def config(checkpoint: Published, *, shrunk: bool) -> dict:
    """The published config.json, or that of the small copy."""
    text, vision, qformer = dict(TEXT[checkpoint.text]), dict(VISION), dict(QFORMER)
    vision["image_size"] = checkpoint.image_size
    qformer["vocab_size"] = 30523 if checkpoint.instruct else 30522
    if shrunk:
        vision |= _SHRUNK_VISION
        qformer |= _SHRUNK_QFORMER
        text |= _SHRUNK_TEXT[checkpoint.kind]
        if checkpoint.kind == LLAMA:
            text["hidden_size"] = 2 * text["num_attention_heads"]
    prefix = "instructblip" if checkpoint.instruct else "blip_2"
    vision["model_type"], qformer["model_type"] = f"{prefix}_vision_model", f"{prefix}_qformer"
    values = {
        "architectures": [f"{'InstructBlip' if checkpoint.instruct else 'Blip2'}ForConditionalGeneration"],
        "model_type": "instructblip" if checkpoint.instruct else "blip-2", "num_query_tokens": QUERIES,
        "use_decoder_only_language_model": checkpoint.kind != T5, "initializer_factor": 1.0,
        "initializer_range": 0.02, "torch_dtype": "float32",
    }  # fmt: skip
    if checkpoint.older:
        text["vocab_size"] = OLDER_ROWS[checkpoint.kind]
        parts = {name: LEGACY | part for name, part in _parts(vision, qformer, text).items()}
        tied = {"tie_word_embeddings": checkpoint.kind == OPT, "is_encoder_decoder": checkpoint.kind == T5}
        return values | tied | parts | {"_commit_hash": None, "transformers_version": None}
    return values | _parts(vision, qformer, text) | {
        "image_token_index": IMAGE_TOKEN[checkpoint.kind], "image_text_hidden_size": 256,
        "transformers_version": "4.47.0.dev0",
    }  # fmt: skip


def scorer_config(*, shrunk: bool) -> dict:
    """The config.json of blip2-itm-vit-g as the converter of `transformers` writes it, or that of the small copy."""
    values = config(BY_NAME["blip2-opt-2.7b"], shrunk=shrunk)
    for name in ("image_token_index", "use_decoder_only_language_model"):
        del values[name]
    values["qformer_config"] |= {"vocab_size": 30523, "use_qformer_text_input": True}
    return values | {"architectures": ["Blip2ForImageTextRetrieval"]}


def scorer_shapes(values: dict) -> dict[str, Shape]:
    """The name and shape of every weight of blip2-itm-vit-g with this config.json."""
    width, contrastive = values["qformer_config"]["hidden_size"], values["image_text_hidden_size"]
    found: dict[str, Shape] = {"query_tokens": (1, QUERIES, width)}
    found |= {f"vision_model.{key}": shape for key, shape in _vision(values["vision_config"])}
    for key, shape in _qformer(values["qformer_config"], True):
        beside = key.startswith(("embeddings.word", "embeddings.position"))
        found[key if beside else f"qformer.{key.removeprefix('embeddings.')}"] = shape
    for name in ("vision_projection", "text_projection"):
        found |= dict(_linear(name, width, contrastive))
    return found | dict(_linear("itm_head", width, 2))


def _parts(vision: dict, qformer: dict, text: dict) -> dict:
    return {"vision_config": vision, "qformer_config": qformer, "text_config": text}


def shapes(values: dict) -> dict[str, Shape]:
    """The name and shape of every weight in the files of a checkpoint with this config.json."""
    instruct, older = values["model_type"] == "instructblip", "image_token_index" not in values
    vision, qformer, text = values["vision_config"], values["qformer_config"], values["text_config"]
    width = text.get("d_model") or text["hidden_size"]
    found = {"query_tokens": (1, QUERIES, qformer["hidden_size"])}
    found |= dict(_linear("language_projection", qformer["hidden_size"], width))
    found |= {f"vision_model.{key}": shape for key, shape in _vision(vision)}
    found |= {f"qformer.{key}": shape for key, shape in _qformer(qformer, instruct)}
    found |= {f"language_model.{key}": shape for key, shape in _LANGUAGE[text["model_type"]](text)}
    if older and text["model_type"] == OPT:  # tied, and saved twice
        found["language_model.lm_head.weight"] = (text["vocab_size"], width)
    return found


def _linear(name: str, width_in: int, width_out: int, bias: bool = True) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (width_out, width_in)
    if bias:
        yield f"{name}.bias", (width_out,)


def _norm(name: str, width: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


def _vision(config: dict) -> Iterator[tuple[str, Shape]]:
    width, wide, patch = config["hidden_size"], config["intermediate_size"], config["patch_size"]
    yield "embeddings.class_embedding", (1, 1, width)
    yield "embeddings.position_embedding", (1, (config["image_size"] // patch) ** 2 + 1, width)
    yield "embeddings.patch_embedding.weight", (width, 3, patch, patch)
    yield "embeddings.patch_embedding.bias", (width,)
    yield from _norm("post_layernorm", width)
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layers.{number}"
        yield from _linear(f"{layer}.self_attn.qkv", width, 3 * width)
        yield from _linear(f"{layer}.self_attn.projection", width, width)
        yield from _norm(f"{layer}.layer_norm1", width)
        yield from _norm(f"{layer}.layer_norm2", width)
        yield from _linear(f"{layer}.mlp.fc1", width, wide)
        yield from _linear(f"{layer}.mlp.fc2", wide, width)


def _qformer(config: dict, text: bool) -> Iterator[tuple[str, Shape]]:
    width, wide = config["hidden_size"], config["intermediate_size"]
    if text:
        yield "embeddings.word_embeddings.weight", (config["vocab_size"], width)
        yield "embeddings.position_embeddings.weight", (config["max_position_embeddings"], width)
    yield from _norm("embeddings.layernorm" if text else "layernorm", width)
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        attentions = {"attention": width}
        if number % config["cross_attention_frequency"] == 0:
            attentions["crossattention"] = config["encoder_hidden_size"]
        for attention, source in attentions.items():
            yield from _linear(f"{layer}.{attention}.attention.query", width, width)
            yield from _linear(f"{layer}.{attention}.attention.key", source, width)
            yield from _linear(f"{layer}.{attention}.attention.value", source, width)
            yield from _linear(f"{layer}.{attention}.output.dense", width, width)
            yield from _norm(f"{layer}.{attention}.output.LayerNorm", width)
        for branch in ("", "_query") if text else ("_query",):
            yield from _linear(f"{layer}.intermediate{branch}.dense", width, wide)
            yield from _linear(f"{layer}.output{branch}.dense", wide, width)
            yield from _norm(f"{layer}.output{branch}.LayerNorm", width)


def _opt(config: dict) -> Iterator[tuple[str, Shape]]:
    width, wide = config["hidden_size"], config["ffn_dim"]
    yield "model.decoder.embed_tokens.weight", (config["vocab_size"], width)
    yield "model.decoder.embed_positions.weight", (config["max_position_embeddings"] + 2, width)
    yield from _norm("model.decoder.final_layer_norm", width)
    for number in range(config["num_hidden_layers"]):
        layer = f"model.decoder.layers.{number}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from _linear(f"{layer}.self_attn.{part}", width, width)
        yield from _norm(f"{layer}.self_attn_layer_norm", width)
        yield from _linear(f"{layer}.fc1", width, wide)
        yield from _linear(f"{layer}.fc2", wide, width)
        yield from _norm(f"{layer}.final_layer_norm", width)


def _t5(config: dict) -> Iterator[tuple[str, Shape]]:
    width, wide, heads = config["d_model"], config["d_ff"], config["num_heads"]
    yield "shared.weight", (config["vocab_size"], width)
    yield "lm_head.weight", (config["vocab_size"], width)  # not tied
    stacks = {"encoder": ["SelfAttention"], "decoder": ["SelfAttention", "EncDecAttention"]}
    for stack, attentions in stacks.items():
        yield f"{stack}.final_layer_norm.weight", (width,)
        bias = f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        yield bias, (config["relative_attention_num_buckets"], heads)
        for number in range(config["num_layers"]):
            layer = f"{stack}.block.{number}.layer"
            for place, attention in enumerate(attentions):
                for part in "qkv":
                    yield f"{layer}.{place}.{attention}.{part}.weight", (heads * config["d_kv"], width)
                yield f"{layer}.{place}.{attention}.o.weight", (width, heads * config["d_kv"])
                yield f"{layer}.{place}.layer_norm.weight", (width,)
            last = f"{layer}.{len(attentions)}"
            yield f"{last}.layer_norm.weight", (width,)
            yield f"{last}.DenseReluDense.wi_0.weight", (wide, width)
            yield f"{last}.DenseReluDense.wi_1.weight", (wide, width)
            yield f"{last}.DenseReluDense.wo.weight", (width, wide)


def _llama(config: dict) -> Iterator[tuple[str, Shape]]:
    width, wide = config["hidden_size"], config["intermediate_size"]
    yield "model.embed_tokens.weight", (config["vocab_size"], width)
    yield "lm_head.weight", (config["vocab_size"], width)
    yield "model.norm.weight", (width,)
    for number in range(config["num_hidden_layers"]):
        layer = f"model.layers.{number}"
        for part in ("q_proj", "k_proj", "v_proj", "o_proj"):
            yield from _linear(f"{layer}.self_attn.{part}", width, width, bias=False)
        yield from _linear(f"{layer}.mlp.gate_proj", width, wide, bias=False)
        yield from _linear(f"{layer}.mlp.up_proj", width, wide, bias=False)
        yield from _linear(f"{layer}.mlp.down_proj", wide, width, bias=False)
        yield f"{layer}.input_layernorm.weight", (width,)
        yield f"{layer}.post_attention_layernorm.weight", (width,)


_LANGUAGE = {OPT: _opt, T5: _t5, LLAMA: _llama}
