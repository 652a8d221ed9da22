"""A hub on this machine: a real server that `huggingface_hub` downloads from, with a model, and ways to fail."""

import hashlib
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

SHA = "0123456789abcdef0123456789abcdef01234567"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        path = self.path.split("?")[0]
        status, error = self.server.refuses
        revision = _revision(path)
        if status:
            self._send(json.dumps({"error": error}).encode(), status=status, **{"X-Error-Code": error})
        elif revision not in self._commits() and revision not in self._commits().values():
            self._send(b"{}", status=404, **{"X-Error-Code": "RevisionNotFound"})
        else:
            self._answer(path, self._commits().get(revision, revision))

    def _answer(self, path: str, commit: str) -> None:
        folder = self.server.folder if commit == SHA else self.server.older[commit]
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        if "/tree/" in path:
            self._send(json.dumps([self._entry(file, folder) for file in files]).encode())
        elif path.startswith("/api/models/"):
            siblings = [{"rfilename": str(file.relative_to(folder))} for file in files]
            self._send(json.dumps({"id": self.server.name, "sha": commit, "siblings": siblings}).encode())
        else:
            self._send_file(folder / re.split(r"/resolve/[^/]+/", path)[1], commit)

    def _commits(self) -> dict[str, str]:
        """The commit of each branch."""
        return {"main": SHA} | {f"pr/{number}": commit for number, commit in enumerate(self.server.older)}

    def _entry(self, file: Path, folder: Path) -> dict:
        content = file.read_bytes()
        name = str(file.relative_to(folder))
        return {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}

    def _send_file(self, file: Path, commit: str) -> None:
        if not file.is_file():
            self._send(b"{}", status=404, **{"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
            return
        content = file.read_bytes()
        tag = {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": commit}
        withheld = self.command == "GET" and file.name == self.server.withholds
        self._send(content, status=403 if withheld else 200, **tag)

    def _send(self, content: bytes, *, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), "Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


def _revision(path: str) -> str:
    """The revision that a path asks for: a branch or a commit."""
    found = re.search(r"/(?:resolve|tree|revision)/([^/]+)", path)
    return unquote(found[1]) if found else "main"


@contextmanager
def hub(folder: Path, name: str, monkeypatch, cache: Path):
    """Serve `folder` as the model `name`, and let `huggingface_hub` know no other hub and no other cache.

    Yields:
        the server; set `refuses` to (status, error code), `withholds` to the name of a file that it does not give, or
        `older` to {commit: folder}: the first of them is the branch "pr/0".
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.folder, server.name, server.older, server.asked = folder, name, {}, []
    server.refuses, server.withholds = (0, ""), None
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", url)
    template = "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", url + template)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
