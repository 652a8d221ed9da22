"""Serve the page: `python app.py`, then open http://127.0.0.1:7860. The same file is the entry of a Space.

The page is there at once; the model loads behind it, and the page tells how far it is. Only on ZeroGPU the model comes
first, for the platform feigns a GPU on the main thread alone, and puts the weights away when the page opens.
"""

# ruff: noqa: T201
import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blip2_core.__main__ import BAD_INPUT, INTERRUPTED, PRECISIONS, OneLineParser, complain
from blip2_core.errors import Blip2Error, SettingsError
from blip2_core.load_options import how_to_load
from demo.hardware import import_spaces, lent_gpu, pick_start
from demo.offers import LOOPBACK, offered

if TYPE_CHECKING:
    from demo.accounts import Accounts
    from demo.extras import Extras
    from demo.loading import ModelLoader

OPEN_TO_ALL = "Everybody who reaches this machine can use the page. --accounts FILE asks for a password."
PLAIN_HTTP = "Passwords go over the network as they are: put https in front of the page, with a proxy of your own."
POLL = 0.5  # seconds between two looks at the model
ON_A_SPACE = "SPACE_ID" in os.environ


def build_parser() -> argparse.ArgumentParser:
    """The arguments of the page."""
    parser = OneLineParser(prog="python app.py", description="Chat with pictures through BLIP-2, in the browser.")
    add, start = parser.add_argument, pick_start()
    add("--model", default=start.model, metavar="NAME", help='"pocket", a folder or a hub id (%(default)s)')
    add(
        "--precision", default=start.precision, choices=PRECISIONS, help="of the language model's weights (%(default)s)"
    )
    add("--device", default=start.device, help='"auto", "cpu", "cuda" or "cuda:1" (%(default)s)')
    add("--device-map", choices=("auto",), help="deal the language model out over all GPUs and the RAM behind them")
    add(
        "--allow-pickle", action="store_true", help="also read .bin weights of --model and --compare, if you trust them"
    )
    host = "0.0.0.0" if ON_A_SPACE else "127.0.0.1"
    add("--host", default=host, help="address to listen on; 0.0.0.0 lets the whole network in (%(default)s)")
    add("--port", type=int, default=7860, help="port to listen on (%(default)s)")
    add("--accounts", metavar="FILE", help="ask for a name and a password; python -m demo.accounts makes the file")
    add("--share", action="store_true", help="also through a public tunnel of Gradio's makers")
    often = {"type": _a_minute, "default": 30.0, "metavar": "N"}
    add("--questions-per-minute", **often, help="how many a visitor may ask; %(default)g, and 4 times that an address")
    on_off = argparse.BooleanOptionalAction
    add("--web-pictures", action=on_off, default=not ON_A_SPACE, help="fetch pictures from public web addresses")
    add(
        "--link-days", type=_days, default=7.0, metavar="N",
        help="how long a visitor's own picture is kept for a link that they make; 0 keeps none (%(default)g)",
    )  # fmt: skip
    add("--feedback", metavar="FILE.jsonl", help="store thumbs on answers in this file, as text; off without it")
    add("--compare", metavar="MODEL", help="a second model to compare answers with; off without it")
    add(
        "--offer", action="append", metavar="MODEL",
        help="visitors may load this one instead, may be given several times; without it, whoever sits at this "
        "machine may load any public checkpoint",
    )  # fmt: skip
    return parser


def _a_minute(text: str) -> float:
    """A number of questions, 1 or more; more than anybody types counts as no limit."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 1 <= number <= 1_000_000:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 1,000,000, got {text!r}")
    return number


def _days(text: str) -> float:
    """A number of days, 0 to 365."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 365:
        raise argparse.ArgumentTypeError(f"expected a number of days from 0 to 365, got {text!r}")
    return number


