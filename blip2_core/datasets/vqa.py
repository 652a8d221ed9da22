"""Puts the question files together: from captions in the splits of the photographs, and from DAQUAR.

Training takes nearly everything. What is measured is smaller and balanced over the kinds, and has
as many questions with the answer yes as with no.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .caption_questions import Draft, draft_questions, placed_activities
from .flickr8k import CaptionedPhotograph
from .presence import (
    Statistics,
    absent_thing,
    balanced,
    count_things,
    existence,
    never_there,
    present_things,
    unanswerable,
    yes_no_pairs,
)
from .record_files import SPLITS, Question
from .scene import Scene, read_scene
from .wordnet import WordNet

SOURCE = "flickr8k"
MEASURED = 350  # questions of each kind in dev and in test
MEASURED_ABSENT = 100
ONES_PER_OTHER_NUMBER = 0.6  # most photographs show one of everything; that would be all a model learns
MOST_PAIRS = 2  # of a yes and a no about the same photograph
ABSENT_SHARE = 0.55  # of the training photographs get a question about what is not there


@dataclass(frozen=True)
class Photograph:
    """A photograph with its captions cut up."""

    image: str
    split: str
    scene: Scene


def caption_question_records(
    photographs: Sequence[CaptionedPhotograph], wordnet: WordNet, seed: int
) -> dict[str, list[Question]]:
    """Make the questions of all splits.

    Args:
        photographs: with their captions and splits.
        wordnet: tells nouns, and kin from strangers.
        seed: what is drawn: wordings, absent things, and which questions are measured.
    """
    read = [Photograph(p.image, p.split, read_scene(p.captions, wordnet.is_noun)) for p in photographs]
    statistics = count_things([photograph.scene for photograph in read if photograph.split == "train"])
    records: dict[str, list[Question]] = {split: [] for split in SPLITS}
    for split in SPLITS:
        draw = random.Random(f"{seed} {split}")
        drafts = [
            (photograph, draft)
            for photograph in read
            if photograph.split == split
            for draft in _drafts(photograph, statistics, wordnet, draw)
        ]
        drafts = _even_out(drafts, draw, most_to_one=1.4 if split == "train" else 1.0)
        chosen = drafts if split == "train" else _balance(drafts, draw)
        records[split] = [_record(photograph, draft, split, draw) for photograph, draft in chosen]
    return records


def _drafts(photograph: Photograph, statistics: Statistics, wordnet: WordNet, draw: random.Random) -> list[Draft]:
    """Everything that can be asked about one photograph."""
    scene = photograph.scene
    drafts = draft_questions(scene)
    present = present_things(scene)
    absent = absent_thing(scene, statistics, wordnet.is_kin, draw)
    if present and absent:
        drafts += [existence(draw.choice(present), True, draw), existence(absent, False, draw)]
    pairs = list(yes_no_pairs(scene, draw))
    drafts += [draft for pair in draw.sample(pairs, min(len(pairs), MOST_PAIRS)) for draft in pair]
    if draw.random() < ABSENT_SHARE:
        hard = absent_thing(scene, statistics, wordnet.is_kin, draw) if draw.random() < 0.5 else ""
        missing = hard or never_there(scene, wordnet.is_kin, draw)
        drafts += [unanswerable(missing, draw)] if missing else []
    return list({draft.question: draft for draft in drafts}.values())


Asked = tuple[Photograph, Draft]


def _even_out(drafts: list[Asked], draw: random.Random, *, most_to_one: float) -> list[Asked]:
    """Keep yes and no of the same question in balance, and only some of the questions whose answer is one."""
    ones = [place for place, (_, draft) in enumerate(drafts) if _is_one(draft)]
    others = sum(draft.kind == "number" for _, draft in drafts) - len(ones)
    kept = set(draw.sample(ones, min(len(ones), round(others * ONES_PER_OTHER_NUMBER))))
    kept |= balanced([draft for _, draft in drafts], draw, most_to_one=most_to_one)
    return [
        asked
        for place, asked in enumerate(drafts)
        if place in kept or not (_is_one(asked[1]) or asked[1].kind == "yes_no")
    ]


def _is_one(draft: Draft) -> bool:
    return draft.kind == "number" and draft.answers[0] == "One."


def _balance(drafts: list[Asked], draw: random.Random) -> list[Asked]:
    """Draw the questions that are measured: as many of each kind, as many yes as no."""
    by_kind: dict[str, list[Asked]] = {}
    for asked in drafts:
        by_kind.setdefault(_group(asked[1]), []).append(asked)
    sizes = {"absent": MEASURED_ABSENT, "yes": MEASURED // 2, "no": MEASURED // 2}
    sizes |= dict.fromkeys(("yes", "no"), min(MEASURED // 2, *(len(by_kind.get(word, [])) for word in ("yes", "no"))))
    chosen: list[Asked] = []
    for kind, asked_of_kind in sorted(by_kind.items()):
        chosen += draw.sample(asked_of_kind, min(len(asked_of_kind), sizes.get(kind, MEASURED)))
    return sorted(chosen, key=lambda asked: (asked[0].image, asked[1].question))


def _group(draft: Draft) -> str:
    if draft.kind != "yes_no":
        return draft.kind
    return "yes" if draft.answers[0].startswith("Yes") else "no"


def _record(photograph: Photograph, draft: Draft, split: str, draw: random.Random) -> Question:
    question = draft.question
    if draft.kind in ("colour", "absent") and draw.random() < 0.5:
        question = question.replace("What color", "What colour")
    answers = draft.answers
    if split != "train" and draft.kind == "activity":
        answers = tuple(dict.fromkeys([*answers, *placed_activities(draft, photograph.scene)]))
    said = dict(Counter(draft.said).most_common()) if split == "train" and len(set(draft.said)) > 1 else None
    return Question(photograph.image, question, answers, draft.kind, SOURCE, said=said)
