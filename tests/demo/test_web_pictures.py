"""Fetching from a web address: where a server may be sent by strangers, and for how long."""

import io
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from demo import texts, web_pictures
from demo.door import Door
from demo.errors import VisitorError
from demo.web_pictures import fetch, is_public


def a_picture() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(stream, "PNG")
    return stream.getvalue()


class Site(BaseHTTPRequestHandler):
    """A web site of the machine itself."""

    def do_GET(self) -> None:
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
        elif self.path == "/picture.png":
            self._send(a_picture())
        elif self.path == "/large":
            self._send(bytes(web_pictures.MOST_BYTES + 1))
        elif self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            self._drip()
        elif self.path == "/cut":
            self._send(b"half", length=8)
        else:
            self.send_error(404)

    def _send(self, body: bytes, length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        try:
            for _ in range(200):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.05)
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site():
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def get(site):
    """Fetches a path of the site, as if its address and port were public."""
    port = site.server_address[1]
    return lambda path: fetch(
        f"http://localhost:{port}{path}", allowed=lambda ip: ip in ("127.0.0.1", "::1"), ports={"http": port}
    )


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.0.8", "0.0.0.0",
        "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1", "2001::1", "not an address", "",
    ],
)  # fmt: skip
def test_an_address_of_the_inside_is_not_public(address):
    assert not is_public(address)


def test_an_address_of_the_outside_is_public():
    assert is_public("1.1.1.1") and is_public("2606:4700:4700::1111")


@pytest.mark.parametrize(
    "address",
    [
        "", None, "cat.jpg", "file:///etc/passwd", "ftp://example.com/a.png", "gopher://example.com", "http://",
        "https://user:secret@example.com/a.png", "http://example.com:8080/", "https://example.com:22/a.png",
        "http://example.com:notaport/", "http://[::1/", "https://example.com/" + "a" * 2000,
    ],
)  # fmt: skip
def test_only_plain_web_addresses_at_the_usual_ports_are_fetched(address):
    with pytest.raises(VisitorError) as refused:
        fetch(address)
    assert str(refused.value) == texts.WEB_ADDRESS


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f000001", "0"])
def test_other_names_of_this_machine_do_not_help(host):
    with pytest.raises(VisitorError):
        fetch(f"http://{host}/")


def test_a_picture_is_fetched_also_behind_a_redirect(get):
    assert get("/picture.png") == get("/to//picture.png") == a_picture()


@pytest.mark.parametrize(
    "place", ["http://169.254.169.254/", "file:///etc/passwd", "https://127.0.0.1/", "//10.0.0.1/"]
)
def test_a_redirect_is_checked_as_the_first_address_was(get, place):
    with pytest.raises(VisitorError) as refused:
        get(f"/to/{place}")
    assert str(refused.value) == texts.WEB_ADDRESS


def test_redirects_come_to_an_end(get):
    with pytest.raises(VisitorError, match="could not be fetched"):
        get("/to//to//to//to//picture.png")


@pytest.mark.parametrize("path", ["/nothing", "/cut"])
def test_what_does_not_come_whole_is_said(get, path):
    with pytest.raises(VisitorError, match="could not be fetched"):
        get(path)


def test_a_file_that_is_too_large_is_not_read_to_its_end(get):
    with pytest.raises(VisitorError, match="larger than 8 MB"):
        get("/large")


def test_a_site_that_drips_is_hung_up_on(get, monkeypatch):
    monkeypatch.setattr(web_pictures, "MOST_SECONDS", 0.5)
    began = time.monotonic()
    try:
        get("/endless")
    except VisitorError:
        pass
    assert time.monotonic() - began < 5


def test_where_it_is_turned_off_nothing_is_fetched(tmp_path):
    with pytest.raises(VisitorError, match="turned off"):
        Door(web=False).fetch("https://example.com/a.png", str(tmp_path))
    assert list(tmp_path.iterdir()) == []
