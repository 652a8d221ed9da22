"""The tokenizer files of the public checkpoints: their kinds, sizes and special ids, with few words of their own.

A text is cut into known words and single letters; the ids in between belong to fillers, which no text has. What the
published files have and these have not: the merges and words, and T5's table for odd Unicode.
"""

import json
from pathlib import Path

from public_layouts import IMAGE_TOKEN, LLAMA, OPT, T5, Published
from tokenizers import pre_tokenizers

WORDS = [
    "Question", "Answer", "answer", "Short", "What", "what", "is", "the", "color", "picture", "in", "of", "a", "photo",
    "image", "description", "How", "many", "dogs",
]  # fmt: skip
NEWLINE, OPT_WORDS, T5_PIECES, LLAMA_WORDS = 50118, 50265, 32000, 32000
_CONFIG = {"clean_up_tokenization_spaces": True, "model_max_length": 1000000000000000019884624838656}


def write_tokenizer(checkpoint: Published, folder: Path) -> None:
    """Write the language model's tokenizer as the checkpoint has it."""
    content, settings = {OPT: _opt, T5: _t5, LLAMA: _llama}[checkpoint.kind]()
    image_id = IMAGE_TOKEN[checkpoint.kind]
    settings |= {"processor_class": "InstructBlipProcessor" if checkpoint.instruct else "Blip2Processor"}
    special = {
        name: settings[name] for name in ("bos_token", "eos_token", "pad_token", "unk_token") if name in settings
    }
    added = {"[PAD]": 32000} if checkpoint.kind == LLAMA else {}
    if checkpoint.older:
        as_object = {"lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
        settings |= {name: {"__type": "AddedToken", "content": token, **as_object} for name, token in special.items()}
    else:
        content["added_tokens"].append(_special(image_id, "<image>"))
        added["<image>"] = image_id
        if checkpoint.instruct:
            content["added_tokens"].append(_special(image_id + 1, "<video>"))
            added["<video>"] = image_id + 1
        rows = content["added_tokens"]
        decoder = {str(row["id"]): {name: value for name, value in row.items() if name != "id"} for row in rows}
        settings |= {"added_tokens_decoder": decoder, "extra_special_tokens": {}}
    _write(folder / "tokenizer.json", content)
    _write(folder / "tokenizer_config.json", _CONFIG | settings)
    _write(folder / "special_tokens_map.json", special)
    if added:
        _write(folder / "added_tokens.json", added)
    if checkpoint.kind == OPT:
        _write(folder / "vocab.json", content["model"]["vocab"])
        (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(content["model"]["merges"]) + "\n")


def write_qformer_tokenizer(folder: Path) -> None:
    """Write the BERT tokenizer of an InstructBLIP's Q-Former: uncased, [DEC] added, cut on the left."""
    words = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, "?": 1029, ".": 1012}
    words |= {chr(ord("a") + number): 1037 + number for number in range(26)}
    words |= {"the": 1996, "in": 1999, "is": 2003, "what": 2054, "how": 2129, "many": 2116, "color": 3609}
    words |= {f"##{chr(ord('a') + number)}": 25000 + number for number in range(26)}
    vocabulary = _filled(words, 30522, "[unused{}]")
    special = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, "[DEC]": 30522}
    content = _tokenizer_json(
        [_special(number, token) for token, number in special.items()],
        {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary,
        },
        normalizer={
            "type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
            "lowercase": True,
        },
        pre_tokenizer={"type": "BertPreTokenizer"},
        post_processor=_template(["[CLS]", None, "[SEP]"], special),
        decoder={"type": "WordPiece", "prefix": "##", "cleanup": True},
    )  # fmt: skip
    folder.mkdir()
    names = {
        "bos_token": "[DEC]", "cls_token": "[CLS]", "mask_token": "[MASK]", "pad_token": "[PAD]", "sep_token": "[SEP]",
        "unk_token": "[UNK]",
    }  # fmt: skip
    settings = {"do_lower_case": True, "tokenizer_class": "BertTokenizer", "truncation_side": "left"}
    _write(folder / "tokenizer.json", content)
    _write(folder / "tokenizer_config.json", _CONFIG | names | settings | {"model_max_length": 512})
    _write(folder / "special_tokens_map.json", names)
    _write(folder / "added_tokens.json", {"[DEC]": 30522})
    (folder / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)) + "\n")


