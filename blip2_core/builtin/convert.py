"""Turns a frozen language model from a GGUF file into a Hugging Face folder, exactly, once.

A GGUF file holds weights in few bits, the vocabulary and the chat template in one piece. Reading it takes a quarter
of a minute; reading the folder written here takes a moment. The weights are what `transformers` makes of the file,
in fp32, bit for bit: a visual prompt is trained against these numbers and no others.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path


def convert_gguf(gguf: Path, folder: Path) -> None:
    """Write the model and the tokenizer inside `gguf` into `folder` as a decoder-only Hugging Face model.

    Args:
        gguf: the file; its weights may be quantized.
        folder: an existing folder; afterwards it has config.json, generation_config.json, model.safetensors (fp32),
            tokenizer.json and tokenizer_config.json (with the chat template).
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with _quiet_transformers():
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
        _save_weights(model, folder / "model.safetensors")
        _save_config(model, folder)
        tokenizer.save_pretrained(folder, save_jinja_files=False)


def _save_weights(model, file: Path) -> None:
    """Save the state dict without its tied tensors: `save_pretrained` refuses a model that came from a GGUF file."""
    from safetensors.torch import save_file

    tied = set(model._tied_weights_keys or ()) if model.config.tie_word_embeddings else set()
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items() if name not in tied}
    save_file(weights, file, metadata={"format": "pt"})


def _save_config(model, folder: Path) -> None:
    """Save config.json and generation_config.json without a trace of the quantization that is undone."""
    config = model.config
    del config.quantization_config
    config._name_or_path = ""
    config.architectures = [type(model).__name__]
    config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Keep the bars of `transformers` away from ours while it reads the file; one of them heeds no setting."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        if shown:
            logging.enable_progress_bar()
