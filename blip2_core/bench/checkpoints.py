"""Full-size public checkpoints with random weights on a GPU: loading, memory, equal logits, a streamed answer.

`transformers`' own classes are measured beside ours: their 8-bit load also quantizes the image encoder and leaves other
parts in other precisions, so memory differs; in bf16 both must say the same.
"""

import json
import platform
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor

from ..answer_settings import AnswerSettings
from ..builtin.command import PUBLIC_CHECKPOINTS
from ..checkpoint import HF_CLASSES, load
from ..errors import SettingsError, brief
from ..memory import LoadReport, size
from ..model import Blip2
from ..out_of_memory import give_back
from ..quantize import is_t5
from .random_folder import write_random_folder

QUESTION = "What is in the picture?"
STREAMED = AnswerSettings(max_new_tokens=64, min_new_tokens=64)
LEAST_COSINE = 0.999
OURS, THEIRS = "blip2_core", "transformers"


@dataclass(frozen=True)
class Measured:
    """One load of one model.

    Args:
        library: "blip2_core" or "transformers".
        precision: of the language model.
        load_seconds: from the call to the last weight on its device.
        bytes: held by the weights afterwards; on a GPU as its allocator says.
        peak_bytes: of the GPU during load and answer; 0 on a CPU.
        first_token_seconds: picture, question and the first token of a streamed answer; None where none was asked for.
        tokens_per_second: of that answer, after its first token.
        cosine: of its first logits with those of `transformers` in bf16; None where they are not compared.
    """

    library: str
    precision: str
    load_seconds: float
    bytes: int
    peak_bytes: int
    first_token_seconds: float | None = None
    tokens_per_second: float | None = None
    cosine: float | None = None


@dataclass(frozen=True)
class Failed:
    """A load that could not be measured.

    Args:
        library: as for `Measured`.
        precision: of the language model.
        error: in a line.
    """

    library: str
    precision: str
    error: str


def pick_place(*, small: bool) -> torch.device:
    """Where it is measured.

    Raises:
        SettingsError: full size, and no GPU.
    """
    if torch.cuda.is_available():
        return torch.device("cuda")
    if small:
        return torch.device("cpu")
    raise SettingsError(
        "no GPU here: this measures full-size models on one, and nothing was measured. "
        "To try the script out with tiny models, add --small."
    )


def check_names(names: Sequence[str]) -> None:
    """Raise for a name that is no public checkpoint.

    Raises:
        SettingsError: it is none.
    """
    for name in names:
        if name not in PUBLIC_CHECKPOINTS:
            raise SettingsError(f"--models: expected hub ids such as {PUBLIC_CHECKPOINTS[0]}, got {name!r:.80}.")


def check_places(out: Path | None, scratch: Path | None) -> None:
    """Raise, before an hour of measuring, where the numbers or the weights cannot be written.

    Raises:
        SettingsError: a folder that is none, or that cannot be written into.
    """
    if scratch is not None and not scratch.is_dir():
        raise SettingsError(f"--scratch: expected a folder that exists, got {scratch}. Create it first.")
    if out is None:
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.open("a").close()
    except OSError as error:
        raise SettingsError(f"--out: {out} cannot be written: {error.strerror}. Name another file.") from None


def measure_all(
    names: Sequence[str], *, device: torch.device, small: bool, scratch: Path | None
) -> Iterator[dict[str, Any]]:
    """Measure every model; the weights of one at a time are on the disk.

    Args:
        names: hub ids.
        device: where.
        small: tiny copies of the models.
        scratch: a folder for the weights; the system's own if None.

    Yields:
        The report as far as it is, each time with one more load.
    """
    report: dict[str, Any] = {"device": describe(device), "small": small, "versions": _versions(), "models": {}}
    for name in names:
        with tempfile.TemporaryDirectory(dir=scratch) as room:
            folder = Path(room) / "model"
            began = time.perf_counter()
            try:
                written = write_random_folder(name, folder, small=small, device=device)
            except (OSError, SafetensorError) as error:
                raise SettingsError(
                    f"--scratch: the weights of {name} cannot be written into {room} ({brief(error)}). Name a folder "
                    "on a disk with some 35 GB free."
                ) from None
            loads: list[dict[str, Any]] = []
            seconds = time.perf_counter() - began
            report["models"][name] = {"bytes_on_disk": written, "write_seconds": seconds, "loads": loads}
            for row in _measure(folder, device):
                loads.append(asdict(row))
                yield report


