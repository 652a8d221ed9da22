"""What the handlers of the page return, without a browser: a value for each part that they are to change."""

import pytest

from demo.page import build_page


@pytest.fixture(scope="module")
def handlers(loader) -> dict:
    return {handler.name: handler for handler in build_page(loader).fns.values()}


def test_a_picture_that_is_refused_leaves_every_part_as_it_was(handlers, conversation, pictures, tmp_path):
    (tmp_path / "torn.png").write_bytes(b"no picture")
    show = handlers["show"]
    assert len(show.fn(conversation, pictures[0], None)) == len(show.outputs)
    with pytest.warns(UserWarning):  # where there is no browser, the sentence for the visitor goes here
        kept, *others = show.fn(conversation, str(tmp_path / "torn.png"), None)
    assert kept == pictures[0] and len(others) == len(show.outputs) - 1
    assert all(other["__type__"] == "update" for other in others)


def test_a_question_that_is_refused_leaves_every_part_as_it_was(handlers, conversation):
    begin = handlers["begin"]
    with pytest.warns(UserWarning):
        left = begin.fn(conversation, None, "what is it?", None)
    assert len(left) == len(begin.outputs) and all(part["__type__"] == "update" for part in left)
