"""How much strangers may send to the page, how often and how long it lasts, by raw HTTP."""

import json
import logging
import time
from contextlib import contextmanager

import pytest
from raw_http import Stranger, _form
from test_http import QUESTION, START, cache, in_json, logs, on_disk, page, picture, serve_page, stranger

from demo import texts
from demo.limits import LARGEST_FILE, Limits
from demo.loading import ModelLoader

__all__ = ["cache", "page", "picture", "stranger"]  # fixtures


@contextmanager
def served(loader, folder, **limits):
    """A page with limits of its own."""
    with pytest.MonkeyPatch.context() as context:
        page, address = serve_page(loader, folder, context, Limits(**limits))
        try:
            yield Stranger(address, "visitor")
        finally:
            page.close(verbose=False)


def send(stranger: Stranger, file: bytes) -> tuple[int, str]:
    """Status of an upload, and what is said about it where it was refused."""
    status, body = stranger.post("/gradio_api/upload", _form((file,), "a.jpg"), "multipart/form-data; boundary=x")
    said = json.loads(body)
    return status, said["detail"] if isinstance(said, dict) else ""


def test_an_address_that_uploads_too_often_is_told_when_to_come_back(loader, tmp_path, picture):
    with served(loader, tmp_path, pictures_a_minute=1) as stranger:
        assert [send(stranger, picture)[0] for _ in range(4)] == [200] * 4
        status, said = send(Stranger(stranger.address, "by another name"), picture)
        assert status == 429 and said.startswith("That was a lot at once. Please try again in ")
        assert stranger.get("/config")[0] == 200


def test_pictures_are_refused_once_the_folder_of_uploads_is_full(loader, tmp_path, picture):
    with served(loader, tmp_path, bytes_uploaded=10_000_000) as stranger:  # the gallery lies there, too
        assert send(stranger, b"x" * 6_000_000)[0] == 200
        assert send(stranger, b"y" * 6_000_000) == (507, texts.NO_ROOM)
        event, said = stranger.ask(in_json(b"y" * 6_000_000), QUESTION, *START)
        assert event == "status 507" and texts.NO_ROOM in said
        assert stranger.ask(in_json(picture), QUESTION, *START)[0] == "complete"  # a small one costs little


def test_a_file_of_more_than_15_mb_is_refused_though_the_request_is_small_enough(stranger):
    status, _ = stranger.post(
        "/gradio_api/upload", _form((b"x" * (LARGEST_FILE + 500_000),), "a.jpg"), "multipart/form-data; boundary=x"
    )
    assert status == 413


def test_a_picture_of_more_than_15_mb_inside_json_is_refused_in_a_sentence(stranger):
    event, data = stranger.ask(in_json(b"x" * (LARGEST_FILE + 10)), QUESTION, *START)
    assert (event, data["error"]) == ("error", texts.UNREADABLE_PICTURE)


def test_an_answer_that_takes_too_long_is_cut_and_says_so(loader, tmp_path, picture):
    hook = loader.model.model.language_model.register_forward_hook(lambda *_: time.sleep(0.05))
    with served(loader, tmp_path, seconds_an_answer=0.2) as stranger:
        event, data = stranger.ask(in_json(picture), QUESTION, 0, 0.9, 256, 1.1, "")
    hook.remove()
    assert event == "complete" and data[2]["stopped_by"] == "deadline" and data[2]["tokens"] < 100


def test_a_conversation_has_an_end(loader, tmp_path, picture):
    with served(loader, tmp_path, turns=1) as stranger:
        image = on_disk(stranger.upload(picture)[0])
        stranger.press("begin", [None, image, QUESTION])
        stranger.press("_answer", [None, *START, None])
        assert texts.MANY_TURNS.format(most=1) in logs(stranger.press("begin", [None, image, QUESTION]))


def test_while_the_model_is_loading_health_and_ask_say_so(model_folder, tmp_path, picture):
    with served(ModelLoader(str(model_folder)), tmp_path) as stranger:
        status, body = stranger.get("/gradio_api/healthz")
        assert status == 503 and json.loads(body)["ready"] is False
        assert stranger.ask(in_json(picture), QUESTION, *START)[1]["error"] == texts.LOADING


def test_whoever_asks_while_many_wait_is_told_so_in_the_pages_own_words(loader, tmp_path, picture):
    with served(loader, tmp_path, waiting=0) as stranger:
        event, said = stranger.ask(in_json(picture), QUESTION, *START)
        assert event == "status 503" and json.loads(said)["detail"] == texts.FULL
        assert stranger.get("/gradio_api/healthz")[0] == 200


def test_a_question_that_is_answered_leaves_no_word_in_the_log(stranger, picture, capfd, caplog):
    with caplog.at_level(logging.INFO):
        event, data = stranger.ask(in_json(picture), "SecretQuestion", *START)
    assert event == "complete", data
    assert "Secret" not in caplog.text + "".join(capfd.readouterr())
