"""The order of training: which samples make up step n, a pure function of the seed.

Because step n needs nothing but the seed, a run that was killed goes on with the very batches it would have had.
"""

import random
from collections.abc import Callable, Sequence

from .samples import Sample

POOL = 32  # batches whose samples are sorted by length together


class Batches:
    """Endless shuffled epochs, cut into batches of samples of like length.

    Args:
        samples: the training samples.
        batch_size: samples a step; the last, smaller batch of an epoch is left out where there are others.
        seed: of the order.
        length: of a sample's text; None keeps the batches fully random, as contrastive learning wants its negatives.
    """

    def __init__(
        self, samples: Sequence[Sample], *, batch_size: int, seed: int, length: Callable[[Sample], int] | None = None
    ):
        self.samples, self.batch_size, self.seed, self.length = samples, min(batch_size, len(samples)), seed, length
        self.steps_per_epoch = len(samples) // self.batch_size
        self._epoch, self._batches = -1, [[0]]

    def step(self, number: int) -> list[Sample]:
        """The samples of step `number`, counted from 0."""
        epoch, place = divmod(number, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._batches = epoch, self._order(epoch)
        return [self.samples[index] for index in self._batches[place]]

    def _order(self, epoch: int) -> list[list[int]]:
        rng = random.Random(f"{self.seed}:{epoch}")
        order = list(range(len(self.samples)))
        rng.shuffle(order)
        order = order[: self.steps_per_epoch * self.batch_size]
        if self.length is not None:
            order = self._sort_in_pools(order)
        size = self.batch_size
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        rng.shuffle(batches)
        return batches

    def _sort_in_pools(self, order: list[int]) -> list[int]:
        assert self.length is not None
        lengths = {index: self.length(self.samples[index]) for index in order}
        size = POOL * self.batch_size
        pools = (order[start : start + size] for start in range(0, len(order), size))
        return [index for pool in pools for index in sorted(pool, key=lengths.__getitem__)]
