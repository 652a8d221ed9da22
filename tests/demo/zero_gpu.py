"""`python zero_gpu.py FOLDER [arguments of app.py]`: the page as on ZeroGPU, with the platform's own package `spaces`.

The package feigns a GPU, forks a process for each call and sends arguments and results through pipes, as there. What is
not here is stood in for: the server that lends GPUs, which writes what it is asked into FOLDER/asked.jsonl and lends
none while there is a FOLDER/none-left, and, on a machine without a GPU, the GPU itself: the weights then come back in
the RAM of the forked process.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

ROOT = Path(__file__).parents[2]
NONE_LEFT, ASKED = "none-left", "asked.jsonl"


def main(folder: Path, arguments: list[str]) -> int:
    """Serve the page until it is stopped."""
    (folder / "cgroup").write_text("0::/a-space\n")
    os.environ |= {
        "SPACES_ZERO_GPU": "true", "SPACES_ZERO_DEVICE_API_URL": _lend_gpus(folder),
        "ZEROGPU_OFFLOAD_DIR": str(folder / "tensors"), "ZEROGPU_PROC_SELF_CGROUP_PATH": str(folder / "cgroup"),
    }  # fmt: skip
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"  # looking for a GPU must not begin to use it
    import torch

    torch.set_num_threads(1)  # more would wait for each other in a process that was forked
    if not torch.cuda.is_available():
        _do_without_gpu(torch)
    sys.path.insert(0, str(ROOT))
    import app

    return app.main(arguments)


def _do_without_gpu(torch) -> None:
    """Give the package what it expects of a torch that was built with CUDA, and the weights back without a GPU."""
    torch.version.cuda, torch._C._cuda_init, torch.cuda._is_in_bad_fork = "13.0", lambda: None, bool
    import spaces  # noqa: F401
    from spaces.zero import torch as feigned
    from spaces.zero.torch.patching import cuda_aliases

    def move(callback=None) -> None:
        for there, weights in cuda_aliases.items():
            there.data = weights

    feigned.pack, feigned.init, feigned.move = lambda: len(cuda_aliases), lambda uuid: None, move


def _lend_gpus(folder: Path) -> str:
    """The address of a server that lends one GPU to everybody."""

    class Lender(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = urlsplit(self.path)
            with (folder / ASKED).open("a") as file:
                file.write(json.dumps({"path": asked.path, **dict(parse_qsl(asked.query))}) + "\n")
            refused = asked.path == "/schedule" and (folder / NONE_LEFT).exists()
            lent = {"idle": False, "nvidiaIndex": 0, "nvidiaUUID": "0", "allowToken": "token"}
            body = json.dumps({"left": 0, "wait": 3600} if refused else lent).encode()
            self.send_response(429 if refused else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Lender)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
