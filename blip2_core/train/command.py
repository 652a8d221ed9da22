"""`python -m blip2_core train vision | stage1 | stage2 | vqa | turns`: one stage of training, from the command line."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import TrainingError
from . import ablations, average, curves, pocket
from .disk import expect_free, naming_a_full_disk

if TYPE_CHECKING:
    from ..model import Blip2
    from .pictures import Pictures
    from .samples import Sample
    from .stage import Stage
    from .validation import Validation

STAGES = {
    "vision": "the hybrid ViT's own blocks, before they are frozen",
    "stage1": "contrastive, matching and grounded generation, without a language model",
    "stage2": "language modelling (decoder-only) or prefix language modelling (encoder-decoder)",
    "vqa": "questions and answers; the Q-Former reads the question",
    "turns": "the Q-Former reads what was asked before, too",
}
NEW = "new"
WITHOUT_OPTIONS_OF_VQA = {"withhold_question": False, "language_batch": None, "keep": (), "together": 1}


def add_parser(subparsers: Any) -> None:
    """Add `train` and its stages to the command line."""
    parser = subparsers.add_parser("train", help="train a model, stage by stage", description=__doc__)
    stages = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
    for name, what in STAGES.items():
        stage = stages.add_parser(name, help=what, description=f"{name}: {what}.")
        _add_options(stage)
        stage.set_defaults(run=run, **WITHOUT_OPTIONS_OF_VQA)
    _add_options_of_vqa(stages.choices["vqa"].add_argument)
    for module, what in (
        (pocket, "all stages of the built-in model"),
        (ablations, "what each part of the recipe is good for, from short equal runs"),
        (curves, "draw the losses of runs"),
        (average, "the mean of the weights of models that were trained from the same one"),
    ):
        name = module.__name__.rpartition(".")[2]
        module.add_options(stages.add_parser(name, help=what, description=module.__doc__))


def _add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--data", type=Path, nargs="+", required=True, help="JSON lines files, or folders of them")
    add("--out", type=Path, required=True, help="run folder: log, checkpoints, and in the end model/")
    add("--validation", type=Path, nargs="+", metavar="FILE", help="held-out records, measured at each checkpoint")
    add("--model", default=NEW, help=f'model to start from: a folder, a name, a hub id, or "{NEW}": pocket, untrained')
    add("--queries", type=int, metavar="N", help="begin anew with so many queries instead of the model's own")
    add("--two-scales", action="store_true", help="let a model that looks at a picture once look at two scales")
    add("--patch-pixels", action="store_true", help="let a model whose patches carry no pixels learn to read theirs")
    add("--words", type=Path, nargs="+", help="with --model new: text files whose words the Q-Former learns (--data)")
    add("--cache-features", type=Path, metavar="DIR", help="compute frozen features once and keep them here")
    add("--views", type=int, default=1, help="views of each picture: 1 is the whole picture, more are random crops")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help="optimizer steps")
    length.add_argument("--epochs", type=float, default=1.0, help="passes over the data (1)")
    add("--batch-size", type=int, default=64)
    add("--learning-rate", type=float, default=3e-4)
    add("--warmup", type=int, default=200, help="steps")
    add("--weight-decay", type=float, default=0.05)
    add("--seed", type=int, default=0)
    add("--save-every", type=int, default=200, help="steps between checkpoints")
    add(
        "--precision",
        choices=("auto", "fp32", "bf16"),
        default="auto",
        help="auto: bf16 where the machine is fast at it",
    )
    add("--device", default="auto")
    add(
        "--compile",
        action="store_true",
        help="compile the layers first: half a minute, then faster steps; needs a C++ compiler",
    )
    add("--save-fp16", action="store_true", help="write model/ in half precision, to be shipped and not trained on")
    add("--resume", action="store_true", help="go on from the newest checkpoint in --out")


def _add_options_of_vqa(add: Any) -> None:
    add("--withhold-question", action="store_true", help="only the language model reads the question, not the Q-Former")
    add(
        "--answer-queries",
        type=int,
        nargs="+",
        default=(),
        metavar="N",
        help="queries, counted from 0, whose visual prompts are drawn towards the words of the answer",
    )
    add(
        "--language-batch",
        type=int,
        metavar="N",
        help="most samples of a batch that the language model reads; 0: all learn by --answer-queries and boxes alone",
    )
    add(
        "--keep",
        type=Path,
        nargs="+",
        default=(),
        metavar="FILE",
        help="records that are not learnt: what the visual prompts said of them at the start, they shall go on saying",
    )
    add(
        "--together",
        type=int,
        default=4,
        metavar="N",
        help="most questions about one picture side by side in a batch: the image encoder looks once for them (4)",
    )


def run(args: argparse.Namespace) -> int:
    """Train one stage and save the model."""
    expect_free(args.out, way_out="Give --resume to go on with its run, or another folder.", resume=args.resume)
    from dataclasses import replace

    import torch
    from tqdm import tqdm

    from ..checkpoint import save
    from ..quantize import fast_at_bf16, pick_device
    from .batches import Batches
    from .loop import FULL_WAY_OUT, TrainSettings, train
    from .samples import pack, read_samples

    bf16 = args.precision == "bf16" or (args.precision == "auto" and fast_at_bf16(pick_device(args.device)))
    samples = read_samples(args.data) + [replace(sample, kept=True) for sample in read_samples(args.keep)]
    blip2 = _start_model(args, samples, precision="bf16" if bf16 else "fp32")
    pictures = _pictures(args, blip2, views=args.views, bf16=bf16)
    samples = pictures.prepare(samples, tqdm.write)
    stage = _build_stage(args, blip2, samples)
    if stage.packs_texts:
        samples = pack(samples)
    if args.compile:
        stage.compile_layers()
    mixed = args.stage == "stage1" or args.language_batch is not None
    length = None if mixed else stage.text_length
    batches = Batches(samples, batch_size=args.batch_size, seed=args.seed, length=length, together=args.together)
    settings = TrainSettings(
        steps=args.steps or max(round(args.epochs * batches.steps_per_epoch), 1),
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        warmup=args.warmup,
        weight_decay=args.weight_decay,
        seed=args.seed,
        save_every=args.save_every,
        bf16=bf16,
    )
    learns = _what_learns(stage, args)
    tqdm.write(_told(learns, stage, args))
    validation = _validation(args, blip2, bf16=bf16)
    train(
        stage,
        batches,
        pictures,
        settings=settings,
        folder=args.out,
        resume=args.resume,
        validation=validation,
        facts=_facts(args, samples, settings, learns),
    )
    with naming_a_full_disk(args.out, way_out=FULL_WAY_OUT):
        save(blip2, args.out / "model", dtype=torch.float16 if args.save_fp16 else torch.float32)
        if args.stage == "stage1":
            stage.save_heads(args.out / "model")  # type: ignore[attr-defined, operator]
    return 0


def _start_model(args: argparse.Namespace, samples: "list[Sample]", *, precision: str) -> "Blip2":
    from dataclasses import replace

    from .bootstrap import add_patch_pixels, add_scale, start_queries

    blip2 = _load_or_begin(args, samples, precision=precision)
    if args.two_scales:
        blip2 = add_scale(blip2)
    if args.patch_pixels:
        blip2 = add_patch_pixels(blip2)
    if args.queries is not None:
        start_queries(blip2.model, args.queries)
    return replace(blip2, withholds_question=args.withhold_question)


def _load_or_begin(args: argparse.Namespace, samples: "list[Sample]", *, precision: str) -> "Blip2":
    from ..checkpoint import load
    from .bootstrap import new_pocket
    from .samples import read_samples

    if args.model != NEW:
        return load(args.model, precision=precision, device=args.device)
    vocabulary = samples + (read_samples(args.words) if args.words else [])
    texts = (text for sample in vocabulary for text in (sample.text, sample.question) if text)
    return new_pocket(texts, precision=precision, device=args.device)


def _pictures(args: argparse.Namespace, blip2: "Blip2", *, views: int, bf16: bool) -> "Pictures":
    from .pictures import Pictures

    encoder = blip2.model.vision_model
    return Pictures(encoder, blip2.image_processor, cache_folder=args.cache_features, views=views, bf16=bf16)


def _validation(args: argparse.Namespace, blip2: "Blip2", *, bf16: bool) -> "Validation | None":
    from tqdm import tqdm

    from .validation import Validation

    if args.validation is None:
        return None
    whole = _pictures(args, blip2, views=1, bf16=bf16)
    return Validation(args.validation, whole, batch_size=args.batch_size, say=tqdm.write)


def _build_stage(args: argparse.Namespace, blip2: "Blip2", samples: "list[Sample]") -> "Stage":
    from .stage1 import Stage1
    from .stage2 import Stage2
    from .turns import Turns
    from .vision import VisionStage
    from .vqa import QuestionAnswering

    if args.stage == "vision":
        from ..vision import HybridViT

        if not isinstance(blip2.model.vision_model, HybridViT):
            raise TrainingError(
                "vision: expected a model with a hybrid ViT; this one has a plain ViT, which stays frozen."
            )
        return VisionStage(blip2, samples)
    if args.stage == "vqa":
        return QuestionAnswering(
            blip2, answer_queries=args.answer_queries, language_batch=args.language_batch, keeps=bool(args.keep)
        )
    if args.stage == "turns":
        return Turns(blip2, samples)
    return {"stage1": Stage1, "stage2": Stage2}[args.stage](blip2)


def _what_learns(stage: "Stage", args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Every part that learns, with its number of parameters and where they come from."""
    found = {}
    for prefix in stage.trainable:
        count = sum(value.numel() for name, value in stage.named_parameters() if name.startswith(prefix))
        new = args.model == NEW or not prefix.startswith("model.") or (args.queries and prefix == "model.query_tokens")
        found[prefix.removeprefix("model.")] = {"parameters": count, "from": NEW if new else str(args.model)}
    return found


def _told(learns: dict[str, dict[str, Any]], stage: "Stage", args: argparse.Namespace) -> str:
    """What learns and what is frozen, so that nobody trains from a start that they did not mean."""
    parts = ", ".join(f"{name} ({part['parameters']:,}, {part['from']})" for name, part in learns.items())
    frozen = sum(value.numel() for value in stage.parameters()) - sum(part["parameters"] for part in learns.values())
    return f"{args.stage} trains {parts}; {frozen:,} parameters are frozen."


def _facts(
    args: argparse.Namespace, samples: "list[Sample]", settings: Any, learns: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """How the run was made."""
    import sys
    from dataclasses import asdict
    from datetime import UTC, datetime
    from importlib.metadata import version

    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv[1:],
        "stage": args.stage,
        "model": str(args.model),
        "learns": learns,
        "data": [str(file) for file in args.data],
        "keep": [str(file) for file in args.keep],
        "samples": len(samples),
        "pictures": len({sample.image for sample in samples}),
        "settings": asdict(settings),
        "versions": {name: version(name) for name in ("torch", "transformers", "accelerate")},
    }
