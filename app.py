"""Serve the page: `python app.py`, then open http://127.0.0.1:7860. The same file is the entry of a Space.

The page is there at once; the model loads behind it, and the page tells how far it is.
"""

# ruff: noqa: T201
import argparse
import os
import sys
import time
from typing import TYPE_CHECKING

from blip2_core.__main__ import BAD_INPUT, INTERRUPTED, PRECISIONS, OneLineParser

if TYPE_CHECKING:
    from demo.loading import ModelLoader

POLL = 0.5  # seconds between two looks at the model
ON_A_SPACE = "SPACE_ID" in os.environ


def build_parser() -> argparse.ArgumentParser:
    """The arguments of the page."""
    parser = OneLineParser(prog="python app.py", description="Chat with pictures through BLIP-2, in the browser.")
    add = parser.add_argument
    add("--model", default="pocket", metavar="NAME", help='"pocket", a folder or a hub id (%(default)s)')
    add("--precision", default="auto", choices=PRECISIONS, help="of the language model's weights (%(default)s)")
    add("--device", default="auto", help='"auto", "cpu", "cuda" or "cuda:1" (%(default)s)')
    host = "0.0.0.0" if ON_A_SPACE else "127.0.0.1"
    add("--host", default=host, help="address to listen on; 0.0.0.0 lets the whole network in (%(default)s)")
    add("--port", type=int, default=7860, help="port to listen on (%(default)s)")
    add("--share", action="store_true", help="also through a public tunnel of Gradio's makers")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Serve the page until it is stopped.

    Args:
        argv: the arguments; left out, those of the process.

    Returns:
        The exit code.
    """
    args = build_parser().parse_args(argv)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    from demo.serving import import_gradio, serve

    import_gradio()
    from demo.loading import ModelLoader
    from demo.page import build_page

    loader = ModelLoader(args.model, precision=args.precision, device=args.device)
    page = build_page(loader)
    try:
        address = serve(page, loader, host=args.host, port=args.port, share=args.share)
    except OSError:
        print(f"error: {args.host}:{args.port} is taken or not allowed. Try --port {args.port + 1}.", file=sys.stderr)
        return BAD_INPUT
    print(f"The page is at {address} (Ctrl+C ends it). Loading {args.model} ...", flush=True)
    loader.start()
    try:
        return _watch(loader)
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        page.close(verbose=False)


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
                print("error:", " ".join(str(state.error).split()), file=sys.stderr, flush=True)
                if not loader.may_retry:
                    return BAD_INPUT
        time.sleep(POLL)


if __name__ == "__main__":
    sys.exit(main())
