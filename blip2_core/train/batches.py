"""The order of training: which samples make up step n, a pure function of the seed.

Because step n needs nothing but the seed, a run that was killed goes on with the very batches it would have had.
"""

import random
from collections.abc import Callable, Sequence

from ..errors import SettingsError
from .features import in_batches
from .samples import Sample, by_what_they_show

POOL = 32  # batches whose samples are sorted by length together
WIDER = 3  # times as many samples of a picture are drawn as go together, so that these are of like length


class Batches:
    """Endless shuffled epochs, cut into batches of samples of like length.

    Args:
        samples: the training samples.
        batch_size: samples a step; the last, smaller batch of an epoch is left out where there are others.
        seed: of the order.
        length: of a sample's text; None keeps the batches fully random, as contrastive learning wants its negatives.
        together: most samples that show the same and stand next to each other, so that it is looked at once for all.

    Raises:
        SettingsError: `together` is below 1.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        *,
        batch_size: int,
        seed: int,
        length: Callable[[Sample], int] | None = None,
        together: int = 1,
    ):
        self.samples, self.batch_size, self.seed, self.length = samples, min(batch_size, len(samples)), seed, length
        if together < 1:
            raise SettingsError(f"--together: expected 1 or more, got {together}.")
        self.together = together
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
        size = self.batch_size
        groups = _first(self.steps_per_epoch * size, self._groups(rng))
        if self.length is not None:
            groups = self._sort_in_pools(groups)
        order = [index for group in groups for index in group]
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        rng.shuffle(batches)
        return batches

    def _groups(self, rng: random.Random) -> list[list[int]]:
        """All samples in a random order, up to `together` that show the same in one group."""
        if self.together == 1:
            order = list(range(len(self.samples)))
            rng.shuffle(order)
            return [[index] for index in order]
        groups = []
        for places in by_what_they_show(self.samples):
            rng.shuffle(places)
            for some in in_batches(places, WIDER * self.together):
                alike = some if self.length is None else sorted(some, key=self._length_at)
                groups += [[*group] for group in in_batches(alike, self.together)]
        rng.shuffle(groups)
        return groups

    def _sort_in_pools(self, groups: list[list[int]]) -> list[list[int]]:
        pools = in_batches(groups, POOL * self.batch_size // self.together)
        return [group for pool in pools for group in sorted(pool, key=self._longest)]

    def _longest(self, group: list[int]) -> int:
        return max(map(self._length_at, group))

    def _length_at(self, index: int) -> int:
        assert self.length is not None
        return self.length(self.samples[index])


def _first(number: int, groups: list[list[int]]) -> list[list[int]]:
    """The first `number` samples of the groups, in their groups."""
    kept: list[list[int]] = []
    for group in groups:
        kept.append(group[:number])
        number -= len(kept[-1])
        if not number:
            break
    return kept
