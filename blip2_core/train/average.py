"""`python -m blip2_core train average`: the mean of the weights of models that were trained from the same start.

A model that goes on learning forgets some of what it knew. The mean of its weights before and after often does better
at the old and at the new than either.

Paper: Robust fine-tuning of zero-shot models (arXiv 2109.01903); Model soups (arXiv 2203.05482).
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SettingsError, TrainingError
from .disk import expect_free, naming_a_full_disk

if TYPE_CHECKING:
    from ..model import Blip2

FROZEN = "language_model."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `train average`."""
    parser.add_argument(
        "models",
        nargs="+",
        metavar="MODEL",
        help="two or more, each a folder, a name or a hub id; one that is named twice counts twice",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the mean; settings are those of the first")
    parser.add_argument(
        "--save-fp16", action="store_true", help="write half precision, to be shipped and not trained on"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Average and save."""
    import torch

    from ..checkpoint import load, save

    if len(args.models) < 2:
        raise SettingsError(f"train average: expected two models or more, got {len(args.models)}.")
    expect_free(args.out, way_out="Name another folder.")
    mean = load(args.models[0], precision="fp32", device="cpu")
    for number, name in enumerate(args.models[1:], 2):
        move_towards(mean, load(name, precision="fp32", device="cpu"), 1 / number, name=name)
    with naming_a_full_disk(args.out, way_out="Make room, or give another --out."):
        save(mean, args.out, dtype=torch.float16 if args.save_fp16 else torch.float32)
    return 0


def move_towards(blip2: "Blip2", other: "Blip2", share: float, *, name: str) -> None:
    """Move the weights of a model, in place, by a share of the way to those of another.

    Args:
        blip2: the model.
        other: trained from the same start.
        share: of the way, 0-1.
        name: of the other, for errors.

    Raises:
        TrainingError: the two do not have the same parts and sizes, or not the same language model.
    """
    import torch

    own, others = blip2.model.state_dict(), other.model.state_dict()
    sizes = ({(key, weight.shape) for key, weight in state.items()} for state in (own, others))
    if differing := {key for key, _ in set.symmetric_difference(*sizes)}:
        raise TrainingError(
            f"{name}: expected the same parts and sizes as in the first model; {min(differing)} differs. "
            "Average only models that were trained from the same one."
        )
    if not all(torch.equal(own[key], others[key]) for key in own if key.startswith(FROZEN)):
        raise TrainingError(
            f"{name}: expected the language model of the first, got another one, whose visual prompts mean other "
            "things. Average only models that were trained from the same one."
        )
    for key, weight in own.items():
        if weight.is_floating_point():
            weight.lerp_(others[key], share)  # a state dict's tensors are detached: no gradient is recorded
