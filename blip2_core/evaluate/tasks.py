"""The six tasks: which settings each is decoded with, how it is answered and scored."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..answer_settings import AnswerSettings
from ..decoding import answer_settings, caption_settings, is_greedy
from .answering import IN_WORDS, answer_in_words, answer_questions, caption_images
from .pointing import Point, ask_without, find_points, is_right, score_pointing
from .records import CaptionedImage, Question
from .scoring import (
    Number,
    Rule,
    is_right_answer,
    score_caption,
    score_chat,
    score_instruct,
    score_name,
    score_vqa,
    speaks_of_it,
)

if TYPE_CHECKING:
    from ..model import Blip2

BEGINNING_ALIKE = "for questions of the same source and kind with the same first two words"

# Of the small models with a hybrid ViT: captions are searched with beams, as is usual where they are scored; questions
# are answered as in the chat, with the likeliest word each time. Public checkpoints are decoded as in the papers.
SETTINGS = {
    "caption": AnswerSettings(max_new_tokens=30, num_beams=5),
    "vqa": AnswerSettings(max_new_tokens=12),
    "chat": AnswerSettings(max_new_tokens=12),
    "name": AnswerSettings(max_new_tokens=20),
    "instruct": AnswerSettings(max_new_tokens=64),
    "pointing": AnswerSettings(max_new_tokens=20),
}
MODES = {"vqa": "short", "chat": "short", "name": "short", "instruct": "long", "pointing": "short"}


@dataclass(frozen=True)
class Workload:
    """What one task has to answer: captioned pictures or questions, with the training questions."""

    task: str
    images: tuple[CaptionedImage, ...] = ()
    questions: tuple[Question, ...] = ()
    train: tuple[Question, ...] = ()

    @property
    def pictures(self) -> list[Path]:
        """The picture of every record, repeated where several ask about one."""
        return [image.image for image in self.images] + [question.image for question in self.questions]


@dataclass(frozen=True)
class Answered:
    """One answer beside what was expected; `right` is None where no single answer is right or wrong."""

    image: str
    question: str
    answer: str
    expected: tuple[str, ...]
    right: bool | None = None


@dataclass(frozen=True)
class PointedAnswer(Answered):
    """An answer, where its map has its maximum as shares of width and height, and the answer with the thing hidden.

    Both are None for a wrong answer.
    """

    point: Point | None = None
    without: str | None = None


@dataclass(frozen=True)
class TaskResult:
    """What a task gave: its numbers, every answer, and one line a measure that defines it."""

    numbers: tuple[Number, ...]
    answered: tuple[Answered, ...]
    rules: tuple[str, ...]


def settings_for(task: str, num_beams: int | None, config: Any) -> AnswerSettings:
    """How a task is decoded with a model of this config, with another number of beams if one is given."""
    if is_greedy(config):
        settings = SETTINGS[task]
    elif task == "caption":
        settings = caption_settings(config)
    elif task in ("vqa", "chat"):
        settings = answer_settings(config, MODES[task])
    else:
        settings = replace(answer_settings(config, MODES[task]), max_new_tokens=SETTINGS[task].max_new_tokens)
    return settings if num_beams is None else replace(settings, num_beams=num_beams)


def run_task(blip2: "Blip2", work: Workload, settings: AnswerSettings, *, batch_size: int, seed: int) -> TaskResult:
    """Answer everything in `work` with the model and score the answers."""
    if work.task == "caption":
        captions = caption_images(blip2, work.images, settings, batch_size=batch_size)
        return _caption_result(work, captions, blip2.template.caption_question, seed=seed)
    mode = MODES[work.task]
    if work.task == "chat":
        return _chat_result(work, *_ask_three_ways(blip2, work, settings, batch_size=batch_size), seed=seed)
    answers = answer_questions(blip2, work.questions, settings, batch_size=batch_size, mode=mode)
    if work.task == "vqa":
        return _vqa_result(work, answers, seed)
    if work.task == "name":
        return _name_result(work, answers, seed)
    if work.task == "pointing":
        points = find_points(blip2, work.questions, answers, mode=mode)
        without = ask_without(blip2, work.questions, answers, settings, batch_size=batch_size, mode=mode)
        return _pointing_result(work, answers, points, without=without, seed=seed)
    in_words = answer_in_words(blip2, work.questions, settings, batch_size=batch_size, mode=mode)
    return _instruct_result(work, answers, in_words, seed=seed)


def _caption_result(work: Workload, captions: Sequence[str], prompt: str, *, seed: int) -> TaskResult:
    answered = [
        Answered(image.image.name, prompt, caption, image.captions)
        for image, caption in zip(work.images, captions, strict=True)
    ]
    rules = (
        "BLEU, CIDEr: pycocoevalcap 1.2 (BLEU over the corpus, closest reference length), all references; words cut by "
        "our own tokenizer: lower case, no punctuation, hyphens kept",
        "CIDEr weighs words by their rarity among the pictures evaluated",
        "of people: the captions of a picture in turn, each against the others; the mean",
    )
    return TaskResult(tuple(score_caption(work.images, captions, seed=seed)), tuple(answered), rules)


def _vqa_result(work: Workload, answers: Sequence[str], seed: int) -> TaskResult:
    rules = (
        "exact match: equal to one of the answers; both in lower case without punctuation and articles, number words "
        "as digits, grey as gray; yes_no by its first word; daquar as a set of the parts between commas",
        f"blind: the answer that is right most often in training {BEGINNING_ALIKE}",
    )
    numbers = score_vqa(work.questions, answers, train=work.train, seed=seed)
    return TaskResult(tuple(numbers), _pair_up(work.questions, answers, is_right_answer), rules)


def _ask_three_ways(
    blip2: "Blip2", work: Workload, settings: AnswerSettings, *, batch_size: int
) -> tuple[list[str], list[str], list[str]]:
    """Answers in the conversation, without what came before, and to the question in full."""
    alone = [replace(question, history=()) for question in work.questions]
    in_full = [replace(question, question=question.in_full or question.question) for question in alone]
    distinct = [*dict.fromkeys([*work.questions, *alone, *in_full])]  # together, so that each picture is seen once
    told = answer_questions(blip2, distinct, settings, batch_size=batch_size, mode=MODES["chat"])
    answers = dict(zip(distinct, told, strict=True))
    conversation, without, full = ([answers[one] for one in asked] for asked in (work.questions, alone, in_full))
    return conversation, without, full


def _chat_result(
    work: Workload, answers: Sequence[str], without: Sequence[str], in_full: Sequence[str], *, seed: int
) -> TaskResult:
    rules = (
        "exact match: as in vqa, of questions in a conversation: up to three others about the picture, with right "
        "answers, stand before them; a follow-up takes up by a pronoun what they were about, an ellipsis leaves out "
        "what stays the same",
        "without what came before: the very same words, asked as a first question",
        "in full: asked as a first question that says what is meant",
    )
    numbers = score_chat(work.questions, answers, without=without, in_full=in_full, seed=seed)
    return TaskResult(tuple(numbers), _pair_up(work.questions, answers, is_right_answer), rules)


def _name_result(work: Workload, answers: Sequence[str], seed: int) -> TaskResult:
    rules = (
        "name or broader term: the answer mentions the name or a broader term, as whole words, singular or plural",
        "exact name: the answer mentions the name itself, asked where a name and not only a kind of thing is wanted",
        f"blind: the name or term that is right most often in training {BEGINNING_ALIKE}",
    )
    numbers = score_name(work.questions, answers, train=work.train, seed=seed)
    return TaskResult(tuple(numbers), _pair_up(work.questions, answers, speaks_of_it), rules)


def _instruct_result(work: Workload, answers: Sequence[str], in_words: Sequence[str], *, seed: int) -> TaskResult:
    rules = (
        "speaks of the thing: the answer mentions its name or a broader term, as whole words, singular or plural",
        f'the LLM told the name in words: the same language model without a picture, asked "{IN_WORDS}"',
        "blind: the same answers held against the terms of another picture, drawn at random",
    )
    numbers = score_instruct(work.questions, answers, in_words=in_words, seed=seed)
    return TaskResult(tuple(numbers), _pair_up(work.questions, answers, speaks_of_it), rules)


def _pointing_result(
    work: Workload,
    answers: Sequence[str],
    points: Sequence[Point | None],
    *,
    without: Sequence[str | None],
    seed: int,
) -> TaskResult:
    rules = (
        "points at the thing: the maximum of the relevance map of the answer lies in the box of the thing asked about; "
        "of the questions that were answered right",
        "blind, of the pointing: chance, the mean part of the picture that the boxes of the same questions cover",
        "still right with the thing hidden: the box is filled in the colour around it, the question asked again; where "
        "the answer is wrong now, it needs the thing",
        "answered right: yes and colours as in vqa, names as in name; every yes_no question is about what is there",
    )
    numbers = score_pointing(work.questions, answers, points, without=without, seed=seed)
    paired = _pair_up(work.questions, answers, is_right)
    answered = tuple(
        PointedAnswer(**vars(one), point=point, without=hidden)
        for one, point, hidden in zip(paired, points, without, strict=True)
    )
    return TaskResult(tuple(numbers), answered, rules)


def _pair_up(questions: Sequence[Question], answers: Sequence[str], rule: Rule) -> tuple[Answered, ...]:
    return tuple(
        Answered(question.image.name, question.question, answer, question.answers, rule(answer, question))
        for question, answer in zip(questions, answers, strict=True)
    )
