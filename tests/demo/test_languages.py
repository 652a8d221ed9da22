"""The page in several languages: each has every sentence, with the same places to fill in; the right one is spoken."""

import re
from dataclasses import replace
from string import Formatter

import pytest
from starlette.requests import Request

from demo import gallery, languages, settings, texts
from demo.exchange import Exchange, Measured
from demo.languages import LANGUAGES, current, in_each, of, preferred, sentence, shown, translations

OTHERS = [language for language in LANGUAGES if language != "en"]
MEASURED = Measured(
    tokens=3, seconds=1.5, seconds_to_first_token=0.5, stopped_by="closed", picture_was_known=False
)  # fmt: skip


def sentences(language: str) -> dict:
    table = languages._table(language)
    return {name: value for name, value in vars(table).items() if name.isupper()}


def leaves(value, path=()) -> dict:
    """Every string in a value, by the way to it."""
    if isinstance(value, str):
        return {path: value}
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    return {where: text for key, part in parts for where, text in leaves(part, (*path, key)).items()}


def places(text: str) -> list[str]:
    """What is filled in, and the HTML."""
    filled = sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)
    return filled + sorted(re.findall(r"</?(?!kbd)\w+", text))


def spoken(language: str, make):
    token = languages._speaking.set(language)
    try:
        return make()
    finally:
        languages._speaking.reset(token)


def request(**headers: str):
    """As Gradio hands one over: Starlette's request within its own."""
    scope = {"type": "http", "headers": [(name.encode(), value.encode()) for name, value in headers.items()]}
    return type("Request", (), {"request": Request(scope)})


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_has_every_sentence_with_the_same_places_to_fill_in(language):
    english, ours = sentences("en"), sentences(language)
    assert ours.keys() == english.keys()
    for name in english.keys() - {"PHOTOS"}:
        theirs, these = leaves(english[name]), leaves(ours[name])
        assert these.keys() == theirs.keys(), name
        assert all(places(these[path]) == places(theirs[path]) for path in theirs), name


@pytest.mark.parametrize("language", OTHERS)
def test_sentences_are_translated_and_say_that_the_model_speaks_english(language):
    english, ours = leaves(sentences("en")), leaves(sentences(language))
    same = {path[0] for path, text in ours.items() if text == english.get(path) and len(text) > 12}
    assert same <= {"TOKENS"} and ours[("IN_ENGLISH",)]


@pytest.mark.parametrize("language", OTHERS)
def test_every_photograph_has_a_title_and_a_description(language):
    told = sentences(language)["PHOTOS"]
    assert told.keys() == {photo.file for photo in gallery.photos()}
    assert all(len(texts) == 2 and all(texts) for texts in told.values())


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", "de"), ("fr-CH, fr;q=0.9, en;q=0.8", "fr"), ("es", "es"), ("en-GB", "en"),
        ("en;q=0.5, es;q=0.7", "es"), ("it, de;q=0.3", "de"), ("it", "en"), ("", "en"), ("de;q=0", "en"),
        ("de;q=x, fr;q=0.1", "fr"), ("*", "en"), (",;,", "en"),
    ],
)  # fmt: skip
def test_the_browser_says_which_language_it_prefers(header, language):
    assert preferred(header) == language and of(request(**{"accept-language": header})) == language


def test_a_language_chosen_on_the_page_comes_first_and_an_unknown_one_is_as_if_not_there():
    assert of(request(**{"accept-language": "de", "cookie": "language=fr"})) == "fr"
    assert of(request(**{"accept-language": "de", "cookie": "language=xx"})) == "de"
    assert of(None) == "en" and current() == "en"


def test_lines_with_numbers_are_in_the_visitors_language():
    assert texts.measured(MEASURED) == "3 tokens · 2.0 a second · first after 0.5\N{NO-BREAK SPACE}s · stopped"
    german = spoken("de", lambda: texts.measured(MEASURED, dropped=2))
    assert german.startswith(
        "3 Tokens · 2,0 pro Sekunde · das erste nach 0,5\N{NO-BREAK SPACE}s · gestoppt. Die 2 ältesten Fragen "
    )
    assert "50 %" in spoken("de", lambda: texts.waiting("checking a.gguf", 0.5))
    assert "prüfe a.gguf" in spoken("de", lambda: texts.status("pocket", "checking a.gguf", None))
    assert spoken("fr", lambda: texts.days(1)) == "1 jour" and spoken("es", lambda: texts.days(30)) == "30 días"
    assert "unknown step" in spoken("de", lambda: texts.waiting("unknown step", None))


def test_what_was_kept_from_before_and_what_each_part_read_is_told():
    exchange = Exchange("what?", prompt="a prompt", qformer_question="what?", measured=MEASURED)
    assert texts.how(exchange) == f"{texts.PICTURE_NEW} {texts.PROMPT_INFO}\n\na prompt"
    exchange.measured = replace(MEASURED, picture_was_known=True)
    assert texts.how(exchange) == f"{texts.PICTURE_KNOWN} {texts.PROMPT_INFO}\n\na prompt"
    exchange.qformer_question = "what? - a turn"
    assert texts.how(exchange) == (
        f"{texts.PICTURE_KNOWN} {texts.QFORMER_READ}\n\nwhat? - a turn\n\n{texts.PROMPT_INFO}\n\na prompt"
    )


def test_what_stands_on_the_page_is_sent_in_every_language():
    send, everywhere = shown("SEND"), in_each(lambda: "the same")
    assert everywhere == "the same" and send.startswith("__i18n__")
    sent = translations(f"the page with {send} on it")
    assert {language: set(of_language.values()) for language, of_language in sent.items()} == {
        "en": {"Send"}, "de": {"Senden"}, "fr": {"Envoyer"}, "es": {"Enviar"},
    }  # fmt: skip
    assert translations("a page without") == {language: {} for language in LANGUAGES}


def test_a_name_that_no_sentence_has_is_refused():
    with pytest.raises(AttributeError):
        _ = texts.NO_SUCH_SENTENCE
    with pytest.raises(AttributeError):
        sentence("no_such")


def test_every_preset_has_a_label_in_every_language():
    assert all(sentences(language)["PRESETS"].keys() == settings.PRESETS.keys() for language in LANGUAGES)
