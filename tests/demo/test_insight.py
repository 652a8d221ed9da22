"""Where the model looked and the road it took: the handlers on a tiny model, and the panels in a real browser."""

import os
import re
import shutil
from dataclasses import replace
from html import escape

import pytest

from blip2_core.answer_settings import AnswerSettings
from blip2_core.attention_maps import relevance
from demo import insight, texts
from demo.browser import Visit, headless_chromium, running_app
from demo.gallery import photos
from demo.insight_views import draw_road

QUESTION = "what is the color?"
OPEN, BOTH = (insight.LOOKED,), insight.PANELS
SHORT = AnswerSettings(max_new_tokens=8)
PLACES = "|".join(place for row in texts.PLACES for place in row)


def ask(conversation, picture: str, question: str = QUESTION) -> None:
    conversation.begin(question, picture)
    for _ in conversation.answer(SHORT):
        pass


@pytest.fixture
def passes(loader):
    """How many times the language model ran."""
    ran = []
    hook = loader.model.model.language_model.register_forward_hook(lambda *_: ran.append(1))
    yield ran
    hook.remove()


def test_nothing_is_worked_out_before_a_panel_is_opened(conversation, pictures, passes):
    ask(conversation, pictures[0])
    passes.clear()
    looked, road, wanted, _ = insight.refresh(conversation, (), 0)
    assert texts.INSIGHT_HINTS["looked"] in looked and texts.INSIGHT_HINTS["road"] in road
    assert wanted["__type__"] == "update" and passes == []
    assert insight.refresh(conversation, OPEN, 0)[2] == 1


def test_the_map_of_an_answer_is_worked_out_once(conversation, pictures, passes):
    ask(conversation, pictures[0])
    passes.clear()
    for _ in range(2):
        looked, road = insight.work_out(conversation, OPEN)
        assert looked.count("data:image/") == 2 and QUESTION in looked and texts.INSIGHT_HINTS["road"] in road
    assert len(passes) == 1 and insight.refresh(conversation, OPEN, 0)[0] == looked


def test_the_road_counts_the_tokens_of_the_turns_before(conversation, loader, pictures):
    for question in (QUESTION, "how many dogs?"):
        ask(conversation, pictures[0], question)
    last = conversation.exchanges[-1]
    told, _ = insight.find_road(conversation, last)
    read = loader.model.prompt(last.question, list(last.history))
    assert str(read) == last.prompt and QUESTION in last.prompt
    assert told.stations[-1].shape == (loader.model.adapter.count_tokens(read),)


def test_the_road_shows_what_a_q_former_reads_that_was_taught_to_read_turns(
    conversation, loader, pictures, monkeypatch
):
    taught = replace(loader.model.template, qformer_turn=" - {question} {answer}")
    monkeypatch.setattr(loader.model.adapter, "template", taught)
    for question in (QUESTION, "how many dogs?"):
        ask(conversation, pictures[0], question)
    first, last = conversation.exchanges
    read = f"how many dogs? - {QUESTION} {first.answer.strip()}"
    assert (first.qformer_question, last.qformer_question) == (QUESTION, read)
    road = draw_road(pictures[0], last, *insight.find_road(conversation, last))
    assert f"<h3>{texts.ROAD_QFORMER}</h3>" in road and f">{escape(read)}</pre>" in road


def test_the_map_counts_the_turns_before_as_the_model_read_them(conversation, loader, pictures):
    for question in (QUESTION, "how many dogs?"):
        ask(conversation, pictures[0], question)
    insight.work_out(conversation, OPEN)
    first, last = conversation.exchanges
    assert last.history == ((QUESTION, first.answer.strip()),)
    alone = relevance(loader.model, pictures[0], last.question, last.answer, history=last.history)
    assert last.found[insight.LOOKED].log_probability == pytest.approx(alone.log_probability, abs=1e-3)


def test_the_map_belongs_to_the_last_answer_and_goes_with_a_new_picture(conversation, pictures):
    ask(conversation, pictures[0])
    first = insight.work_out(conversation, OPEN)[0]
    ask(conversation, pictures[0], "how many dogs?")
    second = insight.work_out(conversation, OPEN)[0]
    assert "how many dogs?" in second and "how many dogs?" not in first
    conversation.undo()
    assert insight.refresh(conversation, OPEN, 0)[0] == first
    conversation.show(pictures[1])
    assert texts.INSIGHT_HINTS["looked"] in insight.refresh(conversation, OPEN, 0)[0]


