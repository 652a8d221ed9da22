"""The numbers: BLEU and CIDEr of captions, shares of right answers, and how sure a share is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import MissingExtraError
from .normalize import caption_words

RESAMPLES = 1000


@dataclass(frozen=True)
class CaptionScores:
    """Corpus BLEU-1 to 4 (0-1), CIDEr (0-10) and the CIDEr of each picture."""

    bleu: tuple[float, float, float, float]
    cider: float
    cider_by_picture: tuple[float, ...]


def score_captions(captions: Sequence[str], references: Sequence[Sequence[str]]) -> CaptionScores:
    """Compare one caption a picture with that picture's references, as the COCO evaluation does.

    Words are cut by `caption_words`. CIDEr weighs words by how rare they are among the pictures given, so it needs
    more than one picture: with one it is 0.

    Args:
        captions: one text a picture.
        references: the reference captions of each picture, in the same order.

    Raises:
        MissingExtraError: pycocoevalcap is not installed.
    """
    Bleu, Cider = import_scorers()
    found = {str(index): [caption_words(text)] for index, text in enumerate(captions)}
    wanted = {str(index): [caption_words(text) for text in texts] for index, texts in enumerate(references)}
    bleu, _ = Bleu(4).compute_score(wanted, found, verbose=0)
    cider, by_picture = Cider().compute_score(wanted, found)
    first, second, third, fourth = map(float, bleu)
    return CaptionScores((first, second, third, fourth), float(cider), tuple(map(float, by_picture)))


def score_people(references: Sequence[Sequence[str]]) -> list[CaptionScores]:
    """What people's own captions score: first that of each picture against its others, then the second, and so on.

    Args:
        references: the reference captions of each picture.

    Returns:
        As many as every picture has captions; none if one has fewer than two.

    Raises:
        MissingExtraError: pycocoevalcap is not installed.
    """
    fewest = min(map(len, references), default=0)
    return [
        score_captions(
            [texts[number] for texts in references], [[*texts[:number], *texts[number + 1 :]] for texts in references]
        )
        for number in range(fewest if fewest > 1 else 0)
    ]


def import_scorers() -> tuple[type, type]:
    """Import pycocoevalcap's Bleu and Cider, the two scorers that need no Java."""
    try:
        from pycocoevalcap.bleu.bleu import Bleu
        from pycocoevalcap.cider.cider import Cider
    except ImportError as error:
        raise MissingExtraError(
            "Caption scores need pycocoevalcap. Install it with: pip install --no-deps pycocoevalcap==1.2"
        ) from error
    return Bleu, Cider


def share(values: Sequence[float]) -> float:
    """The mean of 0-1 values: the share of right answers."""
    return float(np.mean(values))


def bootstrap_interval(
    values: Sequence[float], pictures: Sequence[str], seed: int
) -> tuple[float, float] | tuple[None, None]:
    """95% interval of the mean of `values`, by drawing whole pictures with replacement.

    Questions about one picture are not independent of each other, pictures are. One picture tells nothing about
    others: then both bounds are None.

    Args:
        values: one number a question, e.g. 1.0 for a right answer.
        pictures: the picture that each question is about, in the same order.
        seed: the same seed gives the same interval.
    """
    _, index = np.unique(np.asarray(pictures), return_inverse=True)
    sums = np.bincount(index, weights=np.asarray(values, dtype=float))
    counts = np.bincount(index)
    generator = np.random.default_rng(seed)
    number = len(sums)
    if number < 2:
        return None, None
    draws = generator.multinomial(number, np.full(number, 1 / number), size=RESAMPLES)  # (RESAMPLES, pictures)
    means = (draws @ sums) / (draws @ counts)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def most_frequent(answers: Sequence[Sequence[str]]) -> str:
    """The text that stands in most of the given lists; of equals the first in the alphabet, of none ""."""
    counts = Counter(text for texts in answers for text in set(texts))
    return min(counts, key=lambda text: (-counts[text], text), default="")
