"""A classifier of the commonest answers on top of the Q-Former, to teach it ten times as many answers in the same time.

Most of a step of question answering is the frozen language model, forwards and backwards, for an answer of two words.
What the Q-Former has to learn, to take out of the picture what was asked for, it can also learn from a linear head on
its output. The head is left behind when training ends.

Paper: the classification of a fixed set of answers, as VQA (arXiv 1505.00468) and most models after it.
"""

from collections import Counter
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .samples import Sample

MOST_ANSWERS = 2000
MOST_WORDS = 4  # a longer answer is a sentence, not a class
LEAST_TIMES = 3


class AnswerHead(nn.Module):
    """Linear classifier on the mean of the query outputs.

    Args:
        width: Dq of the query outputs.
        samples: the training samples, whose commonest answers are the classes.
    """

    def __init__(self, width: int, samples: Sequence[Sample]):
        super().__init__()
        counts: Counter[str] = Counter()
        for sample in samples:
            counts.update(text for text in _answers(sample) if len(text.split()) <= MOST_WORDS)
        common = [text for text, times in counts.most_common(MOST_ANSWERS) if times >= LEAST_TIMES]
        self.classes = {text: number for number, text in enumerate(common)}
        self.linear = nn.Linear(width, max(len(common), 1))

    def knows(self, sample: Sample) -> bool:
        """Whether an answer of the sample is a class."""
        return any(text in self.classes for text in _answers(sample))

    def loss(self, query_output: Tensor, samples: Sequence[Sample]) -> Tensor:
        """Mean cross-entropy against the shares of the answers, of the samples that have a class.

        Args:
            query_output: (B, Q, Dq) floats.
            samples: the B samples.
        """
        rows = [row for row, sample in enumerate(samples) if self.knows(sample)]
        if not rows:
            return query_output.sum() * 0.0
        shares = torch.zeros(len(rows), len(self.classes))
        for place, row in enumerate(rows):
            for text, weight in zip(samples[row].texts, samples[row].weights, strict=True):
                if text in self.classes:
                    shares[place, self.classes[text]] += weight
        shares = shares / shares.sum(dim=1, keepdim=True)
        return F.cross_entropy(self.linear(query_output[rows].mean(dim=1)), shares.to(query_output.device))


def _answers(sample: Sample) -> tuple[str, ...]:
    return () if sample.question is None else sample.texts
