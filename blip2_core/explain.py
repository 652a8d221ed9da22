"""Shows the road that one picture and one question take: the shape at each station, and what the visual prompt says.

A soft visual prompt is no word. But it stands where words stand, so it can be held against the language model's own
word embeddings: the nearest ones tell what it has come to mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .attention_maps import QueryAttention, watched_prompt
from .language import Turn, check_question
from .out_of_memory import freed_when_full

if TYPE_CHECKING:
    from .model import Blip2, ImageSource, SeenImage

LEAST_LETTERS = 3  # of a word that is shown


@dataclass(frozen=True)
class Station:
    """One station of the road.

    Args:
        name: of what comes out of it.
        what: what it is, in a few words.
        shape: of the tensor, without the batch; for a text the number of its tokens.
    """

    name: str
    what: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Explanation:
    """What happened to one picture and one question before the first word of the answer.

    Args:
        stations: the road, in its order.
        prompt: the text that the language model reads after the visual prompt.
        qformer_question: the text that the Q-Former reads beside its queries; "" if it reads none.
        nearest_words: for each of the Q visual prompts its nearest words with their cosine similarity, nearest first.
    """

    stations: tuple[Station, ...]
    prompt: str
    qformer_question: str
    nearest_words: tuple[tuple[tuple[str, float], ...], ...]


def explain(
    blip2: "Blip2",
    image: "ImageSource | SeenImage",
    question: str,
    *,
    words: int = 5,
    history: Sequence[Turn] = (),
    mode: str | None = None,
) -> Explanation:
    """Follow one picture and one question up to the language model.

    Args:
        blip2: the model.
        image: a path, bytes, a PIL image, or what `Blip2.see` returned.
        question: what is asked.
        words: how many nearest words each visual prompt gets.
        history: the turns that the language model reads before the question.
        mode: in which it is asked, as for `Blip2.ask`.

    Raises:
        ImageError: the picture cannot be read.
        QuestionError: the question cannot be asked.
        SettingsError: an unknown mode.
    """
    return explain_and_watch(blip2, image, question, words=words, history=history, mode=mode)[0]


@freed_when_full()
@torch.no_grad()
def explain_and_watch(
    blip2: "Blip2",
    image: "ImageSource | SeenImage",
    question: str,
    *,
    words: int = 5,
    history: Sequence[Turn] = (),
    mode: str | None = None,
) -> tuple[Explanation, QueryAttention]:
    """As `explain`, and where each query looked on the way; the Q-Former runs once for both."""
    question = check_question(question)
    seen = blip2.see(image)
    found, looked = watched_prompt(blip2, seen, question, history, mode)
    visual_prompt = found[0]  # (Q, Dl)
    prompt, asked = blip2.prompt(question, history, mode), blip2.qformer_question(question, history, mode)
    size, width = blip2.image_processor.image_size, blip2.model.query_tokens.shape[-1]
    read = blip2.qformer_tokenizer(asked).input_ids if asked and blip2.qformer_tokenizer else []
    stations = (
        Station("pixel_values", "the picture, square", (3, size, size)),
        Station("image_embeds", "what the image encoder sees", tuple(seen.image_embeds.shape[1:])),
        Station("question", "tokens that the Q-Former reads beside its queries", (len(read),)),
        Station("query_output", "what the queries took out of the picture", (len(visual_prompt), width)),
        Station("visual_prompt", "projected to the language model's width", tuple(visual_prompt.shape)),
        Station("prompt", "tokens that the language model reads after it", (blip2.adapter.count_tokens(prompt),)),
    )
    return Explanation(stations, prompt, asked, nearest_words(blip2, visual_prompt, words)), looked


def nearest_words(blip2: "Blip2", visual_prompt: Tensor, count: int) -> tuple[tuple[tuple[str, float], ...], ...]:
    """Whole words of the language model's vocabulary nearest to each vector, by cosine once the mean word is taken off.

    Args:
        blip2: the model.
        visual_prompt: (Q, Dl) floats.
        count: words for each vector.
    """
    embeddings: Any = blip2.model.get_input_embeddings().weight
    tokens = blip2.adapter.tokenizer.convert_ids_to_tokens(range(len(blip2.adapter.tokenizer)))
    whole = [place for place, token in enumerate(tokens) if _is_word(token)]
    table = embeddings.detach()[whole].float()  # (V, Dl)
    middle = table.mean(0)
    table = F.normalize(table - middle, dim=1)
    cosines = F.normalize(visual_prompt.float() - middle, dim=1) @ table.T  # (Q, V)
    values, places = cosines.topk(min(count, len(whole)), dim=1)
    texts = [[tokens[whole[place]][1:] for place in row] for row in places.tolist()]
    return tuple(tuple(zip(row, near, strict=True)) for row, near in zip(texts, values.tolist(), strict=True))


def _is_word(token: str | None) -> bool:
    """Whether a token begins a word: byte-level BPE marks that with "Ġ", SentencePiece with "▁"."""
    if not token or token[0] not in "Ġ▁":
        return False
    word = token[1:]
    return len(word) >= LEAST_LETTERS and word.isascii() and word.isalpha()
