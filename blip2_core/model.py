"""Stations 2 to 5 joined: `Blip2Model` holds the weights, `Blip2` answers questions with them.

`Blip2Model` is a `transformers.PreTrainedModel` whose attributes are named as the keys of the public checkpoints, so
that shards, the Hub, device maps, 8-bit loading and saving come from that library, and a folder saved here opens there.
`Blip2` adds what turns a picture and a question into tensors, and tensors into an answer.

Paper: BLIP-2 (arXiv 2301.12597), section 3.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, Blip2Config, PreTrainedConfig, PreTrainedModel
from transformers import initialization as init

from .answer import AnswerSettings, AnswerStream, generate_text, stream_text
from .chat import ChatSession
from .decoding import answer_settings, caption_settings, check_mode
from .errors import ConfigError
from .image import ImageProcessor, open_image
from .language import LanguageAdapter, Prompt, PromptInputs, PromptTemplate, Turn, check_question
from .out_of_memory import freed_when_full
from .projection import LanguageProjection
from .qformer import QFormer
from .ranking import RankedCandidate, check_candidates, rank_candidates
from .vision import build_vision_model

QUERY_STD = 0.02  # LAVIS: queries start from N(0, 0.02); zeros would keep them all alike
QFORMER_TOKENS = 128  # of the question at most; cut on the left, as InstructBLIP does

ImageSource = str | PathLike[str] | bytes | Image.Image


class Blip2Model(PreTrainedModel):
    """ViT, Q-Former, projection and language model of one BLIP-2.

    Args:
        config: `Blip2Config`, `InstructBlipConfig` or `HybridBlip2Config`.
        language_model: a language model that is loaded already; built from `config.text_config` if None.
    """

    config_class = Blip2Config
    base_model_prefix = "blip"
    main_input_name = "pixel_values"
    _supports_sdpa = True
    _supports_attention_backend = True
    _keep_in_fp32_modules_strict = ["query_tokens", "qformer", "language_projection"]
    _no_split_modules = ["Blip2EncoderLayer", "QFormerLayer", "TransformerEncoderLayer"]
    _skip_keys_device_placement = ["past_key_values"]  # a cache stays with the layer that wrote it
    _keys_to_ignore_on_load_unexpected = [r"qformer\.embeddings\.position_ids"]  # a buffer of InstructBLIPs of 2023

    def __init__(self, config: PreTrainedConfig, language_model: PreTrainedModel | None = None):
        super().__init__(config)
        self.vision_model = build_vision_model(config.vision_config)
        width = config.qformer_config.hidden_size
        self.query_tokens = nn.Parameter(torch.randn(1, config.num_query_tokens, width) * QUERY_STD)
        self.qformer = QFormer(config.qformer_config)
        self.language_projection = LanguageProjection(width, config.text_config.hidden_size)
        if language_model is None:
            decoder_only = config.use_decoder_only_language_model
            kind = AutoModelForCausalLM if decoder_only else AutoModelForSeq2SeqLM
            language_model = kind.from_config(config.text_config)
        else:
            for module in language_model.modules():
                module._is_hf_initialized = True  # type: ignore[assignment]  # loaded: post_init must leave it alone
        self.language_model = language_model
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Start what a checkpoint does not have from small random numbers (BERT, section A.2)."""
        if isinstance(module, nn.Linear | nn.Embedding | nn.Conv2d):
            init.normal_(module.weight, 0.0, QUERY_STD)
        if isinstance(module, nn.Linear) and module.bias is not None:
            init.zeros_(module.bias)

    def get_input_embeddings(self) -> nn.Module:
        """The word embeddings of the language model."""
        return self.language_model.get_input_embeddings()

    def get_output_embeddings(self) -> nn.Module:
        """The head of the language model."""
        return self.language_model.get_output_embeddings()

    def encode_image(self, pixel_values: Tensor) -> Tensor:
        """Station 2: (B, 3, H, W) pixels to image_embeds (B, N, Dv), class token first."""
        first = next(self.vision_model.parameters())
        return self.vision_model(pixel_values.to(first.device, first.dtype))  # (B, N, Dv)

    def query(
        self,
        image_embeds: Tensor,
        qformer_input_ids: Tensor | None = None,
        qformer_attention_mask: Tensor | None = None,
        *,
        picture_of: Tensor | None = None,
    ) -> Tensor:
        """Station 3: what the queries read in the picture, told the question.

        Args:
            image_embeds: (B, N, Dv) floats from `encode_image`, or (G, N, Dv) of fewer pictures.
            qformer_input_ids: (B, Tq) the question in the Q-Former's vocabulary; None without one.
            qformer_attention_mask: (B, Tq), 1 where there is text.
            picture_of: (B,) which of the G pictures each question is about; if None, each is asked B / G in turn.

        Returns:
            query_output: (B, Q, Dq) floats.
        """
        rows = next(len(one) for one in (picture_of, qformer_input_ids, image_embeds) if one is not None)
        hidden = self.qformer(
            self.query_tokens.expand(rows, -1, -1),
            image_embeds,
            picture_of=picture_of,
            input_ids=qformer_input_ids,
            attention_mask=qformer_attention_mask,
        )
        return hidden[:, : self.query_tokens.shape[1]]  # (B, Q, Dq)

    def project(self, query_output: Tensor) -> Tensor:
        """Station 4: (B, Q, Dq) query_output to visual_prompt (B, Q, Dl), in the language model's dtype."""
        prompt = self.language_projection(query_output.to(self.language_projection.weight.dtype))
        return prompt.to(self.get_input_embeddings().weight.dtype)


