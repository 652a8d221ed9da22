"""Names and passwords in front of the page: the file, and what a stranger without them gets to see."""

import base64
import io
import json
import stat
import time

import pytest
from gradio_client import Client, handle_file
from raw_http import Stranger
from test_api_examples import needs_mcp
from test_app import run
from test_browser import DESK, answers, app_in, ask, chromium, click_photo, visit, wait_for_the_end
from test_http import QUESTION, START, free_port, in_json, picture

from demo.accounts import (
    ASK,
    OPEN,
    WRONG,
    AccountsError,
    change,
    hash_password,
    main,
    read_accounts,
)
from demo.limits import Limits
from demo.page import build_page
from demo.serving import serve

__all__ = ["chromium", "picture", "visit"]  # fixtures
NAME, PASSWORD = "änn", "correct horse: battery"  # a colon ends the name, the first one only


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    file = tmp_path_factory.mktemp("accounts") / "accounts.txt"
    file.write_text(f"{NAME}:{hash_password(PASSWORD)}\n", encoding="utf-8")
    return file


@pytest.fixture
def page(loader, file, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    page = build_page(loader, limits=Limits(questions_a_minute=1000))
    page.found_at = serve(
        page, loader, host="127.0.0.1", port=free_port(), share=False, accounts=read_accounts(file)
    )  # fmt: skip
    yield page
    page.close(verbose=False)


def signed(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def add(file, name, password, monkeypatch) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
    return main(["add", str(file), name])


def test_an_account_is_added_changed_and_removed_and_no_password_is_kept(tmp_path, monkeypatch, capsys):
    file = tmp_path / "accounts.txt"
    assert add(file, "ann", "first password", monkeypatch) == 0 and add(file, "bob", PASSWORD, monkeypatch) == 0
    assert add(file, "ann", PASSWORD, monkeypatch) == 0
    accounts = read_accounts(file)
    assert accounts.prove("ann", PASSWORD) and accounts.prove("bob", PASSWORD)
    assert not accounts.prove("ann", "first password") and not accounts.prove("eve", PASSWORD)
    assert PASSWORD not in file.read_text() and stat.S_IMODE(file.stat().st_mode) == 0o600
    first, second = (line.split(":")[1:] for line in file.read_text().splitlines())
    assert first != second  # the same password, another salt
    assert main(["remove", str(file), "ann"]) == 0 and list(read_accounts(file).hashes) == ["bob"]
    assert capsys.readouterr().out.splitlines()[-1] == f"{file}: 1 account"


def test_a_password_is_proved_once_and_then_known_at_once(file):
    accounts = read_accounts(file)
    assert not accounts.proved(NAME, PASSWORD) and accounts.prove(NAME, PASSWORD) and accounts.proved(NAME, PASSWORD)
    assert not accounts.proved(NAME, "another password") and not accounts.proved("eve", PASSWORD)


@pytest.mark.parametrize("name", ["", " ", "a:b", "a\nb", "a" * 65])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(AccountsError, match="^NAME: expected at most 64 characters without a colon, got "):
        change({}, name, PASSWORD)


def test_short_passwords_and_unknown_names_are_refused_in_a_sentence(tmp_path, monkeypatch, capsys):
    file = tmp_path / "accounts.txt"
    assert add(file, "ann", "short", monkeypatch) == 2 and not file.exists()
    assert add(file, "ann", PASSWORD, monkeypatch) == 0 and main(["remove", str(file), "bob"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: The password needs at least 10 characters. Three or four words are good.",
        "error: bob: has no account. There are: ann.",
    ]


@pytest.mark.parametrize("line", ["ann", "ann:secret", "ann:00:00", ":" + hash_password(PASSWORD), "ann:zz:zz"])
def test_a_line_that_is_no_account_is_named(tmp_path, line):
    file = tmp_path / "accounts.txt"
    file.write_text(f"\n{line}\n")
    with pytest.raises(AccountsError, match="accounts.txt, line 2: expected NAME:SALT:HASH"):
        read_accounts(file)


def test_the_page_does_not_start_without_an_account(tmp_path):
    (tmp_path / "empty.txt").touch()
    for file, what in (("no.txt", "no.txt cannot be read (No such file"), ("empty.txt", "empty.txt has no account")):
        refused = run("--accounts", file, "--model", "pocket", "--port", str(free_port()), folder=tmp_path)
        assert refused.returncode == 2 and what in refused.stderr and "demo.accounts add" in refused.stderr
        assert refused.stderr.count("\n") == 1


def paths_of(routes, prefix=""):
    """Every address that Gradio serves, with what stands before it."""
    for route in routes:
        if hasattr(route, "path"):
            yield prefix, route.path
        else:
            yield from paths_of(route.original_router.routes, prefix="/gradio_api")


def test_a_stranger_gets_nothing_whatever_the_address(page):
    stranger = Stranger(page.found_at)
    paths = {path if path.startswith("/gradio_api") else prefix + path for prefix, path in paths_of(page.app.routes)}
    assert len(paths) > 40 and OPEN < paths
    for path in sorted(paths - OPEN) + ["/gradio_api/mcp/", "/gradio_api/mcp/sse", "/nowhere", "/login"]:
        path = path.replace("{", "").replace("}", "").replace(":path", "") or "/"
        assert stranger.get(path) == (401, ASK.encode()), path
        assert stranger.post(path, {})[0] == 401, path
    assert stranger.get("/gradio_api/healthz")[0] == 200


def test_who_has_an_account_asks_from_a_program_and_gets_pictures(page, picture, loader, pictures):
    friend = Stranger(page.found_at, headers=signed(NAME, PASSWORD))
    assert friend.get("/")[0] == 200
    event, data = friend.ask(in_json(picture), QUESTION, *START)
    assert event == "complete" and data[2]["tokens"] == 8
    client = Client(page.found_at, httpx_kwargs={"auth": (NAME, PASSWORD)}, verbose=False)
    said = client.predict(handle_file(pictures[0]), QUESTION, max_tokens=8, api_name="/ask")
    assert said[0] == data[0]


@needs_mcp
def test_a_language_model_needs_an_account_too(page, picture):
    arguments = {"image": in_json(picture)["url"], "question": QUESTION, "max_tokens": 8}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "ask", "arguments": arguments}}
    accept = {"Accept": "application/json, text/event-stream"}
    assert Stranger(page.found_at, headers=accept).post("/gradio_api/mcp/", body)[0] == 401
    status, said = Stranger(page.found_at, headers=accept | signed(NAME, PASSWORD)).post("/gradio_api/mcp/", body)
    result = json.loads(said.decode().partition("data: ")[2])["result"]
    assert status == 200 and not result["isError"] and "'tokens': 8" in str(result)


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !",
        "Basic " + base64.b64encode(b"ann").decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
    ],
)
def test_a_header_that_is_none_is_asked_again(page, header):
    assert Stranger(page.found_at, headers={"Authorization": header}).get("/") == (401, ASK.encode())


