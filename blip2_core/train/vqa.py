"""Question answering: the Q-Former reads the question, the language model reads the visual prompt and the question.

What the queries take out of the picture then fits the question. The loss is on the answers only. Each question counts
alike, however long its answer, or the long ones would drown the short; where people gave several answers, each counts
by how many gave it. A caption counts as the answer to the model's own caption prompt. A hybrid ViT's own blocks learn
along, as the paper's image encoder does. Some visual prompts may be drawn towards the answer's words besides, and where
a sample says where the thing asked about is, the queries learn to look there. Some samples may be kept instead of
learnt: what the visual prompts said of them before is what they shall go on saying, while the others are learnt.

Paper: BLIP-2 (arXiv 2301.12597), section 4.3 and figure 7; InstructBLIP (arXiv 2305.06500), section 2.3; several
answers by their number as in BLIP (arXiv 2201.12086).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from ..attention_maps import patch_grid, watch_cross_attention
from ..datasets.record_files import Box, Turn
from ..errors import SettingsError, TrainingError
from ..model import Blip2, Blip2Model, tokenize_questions
from ..vision import ClassLesson, HybridViT, num_image_tokens
from .answer_words import AnswerWords, answer_words_loss, words_to_say
from .looking import cells_in, looking_loss
from .samples import Sample, by_what_they_show
from .stage2 import LanguageStage, PromptedTexts
from .teacher import distance, teacher_of
from .vision import OWN_BLOCKS

PROTOTYPE_ALONE = 0.5  # of the class lessons
WORDS_WEIGHT = 0.25  # of the words' loss beside the answers'
LOOKING_WEIGHT = 1.0  # of the attention's loss beside the answers'
KEPT_WEIGHT = 3.0  # of the distance of visual prompts from what they were
CHARACTERS = 100  # of a sample that the language model reads, with --language-batch; of longer ones it reads fewer
FEWEST_READ = 4


@dataclass(frozen=True)
class Batch:
    """What a step of question answering needs of its B samples, beside what G groups of them see.

    Args:
        group: (B,) of which group each sample is.
        ids: (B, Tq) the questions in the Q-Former's vocabulary; None where it reads none.
        mask: (B, Tq), 1 where there is text.
        lesson: classes that the G pictures shall show instead of their own; None if none shall.
        boxed: places of the samples that say where the thing asked about is.
        cells: (b, H * W) booleans, the patches of these things; None if there are none.
        words: that some visual prompts shall say; None if there are none.
        kept: places of the samples whose visual prompts shall stay; none or at least two.
        read: places of the samples that the language model reads.
        texts: what it reads and writes of them; None if it reads none.
    """

    group: Tensor
    ids: Tensor | None
    mask: Tensor | None
    lesson: ClassLesson | None
    boxed: list[int]
    cells: Tensor | None
    words: AnswerWords | None
    kept: list[int]
    read: list[int]
    texts: PromptedTexts | None


Asked = tuple[str | None, tuple[Turn, ...]]  # a question, None for a caption, and what was asked before


def _asked(sample: Sample) -> Asked:
    return sample.question, sample.history


class QuestionAnswering(LanguageStage):
    """Loss on the answer after the visual prompt and the question.

    Args:
        blip2: the model.
        answer_queries: numbers of the queries whose visual prompts are drawn towards the words of the answer.
        language_batch: most samples of a batch that the language model reads, 0 or more; the others learn by their
            words and boxes alone.
        keeps: whether some samples are kept; the model as it is now says what they keep.

    Raises:
        SettingsError: there is no such query, or nothing that the others would learn by.
    """

    name = "vqa"

    def __init__(
        self,
        blip2: Blip2,
        *,
        answer_queries: Sequence[int] = (),
        language_batch: int | None = None,
        keeps: bool = False,
    ):
        super().__init__(blip2)
        queries = self.model.query_tokens.shape[1]
        if not all(0 <= query < queries for query in answer_queries):
            raise SettingsError(f"--answer-queries: expected numbers from 0 to {queries - 1}, got {[*answer_queries]}.")
        if language_batch is not None and (language_batch < 0 or not answer_queries):
            raise SettingsError("--language-batch: expected 0 or more, and --answer-queries for the other samples.")
        self.answer_queries, self.language_batch = list(answer_queries), language_batch
        self.options = {
            "answer_queries": self.answer_queries,
            "language_batch": language_batch,
            "withhold_question": blip2.withholds_question,
        }
        embeddings: Any = self.model.get_input_embeddings()
        self.words = embeddings.weight.detach()  # (V, Dl), frozen
        self.middle_of_words = self.words.float().mean(0)
        self.question_tokenizer = None if blip2.withholds_question else blip2.qformer_tokenizer
        self._prompt_ids: dict[Asked, list[int]] = {}  # of each question that was read
        self._answer_ids: dict[tuple[Asked, str], list[int]] = {}
        self._word_ids: dict[str, list[int]] = {}  # of the words that answers say
        learns_to_see = isinstance(self.model.vision_model, HybridViT)
        if learns_to_see:
            self.trainable = (*self.trainable, *OWN_BLOCKS)
        self.teacher = teacher_of(self.model, learns_to_see=learns_to_see) if keeps else None

    def freeze_the_rest(self) -> None:
        """See `Stage.freeze_the_rest`; the image encoder learns without dropout, drawing which takes long on a CPU."""
        super().freeze_the_rest()
        self.model.vision_model.eval()
        if self.teacher is not None:
            self.teacher.eval()

    def groups(self, samples: Sequence[Sample]) -> list[list[Sample]]:
        """See `Stage.groups`: the image encoder looks once at what several samples show."""
        return [[samples[place] for place in places] for places in by_what_they_show(samples)]

    def collate(self, samples: Sequence[Sample], rng: random.Random, *, held_out: bool = False) -> "Batch":
        """See `Stage.collate`; of held-out samples the language model reads all."""
        read = [*range(len(samples))] if held_out else self._read_by_language_model(samples, rng)
        asked = [self.read_by_qformer(*_asked(sample)) for sample in samples]
        ids, mask = tokenize_questions(self.question_tokenizer, asked)
        boxed = [place for place, sample in enumerate(samples) if sample.box is not None and not sample.kept]
        kept = [place for place, sample in enumerate(samples) if sample.kept]
        groups = by_what_they_show(samples)
        group_of = {place: number for number, places in enumerate(groups) for place in places}
        return Batch(
            group=torch.tensor([group_of[place] for place in range(len(samples))]),
            ids=ids,
            mask=mask,
            lesson=self._lesson([samples[places[0]] for places in groups], rng),
            boxed=boxed,
            cells=torch.stack([self._cells(samples[place].box) for place in boxed]) if boxed else None,
            words=words_to_say(samples, self._ids_of_words) if self.answer_queries else None,
            kept=kept if len(kept) > 1 else [],
            read=read,
            texts=self._texts([samples[place] for place in read]) if read else None,
        )

    def _texts(self, samples: Sequence[Sample]) -> PromptedTexts:
        self._tokenize(samples)
        return self.prompted(
            [self._prompt_ids[_asked(sample)] for sample in samples],
            [[self._answer_ids[_asked(sample), text] for text in sample.texts] for sample in samples],
            [weight for sample in samples for weight in sample.weights],
        )

    def losses(self, features: Tensor, batch: "Batch | Sequence[Sample]") -> dict[str, Tensor]:
        """See `Stage.losses`: `answer`; `words` with answer queries, `looking` with boxes, `kept` if any are kept."""
        if not isinstance(batch, Batch):
            batch = self.collate(batch, random.Random(0), held_out=not self.training)
        visual_prompt, beside = self._look(features, batch)
        if self.answer_queries:
            beside["words"] = WORDS_WEIGHT * self._words_loss(visual_prompt, batch.words)
        if self.teacher is not None:
            beside["kept"] = KEPT_WEIGHT * self._kept_loss(self.teacher, visual_prompt, features, batch)
        if batch.texts is None:
            return beside
        everyone = len(batch.read) == len(visual_prompt)
        visual_prompt = visual_prompt if everyone else visual_prompt[batch.read]
        return {"answer": self.language_loss(visual_prompt, batch.texts), **beside}

    def _look(self, features: Tensor, batch: "Batch") -> tuple[Tensor, dict[str, Tensor]]:
        """The visual prompts (B, Q, Dl), and `looking` if any sample says where the thing asked about is."""
        image_embeds = self._image_embeds(self.model, features, batch.lesson)  # (G, N, Dv)
        with watch_cross_attention(self.model.qformer) as weights:  # always: layers once compiled see no new watchers
            visual_prompt = self.visual_prompt(self.model, image_embeds, batch.ids, batch.mask, batch.group)
        if batch.cells is None:
            return visual_prompt, {}
        return visual_prompt, {"looking": LOOKING_WEIGHT * looking_loss(weights, batch.boxed, batch.cells)}

    def _kept_loss(self, teacher: Blip2Model, visual_prompt: Tensor, features: Tensor, batch: "Batch") -> Tensor:
        """How far the visual prompts of the samples that are kept are from what they were."""
        if not batch.kept:
            return visual_prompt.sum() * 0
        groups, group = batch.group[batch.kept].unique(return_inverse=True)
        lesson = None if batch.lesson is None else batch.lesson.of(groups)
        ids, mask = (None if tensor is None else tensor[batch.kept] for tensor in (batch.ids, batch.mask))
        with torch.no_grad():
            image_embeds = self._image_embeds(teacher, features[groups.to(self.device)], lesson)
            before = self.visual_prompt(teacher, image_embeds, ids, mask, group)
        return distance(visual_prompt[batch.kept], before)

    def _words_loss(self, visual_prompt: Tensor, words: AnswerWords | None) -> Tensor:
        if words is None:
            return visual_prompt.sum() * 0
        return answer_words_loss(visual_prompt[:, self.answer_queries], words, self.words, self.middle_of_words)

    def _read_by_language_model(self, samples: Sequence[Sample], rng: random.Random) -> list[int]:
        """Which of the samples that are learnt the language model reads: all, or some of like length, all as likely."""
        learnt = [place for place, sample in enumerate(samples) if not sample.kept]
        most = self.language_batch
        if most is None or most >= len(learnt):
            return learnt
        if not most:
            return []
        by_length = sorted(learnt, key=lambda place: self.text_length(samples[place]))
        first = most * rng.randrange(len(learnt) // most)
        alike = by_length[first : first + most]
        few = max(FEWEST_READ, most * CHARACTERS // max(self.text_length(samples[alike[-1]]), CHARACTERS))
        return rng.sample(alike, min(few, len(alike)))

    def _image_embeds(self, model: Blip2Model, features: Tensor, lesson: ClassLesson | None) -> Tensor:
        """(G, N, Dv)."""
        vision_model = model.vision_model
        if lesson is None:
            return vision_model.from_features(features)
        assert isinstance(vision_model, HybridViT)  # `_lesson` makes one for no other
        moved = ClassLesson(*(tensor.to(self.device) for tensor in (lesson.classes, lesson.places, lesson.alone)))
        return vision_model.from_features(features, moved)

    def _lesson(self, samples: Sequence[Sample], rng: random.Random) -> ClassLesson | None:
        """The classes that pictures shall show, one of each group; half hide the picture, half leave it to be seen."""
        most = max(len(sample.classes) for sample in samples)
        if not most:
            return None
        vision_model = self.model.vision_model
        if not (isinstance(vision_model, HybridViT) and vision_model.config.prototype_scale):
            raise TrainingError(
                "--data: expected a model with class prototypes for records with an imagenet_class, this one has none. "
                "Leave class-train.jsonl out."
            )
        nowhere = torch.zeros_like(self._tokens(None))
        classes, places, alone = [], [], []
        for sample in samples:
            missing = most - len(sample.classes)
            classes.append([*(shown.imagenet_class for shown in sample.classes), *[-1] * missing])
            places += [*(self._tokens(shown.box) for shown in sample.classes), *[nowhere] * missing]
            alone.append(bool(sample.classes) and rng.random() < PROTOTYPE_ALONE)
        return ClassLesson(
            torch.tensor(classes), torch.stack(places).unflatten(0, (-1, most)), torch.tensor(alone)
        )  # fmt: skip

    @cache  # noqa: B019  # a stage lives as long as its run
    def _tokens(self, box: Box | None) -> Tensor:
        """(1 + cells of all scales,) booleans: those in a box; without one all of them."""
        grids = self.model.vision_model.config.grids
        if box is None:
            return torch.ones(1 + sum(grid.cells for grid in grids), dtype=torch.bool)
        return torch.cat([torch.zeros(1, dtype=torch.bool), *(cells_in(box, grid.side, grid.box) for grid in grids)])

    @cache  # noqa: B019
    def _cells(self, box: Box) -> Tensor:
        """(H * W,) booleans: the patches in a box."""
        config: Any = self.model.config.vision_config
        return cells_in(box, *patch_grid(config, num_image_tokens(config)))

    def _ids_of_words(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of what `words_of` found in answers; what was not read before is tokenized at once."""
        new = [text for text in dict.fromkeys(texts) if text not in self._word_ids]
        self._word_ids.update(zip(new, self.texts_ids(new), strict=True))
        return [self._word_ids[text] for text in texts]

    def _tokenize(self, samples: Sequence[Sample]) -> None:
        """Tokenize all that was not read before at once: one by one, it takes longer than a step on a GPU."""
        template = self.adapter.template
        prompts = {
            (question, history): template.caption_prompt if question is None else template.render(question, history)
            for question, history in dict.fromkeys(map(_asked, samples))
        }
        new = [asked for asked in prompts if asked not in self._prompt_ids]
        ids = self.adapter.tokenize([prompts[asked] for asked in new])
        self._prompt_ids.update(zip(new, ids, strict=True))
        said = dict.fromkeys((_asked(sample), text) for sample in samples for text in sample.texts)
        unread = [answer for answer in said if answer not in self._answer_ids]
        rows = self._rows_of_answers([(prompts[asked], text) for asked, text in unread])
        self._answer_ids.update(zip(unread, rows, strict=True))

    def _rows_of_answers(self, answers: Sequence[tuple[str, str]]) -> list[list[int]]:
        """Ids of answers, each behind its prompt; after one such as "Answer:" its first word begins with a space."""
        apart = not self.model.config.use_decoder_only_language_model
        anew = [apart or prompt[-1:].isspace() for prompt, _ in answers]
        begun = [prompt for (prompt, _), alone in zip(answers, anew, strict=True) if not alone]
        joined = [f"{prompt} {text}" for (prompt, text), alone in zip(answers, anew, strict=True) if not alone]
        lengths = map(len, self.adapter.tokenize(begun))
        end = self.adapter.eos_token_ids[0]
        behind = ([*row[n:], end] for row, n in zip(self.adapter.tokenize(joined), lengths, strict=True))
        by_itself = iter(self.targets_ids([text for (_, text), alone in zip(answers, anew, strict=True) if alone]))
        return [next(by_itself if alone else behind) for alone in anew]
