"""A language model of two small layers in a GGUF file, and the wheels that carry it, or something wrong."""

import hashlib
import zipfile
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType
from gguf.quants import quantize

from blip2_core.builtin.frozen_parts import FrozenPart

WIDTH, LAYERS, HEADS, FEED_FORWARD = 32, 2, 4, 64
PACKAGE, VERSION = "small_model", "1.0"
MEMBER = "small_model/small.Q4_1.gguf"


def write_gguf(file: Path) -> dict[str, np.ndarray]:
    """Write a Llama with a byte-level tokenizer and 4-bit weights; returns the weights as a reader should see them."""
    writer = GGUFWriter(file, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    tokens = _add_tokenizer(writer)
    weights = _weights(len(tokens))
    for name, weight in weights.items():
        if weight.ndim == 1:
            writer.add_tensor(name, weight)
        else:
            packed = quantize(weight, GGMLQuantizationType.Q4_1)
            writer.add_tensor(name, packed, raw_dtype=GGMLQuantizationType.Q4_1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return weights


def _add_tokenizer(writer: GGUFWriter) -> list[str]:
    from tokenizers.pre_tokenizers import ByteLevel

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokens = [*special, *sorted(ByteLevel.alphabet()), "th", "the"]
    kinds = [TokenType.CONTROL] * len(special) + [TokenType.NORMAL] * (len(tokens) - len(special))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(["t h", "th e"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_chat_template("{% for m in messages %}{{ m.content }}{% endfor %}")
    writer.add_vocab_size(len(tokens))
    return tokens


def _weights(vocabulary: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return random.normal(0, 0.3, shape).astype(np.float32)

    weights = {"token_embd.weight": draw(vocabulary, WIDTH), "output_norm.weight": np.ones(WIDTH, np.float32)}
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        weights |= {f"{block}{norm}_norm.weight": np.ones(WIDTH, np.float32) for norm in ("attn", "ffn")}
        weights |= {f"{block}attn_{name}.weight": draw(WIDTH, WIDTH) for name in ("q", "k", "v", "output")}
        weights |= {f"{block}ffn_{name}.weight": draw(FEED_FORWARD, WIDTH) for name in ("gate", "up")}
        weights[f"{block}ffn_down.weight"] = draw(WIDTH, FEED_FORWARD)
    return weights


def write_wheel(folder: Path, content: bytes, member: str = MEMBER) -> Path:
    """Write a wheel that pip accepts, with one file of content in it."""
    folder.mkdir(parents=True, exist_ok=True)
    wheel, info = folder / f"{PACKAGE}-{VERSION}-py3-none-any.whl", f"{PACKAGE}-{VERSION}.dist-info"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: {VERSION}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def part_of(content: bytes, file: str = MEMBER) -> FrozenPart:
    """The frozen part that a file of this content is."""
    sha256 = hashlib.sha256(content).hexdigest()
    return FrozenPart(f"pip:{PACKAGE.replace('_', '-')}=={VERSION}", file, len(content), sha256)
