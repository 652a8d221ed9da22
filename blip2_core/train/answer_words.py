"""Beside the language model's own loss: a few visual prompts are drawn towards the words of the answer.

The way back through a frozen language model is long and dear: most of a step on a CPU. A visual prompt that lies
near the embedding of "brown" says brown to it, and that can be learnt without running it. So a batch may be several
times larger than what the language model reads of it.

Differs from the paper, which has the language model's loss alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .samples import Sample

SHARPNESS = 20.0  # cosines of -1 to 1 are multiplied by it
LONGEST = 7  # words of an answer that is short enough to be said by a few visual prompts
MOST_WORDS = 4
SAY_NOTHING = frozenset("a an the is are this there it of its called some".split())


def words_of(answer: str) -> str:
    """The words of a short answer that say something, " brown dog"; "" where there are none, or the answer is long."""
    words = answer.lower().replace(".", "").replace(",", "").split()
    telling = [word for word in words if word not in SAY_NOTHING][:MOST_WORDS]
    return f" {' '.join(telling)}" if telling and len(words) <= LONGEST else ""


@dataclass(frozen=True)
class AnswerWords:
    """The words that the visual prompts of a batch shall say.

    Args:
        ids: (W,) of all words of the batch, each once.
        rows: (n,) of the question that each said word answers.
        places: (n,) of each said word among `ids`.
        shares: (n,) of each in the loss.
    """

    ids: Tensor
    rows: Tensor
    places: Tensor
    shares: Tensor


def words_to_say(
    samples: Sequence[Sample], tokenize: Callable[[Sequence[str]], Sequence[list[int]]]
) -> AnswerWords | None:
    """The words of all short answers, by their weights, each question alike; None where there are none.

    Args:
        samples: questions with their answers, and captions and what is kept, which do not count.
        tokenize: the ids of many texts, without special tokens.
    """
    said = [
        (number, told, weight)
        for number, sample in enumerate(samples)
        if sample.question and not sample.kept
        for text, weight in zip(sample.texts, sample.weights, strict=True)
        if (told := words_of(text))
    ]
    if not said:
        return None
    ids = tokenize([told for _, told, _ in said])
    rows = [number for (number, _, _), tokens in zip(said, ids, strict=True) for _ in tokens]
    shares = [weight / len(tokens) for (_, _, weight), tokens in zip(said, ids, strict=True) for _ in tokens]
    each, places = torch.tensor([token for tokens in ids for token in tokens]).unique(return_inverse=True)
    return AnswerWords(each, torch.tensor(rows), places, torch.tensor(shares) / len(set(rows)))


def answer_words_loss(visual_prompt: Tensor, words: AnswerWords, embeddings: Tensor, middle: Tensor) -> Tensor:
    """How unlikely the words of the answers are among those of the whole batch, by the cosine with visual prompts.

    Which of the visual prompts says a word is left to them.

    Args:
        visual_prompt: (B, n, Dl) floats, of the queries that shall say the words.
        words: of the B samples.
        embeddings: (V, Dl) of the language model's words.
        middle: (Dl,) floats, their mean: what all words have in common tells nothing.
    """
    ids, rows, places, shares = (
        tensor.to(visual_prompt.device) for tensor in (words.ids, words.rows, words.places, words.shares)
    )
    known = F.normalize(embeddings[ids].float() - middle, dim=-1)  # (W, Dl)
    said = F.normalize(visual_prompt.float() - middle, dim=-1)  # (B, n, Dl)
    likely = (SHARPNESS * said @ known.T).softmax(-1).mean(1).log()  # (B, W)
    return -(likely[rows, places] * shares).sum()