def _opt() -> tuple[dict, dict]:
    r"""GPT-2's kind: bytes; begins with </s>, and "\n" is 50118."""
    letters = [letter for letter in sorted(pre_tokenizers.ByteLevel.alphabet()) if letter != "Ċ"]
    words = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "Ċ": NEWLINE}
    words |= {letter: 4 + number for number, letter in enumerate(letters)}
    merges = _merges([*WORDS, *(f"Ġ{word}" for word in WORDS)], words, first=300)
    words |= {f"madeupword{number:04d}": 50262 + number for number in range(3)}
    special = {"<pad>": 1, "</s>": 2}
    content = _tokenizer_json(
        [_special(number, token) for token, number in special.items()],
        {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
            "end_of_word_suffix": "", "fuse_unk": False, "vocab": _filled(words, OPT_WORDS, "filler{}"),
            "merges": merges,
        },
        pre_tokenizer={"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        post_processor=_template(["</s>", None], special),
        decoder={"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    )  # fmt: skip
    return content, {
        "add_bos_token": True, "add_prefix_space": False, "bos_token": "</s>", "eos_token": "</s>",
        "pad_token": "<pad>", "unk_token": "</s>", "errors": "replace", "tokenizer_class": "GPT2Tokenizer",
    }  # fmt: skip


def _t5() -> tuple[dict, dict]:
    """SentencePiece unigrams; ends with </s>, 100 sentinels at the top."""
    letters = [chr(number) for number in range(33, 127)]
    pieces = ["<pad>", "</s>", "<unk>", "▁", *letters, *(f"▁{word}" for word in WORDS)]
    pieces += [f"filler{number}" for number in range(T5_PIECES - len(pieces))]
    sentinels = [f"<extra_id_{number}>" for number in range(99, -1, -1)]
    scores = [[piece, 0.0 if place < 3 else -2.0 - place * 1e-3] for place, piece in enumerate(pieces)]
    space = {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True}
    special = {"<pad>": 0, "</s>": 1, "<unk>": 2} | {token: T5_PIECES + n for n, token in enumerate(sentinels)}
    content = _tokenizer_json(
        [_special(number, token) for token, number in special.items()],
        {"type": "Unigram", "unk_id": 2, "vocab": scores + [[token, 0.0] for token in sentinels]},
        pre_tokenizer={"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, space]},
        post_processor=_template([None, "</s>"], special),
        decoder=space,
    )
    return content, {
        "additional_special_tokens": [f"<extra_id_{number}>" for number in range(100)], "eos_token": "</s>",
        "extra_ids": 100, "pad_token": "<pad>", "sp_model_kwargs": {}, "unk_token": "<unk>",
        "model_max_length": 512, "tokenizer_class": "T5Tokenizer",
    }  # fmt: skip


def _llama() -> tuple[dict, dict]:
    """SentencePiece pairs over single bytes; InstructBLIP made </s> its start, its end and its unknown token."""
    words = {"<unk>": 0, "<s>": 1, "</s>": 2, "▁": 29871}
    words |= {f"<0x{byte:02X}>": 3 + byte for byte in range(256)}
    words |= {chr(number): 29900 + number for number in range(33, 127)}
    merges = _merges([f"▁{word}" for word in WORDS], words, first=300)
    special = {"<unk>": 0, "<s>": 1, "</s>": 2, "[PAD]": 32000}
    content = _tokenizer_json(
        [_special(number, token) for token, number in special.items()],
        {
            "type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True,
            "vocab": _filled(words, LLAMA_WORDS, "filler{}"), "merges": merges,
        },
        normalizer={
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
            ],
        },
        post_processor=_template(["</s>", None], special),
        decoder={
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
                {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
    )  # fmt: skip
    return content, {
        "add_bos_token": True, "add_eos_token": False, "bos_token": "</s>", "clean_up_tokenization_spaces": False,
        "eos_token": "</s>", "model_max_length": 2048, "pad_token": "[PAD]", "padding_side": "right",
        "sp_model_kwargs": {}, "tokenizer_class": "LlamaTokenizer", "truncation_side": "left", "unk_token": "</s>",
    }  # fmt: skip


def _merges(wanted: list[str], words: dict[str, int], *, first: int) -> list[str]:
    """Merges that build the wanted words letter by letter; every step becomes a word, from the id `first` on."""
    merges = []
    for word in wanted:
        for end in range(2, len(word) + 1):
            if word[:end] not in words:
                words[word[:end]] = first + len(merges)
                merges.append(f"{word[: end - 1]} {word[end - 1]}")
    return merges


def _filled(words: dict[str, int], size: int, filler: str) -> dict[str, int]:
    """The words and, at every other id below `size`, a filler."""
    free = set(range(size)) - set(words.values())
    return words | {filler.format(number): number for number in sorted(free)}


def _special(number: int, token: str) -> dict:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": number, "content": token, **flags}


def _template(form: list[str | None], ids: dict[str, int]) -> dict:
    """What stands around a text; None is the text."""
    single = [
        {"Sequence": {"id": "A", "type_id": 0}} if token is None else {"SpecialToken": {"id": token, "type_id": 0}}
        for token in form
    ]
    used = {token: {"id": token, "ids": [ids[token]], "tokens": [token]} for token in form if token}
    pair = [*single, {"Sequence": {"id": "B", "type_id": 1}}]
    return {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": used}


def _tokenizer_json(added: list[dict], model: dict, **parts: dict) -> dict:
    empty = {"truncation": None, "padding": None, "normalizer": None, "pre_tokenizer": None}
    return {"version": "1.0", **empty, "added_tokens": added, **parts, "model": model}


def _write(file: Path, content: dict) -> None:
    file.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
