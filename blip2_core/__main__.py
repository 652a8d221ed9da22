"""`python -m blip2_core`: the command line.

    ask IMAGE "QUESTION"      answer one question about a picture
    caption IMAGE             describe a picture
    rank IMAGE "QUESTION" ... order the answers that are given by how likely they are
    score IMAGE TEXT ...      say how well texts fit a picture
    explain IMAGE "QUESTION"  show the road: shapes, prompt, and the words nearest to each visual prompt
    attend IMAGE "QUESTION"   draw what in the picture the answer rests on
    chat IMAGE                talk about a picture on the terminal
    models, get, convert      what can be loaded; fetch it ahead of time; make a folder of a LAVIS file
    data, train, evaluate     write records, train a model, measure one
    bench                     what the public checkpoints need, estimated or measured on a GPU

What a person can put right ends with one line on stderr and exit code 2.
"""

import argparse
import functools
import json
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, fields, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from . import __version__, attend_command, checkpoint_commands
from .answer_settings import AnswerSettings
from .builtin import BUILTIN_MODELS
from .builtin import command as builtin_command
from .decoding import MODES, adjusted, caption_notice, caption_settings
from .errors import Blip2Error, SettingsError
from .load_options import add_placement_options, how_to_load
from .precisions import PRECISIONS

if TYPE_CHECKING:
    from .chat import ChatSession
    from .memory import LoadReport
    from .model import Blip2

GROUPS = {"data": "datasets", "train": "train", "evaluate": "evaluate", "bench": "bench"}  # command and its package
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
    checkpoint_commands.add_parser(commands)
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
    attend, run_attend = attend_command.add_parser(commands), functools.partial(attend_command.run, load=_load)
    runs = (run_ask, run_caption, run_chat, run_rank, run_explain, run_attend)
    for parser, run in zip((ask, caption, chat, rank, explain, attend), runs, strict=True):
        parser.add_argument("image", metavar="IMAGE", help="a picture file")
        parser.set_defaults(run=run)
    for parser in (ask, rank, explain, attend):
        parser.add_argument("question", metavar="QUESTION", help="in quotes")
    ask.add_argument("--mode", choices=MODES, help="a word or a few, or more; left out: what the model was made for")
    rank.add_argument("candidates", metavar="CANDIDATE", nargs="+", help="an answer; in quotes if it has spaces")
    for parser in (ask, caption, rank, explain, attend):
        parser.add_argument("--json", action="store_true", help="print one JSON object on one line")
    for parser in (ask, caption, chat, rank, explain, attend):
        _add_model_options(parser)
    for parser in (ask, caption, chat):
        _add_answer_options(parser)


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("model").add_argument
    names = ", ".join(BUILTIN_MODELS)
    add("--model", default="pocket", metavar="NAME", help=f"{names}, a folder or HUB_ID[@REVISION] (%(default)s)")
    add("--precision", default="auto", choices=PRECISIONS, help="of the language model's weights (%(default)s)")
    add("--device", default="auto", help='"auto", "cpu", "cuda" or "cuda:1" (%(default)s)')
    add_placement_options(add)


def _add_answer_options(parser: argparse.ArgumentParser) -> None:
    """Every option is left out by default, so that the model's family decides: see `decoding`."""
    group = parser.add_argument_group("answer", "left out: as the model's family answers, see --mode")
    add = functools.partial(group.add_argument, default=argparse.SUPPRESS)
    add("--max-new-tokens", type=int, help="the longest answer")
    add("--min-new-tokens", type=int, help="the shortest answer")
    add("--temperature", type=float, help="0: always the likeliest token")
    add("--top-p", type=float, help="draw from the likeliest tokens of this share")
    add("--top-k", type=int, help="draw from so many tokens; 0: from all")
    add("--repetition-penalty", type=float, help="1: none")
    add("--beams", dest="num_beams", type=int, help="answers kept alive at once; 1: shown word by word")
    add("--length-penalty", type=float, help="of beams; above 0: longer")
    add("--seed", type=int, help="the same draws every time")
    add("--stop", action="append", metavar="TEXT", help="ends the answer; may be given several times")


def _given(args: argparse.Namespace) -> dict[str, Any]:
    """The answer options that were given, checked before a model is loaded."""
    given = {field.name: getattr(args, field.name) for field in fields(AnswerSettings) if hasattr(args, field.name)}
    if "stop" in given:
        given["stop"] = tuple(given["stop"])
    adjusted(AnswerSettings(), given)
    return given


def run_ask(args: argparse.Namespace) -> int:
    """Answer one question, word by word; with --json when the answer is whole."""
    from .image import open_image

    given, image = _given(args), open_image(args.image)
    from .language import check_question  # after the picture: it imports torch, which takes seconds

    question = check_question(args.question)
    blip2, report = _load(args)
    settings, mode = adjusted(blip2.answer_settings(args.mode), given), args.mode
    began = time.perf_counter()
    seen = blip2.see(image)
    if args.json:
        answer = blip2.ask(seen, question, settings, mode=mode)
        _print_facts(_answered(blip2, answer), blip2, report, blip2.prompt(question, mode=mode), began)
    elif settings.num_beams > 1:
        print(blip2.ask(seen, question, settings, mode=mode))
    else:
        _print_pieces(blip2.stream(seen, question, settings, mode=mode))
    return 0


def run_caption(args: argparse.Namespace) -> int:
    """Describe a picture with the model's own caption prompt."""
    from .image import open_image

    given, image = _given(args), open_image(args.image)
    blip2, report = _load(args)
    began = time.perf_counter()
    answer = blip2.caption(image, adjusted(caption_settings(blip2.model.config), given))
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

    given, image = _given(args), open_image(args.image)
    chat = _load(args)[0].chat()
    settings = adjusted(replace(chat.blip2.answer_settings(), num_beams=1), given)
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
        blip2 = load(args.model, **how_to_load(args), progress=bar, report=reports.append)
    if sys.stderr.isatty():
        print(f"{args.model}: {reports[0]}", file=sys.stderr)
    if args.run in (run_ask, run_chat, run_rank) and (notice := caption_notice(blip2.model.config)):
        print(f"note: {args.model}: {notice}", file=sys.stderr)
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
