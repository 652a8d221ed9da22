"""The page in the language of whoever reads it: a module for each language, with the same names in each.

Two ways lead to a visitor. What Python says while it handles a request (a warning, the line about an answer) is in the
language of that request: `sentence` finds it. What stands on the page from the beginning is sent in all languages, and
the browser shows its own: `in_each` makes such a string, and Gradio's browser code replaces it.

The browser's language decides, or the one chosen in the settings at the foot of the page, which access.js keeps in a
cookie. English stands for every language that is not here.

To add a language, copy `en.py`, translate what stands there, and name it in LANGUAGES. What the model reads and says is
English, and so are the questions to click.
"""

import hashlib
import importlib
import json
import sys
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache, lru_cache
from typing import Any

ENGLISH = "en"
LANGUAGES = (ENGLISH, "de", "fr", "es")
COOKIE = "language"
LONGEST_HEADER = 200  # characters of it are read

_speaking: ContextVar[str | None] = ContextVar("speaking", default=None)
_made: dict[str, dict[str, str]] = {}  # by key: what stands on the page, in each language


def sentence(name: str) -> Any:
    """What has this name, in the language of the visitor whose request is being handled; English where there is none.

    Raises:
        AttributeError: nothing has this name.
    """
    return getattr(_table(current()), name)


def in_all(name: str) -> dict[str, Any]:
    """What has this name, by language."""
    return {language: getattr(_table(language), name) for language in LANGUAGES}


def current() -> str:
    """The language of the visitor whose request is being handled."""
    if (language := _speaking.get()) is not None:
        return language
    context = sys.modules.get("gradio.context")
    return of(context.LocalContext.request.get(None)) if context is not None else ENGLISH


def of(request: Any) -> str:
    """The language of a request: the one chosen on the page, or what the browser prefers."""
    request = getattr(request, "request", None)  # Starlette's, within Gradio's
    if request is None:
        return ENGLISH
    chosen = request.cookies.get(COOKIE)
    return chosen if chosen in LANGUAGES else preferred(request.headers.get("accept-language", "")[:LONGEST_HEADER])


@lru_cache(maxsize=256)
def preferred(header: str) -> str:
    """The first of our languages in an Accept-Language header, such as "fr-CH, fr;q=0.9, en;q=0.8"."""
    wanted = []
    for place, part in enumerate(header.split(",")):
        name, _, weight = part.partition(";")
        language = name.strip().lower().partition("-")[0]
        if language in LANGUAGES and (quality := _quality(weight)) > 0:
            wanted.append((-quality, place, language))
    return min(wanted)[2] if wanted else ENGLISH


def _quality(weight: str) -> float:
    """Of "q=0.8"; 1 where there is none, 0 where it cannot be read."""
    if not weight.strip():
        return 1.0
    try:
        return float(weight.strip().removeprefix("q="))
    except ValueError:
        return 0.0


def in_each(make: Callable[[], str]) -> str:
    """A string for a part of the page, which the browser shows in its own language.

    Args:
        make: makes it in the language that is spoken while it runs.
    """
    made = {}
    for language in LANGUAGES:
        token = _speaking.set(language)
        try:
            made[language] = make()
        finally:
            _speaking.reset(token)
    if len(set(made.values())) == 1:
        return made[ENGLISH]
    key = "text-" + hashlib.sha256(json.dumps(made).encode()).hexdigest()[:16]
    _made[key] = made
    from gradio.i18n import I18nData

    return str(I18nData(key))


def shown(name: str) -> str:
    """The sentence of this name for a part of the page, which the browser shows in its own language."""
    return in_each(lambda: sentence(name))


def translations(config: str) -> dict[str, dict[str, str]]:
    """By language, what the browser shows in place of the strings of `in_each` in a page's configuration."""
    keys = [key for key in _made if key in config]
    return {language: {key: _made[key][language] for key in keys} for language in LANGUAGES}


@cache
def _table(language: str) -> Any:
    return importlib.import_module(f".{language}", __package__)
