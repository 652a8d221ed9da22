"""A hub on this machine: a real server that `huggingface_hub` downloads from, with a model, and ways to fail."""

import hashlib
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

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
        if status:
            self._send(json.dumps({"error": error}).encode(), status=status, **{"X-Error-Code": error})
        elif "/tree/" in path:
            self._send(json.dumps([self._entry(file) for file in self._files()]).encode())
        elif path.startswith("/api/models/"):
            siblings = [{"rfilename": str(file.relative_to(self.server.folder))} for file in self._files()]
            self._send(json.dumps({"id": self.server.name, "sha": SHA, "siblings": siblings}).encode())
        else:
            self._send_file(self.server.folder / re.split(r"/resolve/[^/]+/", path)[1])

    def _files(self) -> list[Path]:
        return sorted(file for file in self.server.folder.rglob("*") if file.is_file())

    def _entry(self, file: Path) -> dict:
        content = file.read_bytes()
        name = str(file.relative_to(self.server.folder))
        return {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}

    def _send_file(self, file: Path) -> None:
        if not file.is_file():
            self._send(b"{}", status=404, **{"X-Error-Code": "EntryNotFound", "X-Repo-Commit": SHA})
            return
        content = file.read_bytes()
        tag = {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": SHA}
        withheld = self.command == "GET" and file.name == self.server.withholds
        self._send(content, status=403 if withheld else 200, **tag)

    def _send(self, content: bytes, *, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), "Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


@contextmanager
def hub(folder: Path, name: str, monkeypatch, cache: Path):
    """Serve `folder` as the model `name`, and let `huggingface_hub` know no other hub and no other cache.

    Yields:
        the server; set `refuses` to (status, error code), or `withholds` to the name of a file that it does not give.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.folder, server.name, server.refuses, server.withholds, server.asked = folder, name, (0, ""), None, []
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
