"""Loss on held-out records while a stage trains: measured at every checkpoint, and never learnt from.

It tells short runs apart where the share of right answers does not: every token of an answer counts, not only whole
answers.
"""

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from ..errors import DataError
from .curves import VALIDATION_FILE, read_validation
from .features import in_batches
from .pictures import Pictures
from .samples import Sample, read_samples
from .stage import Stage

MOST_SAMPLES = 512  # of each file
SEED = 0  # of what is drawn, in every run the same


class Validation:
    """Held-out records, and what a stage loses on them.

    Args:
        files: JSON lines files, as training reads them; of a longer one `MOST_SAMPLES` records are drawn.
        pictures: gives the features of whole pictures.
        batch_size: samples at once.
        say: is told of pictures that do not open.

    Raises:
        DataError: a file cannot be read, two have the same name, or no picture opens.
    """

    def __init__(self, files: Sequence[Path], pictures: Pictures, *, batch_size: int, say: Callable[[str], None]):
        names = [file.stem for file in files]
        if len(set(names)) < len(names):
            raise DataError(f"--validation: expected files of different names, got {' '.join(map(str, files))}.")
        drawn = {file.stem: _draw(read_samples([file])) for file in files}
        opening = set(pictures.prepare([sample for samples in drawn.values() for sample in samples], say))
        self.samples = {name: [s for s in samples if s in opening] for name, samples in drawn.items()}
        self.pictures, self.batch_size = pictures, batch_size

    @torch.no_grad()
    def losses(self, stage: Stage) -> dict[str, float]:
        """Mean loss by the name of the file, the sum of what the stage minimizes; dropout is off meanwhile."""
        stage.eval()
        torch.manual_seed(SEED)
        found = {name: self._mean_loss(stage, samples) for name, samples in self.samples.items() if samples}
        stage.freeze_the_rest()
        return found

    def _mean_loss(self, stage: Stage, samples: Sequence[Sample]) -> float:
        total = 0.0
        for batch in in_batches(sorted(samples, key=stage.text_length), self.batch_size):
            features = self.pictures.features(stage.groups(batch), random.Random(SEED))
            total += len(batch) * sum(float(loss) for loss in stage(features, batch).values())
        return total / len(samples)


def _draw(samples: list[Sample]) -> list[Sample]:
    return random.Random(SEED).sample(samples, min(MOST_SAMPLES, len(samples)))


def write_losses(folder: Path, step: int, losses: dict[str, float]) -> None:
    """Append the losses after so many steps to the run's `validation.jsonl`, in place of those of a run cut off."""
    before = [line for line in read_validation(folder) if line["step"] < step]
    lines = [*before, {"step": step, **{name: round(loss, 5) for name, loss in losses.items()}}]
    (folder / VALIDATION_FILE).write_text("".join(json.dumps(line) + "\n" for line in lines))
