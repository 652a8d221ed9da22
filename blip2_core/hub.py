"""A public checkpoint from the Hugging Face Hub: downloaded once, with progress in bytes, then found without a network.

A checkpoint has 15 GB and more. So its config comes first: a model of another kind, or one that does not fit into the
memory, is refused before its weights come, and so is a disk that is too small for them.
"""

import difflib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .builtin.command import PUBLIC_CHECKPOINTS
from .builtin.frozen_parts import Progress
from .checkpoint_commands import DEFAULT_SCORER
from .disk import free_disk, tells_of_a_full_disk
from .errors import Blip2Error, CheckpointError, DownloadError, brief
from .memory import size

NEVER = ["*.pth", "*.h5", "*.msgpack"]  # weights for other programs
PICKLES = "*.bin"
CONFIG = "config.json"


def download(
    name: str,
    *,
    allow_pickle: bool,
    progress: Progress | None = None,
    look: Callable[[Path], object] | None = None,
) -> Path:
    """The folder of a hub id, downloaded where it is not in the cache.

    Args:
        name: the hub id, or the hub id, "@" and a revision: a branch, a tag or a commit.
        allow_pickle: also take `.bin` weights where there are no others.
        progress: told (done bytes, total bytes, what).
        look: called with a folder that has config.json alone, before anything else comes; may raise.

    Raises:
        CheckpointError: there is no such model, it is not for everybody, or it has pickles only.
        DownloadError: the network or the disk will not have it now.
        Blip2Error: what `look` raises.
    """
    if split_name(name)[1] == "":
        raise CheckpointError(f"{name[:200]}: expected a branch, a tag or a commit behind the @, got none.")
    try:
        folder = _snapshot(name, [*NEVER, PICKLES], progress, look)
        if any(folder.glob("*.safetensors*")):
            return folder
        if allow_pickle:
            return _snapshot(name, NEVER, progress, None)
        pickle = _first_pickle(name)
    except Blip2Error:
        raise
    except Exception as error:  # of the network, the disk, or one of several libraries between them
        raise _refusal(name, error) from None
    if pickle:
        raise CheckpointError(
            f"{name}: expected safetensors, the hub has only {pickle}, a pickle, which can run code when it is read. "
            "If you trust its source, allow it: --allow-pickle"
        )
    return folder


def _refusal(name: str, error: Exception) -> CheckpointError:
    """What went wrong, and what to do; what may pass is a `DownloadError`."""
    from huggingface_hub import errors

    hub_id, revision = split_name(name)
    near, again = _nearest(hub_id), download_command(name)
    meant = f"Did you mean {near}? " if near else ""
    known: dict[type[Exception], tuple[type[CheckpointError], str]] = {
        errors.HFValidationError: (
            CheckpointError, "expected a hub id like Salesforce/blip2-opt-2.7b; this is none."
        ),
        errors.GatedRepoError: (
            CheckpointError,
            "the hub gives it to those only who accepted its terms. Accept them on its page, then: hf auth login",
        ),
        errors.RepositoryNotFoundError: (
            CheckpointError,
            f"the hub has no such model, or it is private. {meant}Check the name, or log in: hf auth login",
        ),
        errors.RevisionNotFoundError: (
            CheckpointError, f"the hub has this model, but no branch, tag or commit {revision}. See its page.",
        ),
        errors.IncompleteSnapshotError: (
            DownloadError,
            f"its download is half-finished, and the hub cannot be reached. Finish it when online: {again}",
        ),
        errors.LocalEntryNotFoundError: (
            DownloadError,
            f"not on disk, and the hub cannot be reached. {meant}Download it when online: "
            f"{f'hf download {near}' if near else again}",
        ),
        errors.EntryNotFoundError: (
            CheckpointError, "it has no config.json, so it is no model that can be loaded here."
        ),
    }  # fmt: skip
    full = "the disk is full. Make room and go on"
    stopped = full if tells_of_a_full_disk(error) else f"the download stopped ({brief(error)}). Go on"
    otherwise = (DownloadError, f"{stopped} with: {again}")
    refusal, said = next((known[kind] for kind in known if isinstance(error, kind)), otherwise)
    return refusal(f"{name[:200]}: {said}")


