"""`python -m blip2_core attend`: answer a question and draw what in the picture the answer rests on."""

# ruff: noqa: T201
import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import QuestionError, SettingsError

if TYPE_CHECKING:
    from PIL.Image import Image

HELP = "draw what in the picture an answer rests on"
DESCRIPTION = "Answer one question and draw the picture beside what in it the answer rests on."
GAP = 12  # pixels between the picture and its copy


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add `attend IMAGE QUESTION` without the options of the model."""
    parser: argparse.ArgumentParser = commands.add_parser("attend", help=HELP, description=DESCRIPTION)
    add = parser.add_argument
    add("--out", type=Path, metavar="FILE.png", help="where to draw (IMAGE-attention.png in the current folder)")
    add("--opacity", type=float, default=0.7, help="of the map over the picture, 0-1 (%(default)s)")
    add("--answer", help="draw what speaks for this answer instead of the model's own")
    return parser


def run(args: argparse.Namespace, load: Callable[[argparse.Namespace], tuple[Any, Any]]) -> int:
    """Print the answer and write the picture.

    Args:
        args: the arguments.
        load: gives the model that they name.
    """
    from .image import open_image

    out = checked_file(args.out or Path(f"{Path(args.image).stem}-attention.png"))
    image = open_image(args.image)
    from .attention_maps import overlay, relevance

    blip2, _ = load(args)
    seen = blip2.see(image)
    answer = args.answer or blip2.ask(seen, args.question)
    if not answer.strip():
        raise QuestionError("question: the model had no answer, so there is nothing to draw; ask in other words.")
    found = relevance(blip2, seen, args.question, answer)
    drawn = beside(image, overlay(found.values, found.box, image.size, opacity=args.opacity))
    try:
        drawn.save(out)
    except OSError as error:
        raise SettingsError(f"--out: {out} cannot be written: {error.strerror}.") from None
    facts = {"answer": answer, "log_probability": found.log_probability, "picture": str(out)}
    grid = {"relevance": [[round(float(value), 4) for value in row] for row in found.values]}
    print(json.dumps({**facts, **grid}) if args.json else answer)
    return 0


def checked_file(out: Path) -> Path:
    """The file to write, if it can be one.

    Raises:
        SettingsError: it has another ending than .png, or its folder is missing.
    """
    if out.suffix.lower() != ".png":
        raise SettingsError(f"--out: expected a name that ends in .png, got {out.name}.")
    if not out.parent.is_dir():
        raise SettingsError(f"--out: expected a folder that exists, got {out.parent}. Create it first.")
    return out


def beside(image: "Image", heat: "Image") -> "Image":
    """The picture, and to its right a copy with the map laid over it."""
    from PIL import Image

    both = Image.new("RGB", (2 * image.width + GAP, image.height), "white")
    both.paste(image, (0, 0))
    both.paste(image, (image.width + GAP, 0))
    both.paste(heat, (image.width + GAP, 0), heat)
    return both
