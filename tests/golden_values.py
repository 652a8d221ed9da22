"""Writes tests/golden.json: what the small copies of the public checkpoints compute, and with which versions.

    python tests/golden_values.py

Run it after a change that is meant to change answers, and say why in the commit. `test_golden.py` compares.
"""

import json
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import torch
from families import picture
from public_folders import PUBLISHED, draw_weights, write_folder, write_scorer_folder
from public_layouts import Published

from blip2_core.checkpoint import load
from blip2_core.scorer import load_scorer

FILE = Path(__file__).with_name("golden.json")
ATTENTION = ("eager", "sdpa")
QUESTION, TEXTS = "How many dogs?\nWhat is in the picture?", ["what is the color", "a cat in the house."]
IDS = 48  # of the vocabulary, evenly spread
DIGITS = 7


def logits_of(checkpoint: Published, folder: Path) -> dict[str, list[float]]:
    """Scores of the first token of an answer at `IDS` places, and their norm over the vocabulary, by attention."""
    write_folder(checkpoint, folder, shards=1)
    blip2 = load(folder, precision="fp32", device="cpu")
    found = {}
    for attention in ATTENTION:
        parts = (blip2.model.vision_model, blip2.model.language_model)
        for part in parts:
            part.set_attn_implementation(attention)
        assert {part.config._attn_implementation for part in parts} == {attention}
        visual_prompt = blip2.visual_prompt([blip2.see(picture())], [QUESTION])
        logits = blip2.adapter.start(blip2.adapter.prompt_inputs(visual_prompt, [blip2.prompt(QUESTION)])).logits[0]
        places = torch.linspace(0, len(logits) - 1, IDS).long()
        found[attention] = _rounded([*logits[places].tolist(), logits.norm().item()])
    return found


def scores_of(folder: Path) -> dict[str, list[float]]:
    """Both scores of the small blip2-itm-vit-g."""
    scorer = load_scorer(write_scorer_folder(folder), device="cpu")
    similarity, match = scorer.similarity(picture(), TEXTS), scorer.match_probability(picture(), TEXTS)
    return {"similarity": _rounded(similarity), "match_probability": _rounded(match)}


def weights_of(checkpoint: Published) -> float:
    """The mean size of the random weights: another one means another random generator, not other answers."""
    tensors = draw_weights(checkpoint).values()
    total = sum(tensor.double().abs().sum().item() for tensor in tensors)
    return _rounded([total / sum(tensor.numel() for tensor in tensors)])[0]


def _rounded(values: list[float]) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]


def main() -> None:
    """Compute all and write the file."""
    made_with = {"python": platform.python_version()}
    made_with |= {package: version(package) for package in ("torch", "transformers", "tokenizers", "pillow")}
    golden: dict = {"made_with": made_with, "logits": {}, "weights": {}}
    for checkpoint in PUBLISHED:
        with tempfile.TemporaryDirectory() as folder:
            golden["logits"][checkpoint.name] = logits_of(checkpoint, Path(folder) / "model")
        golden["weights"][checkpoint.name] = weights_of(checkpoint)
        sys.stderr.write(f"{checkpoint.name}\n")
    with tempfile.TemporaryDirectory() as folder:
        golden["scores"] = scores_of(Path(folder) / "model")
    text = json.dumps(golden, indent=1)
    FILE.write_text(text.replace("\n    ", " ").replace("\n   ]", "]") + "\n")  # a list a line


if __name__ == "__main__":
    main()