@dataclass(frozen=True)
class SeenImage:
    """A picture that the image encoder has looked at.

    Args:
        image_embeds: (1, N, Dv) floats.
    """

    image_embeds: Tensor


@dataclass(frozen=True)
class Blip2:
    """A loaded model that answers: weights, tokenizers, picture processing and prompt template.

    Args:
        model: the weights, in evaluation mode.
        adapter: the language model behind one interface.
        image_processor: pictures to pixel_values.
        qformer_tokenizer: the Q-Former's own vocabulary; None when it reads no text.
        name: what the person asked for: a built-in name, a folder or a hub id.
        precision: "fp32", "bf16", "fp16", "int8" or "int4".
        withholds_question: let the Q-Former read no question, as BLIP-2 does before question answering; the language
            model still does. `dataclasses.replace(blip2, withholds_question=True)` shares the weights.
    """

    model: Blip2Model
    adapter: LanguageAdapter
    image_processor: ImageProcessor
    qformer_tokenizer: Any | None
    name: str
    precision: str
    withholds_question: bool = False

    def __post_init__(self) -> None:
        expect_qformer_tokenizer(self.name, self.model, self.qformer_tokenizer)
        self.model.eval()

    @property
    def device(self) -> torch.device:
        """Where pictures and questions are read."""
        return self.model.query_tokens.device

    @property
    def template(self) -> PromptTemplate:
        """The form in which the language model reads questions."""
        return self.adapter.template

    @freed_when_full()
    @torch.no_grad()
    def see(self, image: "ImageSource | SeenImage") -> SeenImage:
        """Run the image encoder once; questions about the result do not run it again.

        Args:
            image: a path, bytes, a PIL image, or what this method returned before.

        Raises:
            ImageError: the picture cannot be read.
        """
        if isinstance(image, SeenImage):
            return image
        pixel_values = self.image_processor([open_image(image)])
        return SeenImage(self.model.encode_image(pixel_values))

    def prompt(self, question: str, history: Sequence[Turn] = (), mode: str | None = None) -> Prompt:
        """The exact text that the language model reads after the visual prompt; `mode` as for `ask`."""
        check_mode(mode)
        return self.template.render(question, history, mode)

    def qformer_question(self, question: str, history: Sequence[Turn] = (), mode: str | None = None) -> str:
        """The text that the Q-Former reads beside its queries, as `ask` would give it; "" if it reads none."""
        if self.qformer_tokenizer is None or self.withholds_question:
            return ""
        return self.template.qformer_question(question, history, mode)

    def answer_settings(self, mode: str | None = None) -> AnswerSettings:
        """How this model's family answers when nothing else is asked for; see `decoding`."""
        return answer_settings(self.model.config, mode)

    def ask(
        self,
        image: "ImageSource | SeenImage",
        question: str,
        settings: AnswerSettings | None = None,
        history: Sequence[Turn] = (),
        *,
        mode: str | None = None,
    ) -> str:
        """Answer one question about one picture.

        Args:
            image: a path, bytes, a PIL image or what `see` returned.
            question: what is asked.
            settings: how the answer is picked; left out, as the model's family does in this mode.
            history: earlier questions and their answers.
            mode: "short" (a word or a few) or "long"; left out, what the family was made for.

        Raises:
            ImageError: the picture cannot be read.
            QuestionError: the question cannot be asked.
            SettingsError: an unknown mode.
        """
        settings = settings or self.answer_settings(mode)
        return generate_text(self.adapter, self._asked([image], [question], [history], mode), settings)[0]

    def stream(
        self,
        image: "ImageSource | SeenImage",
        question: str,
        settings: AnswerSettings | None = None,
        history: Sequence[Turn] = (),
        *,
        mode: str | None = None,
    ) -> AnswerStream:
        """Answer one question piece by piece, as `ask` but without beams; closing stops the work within one token.

        Raises:
            ImageError: the picture cannot be read.
            QuestionError: the question cannot be asked.
            SettingsError: beams, which have nothing to show before the end.
        """
        settings = settings or replace(self.answer_settings(mode), num_beams=1)
        return stream_text(self.adapter, self._asked([image], [question], [history], mode), settings)

    def ask_batch(
        self,
        images: "Sequence[ImageSource | SeenImage]",
        questions: Sequence[str],
        settings: AnswerSettings | None = None,
        *,
        histories: Sequence[Sequence[Turn]] | None = None,
        mode: str | None = None,
    ) -> list[str]:
        """Answer one question about each picture, all at once; the same answers as one by one.

        `histories` are the earlier questions and their answers, for each picture; left out, there are none.
        """
        settings = settings or self.answer_settings(mode)
        histories = [()] * len(questions) if histories is None else histories
        return generate_text(self.adapter, self._asked(images, questions, histories, mode), settings)

    def caption(self, image: "ImageSource | SeenImage", settings: AnswerSettings | None = None) -> str:
        """Describe a picture with the model's own caption prompt; without settings, as its family does."""
        return self.caption_batch([image], settings)[0]

    def caption_batch(
        self, images: "Sequence[ImageSource | SeenImage]", settings: AnswerSettings | None = None
    ) -> list[str]:
        """Describe each of several pictures, all at once."""
        template, count = self.template, len(images)
        inputs = self._inputs(
            [self.see(image) for image in images],
            [template.caption_question] * count,
            [template.caption_prompt] * count,
        )
        return generate_text(self.adapter, inputs, settings or caption_settings(self.model.config))

    def rank(self, image: "ImageSource | SeenImage", question: str, candidates: Sequence[str]) -> list[RankedCandidate]:
        """Order candidate answers by how likely the language model finds them, the likeliest first.

        Raises:
            ImageError: the picture cannot be read.
            QuestionError: the question or a candidate cannot be read.
        """
        question, candidates = check_question(question), check_candidates(candidates)
        prompt = self.prompt(question)
        inputs = self._inputs([self.see(image)], [question], [prompt])
        return rank_candidates(self.adapter, inputs, prompt, candidates)

    def chat(self) -> ChatSession:
        """A new conversation with this model."""
        return ChatSession(self)

    @torch.no_grad()
    def visual_prompt(self, seen: Sequence[SeenImage], questions: Sequence[str]) -> Tensor:
        """(B, Q, Dl): what the language model reads of each picture, the Q-Former told the question."""
        image_embeds = torch.cat([picture.image_embeds for picture in seen])  # (B, N, Dv)
        ids, mask = self.tokenize_for_qformer(questions)
        return self.model.project(self.model.query(image_embeds, ids, mask))

    def tokenize_for_qformer(self, questions: Sequence[str]) -> tuple[Tensor | None, Tensor | None]:
        """What the Q-Former reads of B questions: ids (B, Tq) and mask (B, Tq); None and None when it reads nothing."""
        tokenizer = None if self.withholds_question else self.qformer_tokenizer
        return tokenize_questions(tokenizer, questions, device=self.device)

    def _asked(
        self,
        images: "Sequence[ImageSource | SeenImage]",
        questions: Sequence[str],
        histories: Sequence[Sequence[Turn]],
        mode: str | None,
    ) -> PromptInputs:
        asked = [(check_question(question), turns) for question, turns in zip(questions, histories, strict=True)]
        prompts = [self.prompt(question, turns, mode) for question, turns in asked]
        read = [self.qformer_question(question, turns, mode) for question, turns in asked]
        return self._inputs([self.see(image) for image in images], read, prompts)

    @freed_when_full()
    @torch.no_grad()
    def _inputs(self, seen: Sequence[SeenImage], questions: Sequence[str], prompts: Sequence[str]) -> PromptInputs:
        return self.adapter.prompt_inputs(self.visual_prompt(seen, questions), prompts)


def expect_qformer_tokenizer(name: str, model: Blip2Model, qformer_tokenizer: Any | None) -> None:
    """Raise unless a Q-Former that reads text has its tokenizer; the model may be on the meta device.

    Raises:
        ConfigError: it has none.
    """
    if model.qformer.reads_text and qformer_tokenizer is None:
        raise ConfigError(f"{name}: the Q-Former reads the question, but qformer_tokenizer/ is missing. Copy it again.")


def tokenize_questions(
    tokenizer: Callable[..., Any] | None, questions: Sequence[str], *, device: torch.device | str = "cpu"
) -> tuple[Tensor | None, Tensor | None]:
    """Questions as the Q-Former reads them: ids (B, Tq) and mask (B, Tq); None and None when it reads no text.

    Args:
        tokenizer: the Q-Former's tokenizer, cutting on the left; None when it reads no text.
        questions: B texts.
        device: where the tensors go.
    """
    if tokenizer is None:
        return None, None
    batch = tokenizer(
        list(questions),
        padding=True,
        truncation=True,
        max_length=QFORMER_TOKENS,
        split_special_tokens=True,  # a typed "[SEP]" stays text
        return_tensors="pt",
    )
    return batch.input_ids.to(device), batch.attention_mask.to(device)
