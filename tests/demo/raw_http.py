"""Talks to the page as curl does, without Gradio's client or a browser: what a stranger can send."""

import json
import socket
import urllib.error
import urllib.parse
import urllib.request
from typing import Any


class Stranger:
    """One session of raw HTTP.

    Args:
        address: of the page.
        session: what it calls itself.
        headers: sent along each time.
    """

    def __init__(self, address: str, session: str = "stranger", headers: dict[str, str] | None = None) -> None:
        self.address, self.session, self.headers = address.rstrip("/"), session, headers or {}

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        return self._send(urllib.request.Request(f"{self.address}{path}"))

    def post(self, path: str, body: bytes | dict, kind: str = "application/json") -> tuple[int, bytes]:
        """Status and body."""
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        return self._send(urllib.request.Request(f"{self.address}{path}", data, {"Content-Type": kind}))

    def announce(self, path: str, length: int) -> bytes:
        """First line of the answer to a body of so many bytes, before the first of them was sent."""
        with self._open(path, f"Content-Length: {length}") as connection:
            return connection.recv(1000).split(b"\r\n")[0]

    def send_in_chunks(self, path: str, length: int) -> bytes:
        """First line of the answer to so many bytes of a body whose length was not announced, and that has no end."""
        with self._open(path, "Transfer-Encoding: chunked") as connection:
            body = _form((b" " * length,), "a.jpg")[:length]
            connection.sendall(b"%x\r\n%b\r\n" % (length, body))
            return connection.recv(1000).split(b"\r\n")[0]

    def _open(self, path: str, header: str, *, method: str = "POST") -> socket.socket:
        parts = urllib.parse.urlsplit(self.address)
        connection = socket.create_connection((parts.hostname, parts.port), timeout=60)
        kind = "multipart/form-data; boundary=x" if path.endswith("upload") else "application/json"
        head = f"{method} {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {kind}\r\n{header}\r\n\r\n"
        connection.sendall(head.encode())
        return connection

    def upload(self, *files: bytes, name: str = "a.jpg") -> list[str]:
        """Paths of the files on the server."""
        status, answer = self.post("/gradio_api/upload", _form(files, name), "multipart/form-data; boundary=x")
        assert status == 200, answer
        return json.loads(answer)

    def ask(self, image: Any, *values: Any) -> tuple[str, Any]:
        """The last event of `/ask` and its data."""
        return self._answer("", {"data": [image, *values], "session_hash": self.session})

    def ask_by_name(self, **values: Any) -> tuple[str, Any]:
        """As `ask`; what is left out gets its start value."""
        return self._answer("v2/", values)

    def _answer(self, version: str, body: dict) -> tuple[str, Any]:
        status, answer = self.post(f"/gradio_api/call/{version}ask", body)
        if status != 200:
            return f"status {status}", answer.decode()
        _, stream = self.get(f"/gradio_api/call/ask/{json.loads(answer)['event_id']}")
        event, data = stream.decode().strip().split("\n\n")[-1].split("\n")
        return event.removeprefix("event: "), json.loads(data.removeprefix("data: "))

    def ask_and_listen(self, image: Any, *values: Any) -> socket.socket:
        """Ask, and begin to wait for the answer; whoever closes the connection hangs up."""
        body = {"data": [image, *values], "session_hash": self.session}
        status, answer = self.post("/gradio_api/call/ask", body)
        assert status == 200, answer
        return self._open(f"/gradio_api/call/ask/{json.loads(answer)['event_id']}", "Accept: */*", method="GET")

    def press(self, handler: str, data: list, event_data: Any = None) -> list[dict]:
        """Everything that the server says after a private event of the page."""
        _, config = self.get("/config")
        found = [event["id"] for event in json.loads(config)["dependencies"] if event["api_name"] == handler]
        body = {"fn_index": found[0], "data": data, "session_hash": self.session, "event_data": event_data}
        status, answer = self.post("/gradio_api/queue/join", body)
        assert status == 200, answer
        _, stream = self.get(f"/gradio_api/queue/data?session_hash={self.session}")
        return [json.loads(line.removeprefix("data: ")) for line in stream.decode().split("\n\n") if line]

    def _send(self, request: urllib.request.Request) -> tuple[int, bytes]:
        for name, value in self.headers.items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


def _form(files: tuple[bytes, ...], name: str) -> bytes:
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\n' % name.encode()
    return b"".join(head + file + b"\r\n" for file in files) + b"--x--\r\n"
