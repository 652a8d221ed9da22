"""How the page is served: limits, look, a health address, and nothing that tells anybody what people do on it."""

import importlib.util
import inspect
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import gallery
from .languages import COOKIE, LANGUAGES, in_all, translations
from .limits import LARGEST_FILE, MOST_SESSIONS, BodyLimit, Guard, Limits, LineLimit, Room, UploadLimit
from .loading import ModelLoader

if TYPE_CHECKING:
    import gradio as gr

    from .accounts import Accounts

log = logging.getLogger("demo")

MOST_QUEUED = 2 * Limits().waiting  # events of all kinds, where the page's own sentence comes too late
HEALTH = "/gradio_api/healthz"
STYLE = Path(__file__).parent / "page.css"
SCRIPTS = [Path(__file__).parent / name for name in ("page.js", "access.js")]


def import_gradio() -> None:
    """Import Gradio in half the time.

    At import it writes a type stub for each of its classes beside their sources, which takes a second and needs a
    folder that can be written. It leaves out classes whose source it cannot find.
    """
    original = inspect.getfile

    def getfile(wanted: Any) -> str:
        if isinstance(wanted, type) and wanted.__module__.startswith("gradio."):
            raise OSError("not needed")
        return original(wanted)

    inspect.getfile = getfile
    try:
        import gradio  # noqa: F401
    finally:
        inspect.getfile = original


class WithoutText:
    """Stands where Gradio prints tracebacks, whose last line holds what was asked, and names the error only."""

    @staticmethod
    def print_exc(*_: Any) -> None:
        """Called by Gradio inside `except`."""
        error = sys.exc_info()[1]
        log.error("A request failed: %s", type(error).__name__)


def serve(
    page: "gr.Blocks", loader: ModelLoader, *, host: str, port: int, share: bool, accounts: "Accounts | None" = None,
    limits: Limits | None = None,
) -> str:  # fmt: skip
    """Serve the page from now on; returns its address.

    Args:
        page: the page.
        loader: the model behind it, for the health address.
        host: the address to listen on.
        port: the port to listen on.
        share: also through a public tunnel of Gradio's makers.
        accounts: who may use it; None lets everybody in.
        limits: how much a visitor may ask for.

    Raises:
        OSError: the port is taken.
    """
    from gradio import queueing, route_utils, routes

    for module in (queueing, route_utils, routes):
        module.traceback = WithoutText  # type: ignore[attr-defined]
    page.queue(max_size=MOST_QUEUED, api_open=False)
    _, local, public = page.launch(
        server_name=host, server_port=port, share=share, prevent_thread_lock=True, quiet=True, show_error=False,
        max_file_size=LARGEST_FILE, allowed_paths=[str(gallery.FOLDER)], run_history=False, enable_monitoring=False,
        ssr_mode=False, pwa=False, mcp_server=_has_mcp(), footer_links=["api", "settings"], theme=_theme(),
        css_paths=STYLE, head=_head(), i18n=_translations(page), state_session_capacity=MOST_SESSIONS,
        app_kwargs={
            "routes": [_health_route(loader)], "middleware": [*_door(accounts), *_limits(page, limits or Limits())]
        },
    )  # fmt: skip
    if accounts and page.mcp_server_obj:  # which asks the page itself, and needs an account like everybody
        page.mcp_server_obj._local_url = local.replace("://", "://{}:{}@".format(*accounts.own), 1)
    return public or local


def _head() -> str:
    known = {
        "pageLanguages": LANGUAGES, "languageCookie": COOKIE,
        "largeFile": in_all("LARGE_FILE"), "notYet": in_all("NOT_YET"),
    }  # fmt: skip
    told = "".join(f"window.{name} = {json.dumps(value)};" for name, value in known.items())
    scripts = [told, *(script.read_text(encoding="utf-8") for script in SCRIPTS)]
    return "".join(f"<script>{script}</script>" for script in scripts)


def _translations(page: "gr.Blocks") -> Any:
    """What the browser shows in each language."""
    from gradio import I18n

    return I18n(**translations(json.dumps(page.get_config_file(), default=str)))


def _has_mcp() -> bool:
    """Whether Gradio's extra is installed that makes a tool for language models of the endpoint."""
    return importlib.util.find_spec("mcp") is not None


def _door(accounts: "Accounts | None") -> list[Any]:
    if accounts is None:
        return []
    from .accounts import middleware

    return [middleware(accounts)]


def _limits(page: "gr.Blocks", limits: Limits) -> list[Any]:
    from gradio.utils import get_upload_folder
    from starlette.middleware import Middleware

    return [
        Middleware(BodyLimit),
        Middleware(UploadLimit, guard=Guard(limits), room=Room(get_upload_folder(), limits.bytes_uploaded)),
        Middleware(LineLimit, length=lambda: len(page._queue), most=limits.waiting),
    ]


def _health_route(loader: ModelLoader) -> Any:
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    def health(request: Any) -> JSONResponse:
        """200 once the model answers, 503 before."""
        ready = loader.model is not None
        return JSONResponse({"ready": ready, "model": loader.title}, status_code=200 if ready else 503)

    return Route(HEALTH, health)


def _theme() -> "gr.Theme":
    """Calm colours of enough contrast, and the fonts of the visitor's own system: nothing is fetched from elsewhere."""
    import gradio as gr

    sans = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"]
    mono = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]
    theme = gr.themes.Soft(
        primary_hue="teal", secondary_hue="teal", neutral_hue="stone", font=sans, font_mono=mono,
        radius_size="lg", text_size="md",
    )  # fmt: skip
    return theme.set(
        body_text_color_subdued="*neutral_600", body_text_color_subdued_dark="*neutral_400",
        link_text_color="*primary_700", link_text_color_hover="*primary_800", link_text_color_visited="*primary_700",
        block_border_width="1px", block_border_color="*neutral_200", block_border_color_dark="*neutral_700",
        block_shadow="none", block_title_background_fill="none", block_title_background_fill_dark="none",
        block_title_padding="0", block_title_text_color="*neutral_800", block_title_text_color_dark="*neutral_100",
        input_border_color="*neutral_300", input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400", input_shadow="none",
        button_primary_background_fill="*primary_700", button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700", button_primary_background_fill_hover_dark="*primary_600",
        button_primary_text_color="white", button_primary_text_color_dark="white",
        button_secondary_background_fill="white", button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover_dark="*neutral_700", button_secondary_shadow="none",
        button_secondary_border_color="*neutral_300", button_border_width="1px",
        slider_color="*primary_600", checkbox_label_background_fill_selected="*primary_700",
        checkbox_label_background_fill_selected_dark="*primary_700", checkbox_label_text_color_selected="white",
    )  # fmt: skip