def test_who_tries_passwords_out_has_to_wait_and_who_is_in_stays_in(page):
    friend = Stranger(page.found_at, headers=signed(NAME, PASSWORD))
    assert friend.get("/")[0] == 200
    tries = [
        Stranger(page.found_at, headers=signed(NAME, f"password {n}")).get("/")
        for n in range(int(Limits().passwords_a_minute) + 2)
    ]
    assert tries[0] == (401, WRONG.encode()) and tries[-1][0] == 429
    assert friend.get("/")[0] == 200


def test_a_wrong_name_takes_as_long_as_a_wrong_password(file):
    accounts, seconds = read_accounts(file), {NAME: [], "eve": []}
    for _ in range(3):
        for name, taken in seconds.items():
            start = time.perf_counter()
            assert not accounts.prove(name, "wrong password")
            taken.append(time.perf_counter() - start)
    assert 0.5 < min(seconds[NAME]) / min(seconds["eve"]) < 2


@pytest.fixture(scope="module")
def address(model_folder, file, tmp_path_factory):
    with app_in(
        tmp_path_factory.mktemp("elsewhere"), "--model", str(model_folder), "--accounts", str(file)
    ) as address:  # fmt: skip
        yield address


@pytest.mark.browser
def test_a_browser_asks_once_and_then_everything_works(visit):
    page = visit(DESK, http_credentials={"username": NAME, "password": PASSWORD})
    click_photo(page, 0)
    ask(page, "What is this?")
    wait_for_the_end(page)
    assert len(answers(page)) == 1 and page.locator("#picture img").count() == 1
