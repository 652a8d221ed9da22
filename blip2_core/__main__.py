"""`python -m blip2_core`: the command line.

    ask IMAGE "QUESTION"      answer one question about a picture
    caption IMAGE             describe a picture
    rank IMAGE "QUESTION" ... order the answers that are given by how likely they are
    explain IMAGE "QUESTION"  show the road: shapes, prompt, and the words nearest to each visual prompt
    chat IMAGE                talk about a picture on the terminal
    models, get               what can be loaded; fetch it ahead of time
    data, train, evaluate     write records, train a model, measure one

What a person can put right ends with one line on stderr and exit code 2.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from . import __version__
from .answer_settings import AnswerSettings
from .builtin import BUILTIN_MODELS
from .builtin import command as builtin_command
from .errors import Blip2Error, SettingsError
from .precisions import PRECISIONS

if TYPE_CHECKING:
    from .chat import ChatSession
    from .memory import LoadReport
    from .model import Blip2

GROUPS = {"data": "datasets", "train": "train", "evaluate": "evaluate"}  # command and the package that has it
BAD_INPUT, INTERRUPTED, NOBODY_READS = 2, 130, 141  # the last two as a shell reports them: 128 + the signal
EXPLAIN_HELP = "Show the shape at each station of the road, and the words nearest to each soft visual prompt."
RANK_HELP = "Order given answers by the mean log-likelihood of their tokens under the language model, best first."
CHAT_HELP = "Ask about the picture. /see IMAGE shows another one, /forget begins anew, /quit ends."


class OneLineParser(argparse.ArgumentParser):
    """A parser whose complaints are one line, like all others of this program."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments and leave."""
        self.exit(BAD_INPUT, f"error: {message}. See: {self.prog} --help\n")


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments; left out, those of the process.

    Returns:
        The exit code.
    """
    arguments = sys.argv[1:] if argv is None else argv
    try:
        args = build_parser(arguments[0] if arguments else None).parse_args(arguments)
        return args.run(args)
    except Blip2Error as error:
        complain(error)
        return BAD_INPUT
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the flush at exit would fail again
        return NOBODY_READS


def complain(error: Exception) -> None:
    """Say on stderr, in one line, what a person can put right; the page's programs do it the same way."""
    print("error:", " ".join(str(error).split()), file=sys.stderr)


