"""The loop that all stages share: AdamW, warm-up and cosine, clipping, checkpoints, and a proof that frozen is frozen.

A step is a pure function of the seed and its number: the batch, the views of the pictures, dropout and every other draw
come from generators seeded with both. So a run that was killed and resumed has the losses it would have had.

The run folder holds `run.json` (how it was made), `log.jsonl` (losses of each step), `validation.jsonl` (losses on
held-out records at each checkpoint), `checkpoint-N/` (the newest only, written beside and renamed, so that it is whole
or not there) and in the end `model/`.
"""

import json
import math
import os
import random
import shutil
import time
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm import tqdm

from ..errors import SettingsError, TrainingError
from .ahead import in_advance
from .batches import Batches
from .disk import expect_room, naming_a_full_disk
from .frozen import expect_unchanged, frozen_fingerprint
from .pictures import Pictures
from .samples import fingerprint_of
from .stage import Stage
from .validation import Validation, write_losses

BETAS = (0.9, 0.98)  # the paper's, section 4
MOST_SKIPPED = 20  # steps in a row without a finite loss
COPIES = 3  # of what is trained in a checkpoint: weights, and two moments of AdamW
FULL_WAY_OUT = "Make room and give the same command again with --resume: it goes on from the newest checkpoint."
ORIGIN = {"data": "other training data", "frozen": "other frozen parts, such as another language model"}


@dataclass(frozen=True)
class TrainSettings:
    """How a stage is trained.

    Args:
        steps: optimizer steps; warm-up and cosine are laid out over them.
        batch_size: samples a step; with packed texts, visual prompts a step.
        learning_rate: at the end of the warm-up.
        warmup: steps of linear warm-up.
        weight_decay: of matrices; vectors have none.
        clip: largest norm of the gradients.
        seed: of order, views, dropout and every other draw.
        save_every: steps between checkpoints.
        bf16: whether what is trained computes in bfloat16; its weights stay fp32.

    Raises:
        SettingsError: a value out of its range.
    """

    steps: int
    batch_size: int = 64
    learning_rate: float = 3e-4
    warmup: int = 200
    weight_decay: float = 0.05
    clip: float = 1.0
    seed: int = 0
    save_every: int = 200
    bf16: bool = False

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "save_every"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name}: expected 1 or more, got {getattr(self, name)}.")
        for name in ("learning_rate", "clip"):
            if not 0 < getattr(self, name) < math.inf:
                raise SettingsError(f"{name}: expected a number above 0, got {getattr(self, name)}.")
        if not 0 <= self.weight_decay < math.inf or self.warmup < 0:
            raise SettingsError("weight_decay, warmup: expected 0 or more.")

    def rate_at(self, step: int) -> float:
        """Learning rate at a step, counted from 0, relative to `learning_rate`."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        progress = (step - self.warmup) / max(self.steps - self.warmup, 1)
        return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def train(
    stage: Stage,
    batches: Batches,
    pictures: Pictures,
    *,
    settings: TrainSettings,
    folder: Path,
    resume: bool = False,
    validation: Validation | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    """Train a stage to its last step.

    Args:
        stage: what is trained, in place.
        batches: the order of the samples.
        pictures: their features.
        settings: how.
        folder: the run folder.
        resume: go on from the newest checkpoint, if there is one.
        validation: held-out records whose loss is measured before every checkpoint.
        facts: what `run.json` shall say, once it is sure that the run goes on.

    Raises:
        TrainingError: the losses are not finite, a frozen part changed, the checkpoint is of another run, or the disk
            is too small.
    """
    stage.freeze_the_rest()
    before = frozen_fingerprint(stage, stage.trainable)
    options = {**asdict(settings), **stage.options, "views": pictures.views, "together": batches.together}
    origin = {"data": fingerprint_of(batches.samples), "frozen": before}
    run = _Run(stage, settings, folder, options=options, origin=origin)
    first = run.begin(facts, resume=resume)
    AcceleratorState._reset_state()  # of a run before in this process, perhaps in another precision
    accelerator = Accelerator(
        mixed_precision="bf16" if settings.bf16 else "no",
        cpu=stage.device.type == "cpu",
        step_scheduler_with_optimizer=False,
    )
    stage_on_device, optimizer = accelerator.prepare(stage, run.optimizer)
    log = _Log(folder, keep_until=first)
    skipped = 0

    def prepare(step: int) -> tuple[int, Tensor, Any]:
        """Texts a step, features and batch of a step, with draws of its own."""
        samples, rng = batches.step(step), random.Random(f"{settings.seed}:{step}")
        features = pictures.features(stage.groups(samples), rng)
        return sum(len(sample.texts) for sample in samples), features, stage.collate(samples, rng)

    with (
        _attention_kernel(stage.device),  # a setting of the process: it must not change under the other thread
        tqdm(total=settings.steps, initial=first, desc=stage.name, unit="step") as bar,
        closing(in_advance(prepare, range(first, settings.steps))) as prepared,
    ):
        for step, (texts, features, batch) in zip(range(first, settings.steps), prepared, strict=True):
            _seed(settings.seed, step)
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * settings.rate_at(step)
            losses = stage_on_device(features, batch)
            total = torch.stack(list(losses.values())).sum()
            skipped = 0 if bool(torch.isfinite(total)) else skipped + 1
            if skipped > MOST_SKIPPED:
                raise TrainingError(
                    f"{stage.name}: {skipped} steps in a row without a finite loss. Lower --learning-rate."
                )
            if not skipped:
                accelerator.backward(total)
                accelerator.clip_grad_norm_(run.parameters, settings.clip)
                optimizer.step()
            optimizer.zero_grad()
            log.write(step, losses, samples=texts)
            bar.set_postfix_str(log.summary())
            bar.update()
            if (step + 1) % settings.save_every == 0 or step + 1 == settings.steps:
                if validation is not None:
                    losses_held_out = validation.losses(stage)
                    with naming_a_full_disk(folder, way_out=FULL_WAY_OUT):
                        write_losses(folder, step + 1, losses_held_out)
                run.save(step + 1)
    expect_unchanged(before, frozen_fingerprint(stage, stage.trainable))


def _attention_kernel(device: torch.device) -> AbstractContextManager[None]:
    """Plain attention on a CPU: the fused kernel's backward is several times slower at these short lengths."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def _seed(seed: int, step: int) -> None:
    torch.manual_seed(random.Random(f"{seed}/{step}").getrandbits(63))


