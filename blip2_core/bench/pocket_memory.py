"""What `pocket` takes on this machine, measured: the most memory that the whole process ever held, by precision.

Each precision runs in a process of its own, as a person would start it, so the numbers hold Python and torch too.
"""

import json
import subprocess
import sys
import tempfile
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import DataError

PRECISIONS = ("fp32", "bf16", "int8", "int4")
QUESTION = "Describe the picture in one sentence."
UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
# What its parent held counts for a process on Linux, so a small one stands between a large parent and the measured one.
SMALL_PARENT = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def measure_pocket() -> dict[str, Any]:
    """Ask one question on the CPU in each precision.

    Returns:
        The model, the date, the versions, and `bytes` by precision.
    """
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        Image.new("RGB", (640, 480), "gray").save(picture)
        taken = {precision: peak(picture, precision) for precision in PRECISIONS}
    versions = {package: version(package) for package in ("torch", "transformers", "bitsandbytes")}
    return {"model": "pocket", "device": "cpu", "date": str(date.today()), "versions": versions, "bytes": taken}


def peak(picture: Path, precision: str) -> int:
    """Bytes that a process held at most that answered one question about a picture."""
    asked = ["ask", str(picture), QUESTION, "--model", "pocket", "--device", "cpu", "--precision", precision]
    command = [sys.executable, "-c", SMALL_PARENT, sys.executable, "-m", "blip2_core", *asked]
    measured = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if measured.returncode:
        raise DataError(f"pocket in {precision}: expected an answer, it ended with {measured.returncode}; see above.")
    return int(measured.stdout) * UNIT


def read(file: Path) -> dict[str, int]:
    """Bytes by precision, from a file that `bench pocket` wrote.

    Raises:
        DataError: it is none.
    """
    try:
        taken = json.loads(file.read_text())["bytes"]
        return {precision: int(taken[precision]) for precision in PRECISIONS}
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(f"{file}: expected what `bench pocket --out {file}` writes, it cannot be read.") from None
