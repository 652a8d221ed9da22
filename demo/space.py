"""`python -m demo.space build DIR`: a folder that is a complete Hugging Face Space, ready to be pushed.

It holds what a wheel of this project would hold (the packages' sources, and the data files that `pyproject.toml`
names), `app.py`, the licence, and three files that are written for the Space: its card with the front matter that
configures it, its requirements, and the list of files that the Hub wants to keep outside git.

It is filled beside its place first, so that an error leaves nothing behind.
"""

# ruff: noqa: T201
import argparse
import re
import shutil
import sys
import tempfile
import tomllib
from pathlib import Path

from blip2_core.__main__ import BAD_INPUT, OneLineParser, complain
from blip2_core.errors import Blip2Error

from .hardware import LARGE_MODEL, MODEL_VARIABLE, PRECISION_VARIABLE

ROOT = Path(__file__).parents[1]
SIZE_LIMIT = 10_000_000  # bytes: the Hub takes no larger file through git
PACKAGES = ("blip2_core", "demo")
COPIED = ("app.py", "LICENSE")
TOOLS = tuple(f"demo/{tool}.py" for tool in ("browser", "likeness", "scenes", "screenshots", "space"))  # stay here
PYTHON = "3.12.12"  # one of the two that ZeroGPU has; must be quoted, or YAML reads a number

CARD = """\
---
title: Chat with a picture
emoji: 🖼️
colorFrom: green
colorTo: indigo
sdk: gradio
sdk_version: {gradio}
python_version: "{python}"
app_file: app.py
fullWidth: true
header: mini
short_description: Chat with pictures through BLIP-2
suggested_hardware: cpu-basic
startup_duration_timeout: 1h
license: bsd-3-clause
pinned: false
models:
  - HuggingFaceTB/SmolLM2-135M-Instruct
  - {large_model}
tags:
  - blip-2
  - instructblip
  - visual-question-answering
---
# Chat with a picture
Give it a picture and ask about it. A frozen image encoder looks at the picture once, a Q-Former that was told your
question draws out what matters, and a frozen language model answers.

The hardware picks the model. Without a GPU it is `pocket`, which is in this folder (`blip2_core/builtin/pocket`, with
its own card); its frozen language model, 98 MB, is fetched at the first start, and the page shows how far it is. With a
GPU it is `{large_model}`, in 8-bit on a T4.
To choose another one, set the variable `{model_variable}` in the Space's settings to a hub id, and
`{precision_variable}` to `int8`, `fp16`, `bf16` or `fp32`.

On ZeroGPU it is that large model, too, always in bf16. It is fetched before the page opens, which takes minutes; each
answer, each side of a comparison and each map borrows a GPU for a few seconds, of the minutes that its visitor has a
day. With `{model_variable}` set to `pocket` nothing is borrowed: the processor answers.

Pictures and questions stay on the machine that runs this Space. Uploads are deleted after about an hour, and nothing is
logged.

The code is BSD-3-Clause. SmolLM2-135M-Instruct and EfficientNet-Lite2 are Apache-2.0. The photographs have their
sources and licences in `demo/gallery/credits.json`, and the page shows them.
"""
OUTSIDE_GIT = "".join(f"*.{ending} filter=lfs diff=lfs merge=lfs -text\n" for ending in ("jpg", "png", "safetensors"))


class SpaceError(Blip2Error, ValueError):
    """A Space that cannot be assembled."""


