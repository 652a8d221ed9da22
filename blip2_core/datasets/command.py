"""`python -m blip2_core data`: write the records that training and evaluation read.

Every source is optional. What is missing is said at the start, with where people get it and under which terms; what can
be made is made. With --show a page of random records with their pictures is written instead, to be looked at.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError

if TYPE_CHECKING:
    from .flickr8k import CaptionedPhotograph
    from .record_files import Question
    from .things import Thing
    from .wordnet import WordNet

DISTILLED_PHOTOGRAPHS = 1500
ABSENT_OF_COMPOSED = 2  # words for one that is seen: a cut-out looks like much that it is not


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command `data`."""
    parser = subparsers.add_parser("data", help="write training and evaluation records", description=__doc__)
    add = parser.add_argument
    add("--out", required=True, type=Path, help="folder for the records; with --show the HTML page")
    add("--flickr8k", type=Path, metavar="DIR", help="folder of the Flickr8k photographs")
    add("--flickr8k-captions", type=Path, metavar="DIR", help="folder of the Flickr8k captions and split lists")
    add("--daquar", type=Path, metavar="DIR", help="folder of DAQUAR with all_qa_pairs.txt")
    add("--imagenet-samples", type=Path, metavar="DIR", help="folder with one photograph a class")
    add("--stamps", type=Path, metavar="DIR", help="folder of Tux Paint's stamps")
    add("--wordnet", type=Path, metavar="DIR", help="folder of WordNet 3.0's data.noun and index.noun")
    add("--distill", type=Path, metavar="MODEL_FOLDER", help="language model that answers instructions in words")
    add("--batch-size", type=int, default=64, help="instructions answered at once (%(default)s)")
    add("--max-new-tokens", type=int, default=40, help="the longest distilled answer (%(default)s)")
    add("--labels", action="store_true", help="let the image encoder name what it is sure to see in photographs")
    add("--cache-features", type=Path, metavar="DIR", help="with --labels: keep what the encoder sees for training")
    add("--seed", type=int, default=0, help="of splits, wordings and drawn answers (%(default)s)")
    add("--show", type=int, metavar="N", help="write a page of N random records of each kind in FILE")
    add("file", nargs="?", type=Path, metavar="FILE", help="with --show: a .jsonl file of records")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the records, or a page of them."""
    if args.show is not None or args.file is not None:
        return _run_show(args)
    _say_what_is_missing(args)
    _check_numbers(args)
    _check_cache(args)
    _check_language_model(args)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"--out: {args.out} cannot be made ({error.strerror}).") from error
    wordnet = _read_wordnet(args)
    photographs = _read_photographs(args)
    _write_captions(args, photographs)
    _write_vqa(args, photographs, wordnet)
    things = _read_things(args, wordnet)
    if things and wordnet:
        _write_names(args, things, wordnet)
        _write_composed(args, things, photographs, wordnet=wordnet)
    if args.labels:
        _write_labels(args, things)
    if args.distill and wordnet:
        _write_distilled(args, things, photographs, wordnet=wordnet)
    if args.imagenet_samples and wordnet:
        _write_class_lessons(args, things, photographs, wordnet=wordnet)
    _keep_clear(args.out)
    if args.stamps and wordnet:
        _write_pointing(args, things, photographs, wordnet=wordnet)
    return 0


def _run_show(args: argparse.Namespace) -> int:
    from .show import write_page

    if args.show is None or args.file is None:
        raise DataError(
            "--show: expected a number and a .jsonl file, as in: data --show 20 vqa-train.jsonl --out page.html"
        )
    number = write_page(args.file, args.out, args.show, args.seed)
    sys.stdout.write(f"{args.out}: {number} records\n")
    return 0


def _say_what_is_missing(args: argparse.Namespace) -> None:
    """Tell on stderr what is not given; raise `DataError` if nothing is."""
    from .sources import SOURCES, missing_notice

    missing = [source for source in SOURCES if getattr(args, source.argument[2:].replace("-", "_")) is None]
    for source in missing:
        sys.stderr.write(missing_notice(source) + "\n")
    if (args.flickr8k is None) != (args.flickr8k_captions is None):
        raise DataError(
            "--flickr8k, --flickr8k-captions: expected both or neither, the photographs and their captions."
        )
    if all(given is None for given in (args.flickr8k, args.daquar, args.imagenet_samples, args.stamps)):
        raise DataError(
            "data: expected at least one of --flickr8k, --daquar, --imagenet-samples, --stamps; nothing can be made."
        )
    if args.wordnet is None and args.flickr8k is None and args.daquar is None:
        raise DataError("--wordnet: expected it beside --imagenet-samples or --stamps; nothing can be made without it.")


def _check_numbers(args: argparse.Namespace) -> None:
    for name in ("batch_size", "max_new_tokens"):
        if getattr(args, name) < 1:
            argument = name.replace("_", "-")
            raise DataError(f"--{argument}: expected a number of at least 1, got {getattr(args, name)}.")


def _check_cache(args: argparse.Namespace) -> None:
    if args.cache_features and not args.labels:
        raise DataError("--cache-features: expected --labels beside it; without, no picture is looked at.")


def _check_language_model(args: argparse.Namespace) -> None:
    """It is read last, after minutes of other work; what cannot be one is refused now."""
    from .distill import expect_language_model

    if args.distill:
        expect_language_model(args.distill)


def _read_wordnet(args: argparse.Namespace) -> "WordNet | None":
    from .wordnet import WordNet

    return WordNet(args.wordnet) if args.wordnet else None


def _read_photographs(args: argparse.Namespace) -> "list[CaptionedPhotograph]":
    from .broken import without_broken
    from .flickr8k import read_flickr8k

    return without_broken(read_flickr8k(args.flickr8k, args.flickr8k_captions, _say), _say) if args.flickr8k else []


def _read_things(args: argparse.Namespace, wordnet: "WordNet | None") -> "list[Thing]":
    from .broken import without_broken
    from .imagenet import read_imagenet_samples
    from .stamps import read_stamps

    things: list[Thing] = []
    if wordnet and args.imagenet_samples:
        things += read_imagenet_samples(args.imagenet_samples, wordnet)
    if wordnet and args.stamps:
        things += read_stamps(args.stamps, wordnet)
    return without_broken(things, _say)


def _write_captions(args: argparse.Namespace, photographs: "list[CaptionedPhotograph]") -> None:
    from .flickr8k import caption_records

    if photographs:
        for split, records in caption_records(photographs).items():
            _write(args, f"caption-{split}", records)


def _write_vqa(args: argparse.Namespace, photographs: "list[CaptionedPhotograph]", wordnet: "WordNet | None") -> None:
    from .broken import without_broken
    from .conversations import conversations
    from .daquar import read_daquar
    from .record_files import SPLITS
    from .vqa import caption_question_records

    asked: dict[str, list[Question]] = {split: [] for split in SPLITS}
    if photographs and wordnet:
        asked = caption_question_records(photographs, wordnet, args.seed)
    people_asked = read_daquar(args.daquar, args.seed) if args.daquar else {}
    people_asked = {split: without_broken(records, _say) for split, records in people_asked.items()}
    for split in SPLITS:
        everything = [*asked[split], *people_asked.get(split, [])]
        _write(args, f"vqa-{split}", everything)
        # Conversations are learnt about all pictures, and measured about the photographs with captions.
        _write(args, f"chat-{split}", conversations(everything if split == "train" else asked[split], args.seed))
    _write(args, "daquar-train", people_asked.get("train", []))  # once more by itself, to be given more weight


def _write_names(args: argparse.Namespace, things: "list[Thing]", wordnet: "WordNet") -> None:
    from .instructions import instruction_records
    from .naming import name_records, thing_captions

    for split, records in name_records(things, wordnet, args.seed).items():
        _write(args, f"name-{split}", records)
    for split, records in instruction_records(things, args.seed).items():
        _write(args, f"instruct-{split}", records)
    _write(args, "caption-things-train", thing_captions(things, args.seed))


def _write_labels(args: argparse.Namespace, things: "list[Thing]") -> None:
    """What the image encoder sees in the pictures of the training files that are already there."""
    classes = _all_classes(things, "label-train.jsonl")
    if not classes:
        return
    from .labels import label_records
    from .record_files import told_of
    from .seen_lessons import look, seen_records

    photographs, composed = (
        told_of(file for name in names if (file := args.out / f"{name}-train.jsonl").exists())
        for names in (("caption", "vqa"), ("composed",))
    )
    told = photographs | composed
    seen = look([*told], classes, _say, folder=args.out, cache_folder=args.cache_features)
    taken, pasted = ([one for one in seen if one.image in some] for some in (photographs, composed))
    labelled = [one.label for one in taken if one.label]
    _write(args, "label-train", list(label_records(labelled, args.seed)))
    lessons = [*seen_records(taken, told, args.seed), *seen_records(pasted, told, args.seed, absent=ABSENT_OF_COMPOSED)]
    _write(args, "seen-train", lessons)


def _write_distilled(
    args: argparse.Namespace, things: "list[Thing]", photographs: "list[CaptionedPhotograph]", *, wordnet: "WordNet"
) -> None:
    """Ask the language model in words; a second run goes on where the first one stopped."""
    from .distill import distill
    from .lessons import photograph_lessons, thing_lessons
    from .record_files import write_records

    lessons = thing_lessons(things, wordnet, args.seed)
    more, told = photograph_lessons(photographs, wordnet, args.seed, DISTILLED_PHOTOGRAPHS)
    file = args.out / "instruct-train.jsonl"
    if not file.with_name(file.name + ".done").exists():
        write_records(file, told)
    steps = distill(
        [*lessons, *more],
        args.distill,
        file,
        batch_size=args.batch_size,
        max_new_tokens=args.max_new_tokens,
        seed=args.seed,
    )
    for finished, kept in steps:
        sys.stderr.write(f"{file.name}: {finished} of {len(lessons) + len(more)} asked, {kept} answers kept\n")
    sys.stdout.write(f"{file}: finished\n")


def _write_class_lessons(
    args: argparse.Namespace, things: "list[Thing]", photographs: "list[CaptionedPhotograph]", *, wordnet: "WordNet"
) -> None:
    """What is asked of the photographs of classes, asked of all classes by their prototypes; and what animals wear."""
    from .class_lessons import Hosts, class_records
    from .record_files import read_questions
    from .worn_lessons import worn_lessons

    classes = _all_classes(things, "class-train.jsonl")
    if not classes:
        return
    hosts = Hosts(classes, args.seed)
    _write(args, "class-train", class_records(hosts, wordnet))
    _write(args, "worn-train", worn_lessons(hosts.classes, photographs, args.seed))
    instructions = args.out / "instruct-train.jsonl"
    if instructions.exists():
        _write(args, "class-instruct-train", hosts.move(read_questions(instructions)))


def _all_classes(things: "list[Thing]", name: str) -> "list[Thing]":
    """The classes of ImageNet, or none and a word on the file that cannot be made, if any has no photograph."""
    from .imagenet import CLASSES

    classes = [thing for thing in things if thing.source == "imagenet"]
    if len(classes) == CLASSES:
        return classes
    _say(
        f"{name}: left out, it needs a photograph of each of the {CLASSES:,} classes, "
        f"--imagenet-samples has {len(classes):,}."
    )
    return []


def _write_composed(
    args: argparse.Namespace, things: "list[Thing]", photographs: "list[CaptionedPhotograph]", *, wordnet: "WordNet"
) -> None:
    """Pairs of pictures composed from training stamps, with a thing and without it, or with classes in their places."""
    from .composed_lessons import composed_lessons
    from .imagenet import in_classifier_order

    classes = _all_classes(things, "composed-class-train.jsonl")
    about_things, about_classes = composed_lessons(
        things,
        photographs,
        wordnet,
        folder=args.out,
        seed=args.seed,
        classes=in_classifier_order(classes) if classes else [],
    )
    _write(args, "composed-train", about_things)
    _write(args, "composed-class-train", about_classes)


def _write_pointing(
    args: argparse.Namespace, things: "list[Thing]", photographs: "list[CaptionedPhotograph]", *, wordnet: "WordNet"
) -> None:
    """Pictures composed from held-out stamps, which are clear of training themselves, and questions about them."""
    from .composed import pointing_records

    for split, records in pointing_records(things, photographs, wordnet, folder=args.out, seed=args.seed).items():
        _write(args, f"pointing-{split}", records)


def _say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")


def _keep_clear(folder: Path) -> None:
    from .duplicates import keep_clear

    for picture, held_out in keep_clear(folder).items():
        sys.stdout.write(f"{picture}: not for training, nearly the same as {held_out}, which is held out\n")


def _write(args: argparse.Namespace, name: str, records: list) -> None:
    """Write one file of records and say so; nothing for no records."""
    from .record_files import write_records

    if records:
        file = args.out / f"{name}.jsonl"
        sys.stdout.write(f"{file}: {write_records(file, records)} records\n")
