"""Beside the road: where each query looked for this question, and which patches of the picture one answer rests on.

The Q-Former's queries read the picture through cross-attention, so its weights say where each query looked. They do not
say whether the answer used what was seen there. That is what the gradient is for: how much likelier the answer would
become if a query looked at a patch a little more, and so at all others a little less. For each query of a layer that is
summed up over its heads, and where it is positive it counts for the patch and what lies around it.

On the road attention is computed in one fused step that keeps no weights. Here hooks recompute them beside it, for one
question; nothing on the road gets slower.

Paper: Generic Attention-model Explainability (arXiv 2103.15679), section 3, equation 5.
Differs from the paper: the gradient is that of the scores before the softmax, it is summed up over the heads before its
positive part is taken, and the map is smooth. In pocket, over the 38 suggested questions of the gallery, blanking the
57 most relevant of 289 patches takes 1.26 off the answer's log-probability and blanking the 57 least relevant adds
0.02; with the paper's equation that is 1.06 and 0.00, and with patches drawn at random it takes 0.05. On composed
pictures the map's maximum lies in the thing asked about for 76% of 290 right answers, with the paper's equation for 66%
(dev). Only the cross-attention is followed.
"""

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from .decoding import check_mode
from .errors import QuestionError, SettingsError, ShapeError
from .language import PromptInputs, Turn, check_question
from .out_of_memory import freed_when_full
from .ranking import candidate_ids, check_candidates
from .vision import HybridViTConfig

if TYPE_CHECKING:
    from .language import LanguageAdapter
    from .model import Blip2, ImageSource, SeenImage
    from .qformer import MultiHeadAttention, QFormer

Box = tuple[float, float, float, float]
SPREAD = 0.1  # of the picture's side: a patch has taken in its surroundings before the queries read it
PEAK_SIDE = 128  # points a side, among which the maximum of a map is looked for
HEAT = ((0.0, (255, 205, 90)), (0.5, (240, 50, 130)), (1.0, (150, 10, 190)))  # value, and a colour rare in photographs


@dataclass(frozen=True)
class QueryAttention:
    """Where each query looked.

    Args:
        layers: which layers of the Q-Former see the picture.
        weights: (layers, heads, Q, H, W) floats on the grid of patches; what one head of a query gives them sums up to
            1 together with what it gives the class token.
        class_token: (layers, heads, Q) floats, what went to the class token, which has no place in the picture.
        box: left, top, right, bottom of the picture on the grid, whose cells have the size 1.
    """

    layers: tuple[int, ...]
    weights: np.ndarray
    class_token: np.ndarray
    box: Box

    @property
    def mean(self) -> np.ndarray:
        """(Q, H, W) floats: the mean over layers and heads."""
        return self.weights.mean(axis=(0, 1))


@dataclass(frozen=True)
class Relevance:
    """How much each patch of the picture speaks for one answer: by how much a longer look at it makes it likelier.

    Args:
        values: (H, W) floats on the grid of patches, 0-1, the largest 1; all 0 where no patch speaks for the answer.
        log_probability: of the answer, the natural logarithm.
        box: left, top, right, bottom of the picture on the grid, whose cells have the size 1.
    """

    values: np.ndarray
    log_probability: float
    box: Box


def query_attention(
    blip2: "Blip2",
    image: "ImageSource | SeenImage",
    question: str,
    *,
    history: Sequence[Turn] = (),
    mode: str | None = None,
) -> QueryAttention:
    """Where each query looks in a picture when it is told this question.

    Args:
        blip2: the model.
        image: a path, bytes, a PIL image, or what `Blip2.see` returned.
        question: what is asked; a Q-Former without text looks at the same places whatever it is.
        history: the turns before the question, of which a Q-Former that was taught to reads the last.
        mode: in which it is asked, as for `Blip2.ask`.

    Raises:
        ImageError: the picture cannot be read.
        QuestionError: the question cannot be asked.
        SettingsError: an unknown mode.
    """
    return watched_prompt(blip2, image, question, history, mode)[1]


@freed_when_full()
@torch.no_grad()
def watched_prompt(
    blip2: "Blip2",
    image: "ImageSource | SeenImage",
    question: str,
    history: Sequence[Turn] = (),
    mode: str | None = None,
) -> tuple[Tensor, QueryAttention]:
    """The visual prompt of a picture and a question, (1, Q, Dl), and where each query looked while it was made.

    Arguments and errors as for `query_attention`; the Q-Former runs once.
    """
    check_mode(mode)
    read = blip2.qformer_question(check_question(question), history, mode)
    with watch_cross_attention(blip2.model.qformer) as weights:
        visual_prompt = blip2.visual_prompt([blip2.see(image)], [read])
    found = torch.stack([layer[0].float().cpu() for layer in weights])  # (layers, heads, Q, N)
    side, box = patch_grid(blip2.model.config.vision_config, found.shape[-1])
    layers = blip2.model.qformer.encoder.layer
    return visual_prompt, QueryAttention(
        layers=tuple(index for index, layer in enumerate(layers) if layer.sees_image),
        weights=found[..., 1:].unflatten(-1, (side, side)).numpy(),
        class_token=found[..., 0].numpy(),
        box=box,
    )


