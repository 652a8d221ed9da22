"""Questions in a conversation: what was asked about the picture before stands in front of them.

Half of them take up the thing that was just spoken of by a pronoun: "What is the dog doing?" "Running." "And what color
is it?" Then the answer is right only if what was said before was understood; in the others it must not disturb.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from . import lexicon
from .record_files import Question, Turn

MOST_OF_A_PICTURE = 3
MOST_TURNS = 3
TAKEN_UP = 0.7  # of the questions that can take up what was said before
BEGIN_WITH_AND = 0.3
FOLLOW_UP = "follow-up"  # the kind of a question with a pronoun
ABOUT_THE_SUBJECT = ("activity", "place", "colour", "worn")  # kinds whose answer names nothing that "it" could mean
BEHIND = r"(?=\?| [a-z]+ing\b| (?:in|on|at)\b)"  # what follows the whole name of a thing
SUBJECT = re.compile(rf"\bthe ([a-z]+(?: [a-z]+)??)(?:'s\b|{BEHIND})")
EXISTING = re.compile(r"^(?:Is there|Can you see|Do you see) an? ([a-z]+(?: [a-z]+)?)(?: in the picture)?\?$")
ANSWERED = re.compile(r"^(?:An? )?([a-z]+(?: [a-z]+)?)\.$", re.IGNORECASE)
HE, SHE = lexicon.MEN | lexicon.BOYS, lexicon.WOMEN | lexicon.GIRLS


def conversations(questions: Sequence[Question], seed: int) -> list[Question]:
    """Up to `MOST_OF_A_PICTURE` questions about each picture again, with other questions about it before them.

    Args:
        questions: about all pictures of a split.
        seed: what is drawn: which questions, in which order, and which take up what was said before.
    """
    by_picture: dict[str, list[Question]] = {}
    for question in questions:
        by_picture.setdefault(question.image, []).append(question)
    draw = random.Random(f"{seed} conversations")
    return [one for asked in by_picture.values() for one in _of_picture(asked, draw)]


def _of_picture(asked: Sequence[Question], draw: random.Random) -> Iterator[Question]:
    for question in draw.sample(asked, min(len(asked), MOST_OF_A_PICTURE)):
        others = [other for other in draw.sample(asked, len(asked)) if other.question != question.question]
        if not others:
            continue
        before = others[: draw.randint(1, MOST_TURNS)]
        leading, text = next(((other, text) for other in others if (text := _taken_up(question, other))), (None, ""))
        if leading and draw.random() < TAKEN_UP:
            before = [*(other for other in before[1:] if other is not leading), leading]
            question = replace(question, question=text, kind=FOLLOW_UP)
        if draw.random() < BEGIN_WITH_AND:
            question = replace(question, question=f"And {question.question[0].lower()}{question.question[1:]}")
        yield replace(question, history=tuple(_turn(other) for other in before))


def _turn(question: Question) -> Turn:
    return question.question, question.answers[0]


def _taken_up(question: Question, before: Question) -> str:
    """The question with a pronoun for what the one before spoke of; "" where it speaks of something else."""
    if question.kind in ("absent", "yes_no"):
        return ""
    for thing in _spoken_of(before):
        plural = re.search(rf"\bare the {thing}{BEHIND}", question.question) is not None
        pronoun, possessive = _pronouns(thing, plural)
        text = re.sub(rf"\bthe {thing}'s\b", possessive, question.question)
        text = re.sub(rf"\bthe {thing}{BEHIND}", pronoun, text)
        if pronoun and text != question.question:
            return text
    return ""


def _spoken_of(question: Question) -> list[str]:
    """Names of what a question and its answer speak of, where it is clear what a pronoun would mean."""
    if question.kind == "yes_no":
        return EXISTING.findall(question.question) if question.answers[0].startswith("Yes") else []
    if question.kind in ABOUT_THE_SUBJECT:
        return SUBJECT.findall(question.question)
    return [name.lower() for name in ANSWERED.findall(question.answers[0])] if question.kind == "object" else []


def _pronouns(thing: str, plural: bool) -> tuple[str, str]:
    """ "it" and "its" for a thing; empty where nobody knows whether a person is he or she."""
    name = thing.split()[-1]
    if plural:
        return "they", "their"
    if name in HE:
        return "he", "his"
    if name in SHE:
        return "she", "her"
    return ("", "") if name in lexicon.PEOPLE else ("it", "its")