def test_an_earlier_answer_is_explained_when_it_is_chosen_until_the_next_question(conversation, loader, pictures):
    ask(conversation, pictures[0])
    assert not insight.refresh(conversation, OPEN, 0)[3].visible
    ask(conversation, pictures[0], "what is the color the " + "picture is the color the " * 2 + "?")
    which = insight.refresh(conversation, OPEN, 0)[3]
    assert which.visible and which.value == 1 and [place for _, place in which.choices] == [0, 1]
    assert which.choices[0][0] == f"1. {QUESTION}" and which.choices[1][0].endswith(" …")
    insight.choose(conversation, 0)
    assert insight.refresh(conversation, OPEN, 0)[2] == 1 and insight.refresh(conversation, OPEN, 0)[3].value == 0
    looked, road = insight.work_out(conversation, BOTH)
    assert QUESTION in looked and QUESTION in road and "what is the color the" not in looked + road
    first = conversation.exchanges[0]
    alone = relevance(loader.model, pictures[0], QUESTION, first.answer)
    assert first.found[insight.LOOKED].log_probability == pytest.approx(alone.log_probability, abs=1e-3)
    ask(conversation, pictures[0], "and now?")
    assert insight.answered(conversation) is conversation.exchanges[-1]


def test_a_chosen_answer_that_was_taken_back_gives_way_to_the_last(conversation, pictures):
    for question in (QUESTION, "how many dogs?"):
        ask(conversation, pictures[0], question)
    insight.choose(conversation, 1)
    conversation.undo()
    assert insight.answered(conversation) is conversation.exchanges[0]
    for forged in (7, -1, True, "0", None, [0]):
        insight.choose(conversation, forged)
        assert insight.answered(conversation) is conversation.exchanges[0]


def test_while_an_answer_is_on_its_way_there_is_no_map(conversation, pictures):
    ask(conversation, pictures[0])
    insight.work_out(conversation, OPEN)
    conversation.begin("how many dogs?", pictures[0])
    assert texts.INSIGHT_HINTS["looked"] in insight.refresh(conversation, OPEN, 0)[0]


def test_the_road_has_the_shapes_the_prompt_and_every_query(conversation, loader, pictures):
    ask(conversation, pictures[0])
    _, road = insight.work_out(conversation, BOTH)
    queries = loader.model.model.query_tokens.shape[1]
    assert road.count("<img ") == queries and len(re.findall(rf"looked most at the ({PLACES})\.", road)) == queries
    assert "3 × 28 × 28" in road and "<code>visual_prompt</code>" in road


def test_a_question_stays_text_in_both_panels(conversation, pictures):
    ask(conversation, pictures[0], "<img src=x onerror=alert(1)>")
    for view in insight.work_out(conversation, BOTH):
        assert "<img src=x" not in view and "&lt;img src=x" in view


def test_a_picture_that_is_gone_and_a_broken_model_get_a_friendly_sentence(conversation, pictures, monkeypatch):
    ask(conversation, pictures[0])
    monkeypatch.setitem(insight.FINDERS, insight.ROAD, lambda *_: 1 / 0)
    looked, road = insight.work_out(conversation, BOTH)
    assert "data:image/" in looked and texts.INSIGHT_FAILED.split(".")[0] in road
    os.unlink(pictures[0])
    assert texts.LOST_PICTURE in insight.refresh(conversation, OPEN, 0)[0]


def test_a_gpu_too_small_for_the_way_back_gets_its_sentence_and_the_panel_works_afterwards(
    conversation, pictures, full_gpu
):
    ask(conversation, pictures[0])
    with full_gpu():
        looked, road = insight.work_out(conversation, BOTH)
    assert texts.GPU_FULL in looked and "<img " in road
    assert "data:image/" in insight.work_out(conversation, OPEN)[0]


def test_what_a_browser_sends_as_open_panels_is_not_believed(conversation, pictures):
    ask(conversation, pictures[0])
    mark = insight._marking(insight.LOOKED, is_open=True)
    assert mark(("road", "passwords")) == ("road", "looked")


@pytest.mark.browser
@pytest.mark.pocket
@pytest.mark.skipif(shutil.which("chromium") is None, reason="Debian's chromium is not installed")
@pytest.mark.parametrize("phone", [False, True])
def test_a_visitor_opens_both_panels_of_the_real_model(phone):
    photo = next(place for place, photo in enumerate(photos()) if photo.file == "surfer.jpg")
    size = (390, 844) if phone else (1280, 960)
    with running_app("pocket") as address, headless_chromium() as browser:
        visit = Visit(browser, address, size=size, scale=1, dark=phone, phone=phone)
        page = visit.page
        page.goto(address)
        page.wait_for_selector(".status.ready")
        page.locator("#gallery button.thumbnail-item").nth(photo).click()
        page.locator("#suggestions button").first.click()
        page.locator("#chat .thought-group .title").wait_for()
        page.locator("#looked button").first.click()
        page.locator("#looked .heat").wait_for()
        assert page.locator("#looked .heat").evaluate("part => getComputedStyle(part).opacity") == "0.75"
        page.get_by_label(texts.LOOKED_ON).uncheck()
        page.wait_for_function("getComputedStyle(document.querySelector('#looked .heat')).opacity === '0'")
        page.locator("#road button").first.click()
        page.locator("#road .queries img").nth(15).wait_for()
        assert "290 × 320" in page.locator("#road .stations").inner_text()
        visit.check_width()
        assert visit.wrong == []
        visit.close()