@freed_when_full()
def relevance(
    blip2: "Blip2",
    image: "ImageSource | SeenImage",
    question: str,
    answer: str,
    *,
    history: Sequence[Turn] = (),
    mode: str | None = None,
) -> Relevance:
    """Which patches of a picture speak for an answer: one pass through Q-Former and language model, and one back.

    Args:
        blip2: the model.
        image: a path, bytes, a PIL image, or what `Blip2.see` returned.
        question: what was asked.
        answer: what was answered, by the model or by anybody.
        history: the turns before the question.
        mode: in which it was asked, as for `Blip2.ask`.

    Raises:
        ImageError: the picture cannot be read.
        QuestionError: the question or the answer cannot be read, or they are too long together.
        SettingsError: int4 on a CPU, where there are no gradients, or a precision in which they overflow.
    """
    if blip2.precision == "int4" and blip2.device.type == "cpu":  # bitsandbytes 0.50 would give zeros, silently
        raise SettingsError("precision: int4 has no gradients on a CPU. Load the model in int8, bf16 or fp32.")
    question, (answer,) = check_question(question), check_candidates([answer])
    prompt = blip2.prompt(question, history, mode)
    answer_ids = candidate_ids(blip2.adapter, prompt, answer)[:-1]  # the end says nothing about the picture
    image_embeds = blip2.see(image).image_embeds.detach()
    with torch.enable_grad(), watch_cross_attention(blip2.model.qformer) as weights:
        ids, mask = blip2.tokenize_for_qformer([blip2.qformer_question(question, history, mode)])
        # With a leaf at the very beginning the weights have gradients even where all parts are frozen.
        visual_prompt = blip2.model.project(blip2.model.query(image_embeds.requires_grad_(), ids, mask))
        inputs = blip2.adapter.prompt_inputs(visual_prompt, [prompt])
        score = _log_probability(blip2.adapter, inputs, answer_ids)
        gradients = torch.autograd.grad(score, weights)
    image_embeds.requires_grad_(False)
    found = torch.cat([_of_scores(*layer) for layer in zip(weights, gradients, strict=True)])  # (layers, heads, Q, N)
    if not bool(found.isfinite().all()):
        raise SettingsError(f"precision: the gradients overflow in {blip2.precision}. Load the model in bf16 or fp32.")
    side, box = patch_grid(blip2.model.config.vision_config, found.shape[-1])
    patches = found[..., 1:].sum(1).clamp(min=0).sum((0, 1)).unflatten(0, (side, side))
    return Relevance(_to_one(_spread(patches).cpu().numpy()), float(score.detach()), box)


def peak(found: Relevance) -> tuple[float, float] | None:
    """Where the map as it is drawn over the picture has its maximum.

    Returns:
        A place as shares of the picture's width and height, 0-1; None where no patch speaks for the answer.
    """
    if not found.values.any():
        return None
    spread = enlarge(found.values, found.box, (PEAK_SIDE, PEAK_SIDE))
    row, column = np.unravel_index(spread.argmax(), spread.shape)
    return (float(column) + 0.5) / PEAK_SIDE, (float(row) + 0.5) / PEAK_SIDE


def enlarge(values: np.ndarray, box: Box, size: tuple[int, int]) -> np.ndarray:
    """Spread values on the grid of patches over the picture, smoothly.

    The picture was squashed to a square before the grid was laid on it, so each side is stretched by its own factor.

    Args:
        values: (H, W) floats, 0-1, on the grid.
        box: of the picture on the grid.
        size: width and height of the picture, pixels.

    Returns:
        (height, width) floats, 0-1.
    """
    image = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC, box=box)).clip(0, 1)


