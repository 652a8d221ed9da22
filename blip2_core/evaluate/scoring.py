"""Turns answers into numbers: for each task what counts as right, by source and by kind.

Nothing here runs a model, so every rule can be tested with answers written by hand.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from .metrics import bootstrap_interval, most_frequent, score_captions, score_people, share
from .normalize import answer_parts, mentions, mentions_any, normalize_answer, plain_words
from .records import CaptionedImage, Question

ALL = "all"
BROADER = "broader"  # the kind of the questions that ask for a broader term only
Rule = Callable[[str, Question], bool]
Forms = Callable[[Question], list[str]]


@dataclass(frozen=True)
class Number:
    """One number of the report.

    `value` is a share or a BLEU (0-1) if `percent`, else CIDEr as pycocoevalcap gives it. `low` and `high` bound its
    95% interval; `blind` is what the same rule gives without looking at the picture. Each of the three is None where it
    is not computed.
    """

    measure: str
    source: str
    kind: str
    value: float
    n: int
    pictures: int
    low: float | None = None
    high: float | None = None
    blind: float | None = None
    percent: bool = True


def is_right_answer(answer: str, question: Question) -> bool:
    """vqa: the answer equals one of the right ones; DAQUAR's comma-separated lists as sets."""
    if question.source == "daquar":
        given: object = answer_parts(answer)
        return bool(given) and any(given == answer_parts(right) for right in question.answers)
    given = normalize_answer(answer, question.kind)
    return bool(given) and any(given == normalize_answer(right, question.kind) for right in question.answers)


def speaks_of_it(answer: str, question: Question) -> bool:
    """name, instruct: the answer mentions the name of the thing or a broader term."""
    return mentions_any(answer, question.answers)


def says_the_name(answer: str, question: Question) -> bool:
    """name: the answer mentions the exact name, which is the first of the answers."""
    return mentions(answer, question.answers[0])


def score_caption(images: Sequence[CaptionedImage], captions: Sequence[str], *, seed: int) -> list[Number]:
    """BLEU-1 to 4 over the corpus, CIDEr with its interval over pictures, and what people's captions score."""
    source = " + ".join(sorted({image.source for image in images}))
    number, references = len(images), [image.captions for image in images]
    scores, people = score_captions(captions, references), score_people(references)
    low, high = bootstrap_interval(scores.cider_by_picture, [str(image.image) for image in images], seed)
    bleu = [Number(f"BLEU-{n}", source, ALL, value, number, number) for n, value in enumerate(scores.bleu, start=1)]
    numbers = [*bleu, Number("CIDEr", source, ALL, scores.cider, number, number, low, high, percent=False)]
    if people:
        bleu_4, cider = fmean(one.bleu[3] for one in people), fmean(one.cider for one in people)
        numbers.append(Number("BLEU-4 of people", source, ALL, bleu_4, number, number))
        numbers.append(Number("CIDEr of people", source, ALL, cider, number, number, percent=False))
    return numbers


def score_vqa(
    questions: Sequence[Question], answers: Sequence[str], *, train: Sequence[Question], seed: int
) -> list[Number]:
    """Exact match after normalization."""
    blind = blind_answers(questions, train, _answer_forms)
    return share_right("exact match", is_right_answer, questions, answers=answers, blind=blind, seed=seed)


def score_chat(
    questions: Sequence[Question],
    answers: Sequence[str],
    *,
    without: Sequence[str],
    in_full: Sequence[str],
    seed: int,
) -> list[Number]:
    """Exact match in a conversation, beside that of the same words and of the question in full, asked first."""
    return [
        *share_right("exact match", is_right_answer, questions, answers=answers, seed=seed),
        *share_right("without what came before", is_right_answer, questions, answers=without, seed=seed),
        *share_right("in full", is_right_answer, questions, answers=in_full, seed=seed),
    ]


def score_name(
    questions: Sequence[Question], answers: Sequence[str], *, train: Sequence[Question], seed: int
) -> list[Number]:
    """Name or broader term, and the exact name, where a name is asked for."""
    blind = blind_answers(questions, train, _term_forms)
    asked = [index for index, question in enumerate(questions) if question.kind != BROADER]
    named = [questions[index] for index in asked]
    blind_names = blind_answers(named, train, _name_forms)
    return [
        *share_right("name or broader term", speaks_of_it, questions, answers=answers, blind=blind, seed=seed),
        *share_right(
            "exact name", says_the_name, named, answers=[answers[i] for i in asked], blind=blind_names, seed=seed
        ),
    ]


