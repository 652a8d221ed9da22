"""Tiny real parts for the tests: random language models of width 32 with two layers, tokenizers trained on the spot.

Everything is built, nothing is read from disk, and the same call gives the same weights.
"""

import json

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

WIDTH = 32
VOCABULARY = 400
FAMILIES = ("opt", "llama", "t5")
CHATML_TOKENS = ["<|im_start|>", "<|im_end|>"]
_WORDS = [
    "Question: what is in the picture? Answer: a red bus on the street.",
    "Question: how many dogs are there? Short answer: two dogs and a cat.",
    "user assistant describe the picture in one sentence a photo of the sea with a boat",
]


def tiny_language_model(family: str, seed: int = 0):
    """A random model of one family, in eval mode, fp32, never near its own end token by chance alone."""
    torch.manual_seed(seed)
    if family == "opt":
        model = OPTForCausalLM(_opt_config())
    elif family == "llama":
        model = LlamaForCausalLM(_llama_config())
    else:
        model = T5ForConditionalGeneration(_t5_config())
    for parameter in model.parameters():  # as initialized, every token scores alike
        if parameter.dim() == 2:
            torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def tiny_tokenizer(family: str) -> PreTrainedTokenizerFast:
    """A tokenizer with the manners of its family: OPT works on bytes and begins with </s>, Llama on words with single
    bytes to fall back on and begins with <s>, T5 ends with </s>, "chatml" adds nothing around a text."""
    if family in ("opt", "chatml"):
        return _byte_level(family)
    return _with_byte_fallback(family)


def _byte_level(family: str) -> PreTrainedTokenizerFast:
    special = ["<s>", "<pad>", "</s>", "<unk>", *CHATML_TOKENS]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(_WORDS, trainer)
    if family == "chatml":
        return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|im_end|>")
    tokenizer.post_processor = processors.TemplateProcessing(single="</s> $A", special_tokens=[("</s>", 2)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="</s>", eos_token="</s>", pad_token="<pad>", unk_token="</s>"
    )


def _with_byte_fallback(family: str) -> PreTrainedTokenizerFast:
    special = ["<pad>", "<s>", "</s>", "<unk>"]
    single_bytes = [f"<0x{byte:02X}>" for byte in range(256)]
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY - 256, special_tokens=special, show_progress=False)
    trained.train_from_iterator(_WORDS, trainer)
    vocabulary = trained.get_vocab()
    vocabulary.update({token: len(vocabulary) + place for place, token in enumerate(single_bytes)})
    merges = [tuple(pair) for pair in _merges_of(trained)]
    tokenizer = Tokenizer(
        models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    form, used = ("<s> $A", ("<s>", 1)) if family == "llama" else ("$A </s>", ("</s>", 2))
    tokenizer.post_processor = processors.TemplateProcessing(single=form, special_tokens=[used])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )


def _merges_of(tokenizer: Tokenizer) -> list[list[str]]:
    return json.loads(tokenizer.to_str())["model"]["merges"]


def _opt_config() -> OPTConfig:
    newline = tiny_tokenizer("opt").encode("\n", add_special_tokens=False)[0]
    return OPTConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        word_embed_proj_dim=WIDTH,
        ffn_dim=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
        bos_token_id=2,
        pad_token_id=1,
        eos_token_id=newline,
    )


def _llama_config() -> LlamaConfig:
    return LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )


def _t5_config() -> T5Config:
    return T5Config(
        vocab_size=VOCABULARY,
        d_model=WIDTH,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=2,
    )


def tiny_adapter(family: str, seed: int = 0):
    """The adapter of a tiny random model: "opt", "llama" (reads InstructBLIP's form), "t5" or "chatml" (a Llama)."""
    from blip2_core.language import make_adapter, prompts

    template = {"opt": prompts.OPT, "llama": prompts.INSTRUCT, "t5": prompts.T5, "chatml": prompts.CHATML}[family]
    model = tiny_language_model("llama" if family == "chatml" else family, seed)
    return make_adapter(model, tiny_tokenizer(family), template)


def visual_prompts(batch: int, queries: int = 4, seed: int = 0) -> torch.Tensor:
    """Random soft visual prompts, (B, Q, WIDTH)."""
    return torch.randn(batch, queries, WIDTH, generator=torch.Generator().manual_seed(seed))
