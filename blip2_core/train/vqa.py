"""Question answering: the Q-Former reads the question, the language model reads the visual prompt and the question.

What the queries take out of the picture then fits the question. The loss is on the answers only. Each question counts
alike, however long its answer, or the long ones would drown the short; where people gave several answers, each counts
by how many gave it. A caption counts as the answer to the model's own caption prompt. A hybrid ViT's own blocks learn
along, as the paper's image encoder does. Some visual prompts may be drawn towards the answer's words besides, and where
a sample says where the thing asked about is, the queries learn to look there.

Paper: BLIP-2 (arXiv 2301.12597), section 4.3 and figure 7; InstructBLIP (arXiv 2305.06500), section 2.3; several
answers by their number as in BLIP (arXiv 2201.12086).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..attention_maps import patch_grid, watch_cross_attention
from ..errors import SettingsError, TrainingError
from ..language.prompts import Prompt
from ..model import Blip2
from ..vision import ClassLesson, HybridViT
from .answer_words import answer_words_loss
from .looking import looking_loss
from .samples import Sample
from .stage2 import LanguageStage
from .vision import OWN_BLOCKS

PROTOTYPE_ALONE = 0.5  # of the class lessons
WORDS_WEIGHT = 0.25  # of the words' loss beside the answers'
LOOKING_WEIGHT = 1.0  # of the attention's loss beside the answers'
CHARACTERS = 100  # of a sample that the language model reads, with --language-batch; of longer ones it reads fewer
FEWEST_READ = 4


class QuestionAnswering(LanguageStage):
    """Loss on the answer after the visual prompt and the question.

    Args:
        blip2: the model.
        answer_queries: numbers of the queries whose visual prompts are drawn towards the words of the answer.
        language_batch: most samples of a batch that the language model reads, 0 or more; the others learn by their
            words and boxes alone.

    Raises:
        SettingsError: there is no such query, or nothing that the others would learn by.
    """

    name = "vqa"

    def __init__(self, blip2: Blip2, *, answer_queries: Sequence[int] = (), language_batch: int | None = None):
        super().__init__(blip2)
        queries = self.model.query_tokens.shape[1]
        if not all(0 <= query < queries for query in answer_queries):
            raise SettingsError(f"--answer-queries: expected numbers from 0 to {queries - 1}, got {[*answer_queries]}.")
        if language_batch is not None and (language_batch < 0 or not answer_queries):
            raise SettingsError("--language-batch: expected 0 or more, and --answer-queries for the other samples.")
        self.answer_queries, self.language_batch = list(answer_queries), language_batch
        embeddings: Any = self.model.get_input_embeddings()
        self.words = embeddings.weight.detach()  # (V, Dl), frozen
        self.middle_of_words = self.words.float().mean(0)
        self.tokenize_for_qformer = blip2.tokenize_for_qformer
        if isinstance(self.model.vision_model, HybridViT):
            self.trainable = (*self.trainable, *OWN_BLOCKS)

    def freeze_the_rest(self) -> None:
        """See `Stage.freeze_the_rest`; the image encoder learns without dropout, drawing which takes long on a CPU."""
        super().freeze_the_rest()
        self.model.vision_model.eval()

    def losses(self, features: Tensor, samples: Sequence[Sample]) -> dict[str, Tensor]:
        """See `Stage.losses`: `answer`, `words` if there are answer queries, `looking` if there are boxes."""
        visual_prompt, beside = self._look(features, samples)
        if self.answer_queries:
            beside["words"] = WORDS_WEIGHT * self._words_loss(visual_prompt, samples)
        read = self._read_by_language_model(samples)
        if not read:
            return beside
        samples, visual_prompt = [samples[place] for place in read], visual_prompt[read]
        prompts = [self._prompt(sample) for sample in samples]
        prompt_ids = self.adapter.tokenize(prompts)
        targets = [
            [self._answer_ids(prompt, ids, text) for text in sample.texts]
            for prompt, ids, sample in zip(prompts, prompt_ids, samples, strict=True)
        ]
        weights = [weight for sample in samples for weight in sample.weights]
        return {"answer": self.language_loss(visual_prompt, prompt_ids, targets, weights), **beside}

    def _look(self, features: Tensor, samples: Sequence[Sample]) -> tuple[Tensor, dict[str, Tensor]]:
        """The visual prompts (B, Q, Dl), and `looking` if any sample says where the thing asked about is."""
        questions = [sample.question or self.adapter.template.caption_question for sample in samples]
        ids, mask = self.tokenize_for_qformer(questions)
        boxes, image_embeds = [sample.box for sample in samples], self._image_embeds(features, samples)
        if not any(boxes):
            return self.model.project(self.model.query(image_embeds, ids, mask)), {}
        with watch_cross_attention(self.model.qformer) as weights:
            visual_prompt = self.model.project(self.model.query(image_embeds, ids, mask))
        side, frame = patch_grid(self.model.config.vision_config, image_embeds.shape[1])
        return visual_prompt, {"looking": LOOKING_WEIGHT * looking_loss(weights, boxes, side, frame)}

    def _words_loss(self, visual_prompt: Tensor, samples: Sequence[Sample]) -> Tensor:
        spoken = visual_prompt[:, self.answer_queries]
        return answer_words_loss(spoken, samples, self.words, self.middle_of_words, self.text_ids)

    def _read_by_language_model(self, samples: Sequence[Sample]) -> list[int]:
        """Which samples of a batch the language model reads: all, or some of like length, each as likely as another."""
        most = self.language_batch
        if most is None or most >= len(samples) or not self.training:
            return [*range(len(samples))]
        if not most:
            return []
        by_length = sorted(range(len(samples)), key=lambda place: self.text_length(samples[place]))
        first = most * int(torch.randint(len(samples) // most, ()))
        alike = by_length[first : first + most]
        kept = max(FEWEST_READ, most * CHARACTERS // max(self.text_length(samples[alike[-1]]), CHARACTERS))
        return [alike[place] for place in torch.randperm(len(alike))[:kept].tolist()]

    def _image_embeds(self, features: Tensor, samples: Sequence[Sample]) -> Tensor:
        """(B, N, Dv); half of the class lessons hide the picture itself, half leave it there to be seen through."""
        vision_model = self.model.vision_model
        if all(sample.imagenet_class is None for sample in samples):
            return vision_model.from_features(features)
        if not (isinstance(vision_model, HybridViT) and vision_model.config.prototype_scale):
            raise TrainingError(
                "--data: expected a model with class prototypes for records with an imagenet_class, this one has none. "
                "Leave class-train.jsonl out."
            )
        classes = torch.tensor([-1 if s.imagenet_class is None else s.imagenet_class for s in samples]).to(self.device)
        alone = (classes >= 0) & (torch.rand(len(samples)) < PROTOTYPE_ALONE).to(self.device)
        return vision_model.from_features(features, ClassLesson(classes, alone))

    def _prompt(self, sample: Sample) -> Prompt:
        template = self.adapter.template
        return template.caption_prompt if sample.question is None else template.render(sample.question)

    def _answer_ids(self, prompt: str, prompt_ids: list[int], answer: str) -> list[int]:
        """Ids of the answer; after a prompt such as "Answer:" its first word begins with a space."""
        if not self.model.config.use_decoder_only_language_model or prompt[-1:].isspace():
            return self.target_ids(answer)
        joined = self.adapter.tokenize([f"{prompt} {answer}"])[0]
        return [*joined[len(prompt_ids) :], self.adapter.eos_token_ids[0]]