class _Run:
    """What a checkpoint holds: trained weights and the optimizer's state.

    Args:
        stage: whose weights.
        settings: of the run.
        folder: of the run.
        options: by name, what a run goes on with the same of, but for `save_every`.
        origin: fingerprints of the training data and of the frozen parts; a run goes on with the very same ones.
    """

    def __init__(
        self, stage: Stage, settings: TrainSettings, folder: Path, *, options: dict[str, Any], origin: dict[str, str]
    ):
        self.stage, self.folder, self.options, self.origin = stage, folder, options, origin
        named = [(name, parameter) for name, parameter in stage.named_parameters() if parameter.requires_grad]
        self.parameters = [parameter for _, parameter in named]
        groups = [
            {"params": [p for _, p in named if p.dim() > 1], "weight_decay": settings.weight_decay},
            {"params": [p for _, p in named if p.dim() <= 1], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, betas=BETAS)

    def _trained(self) -> dict[str, Tensor]:
        return {
            name: value.detach().cpu().contiguous()
            for name, value in self.stage.state_dict().items()
            if name.startswith(self.stage.trainable)
        }

    def begin(self, facts: dict[str, Any] | None, *, resume: bool) -> int:
        """Return the step at which the run goes on, and write `run.json` once it is sure that it does."""
        step = self._load_newest() if resume else 0
        self._expect_room()
        self.folder.mkdir(parents=True, exist_ok=True)
        if facts is not None:
            (self.folder / "run.json").write_text(json.dumps(facts, indent=2) + "\n")
        return step

    def _expect_room(self) -> None:
        """Raise `TrainingError` unless two checkpoints fit on the disk: one is written while the older one is there."""
        bytes_of_one = COPIES * sum(parameter.numel() * parameter.element_size() for parameter in self.parameters)
        there = sum(file.stat().st_size for file in self.folder.glob("checkpoint-*/*"))
        expect_room(
            self.folder, 2 * bytes_of_one - there, "the checkpoints", way_out="Make room, or give another --out."
        )

    def save(self, step: int) -> None:
        """Write a checkpoint beside the old one, rename it, then drop the old one."""
        unfinished = self.folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        state = {"step": step, "settings": self.options, **self.origin}
        with naming_a_full_disk(self.folder, way_out=FULL_WAY_OUT):
            unfinished.mkdir()
            save_file(self._trained(), unfinished / "trained.safetensors")
            torch.save(self.optimizer.state_dict(), unfinished / "optimizer.pt")
            (unfinished / "state.json").write_text(json.dumps(state))
        older = list(self.folder.glob("checkpoint-*"))
        os.replace(unfinished, self.folder / f"checkpoint-{step:07d}")
        for checkpoint in older:
            if checkpoint.name != f"checkpoint-{step:07d}":
                shutil.rmtree(checkpoint)

    def _load_newest(self) -> int:
        """Load the newest checkpoint and return its step; 0 without one."""
        checkpoints = sorted(self.folder.glob("checkpoint-*"))
        if not checkpoints:
            return 0
        state = json.loads((checkpoints[-1] / "state.json").read_text())
        then = {**self.options, **state["settings"]}  # older checkpoints do not have the stage's options and views
        differing = [name for name, now in self.options.items() if name != "save_every" and then[name] != now]
        if differing:
            raise TrainingError(
                f"--resume: {checkpoints[-1]} was made with other settings ({', '.join(differing)}). "
                "Give the same ones, or another --out."
            )
        self._expect_origin(checkpoints[-1], state)
        _, unexpected = self.stage.load_state_dict(load_file(checkpoints[-1] / "trained.safetensors"), strict=False)
        if unexpected:
            raise TrainingError(f"--resume: {checkpoints[-1]} belongs to another model ({unexpected[0]}).")
        self.optimizer.load_state_dict(torch.load(checkpoints[-1] / "optimizer.pt", weights_only=True))
        return int(state["step"])

    def _expect_origin(self, checkpoint: Path, state: dict[str, object]) -> None:
        for name, what in ORIGIN.items():
            if state.get(name, self.origin[name]) != self.origin[name]:  # older checkpoints do not say
                raise TrainingError(
                    f"--resume: {checkpoint} was made with {what}. Give the same as then, or another --out."
                )


class _Log:
    """`log.jsonl`: one line a step; and the line of the progress bar."""

    def __init__(self, folder: Path, *, keep_until: int):
        self.file = folder / "log.jsonl"
        lines = self.file.read_text().splitlines()[:keep_until] if self.file.exists() else []
        self.file.write_text("".join(line + "\n" for line in lines))
        self.smooth: dict[str, float] = {}
        self.started, self.done = time.monotonic(), 0

    def write(self, step: int, losses: dict[str, Tensor], *, samples: int) -> None:
        """Append the losses of a step."""
        values = {name: float(loss.detach()) for name, loss in losses.items()}
        for name, value in values.items():
            self.smooth[name] = 0.98 * self.smooth.get(name, value) + 0.02 * value
        self.done += samples
        speed = self.done / (time.monotonic() - self.started)
        line = {
            "step": step,
            **{name: round(value, 5) for name, value in values.items()},
            "samples_per_s": round(speed, 1),
        }
        with naming_a_full_disk(self.file.parent, way_out=FULL_WAY_OUT), open(self.file, "a") as file:
            file.write(json.dumps(line) + "\n")

    def summary(self) -> str:
        """Losses, smoothed, and speed."""
        speed = self.done / max(time.monotonic() - self.started, 1e-9)
        return ", ".join(f"{name} {value:.3f}" for name, value in self.smooth.items()) + f", {speed:.0f} samples/s"
