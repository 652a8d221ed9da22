"""Station 6 of 6, answer: logits -> tokens -> text.

From the scores of the next word a token is picked, appended, and the model is asked again, until the answer ends. The
most likely token (greedy) or one drawn at random (sampling) is picked in our own loop, so that text can be shown as it
grows and the work stops the moment nobody listens. Beam search keeps several answers alive and knows the best one only
at the end; it runs in `transformers`.

A token is not a character: an emoji may need four. Text is shown once its last character is whole and no stop text can
begin in it.

Differs from LAVIS: only new tokens are counted, repetition is penalized in the answer alone, never in the prompt, and
an answer that has to have a token begins with one that text comes of.
"""

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Literal, Self

import torch
from torch import Tensor
from transformers import (
    GenerationConfig,
    LogitsProcessorList,
    MinNewTokensLengthLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    SuppressTokensAtBeginLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from .answer_settings import AnswerSettings
from .errors import SettingsError, ShapeError
from .language.adapter import LanguageAdapter, PromptInputs
from .out_of_memory import freed_when_full

StoppedBy = Literal["eos", "length", "stop", "closed"]

_BROKEN = "\ufffd"  # how a decoder writes the bytes of half a character


@dataclass(frozen=True)
class Answer:
    """An answer that has ended, and how it went.

    Args:
        text: all that was shown.
        num_tokens: tokens picked, the one that ended the answer included.
        seconds_to_first_token: from the call to the first token; None if there was none.
        seconds: from the call to the end.
        stopped_by: "eos" the model, "length" `max_new_tokens` or the end of its context, "stop" a stop text, "closed"
            the listener.
    """

    text: str
    num_tokens: int
    seconds_to_first_token: float | None
    seconds: float
    stopped_by: StoppedBy


class PieceStream:
    """The pieces of one answer as it grows: iterate over it, close it to stop, which any thread may do.

    Args:
        pieces: gives them; sets `_began` when it begins, looks at `_closed` before each, and leaves the `report`.

    Attributes:
        report: the whole `Answer` once the stream has ended, None before.
    """

    def __init__(self, pieces: Generator[str]) -> None:
        self.report: Answer | None = None
        self._closed, self._began = False, 0.0
        self._pieces = pieces

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        return next(self._pieces)

    def close(self) -> None:
        """Stop the work; `report` keeps what was shown."""
        self._closed = True
        try:
            self._pieces.close()
        except ValueError:  # another thread is inside; it sees the flag after the piece it is at
            return
        if not self._began:  # closed before the first piece was asked for
            self.report = Answer("", 0, None, 0.0, "closed")


class AnswerStream(PieceStream):
    """One answer as it grows: iterate over it for pieces of text, close it to stop.

    The language model is not run before the first piece is asked for, nor once more after `close()`, which any thread
    may call.

    Attributes:
        report: the whole `Answer` once the stream has ended, None before.
    """

    def __init__(self, adapter: LanguageAdapter, inputs: PromptInputs, settings: AnswerSettings) -> None:
        if settings.num_beams > 1:
            raise SettingsError(
                f"num_beams: {settings.num_beams} beams have no answer before the end; ask without streaming or set "
                "num_beams=1."
            )
        if len(inputs.inputs_embeds) != 1:
            raise ShapeError(f"inputs: expected one row to stream, got {len(inputs.inputs_embeds)}. Use generate_text.")
        super().__init__(self._run(stream_tokens(adapter, inputs, settings)))
        self._text = _AnswerText(adapter, settings, _most_new_tokens(adapter, inputs, settings))
        self._first_token_at = 0.0

    @property
    def num_tokens(self) -> int:
        """Tokens picked so far."""
        return len(self._text.token_ids)

    def _run(self, tokens: Generator[Tensor]) -> Generator[str]:
        self._began = time.perf_counter()
        try:
            with freed_when_full():
                yield from self._grow(tokens)
        except GeneratorExit:
            self.report = self._reported()
            raise
        finally:
            tokens.close()
        self.report = self._reported()

    def _grow(self, tokens: Generator[Tensor]) -> Generator[str]:
        for token in tokens:
            token_id = int(token)  # waits for the GPU
            self._first_token_at = self._first_token_at or time.perf_counter()
            self._text.push(token_id)
            if self._closed:
                return
            if piece := self._text.fresh():
                yield piece
            if self._text.stopped_by:
                return

    def _reported(self) -> Answer:
        text = self._text
        first = self._first_token_at - self._began if self._first_token_at else None
        seconds = time.perf_counter() - self._began
        return Answer(text.shown, len(text.token_ids), first, seconds, text.stopped_by or "closed")


def stream_text(adapter: LanguageAdapter, inputs: PromptInputs, settings: AnswerSettings) -> AnswerStream:
    """Answer one prompt piece by piece.

    Raises:
        SettingsError: beams, which have nothing to show before the end.
        ShapeError: more than one row.
    """
    return AnswerStream(adapter, inputs, settings)


@freed_when_full()
def generate_text(adapter: LanguageAdapter, inputs: PromptInputs, settings: AnswerSettings) -> list[str]:
    """Answer a batch of prompts; every row gets what it would get alone, drawn answers with a seed included.

    Args:
        adapter: the language model.
        inputs: B prompts.
        settings: for all rows.

    Returns:
        B texts, without outer white space.
    """
    most = _most_new_tokens(adapter, inputs, settings)
    rows = [_AnswerText(adapter, settings, most) for _ in inputs.inputs_embeds]
    if settings.num_beams > 1:
        for row, ids in zip(rows, generate_beams(adapter, inputs, settings), strict=True):
            for token_id in ids:
                row.push(token_id)
        return [row.final() for row in rows]
    for tokens in stream_tokens(adapter, inputs, settings):
        for row, token_id in zip(rows, tokens.tolist(), strict=True):
            row.push(token_id)
        if all(row.stopped_by for row in rows):
            break
    return [row.final() for row in rows]


def stream_tokens(adapter: LanguageAdapter, inputs: PromptInputs, settings: AnswerSettings) -> Generator[Tensor]:
    """Pick token after token for every row, greedily or at random; a row that has ended gets padding.

    Yields:
        (B,) ids. The model runs for the next token only when it is asked for.
    """
    state = adapter.start(inputs)
    logits, ends = state.logits, torch.tensor(adapter.eos_token_ids, device=state.logits.device)
    pick = _TokenPicker(settings, adapter, logits)
    picked = ends.new_empty(len(logits), 0)  # (B, tokens so far)
    ended = torch.zeros(len(logits), dtype=torch.bool, device=logits.device)
    most = _most_new_tokens(adapter, inputs, settings)
    for place in range(most):
        tokens = pick(picked, logits).masked_fill(ended, adapter.pad_token_id)  # (B,)
        picked = torch.cat([picked, tokens.unsqueeze(1)], dim=1)
        yield tokens
        ended = ended | torch.isin(tokens, ends)
        if place + 1 == most or bool(ended.all()):
            return
        logits = adapter.step(state, tokens)


def generate_beams(adapter: LanguageAdapter, inputs: PromptInputs, settings: AnswerSettings) -> list[list[int]]:
    """Search each row's best answer with `num_beams` beams; returns new tokens only, the end token included."""
    model: Any = adapter.language_model
    config = GenerationConfig(
        max_new_tokens=_most_new_tokens(adapter, inputs, settings),
        min_new_tokens=settings.min_new_tokens or None,
        num_beams=settings.num_beams,
        length_penalty=settings.length_penalty,
        do_sample=False,
        eos_token_id=list(adapter.eos_token_ids),
        pad_token_id=adapter.pad_token_id,
        decoder_start_token_id=getattr(model.config, "decoder_start_token_id", None),
    )
    begun = 1 if model.config.is_encoder_decoder else 0  # the decoder's start token
    # Not through the config: transformers 5.23 then leaves out as many new tokens as a row has padding.
    steps = LogitsProcessorList()
    if settings.repetition_penalty != 1:
        steps.append(RepetitionPenaltyLogitsProcessor(float(settings.repetition_penalty), prompt_ignore_length=begun))
    if settings.min_new_tokens:
        device: Any = inputs.inputs_embeds.device
        steps.append(SuppressTokensAtBeginLogitsProcessor(adapter.wordless_token_ids, begun, device=device))
    sequences = model.generate(
        inputs_embeds=inputs.inputs_embeds,
        attention_mask=inputs.attention_mask,
        generation_config=config,
        logits_processor=steps,
    )
    return sequences[:, begun:].tolist()


class _TokenPicker:
    """Picks the next token of every row from its scores.

    Each row draws from a generator of its own, so that a seed gives a row the same answer in any batch.
    """

    def __init__(self, settings: AnswerSettings, adapter: LanguageAdapter, logits: Tensor) -> None:
        self._processors = _logits_processors(settings, adapter, logits.device)
        self._generators: list[torch.Generator] = []
        if settings.temperature > 0:
            self._generators = [torch.Generator(logits.device) for _ in logits]
        for generator in self._generators:
            if settings.seed is None:
                generator.seed()
            else:
                generator.manual_seed(settings.seed)

    @torch.no_grad()
    def __call__(self, picked: Any, logits: Any) -> Tensor:
        scores = self._processors(picked, logits)  # (B, V)
        if not self._generators:
            return scores.argmax(dim=-1)
        shares = scores.softmax(dim=-1)
        draws = [torch.multinomial(row, 1, generator=g) for row, g in zip(shares, self._generators, strict=True)]
        return torch.cat(draws)  # (B,)


def _logits_processors(settings: AnswerSettings, adapter: LanguageAdapter, device: Any) -> LogitsProcessorList:
    """What is done to the scores, in the order of `transformers`."""
    steps = LogitsProcessorList()
    if settings.repetition_penalty != 1:
        steps.append(RepetitionPenaltyLogitsProcessor(float(settings.repetition_penalty)))
    if settings.min_new_tokens:
        ends = list(adapter.eos_token_ids)
        steps.append(MinNewTokensLengthLogitsProcessor(0, settings.min_new_tokens, ends, device=device))
        steps.append(SuppressTokensAtBeginLogitsProcessor(adapter.wordless_token_ids, 0, device=device))
    if settings.temperature > 0:
        if settings.temperature != 1:
            steps.append(TemperatureLogitsWarper(float(settings.temperature)))
        if settings.top_k:
            steps.append(TopKLogitsWarper(settings.top_k))
        if settings.top_p < 1:
            steps.append(TopPLogitsWarper(float(settings.top_p)))
    return steps


def _most_new_tokens(adapter: LanguageAdapter, inputs: PromptInputs, settings: AnswerSettings) -> int:
    room = adapter.room(inputs)
    return settings.max_new_tokens if room is None else min(settings.max_new_tokens, room)


class _AnswerText:
    """The text of one row, from its tokens so far; at most `most` of them."""

    def __init__(self, adapter: LanguageAdapter, settings: AnswerSettings, most: int) -> None:
        self._tokenizer, self._ends, self._stop = adapter.tokenizer, set(adapter.eos_token_ids), settings.stop
        self._most = most
        self._text = ""
        self._piece_at = self._whole_until = 0  # the last whole piece of text is that of the tokens between
        self.token_ids: list[int] = []
        self.shown = ""
        self.stopped_by: StoppedBy | None = None

    def push(self, token_id: int) -> None:
        """Take the next token; after the end of the answer, nothing."""
        if self.stopped_by:
            return
        self.token_ids.append(token_id)
        if token_id in self._ends:
            self.stopped_by = "eos"
        elif len(self.token_ids) == self._most:
            self.stopped_by = "length"
        self._decode()
        if _first_stop(self._text, self._stop) is not None:
            self.stopped_by = "stop"

    def fresh(self) -> str:
        """What may be shown now and was not before."""
        piece = (self.final() if self.stopped_by else self._growing())[len(self.shown) :]
        self.shown += piece
        return piece

    def final(self) -> str:
        """All that is shown of an answer that has ended."""
        return self._text[: _first_stop(self._text, self._stop)].strip()

    def _growing(self) -> str:
        """What may be shown while more is to come: nothing that may turn out to begin a stop text."""
        held = max((_overlap(self._text, stop) for stop in self._stop), default=0)
        return self._text[: len(self._text) - held].strip()

    def _decode(self) -> None:
        """Add to the text the characters that are whole now.

        Decoded is the last whole piece together with the new tokens, for the look of a token depends on its neighbors:
        a space in front, or three more bytes of an emoji. All tokens at once would not do: where single bytes stand for
        letters, a broken one spoils the letters before it, which may be on the screen already.
        """
        ids = self.token_ids[:-1] if self.stopped_by == "eos" else self.token_ids
        before = self._decoded(ids[self._piece_at : self._whole_until])
        fresh = self._decoded(ids[self._piece_at :])[len(before) :]
        if self.stopped_by:
            self._text += fresh.rstrip(_BROKEN)
        elif fresh and not fresh.endswith(_BROKEN):
            self._text += fresh
            self._piece_at, self._whole_until = self._whole_until, len(ids)

    def _decoded(self, ids: list[int]) -> str:
        return self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)


def _first_stop(text: str, stop: tuple[str, ...]) -> int | None:
    """Where the first stop text begins, if one is in `text`."""
    return min((at for at in map(text.find, stop) if at >= 0), default=None)


def _overlap(text: str, stop: str) -> int:
    """How many of the last characters of `text` may be the beginning of `stop`."""
    return next((n for n in range(min(len(text), len(stop)), 0, -1) if text.endswith(stop[:n])), 0)