def build_parser(wanted: str | None) -> argparse.ArgumentParser:
    """The parser of all commands.

    Args:
        wanted: the command that will run; of the groups only its own module is imported, all for an unknown one.
    """
    parser = OneLineParser(prog="python -m blip2_core", description="Chat with pictures through BLIP-2.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_answering(commands)
    builtin_command.add_parser(commands)
    known = [*commands.choices, *GROUPS]
    for name, package in GROUPS.items():
        if wanted == name or wanted not in known:
            import_module(f".{package}.command", __package__).add_parser(commands)
    return parser


def _add_answering(commands: argparse._SubParsersAction) -> None:
    ask = commands.add_parser("ask", help="answer one question about a picture", description="Answer one question.")
    caption = commands.add_parser("caption", help="describe a picture", description="Describe a picture.")
    chat = commands.add_parser("chat", help="talk about a picture on the terminal", description=CHAT_HELP)
    rank = commands.add_parser("rank", help="order given answers by how likely they are", description=RANK_HELP)
    explain = commands.add_parser("explain", help="show the road of one question", description=EXPLAIN_HELP)
    runs = (run_ask, run_caption, run_chat, run_rank, run_explain)
    for parser, run in zip((ask, caption, chat, rank, explain), runs, strict=True):
        parser.add_argument("image", metavar="IMAGE", help="a picture file")
        parser.set_defaults(run=run)
    for parser in (ask, rank, explain):
        parser.add_argument("question", metavar="QUESTION", help="in quotes")
    rank.add_argument("candidates", metavar="CANDIDATE", nargs="+", help="an answer; in quotes if it has spaces")
    for parser in (ask, caption, rank, explain):
        parser.add_argument("--json", action="store_true", help="print one JSON object on one line")
    for parser in (ask, caption, chat, rank, explain):
        _add_model_options(parser)
    for parser in (ask, caption, chat):
        _add_answer_options(parser)


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("model").add_argument
    names = ", ".join(BUILTIN_MODELS)
    add("--model", default="pocket", metavar="NAME", help=f"{names}, a folder or a hub id (%(default)s)")
    add("--precision", default="auto", choices=PRECISIONS, help="of the language model's weights (%(default)s)")
    add("--device", default="auto", help='"auto", "cpu", "cuda" or "cuda:1" (%(default)s)')
    add("--allow-pickle", action="store_true", help="also read .bin weights; only from people you trust")


def _add_answer_options(parser: argparse.ArgumentParser) -> None:
    add, default = parser.add_argument_group("answer").add_argument, AnswerSettings()
    add("--max-new-tokens", type=int, default=default.max_new_tokens, help="the longest answer (%(default)s)")
    add("--min-new-tokens", type=int, default=default.min_new_tokens, help="the shortest answer (%(default)s)")
    add("--temperature", type=float, default=default.temperature, help="0: always the likeliest token (%(default)s)")
    add("--top-p", type=float, default=default.top_p, help="draw from the likeliest tokens of this share (%(default)s)")
    add("--top-k", type=int, default=default.top_k, help="draw from so many tokens; 0: from all (%(default)s)")
    add("--repetition-penalty", type=float, default=default.repetition_penalty, help="1: none (%(default)s)")
    add("--beams", type=int, default=default.num_beams, help="answers kept alive at once (%(default)s)")
    add("--length-penalty", type=float, default=default.length_penalty, help="of beams; above 0: longer (%(default)s)")
    add("--seed", type=int, default=default.seed, help="the same draws every time")
    add("--stop", action="append", default=[], metavar="TEXT", help="ends the answer; may be given several times")


def _settings(args: argparse.Namespace) -> AnswerSettings:
    return AnswerSettings(
        max_new_tokens=args.max_new_tokens,
        min_new_tokens=args.min_new_tokens,
        temperature=args.temperature,
        top_p=args.top_p,
        top_k=args.top_k,
        repetition_penalty=args.repetition_penalty,
        num_beams=args.beams,
        length_penalty=args.length_penalty,
        seed=args.seed,
        stop=tuple(args.stop),
    )


def run_ask(args: argparse.Namespace) -> int:
    """Answer one question, word by word; with --json when the answer is whole."""
    from .image import open_image

    settings, image = _settings(args), open_image(args.image)
    from .language import check_question  # after the picture: it imports torch, which takes seconds

    question = check_question(args.question)
    blip2, report = _load(args)
    began = time.perf_counter()
    seen = blip2.see(image)
    if args.json:
        answer = blip2.ask(seen, question, settings)
        _print_facts(_answered(blip2, answer), blip2, report, blip2.prompt(question), began)
    elif settings.num_beams > 1:
        print(blip2.ask(seen, question, settings))
    else:
        _print_pieces(blip2.stream(seen, question, settings))
    return 0


def run_caption(args: argparse.Namespace) -> int:
    """Describe a picture with the model's own caption prompt."""
    from .image import open_image

    settings, image = _settings(args), open_image(args.image)
    blip2, report = _load(args)
    began = time.perf_counter()
    answer = blip2.caption(image, settings)
    if args.json:
        _print_facts(_answered(blip2, answer), blip2, report, blip2.template.caption_prompt, began)
    else:
        print(answer)
    return 0


def run_rank(args: argparse.Namespace) -> int:
    """Order given answers, a line each: the score, then the answer."""
    from .image import open_image

    image = open_image(args.image)
    from .language import check_question
    from .ranking import check_candidates

    question, candidates = check_question(args.question), check_candidates(args.candidates)
    blip2, report = _load(args)
    began = time.perf_counter()
    ranked = blip2.rank(image, question, candidates)
    if args.json:
        _print_facts({"ranked": [asdict(found) for found in ranked]}, blip2, report, blip2.prompt(question), began)
    else:
        for found in ranked:
            print(f"{found.score:8.3f}  {found.text}")
    return 0


def run_explain(args: argparse.Namespace) -> int:
    """Show the road of one picture and one question."""
    from .image import open_image

    image = open_image(args.image)
    from .explain import explain
    from .language import check_question

    question = check_question(args.question)
    blip2, report = _load(args)
    began = time.perf_counter()
    found = explain(blip2, image, question)
    if args.json:
        _print_facts(asdict(found), blip2, report, found.prompt, began)
        return 0
    for station in found.stations:
        print(f"{station.name:<14} {' x '.join(map(str, station.shape)):<14} {station.what}")
    for number, words in enumerate(found.nearest_words):
        print(f"visual prompt {number:>2}: " + ", ".join(f"{word} {cosine:.2f}" for word, cosine in words))
    return 0


def run_chat(args: argparse.Namespace) -> int:
    """Read questions line by line and answer them until the lines end."""
    from .image import open_image

    settings, image = _settings(args), open_image(args.image)
    chat = _load(args)[0].chat()
    chat.see(image)
    prompt = "> " if sys.stdin.isatty() else ""
    if prompt:
        print(CHAT_HELP)
    while (line := _read_line(prompt)) != "/quit":
        try:
            _answer_line(chat, line, settings)
        except Blip2Error as error:
            complain(error)
    return 0


def _read_line(prompt: str) -> str:
    try:
        return input(prompt).strip()
    except EOFError:
        return "/quit"


def _answer_line(chat: "ChatSession", line: str, settings: AnswerSettings) -> None:
    """Do what one line of a chat asks for."""
    command, _, rest = line.partition(" ")
    if not line:
        return
    if command == "/see":
        chat.see(rest.strip())
    elif command == "/forget":
        chat.forget()
    elif command.startswith("/"):
        raise SettingsError(f"{command}: expected /see IMAGE, /forget or /quit.")
    elif settings.num_beams > 1:
        print(chat.ask(line, settings))
    else:
        _print_stoppable(chat, line, settings)


def _print_stoppable(chat: "ChatSession", question: str, settings: AnswerSettings) -> None:
    """Print an answer as it grows; Ctrl+C ends the answer, not the chat."""
    try:
        _print_pieces(chat.stream(question, settings))
    except KeyboardInterrupt:
        chat.stop()
        print(" [stopped]")
    if chat.notice:
        print(f"({chat.notice})")


def _load(args: argparse.Namespace) -> "tuple[Blip2, LoadReport]":
    """The model, and how it was loaded: on a terminal that is shown at once."""
    from transformers.utils import logging

    from .builtin.progress import ProgressBar
    from .checkpoint import load

    if not sys.stderr.isatty():
        logging.disable_progress_bar()
    reports: list[LoadReport] = []
    with ProgressBar() as bar:
        blip2 = load(
            args.model,
            precision=args.precision,
            device=args.device,
            progress=bar,
            allow_pickle=args.allow_pickle,
            report=reports.append,
        )
    if sys.stderr.isatty():
        print(f"{args.model}: {reports[0]}", file=sys.stderr)
    return blip2, reports[0]


def _print_pieces(pieces: Iterable[str]) -> None:
    for piece in pieces:
        print(piece, end="", flush=True)
    print()


def _answered(blip2: "Blip2", answer: str) -> dict[str, Any]:
    return {"answer": answer, "tokens": len(blip2.adapter.tokenizer(answer, add_special_tokens=False).input_ids)}


def _print_facts(facts: dict[str, Any], blip2: "Blip2", report: "LoadReport", prompt: str, began: float) -> None:
    """Print one JSON object: what was found, and what found it."""
    about = {
        "prompt": str(prompt),
        "model": blip2.name,
        "precision": blip2.precision,
        "device": str(blip2.device),
        "seconds": round(time.perf_counter() - began, 3),
        "load": report.to_dict(),
    }
    print(json.dumps({**facts, **about}))


if __name__ == "__main__":
    sys.exit(main())
