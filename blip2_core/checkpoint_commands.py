"""`python -m blip2_core score` and `convert`: texts held against a picture, and LAVIS files made into folders."""

import argparse
import json
import sys
import time
from typing import Any

DEFAULT_SCORER = "Salesforce/blip2-itm-vit-g"
SCORE_HELP = (
    "Say how well texts fit a picture, the best first. match_probability: 0 to 1, how sure the matching head is. "
    "similarity: the cosine of the contrastive head, -1 to 1, which orders texts and is no probability."
)
CONVERT_HELP = (
    "Make a folder that everything here loads from a LAVIS file, which has only the weights that were trained, and the "
    "public model that it belongs to."
)


def add_parser(subparsers: Any) -> None:
    """Add `score` and `convert` to the command line."""
    score = subparsers.add_parser("score", help="say how well texts fit a picture", description=SCORE_HELP)
    add = score.add_argument
    add("image", metavar="IMAGE", help="a picture file")
    add("texts", metavar="TEXT", nargs="+", help="in quotes")
    add("--json", action="store_true", help="print one JSON object on one line")
    add(
        "--model",
        default=DEFAULT_SCORER,
        metavar="NAME",
        help="HUB_ID, HUB_ID@REVISION, or the model/ folder of a stage-1 run (%(default)s)",
    )
    add("--precision", default="auto", choices=("auto", "fp32", "bf16", "fp16"), help="of the image encoder")
    add("--device", default="auto", help='"auto", "cpu" or "cuda" (%(default)s)')
    add("--allow-pickle", action="store_true", help="also read .bin weights; only from people you trust")
    score.set_defaults(run=run_score)
    convert = subparsers.add_parser("convert", help="make a folder of a LAVIS .pth", description=CONVERT_HELP)
    add = convert.add_argument
    add("file", metavar="FILE", help="the .pth, such as blip2_pretrained_opt2.7b.pth")
    add("out", metavar="OUT", help="the folder to write; must not be there")
    add(
        "--like",
        required=True,
        metavar="NAME",
        help="hub id (or HUB_ID@REVISION) or folder of the same model, e.g. Salesforce/blip2-opt-2.7b",
    )
    convert.set_defaults(run=run_convert)


def run_score(args: argparse.Namespace) -> int:
    """Print each text with its two scores, the likeliest first."""
    from .builtin.progress import ProgressBar
    from .image import open_image

    image = open_image(args.image)
    from .scorer import check_texts, load_scorer

    texts = check_texts(args.texts)
    with ProgressBar() as bar:
        scorer = load_scorer(
            args.model, precision=args.precision, device=args.device, progress=bar, allow_pickle=args.allow_pickle
        )
    began = time.perf_counter()
    seen = scorer.see(image)
    rows = sorted(
        zip(scorer.match_probability(seen, texts), scorer.similarity(seen, texts), texts, strict=True),
        key=lambda row: -row[0],
    )
    if args.json:
        found = [{"text": text, "match_probability": match, "similarity": cosine} for match, cosine, text in rows]
        about = {"model": scorer.name, "precision": scorer.precision, "device": str(scorer.device)}
        _say(json.dumps({"scores": found, **about, "seconds": round(time.perf_counter() - began, 3)}))
        return 0
    _say("match_probability  similarity  text")
    for match, cosine, text in rows:
        _say(f"{match:17.4f}  {cosine:10.4f}  {text}")
    return 0


def run_convert(args: argparse.Namespace) -> int:
    """Write the folder, and say where its weights come from."""
    from .lavis import convert_lavis

    report = convert_lavis(args.file, args.like, args.out)
    _say(f"{args.out}: {len(report.taken)} weights of {args.file}, {len(report.kept)} of {args.like}.")
    if report.unused:
        _say(f"Not used, the model has no place for them: {len(report.unused)}, such as {report.unused[0]}.")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