def main(argv: list[str] | None = None) -> int:
    """Serve the page until it is stopped.

    Args:
        argv: the arguments; left out, those of the process.

    Returns:
        The exit code.
    """
    args = build_parser().parse_args(argv)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    spaces_gpu = import_spaces()
    from demo.serving import import_gradio, serve

    import_gradio()
    from demo.limits import Limits
    from demo.page import build_page

    limits = Limits(questions_a_minute=args.questions_per_minute)
    try:
        loader = _loader(args, lent_gpu(spaces_gpu, device=args.device, precision=args.precision))
        extras, accounts = _extras(args, loader), _accounts(args)
    except Blip2Error as error:
        complain(error)
        return BAD_INPUT
    page = build_page(loader, limits=limits, web=args.web_pictures, extras=extras)
    try:
        where = {"host": args.host, "port": args.port, "share": args.share}
        address = serve(page, loader, **where, accounts=accounts, limits=limits)
    except OSError:
        print(f"error: {args.host}:{args.port} is taken or not allowed. Try --port {args.port + 1}.", file=sys.stderr)
        return BAD_INPUT
    loading = "" if loader.model is not None else f" Loading {args.model} ..."
    print(f"The page is at {address} (Ctrl+C ends it).{loading}", flush=True)
    if args.host not in LOOPBACK and not ON_A_SPACE:
        print(OPEN_TO_ALL if accounts is None else PLAIN_HTTP, file=sys.stderr, flush=True)
    loader.start()
    try:
        return _watch(loader)
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        page.close(verbose=False)


def _loader(args: argparse.Namespace, gpu: Callable[..., Any] | None) -> "ModelLoader":
    """The model behind the page; where its GPU is lent for each answer it is loaded here, before the page opens."""
    from demo.loading import ModelLoader

    loader = ModelLoader(args.model, **how_to_load(args), gpu=gpu)
    if gpu is not None:
        if args.compare or args.offer or args.device_map:
            raise SettingsError("--compare, --offer and --device-map do not work where a GPU is lent, as on ZeroGPU.")
        print(f"Loading {args.model}, before the page opens ...", flush=True)
        loader.start()
        if loader.state.error is not None:
            raise loader.state.error
    return loader


def _accounts(args: argparse.Namespace) -> "Accounts | None":
    """Who may use the page; None for everybody."""
    if not args.accounts:
        return None
    if ON_A_SPACE:
        raise SettingsError(
            "--accounts: a Space shows its page in a frame, where no browser asks. Make the Space private."
        )
    from demo.accounts import read_accounts

    return read_accounts(Path(args.accounts))


def _extras(args: argparse.Namespace, loader: "ModelLoader") -> "Extras":
    """What was asked for beyond the chat; a second model is loaded after the first."""
    from blip2_core.builtin.frozen_parts import cache_folder
    from demo.extras import Extras
    from demo.feedback import FeedbackFile
    from demo.kept_pictures import KeptPictures
    from demo.loading import ModelLoader

    other = None
    if args.compare:
        other = ModelLoader(args.compare, **how_to_load(args))
        threading.Thread(target=_load_after, args=(loader, other), name="second model", daemon=True).start()
    return Extras(
        pictures=KeptPictures(cache_folder() / "linked-pictures", args.link_days) if args.link_days else None,
        thumbs=FeedbackFile(Path(args.feedback)) if args.feedback else None,
        offers=offered(args.offer, args.model, local=args.host in LOOPBACK and not args.share and not ON_A_SPACE),
        other=other,
    )


def _load_after(loader: "ModelLoader", other: "ModelLoader") -> None:
    """Load the second model once the first is there, for both at once would be slower; the page stays without it."""
    while loader.model is None:
        time.sleep(POLL)
    other.start()
    other.wait()
    if other.state.error is not None:
        complain(other.state.error)
    else:
        print(f"{other.name} is ready.", flush=True)


def _watch(loader: "ModelLoader") -> int:
    """Tell the terminal how loading ends, and stay until the process is stopped.

    What can pass, such as a missing network, can be tried again from the page; what cannot ends the program.
    """
    told = None
    while True:
        if loader.wait(0) and (state := loader.state) is not told:
            told = state
            if state.error is None:
                print(f"{loader.name} is ready.", flush=True)
            else:
                complain(state.error)
                if not loader.may_retry and not loader.switched:  # another one can be picked on the page
                    return BAD_INPUT
        time.sleep(POLL)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # asked to end by a service manager: as by Ctrl+C
    sys.exit(main())