def _nearest(name: str) -> str:
    """The public checkpoint whose name is nearly this one; "" for one of them and for any other name."""
    known = [*PUBLIC_CHECKPOINTS, DEFAULT_SCORER]
    near = [] if name in known else difflib.get_close_matches(name, known, n=1, cutoff=0.85)
    return near[0] if near else ""


def split_name(name: str) -> tuple[str, str | None]:
    """The hub id of NAME or NAME@REVISION, and the revision: a branch, a tag or a commit; None for the newest."""
    hub_id, at, revision = name.partition("@")
    return hub_id, revision if at else None


def download_command(name: str) -> str:
    """What downloads NAME or NAME@REVISION."""
    hub_id, revision = split_name(name)
    return f"hf download {hub_id}" + (f" --revision {revision}" if revision else "")


def _snapshot(name: str, unwanted: list[str], progress: Progress | None, look: Callable[[Path], object] | None) -> Path:
    from huggingface_hub import hf_hub_download, snapshot_download

    hub_id, revision = split_name(name)
    to_come = _files_to_come(name, unwanted)
    if to_come and look is not None:
        look(Path(hf_hub_download(hub_id, CONFIG, revision=revision, tqdm_class=_telling())).parent)
        to_come.pop(CONFIG, None)
    total = sum(to_come.values())
    _expect_room(name, total)
    told: dict[str, Any] = {} if progress is None else {"tqdm_class": _telling(progress, f"Downloading {name}", total)}
    return Path(snapshot_download(hub_id, revision=revision, ignore_patterns=unwanted, **told))


def _files_to_come(name: str, unwanted: list[str]) -> dict[str, int]:
    """The files that are not here and their bytes; none where all are, or without a network."""
    from huggingface_hub import errors, snapshot_download

    hub_id, revision = split_name(name)
    try:
        planned = snapshot_download(
            hub_id, revision=revision, ignore_patterns=unwanted, dry_run=True, tqdm_class=_telling()
        )
    except errors.DryRunError:
        return {}
    return {file.filename: file.file_size or 0 for file in planned if file.will_download}


def _expect_room(name: str, total: int) -> None:
    """Raise where the disk has less room than `total` bytes of files, less what is here of them."""
    from huggingface_hub import constants

    kept = Path(constants.HF_HUB_CACHE)
    begun = kept.joinpath(f"models--{split_name(name)[0].replace('/', '--')}", "blobs").glob("*.incomplete")
    needed = total - sum(file.stat().st_size for file in begun)
    free = free_disk(kept)
    if needed > free:
        raise DownloadError(
            f"{name}: the download needs {size(needed)} of disk, {size(free)} are free in {kept}. Make room, or set "
            "HF_HOME to a folder on a larger disk."
        )


def has_file(name: str, file: str) -> bool:
    """Whether the hub has a file of a model; True where it cannot be asked."""
    files = _hub_files(name)
    return not files or file in files


def _first_pickle(name: str) -> str:
    """The first of the pickles that the hub has of a model; "" where it has none, or cannot be asked."""
    return min((file for file in _hub_files(name) if Path(file).match(PICKLES)), default="")


def _hub_files(name: str) -> list[str]:
    """The files that the hub has of a model; none where it cannot be asked."""
    from huggingface_hub import HfApi

    hub_id, revision = split_name(name)
    try:
        return HfApi().list_repo_files(hub_id, revision=revision)
    except Exception:  # no network: what is missing is said of the folder
        return []


def _telling(progress: Progress | None = None, what: str = "", total: int = 0) -> type:
    """A kind of bar that draws nothing and tells how many of `total` bytes there are; without `progress`, nobody."""
    from tqdm import tqdm

    one_at_a_time = threading.Lock()

    class Telling(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            # One bar counts files; of the two in bytes, one counts what comes over the network, which may be less.
            of_files = options.get("unit") == "B" and not str(options.get("desc")).startswith("Downloading")
            self._tells = progress if of_files else None
            self._done = 0
            super().__init__(*args, **{**options, "disable": True})

        def update(self, n: float | None = 1) -> None:
            if self._tells is not None and total:
                with one_at_a_time:  # several files come at once
                    self._done = min(self._done + int(n or 0), total)
                    self._tells(self._done, total, what)

    return Telling