def overlay(values: np.ndarray, box: Box, size: tuple[int, int], *, opacity: float = 0.7) -> Image.Image:
    """A picture to lay over the picture: clear where a value is 0, then yellow, pink, and violet at 1.

    Args:
        values: (H, W) floats, 0-1, on the grid of patches.
        box: of the picture on the grid.
        size: width and height of the picture, pixels.
        opacity: how much of the picture the highest value hides, 0-1.

    Returns:
        An RGBA picture of this size.

    Raises:
        SettingsError: an opacity out of its range.
    """
    if not 0 <= opacity <= 1:
        raise SettingsError(f"opacity: expected a number from 0 to 1, got {opacity!r}.")
    spread = enlarge(values, box, size)  # (height, width)
    stops = [stop for stop, _ in HEAT]
    channels = [np.interp(spread, stops, [colour[channel] for _, colour in HEAT]) for channel in range(3)]
    heat = np.dstack([*channels, 255 * opacity * spread])  # (height, width, 4)
    return Image.fromarray(np.rint(heat).astype(np.uint8))


@contextmanager
def watch_cross_attention(qformer: "QFormer") -> Iterator[list[Tensor]]:
    """Collect the cross-attention's weights, (B, heads, Q, N) a layer, of what this thread runs within the block."""
    weights: list[Tensor] = []
    thread = threading.get_ident()

    def attend(attention: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        if threading.get_ident() != thread:
            return output
        attended, seen = _attend(attention, *inputs[:3])  # type: ignore[arg-type]
        weights.append(seen)
        return attended

    layers: Any = qformer.encoder.layer
    hooks = [layer.crossattention.attention.register_forward_hook(attend) for layer in layers if layer.sees_image]
    try:
        yield weights
    finally:
        for hook in hooks:
            hook.remove()


def _attend(
    attention: "MultiHeadAttention", hidden: Tensor, source: Tensor, source_of: Tensor | None
) -> tuple[Tensor, Tensor]:
    """What `MultiHeadAttention` computes without a mask, step by step, and the weights on the way."""
    query, key, value = attention.heads(hidden, source, source_of)
    weights = (query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])).softmax(dim=-1)  # (B, heads, Q, N)
    return (weights @ value).transpose(1, 2).flatten(2), weights


def _log_probability(adapter: "LanguageAdapter", inputs: PromptInputs, answer_ids: list[int]) -> Tensor:
    """The log-probability of an answer after one prompt, with its graph."""
    room, model = adapter.room(inputs), adapter.language_model
    if room is not None and len(answer_ids) > room:
        raise QuestionError(
            f"answer: expected at most {room:,} tokens after this question, got {len(answer_ids):,}; shorten it."
        )
    embeds, mask = inputs.inputs_embeds, inputs.attention_mask
    written = torch.tensor([answer_ids], device=embeds.device)  # (1, T)
    if model.config.is_encoder_decoder:
        begin = written.new_full((1, 1), model.config.decoder_start_token_id)
        begun = torch.cat([begin, written[:, :-1]], dim=1)
        logits = model(inputs_embeds=embeds, attention_mask=mask, decoder_input_ids=begun, use_cache=False).logits
    else:
        text = model.get_input_embeddings()(written[:, :-1]).to(embeds.dtype)
        embeds = torch.cat([embeds, text], dim=1)  # (1, Q + T, Dl)
        logits = model(inputs_embeds=embeds, attention_mask=embeds.new_ones(embeds.shape[:2]), use_cache=False).logits
    scores = logits[:, -len(answer_ids) :].float().log_softmax(dim=-1)  # (1, T, V)
    return scores.gather(2, written[..., None].to(scores.device)).sum()


def _of_scores(weights: Tensor, gradients: Tensor) -> Tensor:
    """From the gradient of attention weights, (B, heads, Q, N), that of the scores before their softmax."""
    changes = (weights.detach() * gradients).float()
    return changes - weights.detach().float() * changes.sum(-1, keepdim=True)


def _spread(patches: Tensor) -> Tensor:
    """(H, W): to each patch belongs what lies around it, by a normal distribution; nothing lies beyond the edge."""
    places = torch.arange(len(patches), device=patches.device)
    near = (-0.5 * ((places[:, None] - places) / (SPREAD * len(patches))) ** 2).exp()
    return near @ patches @ near.T


def _to_one(values: np.ndarray) -> np.ndarray:
    """Scaled so that the largest value is 1."""
    largest = float(values.max())
    return values / largest if largest > 0 else np.zeros_like(values)


def patch_grid(vision_config: Any, num_image_tokens: int) -> tuple[int, Box]:
    """How many patches a side has, and where the picture lies on their grid."""
    side = math.isqrt(num_image_tokens - 1)
    if side * side != num_image_tokens - 1:
        raise ShapeError(f"image_embeds: expected a class token and a square of patches, got {num_image_tokens}.")
    if isinstance(vision_config, HybridViTConfig):
        return side, vision_config.grid.box
    return side, (0.0, 0.0, float(side), float(side))