def _measure(folder: Path, device: torch.device) -> Iterator[Measured | Failed]:
    """transformers in bf16 and in 8-bit, then ours in every precision; one that fails does not cost the others."""
    expected: list[Tensor] = []  # the logits of the first
    kind = json.loads((folder / "config.json").read_text())["text_config"]["model_type"]
    half = [] if device.type == "cpu" or is_t5(kind) else ["fp16"]
    for precision in ("bf16", "int8"):
        yield _tried(THEIRS, precision, partial(_measure_theirs, folder, device, precision, expected))
    for precision in ("bf16", *half, "int8", "int4"):
        yield _tried(OURS, precision, partial(_measure_ours, folder, device, precision, expected))


def _tried(library: str, precision: str, measure: Callable[[], Measured]) -> Measured | Failed:
    try:
        give_back()
        return measure()
    except Exception as error:  # whatever a library raises on a GPU that nobody tried it on
        traceback.print_exc()
        return Failed(library, precision, brief(error))


def _measure_ours(folder: Path, device: torch.device, precision: str, expected: Sequence[Tensor]) -> Measured:
    before = _start(device)
    reports: list[LoadReport] = []
    began = time.perf_counter()
    blip2 = load(folder, precision=precision, device=device.type, report=reports.append)
    seconds = _seconds_since(began)
    held = torch.cuda.memory_allocated() - before if device.type == "cuda" else sum(reports[0].bytes.values())
    logits = _our_logits(blip2)
    blip2.ask(_picture(), QUESTION, replace(STREAMED, max_new_tokens=2, min_new_tokens=2))  # warm
    began = time.perf_counter()
    stream = blip2.stream(_picture(), QUESTION, STREAMED)
    looking = _seconds_since(began)
    for _ in stream:
        pass
    answer = stream.report
    assert answer is not None
    first = answer.seconds_to_first_token or answer.seconds
    return Measured(
        library=OURS,
        precision=precision,
        load_seconds=seconds,
        bytes=held,
        peak_bytes=_peak(device),
        first_token_seconds=looking + first,
        tokens_per_second=(answer.num_tokens - 1) / max(answer.seconds - first, 1e-9),
        cosine=torch.nn.functional.cosine_similarity(logits, expected[0], dim=0).item() if expected else None,
    )


def _our_logits(blip2: Blip2) -> Tensor:
    """(V,) scores of the first token."""
    inputs = blip2.adapter.prompt_inputs(
        blip2.visual_prompt([blip2.see(_picture())], [QUESTION]), [blip2.prompt(QUESTION)]
    )
    return blip2.adapter.start(inputs).logits[0].float().cpu()


def _measure_theirs(folder: Path, device: torch.device, precision: str, expected: list[Tensor]) -> Measured:
    """Its logits in bf16 go into `expected`."""
    import transformers

    values, int8 = json.loads((folder / "config.json").read_text()), precision == "int8"
    kind = getattr(transformers, HF_CLASSES[values["model_type"]])
    options: dict[str, Any] = {"dtype": torch.float16 if int8 and device.type == "cuda" else torch.bfloat16}
    if int8:
        import bitsandbytes  # noqa: F401  # seconds that are not a load's

        options["quantization_config"] = transformers.BitsAndBytesConfig(load_in_8bit=True)
    before = _start(device)
    began = time.perf_counter()
    model = kind.from_pretrained(folder, device_map={"": device}, **options).eval()
    seconds = _seconds_since(began)
    held = torch.cuda.memory_allocated() - before if device.type == "cuda" else model.get_memory_footprint()
    measured = Measured(THEIRS, precision, seconds, held, _peak(device))
    if not int8:
        expected.append(_logits_of_transformers(model, folder, values))
    return measured