def score_instruct(
    questions: Sequence[Question], answers: Sequence[str], *, in_words: Sequence[str], seed: int
) -> list[Number]:
    """Share of answers that speak of the thing, beside the same LLM told the name in words.

    blind = the same answers held against the terms of another picture, drawn at random.
    """
    others = answers_to_others(questions, answers, seed)
    return [
        *share_right("speaks of the thing", speaks_of_it, questions, answers=answers, blind=others, seed=seed),
        *share_right("the LLM told the name in words", speaks_of_it, questions, answers=in_words, seed=seed),
    ]


def share_right(
    measure: str,
    rule: Rule,
    questions: Sequence[Question],
    *,
    answers: Sequence[str],
    blind: Sequence[str] | None = None,
    seed: int,
) -> list[Number]:
    """The share of right answers over everything, each source, and each kind of a source; nothing of no questions."""
    blind_right = _apply(rule, questions, blind) if blind is not None else None
    return share_by_group(measure, questions, _apply(rule, questions, answers), blind=blind_right, seed=seed)


def share_by_group(
    measure: str,
    questions: Sequence[Question],
    values: Sequence[float],
    *,
    blind: Sequence[float] | None = None,
    seed: int,
) -> list[Number]:
    """The mean of a value a question, over everything, each source, and each kind of a source; nothing of nothing."""
    numbers = []
    for (source, kind), members in _groups(questions).items():
        counted = [values[index] for index in members]
        pictures = [str(questions[index].image) for index in members]
        low, high = bootstrap_interval(counted, pictures, seed)
        by_chance = share([blind[index] for index in members]) if blind is not None else None
        numbers.append(
            Number(measure, source, kind, share(counted), len(counted), len(set(pictures)), low, high, by_chance)
        )
    return numbers


def blind_answers(questions: Sequence[Question], train: Sequence[Question], forms: Forms) -> list[str] | None:
    """For each question the answer that is right most often in training, for questions that begin alike.

    Alike are questions of one source and kind with the same first two words ("how many", "what color"); where training
    has none, all of that source and kind. None without training questions; "" for a kind that training does not have.

    Args:
        questions: what is asked.
        train: the training questions.
        forms: the right answers of a training question, in the form in which they are counted.
    """
    if not train:
        return None
    seen: dict[tuple[str, ...], list[list[str]]] = defaultdict(list)
    for question in train:
        right = forms(question)
        seen[question.source, question.kind].append(right)
        seen[question.source, question.kind, *_beginning(question)].append(right)
    best = {group: most_frequent(answers) for group, answers in seen.items()}
    return [
        best.get((asked.source, asked.kind, *_beginning(asked)), best.get((asked.source, asked.kind), ""))
        for asked in questions
    ]


def answers_to_others(questions: Sequence[Question], answers: Sequence[str], seed: int) -> list[str] | None:
    """For each question an answer that was given to another picture; None with one picture only."""
    generator = random.Random(seed)
    if len({question.image for question in questions}) < 2:
        return None
    others = []
    for question in questions:
        other = generator.randrange(len(questions))
        while questions[other].image == question.image:
            other = generator.randrange(len(questions))
        others.append(answers[other])
    return others


def _apply(rule: Rule, questions: Sequence[Question], answers: Sequence[str]) -> list[float]:
    return [float(rule(answer, question)) for answer, question in zip(answers, questions, strict=True)]


def _beginning(question: Question) -> tuple[str, ...]:
    return tuple(plain_words(question.question)[:2])


def _answer_forms(question: Question) -> list[str]:
    if question.source == "daquar":
        return [", ".join(sorted(answer_parts(text))) for text in question.answers]
    return [normalize_answer(text, question.kind) for text in question.answers]


def _term_forms(question: Question) -> list[str]:
    return [" ".join(plain_words(text)) for text in question.answers]


def _name_forms(question: Question) -> list[str]:
    return [] if question.kind == BROADER else _term_forms(question)[:1]


def _groups(questions: Sequence[Question]) -> dict[tuple[str, str], list[int]]:
    """The positions of all questions, of each source, and of each kind where a source has several."""
    groups: dict[tuple[str, str], list[int]] = {}
    for source in sorted({question.source for question in questions}):
        members = [index for index, question in enumerate(questions) if question.source == source]
        kinds = sorted({questions[index].kind for index in members})
        groups[source, ALL] = members
        for kind in kinds if len(kinds) > 1 else ():
            groups[source, kind] = [index for index in members if questions[index].kind == kind]
    several = len({source for source, _ in groups}) > 1
    return {(ALL, ALL): list(range(len(questions))), **groups} if several else groups
