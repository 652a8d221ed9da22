"""A picture from a web address in a real browser; to the page, which runs in this process, a site of ours is public."""

import pytest
from test_browser import DESK, ask, chromium, short_answers, visit, wait_for_the_end
from test_http import cache, page
from test_web_pictures import site

from demo import texts, web_pictures

__all__ = ["cache", "chromium", "page", "site", "visit"]  # fixtures
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(page, site):
    with pytest.MonkeyPatch.context() as context:
        context.setitem(web_pictures.fetch.__kwdefaults__, "allowed", lambda ip: ip in ("127.0.0.1", "::1"))
        context.setitem(web_pictures.PORTS, "http", site.server_address[1])
        yield page.found_at.rstrip("/")


def test_a_picture_is_fetched_from_the_web_and_asked_about(visit, site):
    page = visit(DESK)
    short_answers(page)
    page.locator("#more-ways button").first.click()
    box = page.locator("#address textarea, #address input")
    box.fill(f"http://localhost:{site.server_address[1]}/nothing")
    page.get_by_role("button", name=texts.FETCH, exact=True).click()
    page.get_by_text(texts.WEB_NO_ANSWER).wait_for()
    box.fill(f"http://localhost:{site.server_address[1]}/picture.png")
    page.get_by_role("button", name=texts.FETCH, exact=True).click()
    picture = page.locator(f'#picture img[alt="{texts.PICTURE}"]')
    picture.wait_for()
    assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [8, 8]
    assert box.input_value() == ""
    ask(page, "What is this?")
    wait_for_the_end(page)