def main(argv: list[str] | None = None) -> int:
    """Assemble the folder and say how to push it.

    Args:
        argv: the arguments; left out, those of the process.

    Returns:
        The exit code.
    """
    args = build_parser().parse_args(argv)
    try:
        files = build(args.folder)
    except SpaceError as error:
        complain(error)
        return BAD_INPUT
    size = sum(file.stat().st_size for file in files)
    print(f"{args.folder}: {len(files)} files, {size / 1e6:.1f} MB.")
    print(f"Push it with: hf upload YOUR-NAME/YOUR-SPACE {args.folder} . --repo-type space")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The arguments."""
    parser = OneLineParser(prog="python -m demo.space", description="Assemble a Hugging Face Space.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    command = commands.add_parser("build", help="write a folder that is a complete Space")
    command.add_argument("folder", metavar="DIR", type=Path, help="the folder to write: a new or an empty one")
    return parser


def build(folder: Path, root: Path = ROOT) -> list[Path]:
    """Write the folder.

    Args:
        folder: where to; a new or an empty one.
        root: a checkout of this project.

    Returns:
        The files in it.

    Raises:
        SpaceError: there is something at `folder`, a file is missing or too large, or it cannot be written.
    """
    _expect_empty(folder)
    files = _expect_whole(root)
    place = folder.absolute()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{place.name}-", dir=place.parent) as work:
            _fill(Path(work), root, files)
            place.mkdir(exist_ok=True)
            for made in Path(work).iterdir():
                shutil.move(made, place)
    except OSError as error:
        raise SpaceError(f"{folder}: cannot be written ({error.strerror or error}). Name another folder.") from None
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _expect_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        found = "one with files in it" if folder.is_dir() else "a file or a link"
        raise SpaceError(f"{folder}: expected a new or an empty folder, found {found}. Name another one.")


def _expect_whole(root: Path) -> list[Path]:
    """The files to copy, relative to the checkout."""
    files = [Path(name) for name in COPIED] + _files_of_packages(root)
    builtin = Path("blip2_core", "builtin", "pocket")
    for needed in (*COPIED, "requirements.txt", builtin / "config.json", builtin / "model.safetensors.index.json"):
        if not (root / needed).is_file():
            raise SpaceError(f"{root}: expected a checkout of this project, there is no {needed}. Clone it again.")
    for file in files:
        if (size := (root / file).stat().st_size) >= SIZE_LIMIT:
            raise SpaceError(f"{file}: expected less than {SIZE_LIMIT:,} bytes, it has {size:,}. Split or shrink it.")
    return files


def _files_of_packages(root: Path) -> list[Path]:
    """The sources of the packages and the data files that belong to them, as a wheel would have them."""
    if not (root / "pyproject.toml").is_file():
        raise SpaceError(f"{root}: expected a checkout of this project, there is no pyproject.toml. Clone it again.")
    data = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]
    found = set()
    for package in PACKAGES:
        for pattern in ("**/*.py", *data.get(package, ())):
            found |= {file.relative_to(root) for file in (root / package).glob(pattern) if file.is_file()}
    hidden = {file for file in found if any(part.startswith((".", "__pycache__")) for part in file.parts)}
    return sorted(found - hidden - {Path(tool) for tool in TOOLS})


def _fill(space: Path, root: Path, files: list[Path]) -> None:
    for file in files:
        (space / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / file, space / file)
    gradio, requirements = _requirements((root / "requirements.txt").read_text(encoding="utf-8"))
    card = CARD.format(
        gradio=gradio, python=PYTHON, large_model=LARGE_MODEL, model_variable=MODEL_VARIABLE,
        precision_variable=PRECISION_VARIABLE,
    )  # fmt: skip
    written = {"README.md": card, "requirements.txt": requirements, ".gitattributes": OUTSIDE_GIT}
    for name, text in written.items():
        (space / name).write_text(text, encoding="utf-8")


def _requirements(ours: str) -> tuple[str, str]:
    """Gradio's version, which the front matter names and the platform installs, and the other requirements."""
    gradio = re.search(r"^gradio==(\d+\.\d+\.\d+)$", ours, re.MULTILINE)
    if gradio is None:
        raise SpaceError('requirements.txt: expected a line like "gradio==6.31.0", there is none. Pin one version.')
    return gradio[1], ours.replace(gradio[0] + "\n", "")


if __name__ == "__main__":
    sys.exit(main())