@torch.no_grad()
def _logits_of_transformers(model: Any, folder: Path, values: dict[str, Any]) -> Tensor:
    """(V,) scores of the first token, the way `transformers` is asked: a place holder for each query."""
    from ..image import ImageProcessor
    from ..language import template_for
    from ..model_folder import read_tokenizer

    device = model.device
    prompt = str(template_for(model.config).render(QUESTION))
    ids = read_tokenizer(folder)(prompt).input_ids
    pixel_values = ImageProcessor.from_folder(folder)([_picture()]).to(device, torch.bfloat16)
    inputs: dict[str, Tensor] = {
        "input_ids": torch.tensor([[values["image_token_index"]] * values["num_query_tokens"] + ids], device=device),
    }
    if (folder / "qformer_tokenizer").is_dir():
        asked = read_tokenizer(folder / "qformer_tokenizer")(QUESTION).input_ids
        inputs["qformer_input_ids"] = torch.tensor([asked], device=device)
    if values["text_config"].get("is_encoder_decoder"):
        start = values["text_config"]["decoder_start_token_id"]
        inputs["decoder_input_ids"] = torch.tensor([[start]], device=device)
    return model(pixel_values=pixel_values, **inputs).logits[0, -1].float().cpu()


def _picture() -> Image.Image:
    """A picture with something to see: two gradients."""
    row = Image.linear_gradient("L")
    return Image.merge("RGB", (row, row.rotate(90), Image.radial_gradient("L")))


def _start(device: torch.device) -> int:
    """Bytes that the GPU holds before a load, of its libraries' own; its peak is counted anew."""
    if device.type == "cpu":
        return 0
    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_allocated()


def _seconds_since(began: float) -> float:
    """Seconds, once the GPU has done what it was given."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _peak(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated() if device.type == "cuda" else 0


def describe(device: torch.device) -> str:
    """The device in words."""
    return torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {platform.machine()}"


def _versions() -> dict[str, str]:
    packages = ("torch", "transformers", "bitsandbytes", "accelerate", "safetensors")
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}


def table_head(device: torch.device, *, small: bool) -> str:
    """What stands above the rows of `table_row`, as Markdown."""
    note = ", tiny models: the numbers mean nothing" if small else ""
    head = ["model", "library", "precision", "load, s", "weights", "peak", "first token, s", "tokens/s", "cosine"]
    return f"Measured on: {describe(device)}{note}\n\n{_line(head)}\n{_line(['---'] * len(head))}\n"


def table_row(report: dict[str, Any]) -> str:
    """The newest load of a report."""
    name, found = list(report["models"].items())[-1]
    row = found["loads"][-1]
    cells = [name, row["library"], row["precision"]]
    if "error" in row:
        return f"{_line([*cells, row['error'].replace('|', '/'), *[''] * 5])}\n"
    peak = size(row["peak_bytes"]) if row["peak_bytes"] else "-"
    numbers = [_number(row["first_token_seconds"], 2), _number(row["tokens_per_second"], 1), _number(row["cosine"], 5)]
    return f"{_line([*cells, _number(row['load_seconds'], 1), size(row['bytes']), peak, *numbers])}\n"


def verdict(report: dict[str, Any]) -> str:
    """Whether bf16 logits are those of `transformers`, and what failed."""
    rows = [row for found in report["models"].values() for row in found["loads"]]
    ours = [row for row in rows if row["library"] == OURS and row["precision"] == "bf16"]
    cosines = [row["cosine"] for row in ours if row.get("cosine") is not None]
    least = min(cosines, default=0.0)
    answer = "NOT MEASURED" if not cosines else f"{'yes' if least > LEAST_COSINE else 'NO'}, {least:.6f}"
    failed = f"failed: {failures(report)} of {len(rows)} loads\n" if failures(report) else ""
    return f"\nbf16 logits are those of transformers (cosine over {LEAST_COSINE}): {answer}\n{failed}"


def failures(report: dict[str, Any]) -> int:
    """How many loads could not be measured."""
    return sum("error" in row for found in report["models"].values() for row in found["loads"])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def write_report(file: Path, report: dict[str, Any]) -> None:
    """Write the report as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(report, indent=2) + "\n")
