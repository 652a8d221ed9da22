"""`python -m blip2_core`: the command line.

    ask IMAGE "QUESTION"      answer one question about a picture
    caption IMAGE             describe a picture
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
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from . import __version__
from .answer_settings import AnswerSettings
from .builtin import BUILTIN_MODELS
from .builtin import command as builtin_command
from .errors import Blip2Error, SettingsError

if TYPE_CHECKING:
    from .chat import ChatSession
    from .model import Blip2

GROUPS = {"data": "datasets", "train": "train", "evaluate": "evaluate"}  # command and the package that has it
PRECISIONS = ("auto", "fp32", "bf16", "fp16", "int8")  # those of quantize.py, which imports torch
BAD_INPUT, INTERRUPTED, NOBODY_READS = 2, 130, 141  # the last two as a shell reports them: 128 + the signal
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
        _complain(error)
        return BAD_INPUT
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the flush at exit would fail again
        return NOBODY_READS


def _complain(error: Blip2Error) -> None:
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
    for parser, run in ((ask, run_ask), (caption, run_caption), (chat, run_chat)):
        parser.add_argument("image", metavar="IMAGE", help="a picture file")
        parser.set_defaults(run=run)
    ask.add_argument("question", metavar="QUESTION", help="in quotes")
    for parser in (ask, caption):
        parser.add_argument("--json", action="store_true", help="print one JSON object on one line")
    for parser in (ask, caption, chat):
        _add_model_options(parser)
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
    blip2 = _load(args)
    began = time.perf_counter()
    seen = blip2.see(image)
    if args.json or settings.num_beams > 1:
        answer = blip2.ask(seen, question, settings)
        _print_answer(args, blip2, answer, blip2.prompt(question), time.perf_counter() - began)
    else:
        _print_pieces(blip2.stream(seen, question, settings))
    return 0


def run_caption(args: argparse.Namespace) -> int:
    """Describe a picture with the model's own caption prompt."""
    from .image import open_image

    settings, image = _settings(args), open_image(args.image)
    blip2 = _load(args)
    began = time.perf_counter()
    answer = blip2.caption(image, settings)
    _print_answer(args, blip2, answer, blip2.template.caption_prompt, time.perf_counter() - began)
    return 0


def run_chat(args: argparse.Namespace) -> int:
    """Read questions line by line and answer them until the lines end."""
    from .image import open_image

    settings, image = _settings(args), open_image(args.image)
    chat = _load(args).chat()
    chat.see(image)
    prompt = "> " if sys.stdin.isatty() else ""
    if prompt:
        print(CHAT_HELP)
    while (line := _read_line(prompt)) != "/quit":
        try:
            _answer_line(chat, line, settings)
        except Blip2Error as error:
            _complain(error)
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


def _load(args: argparse.Namespace) -> "Blip2":
    from transformers.utils import logging

    from .builtin.progress import ProgressBar
    from .checkpoint import load

    if not sys.stderr.isatty():
        logging.disable_progress_bar()
    with ProgressBar() as bar:
        return load(
            args.model,
            precision=args.precision,
            device=args.device,
            progress=bar,
            allow_pickle=args.allow_pickle,
        )


def _print_pieces(pieces: Iterable[str]) -> None:
    for piece in pieces:
        print(piece, end="", flush=True)
    print()


def _print_answer(args: argparse.Namespace, blip2: "Blip2", answer: str, prompt: str, seconds: float) -> None:
    if not args.json:
        print(answer)
        return
    facts = {
        "answer": answer,
        "prompt": str(prompt),
        "model": blip2.name,
        "precision": blip2.precision,
        "device": str(blip2.device),
        "seconds": round(seconds, 3),
        "tokens": len(blip2.adapter.tokenizer(answer, add_special_tokens=False).input_ids),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    sys.exit(main())
