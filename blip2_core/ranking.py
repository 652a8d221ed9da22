"""Beside station 6: which of several given answers does the language model find likeliest?

Each candidate is scored as if the model had to write it: the log-likelihood of its tokens and of the token that ends an
answer, divided by their number, so that long candidates are not punished for their length. The prompt is read once, and
all candidates go on from there, token by token.

Paper: InstructBLIP (arXiv 2305.06500), section 2.5.
Differs from LAVIS: there a T5's candidates are ordered by the sum, and Vicuna's without the end of the answer.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .errors import QuestionError
from .language.adapter import DecodingState, LanguageAdapter, PromptInputs
from .out_of_memory import freed_when_full

MAX_CANDIDATES = 10_000
MAX_CHARACTERS = 4_000
ROWS = 64  # candidates at a time


@dataclass(frozen=True)
class RankedCandidate:
    """A candidate and how likely the model finds it.

    Args:
        text: as it was given, without outer white space.
        score: the mean log-likelihood of a token, at most 0; the order goes by it.
        log_likelihood: of the whole candidate and the end of the answer.
        tokens: how many, the end of the answer included.
    """

    text: str
    score: float
    log_likelihood: float
    tokens: int


def check_candidates(candidates: object) -> list[str]:
    """Return the candidates without outer white space.

    Raises:
        QuestionError: not a list of texts, none in it, or one that is empty or too long.
    """
    if isinstance(candidates, str | bytes) or not isinstance(candidates, Sequence):
        raise QuestionError(f"candidates: expected a list of texts, got {type(candidates).__name__}.")
    if not 0 < len(candidates) <= MAX_CANDIDATES:
        raise QuestionError(f"candidates: expected 1 to {MAX_CANDIDATES:,} texts, got {len(candidates):,}.")
    return [_check_candidate(number, text) for number, text in enumerate(candidates, 1)]


def _check_candidate(number: int, text: object) -> str:
    if not isinstance(text, str):
        raise QuestionError(f"candidate {number}: expected a text, got {type(text).__name__}.")
    if not text.strip():
        raise QuestionError(f"candidate {number}: expected a text, got an empty one; leave it out.")
    if len(text) > MAX_CHARACTERS:
        raise QuestionError(
            f"candidate {number}: expected at most {MAX_CHARACTERS:,} characters, got {len(text):,}; shorten it."
        )
    return text.strip()


@freed_when_full()
@torch.no_grad()
def rank_candidates(
    adapter: LanguageAdapter, inputs: PromptInputs, prompt: str, candidates: Sequence[str]
) -> list[RankedCandidate]:
    """Order candidates by their length-normalized log-likelihood, the likeliest first; ties stay as given.

    Args:
        adapter: the language model.
        inputs: one prompt.
        prompt: its text.
        candidates: texts, as `check_candidates` returns them.

    Raises:
        QuestionError: a candidate that is longer than what the model can still write.
    """
    ids = [candidate_ids(adapter, prompt, text) for text in candidates]
    _expect_room(adapter, inputs, ids)
    begun = adapter.start(inputs)
    order = sorted(range(len(ids)), key=lambda place: len(ids[place]))  # like lengths together
    sums: dict[int, float] = {}
    for first in range(0, len(order), ROWS):
        rows = order[first : first + ROWS]
        sums |= zip(rows, _log_likelihoods(adapter, begun, [ids[row] for row in rows]), strict=True)
    ranked = [
        RankedCandidate(text, sums[place] / len(ids[place]), sums[place], len(ids[place]))
        for place, text in enumerate(candidates)
    ]
    return sorted(ranked, key=lambda candidate: -candidate.score)


def candidate_ids(adapter: LanguageAdapter, prompt: str, candidate: str) -> list[int]:
    """The ids that a model writes when it gives this answer, its end included, as training has them.

    A decoder-only model goes on from its prompt: after "Answer:" its first word begins with a space. What looks like a
    special token stays text.
    """
    decoder_only = not adapter.language_model.config.is_encoder_decoder
    spaced = decoder_only and not prompt[-1:].isspace()
    tokenizer: Any = adapter.tokenizer

    def tokenized(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids

    ids = tokenized(candidate)
    if spaced:
        before = tokenized("a")  # a tokenizer may put a space of its own in front of a text
        ids = tokenized(f"a {candidate}")[len(before) :]
    return [*ids, adapter.eos_token_ids[0]]


def _expect_room(adapter: LanguageAdapter, inputs: PromptInputs, ids: list[list[int]]) -> None:
    room = adapter.room(inputs)
    for number, row in enumerate(ids, 1):
        if room is not None and len(row) > room:
            raise QuestionError(
                f"candidate {number}: expected at most {room:,} tokens after this question, got {len(row):,}; "
                "shorten it."
            )


def _log_likelihoods(adapter: LanguageAdapter, begun: DecodingState, ids: list[list[int]]) -> list[float]:
    """The log-likelihood of every row of ids after a prompt that was read."""
    state, logits = _repeated(begun, len(ids)), begun.logits.expand(len(ids), -1)  # (B, V)
    longest = max(map(len, ids))
    targets = torch.tensor([row + [adapter.pad_token_id] * (longest - len(row)) for row in ids], device=logits.device)
    lengths = torch.tensor([len(row) for row in ids], device=logits.device)
    sums = logits.new_zeros(len(ids), dtype=torch.float64)
    for place in range(longest):
        chosen = logits.float().log_softmax(dim=-1).gather(1, targets[:, place : place + 1]).squeeze(1)  # (B,)
        sums += chosen.double().masked_fill(place >= lengths, 0.0)
        if place + 1 < longest:
            logits = adapter.step(state, targets[:, place])
    return sums.tolist()


def _repeated(state: DecodingState, rows: int) -> DecodingState:
    """A copy of the state of one prompt, for as many answers to it."""
    cache = copy.deepcopy(state.cache)
    cache.batch_repeat_interleave(rows)
    encoded = state.encoder_outputs
    if encoded is not None:
        encoded = type(encoded)(last_hidden_state=_expand(encoded.last_hidden_state, rows))
    return DecodingState(
        logits=state.logits,
        cache=cache,
        attention_mask=_expand(state.attention_mask, rows),
        next_position=_expand(state.next_position, rows),
        encoder_outputs=encoded,
    )


def _expand(tensor: Tensor | None, rows: int) -> Any:
    return None if tensor is None else tensor.expand(rows, *tensor.shape[1:])
