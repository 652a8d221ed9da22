"""Questions in a conversation: what was asked about the picture before stands in front of them.

Many of them go on with what was just spoken of, and only then is it clear what is asked. A *follow-up* takes it up by a
pronoun: "What is the dog doing?" "Running." "And what color is it?" An *ellipsis* leaves out what stays the same: "What
color is the dog?" "Brown." "And the ball?" or "What about the ball?" In the others what was said before must not
disturb.
"""

import os
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from . import lexicon
from .record_files import Question, Turn

MOST_OF_A_PICTURE = 3
MOST_TURNS = 3
GOING_ON = 0.7  # of the questions that can go on with what was said before
CHAINED = 0.4  # of these, where another question can go on with it in between
BEGIN_WITH_AND = 0.3
FOLLOW_UP = "follow-up"  # the kind of a question with a pronoun
ELLIPSIS = "ellipsis"  # and of one that leaves out what stays the same
LEAST_LEFT_OUT = 2  # words
WHAT_ABOUT = ("What about", "How about", "And what about")
ASK_WHAT_ABOUT = 0.4  # of the ellipses; the others begin with "And"
ABOUT_THE_SUBJECT = ("activity", "place", "colour", "worn")  # kinds whose answer names nothing that "it" could mean
BEHIND = r"(?=\?| [a-z]+ing\b| (?:in|on|at)\b)"  # what follows the whole name of a thing
SUBJECT = re.compile(rf"\bthe ([a-z]+(?: [a-z]+)??)(?:'s\b|{BEHIND})")
EXISTING = re.compile(r"^(?:Is there|Can you see|Do you see) an? ([a-z]+(?: [a-z]+)?)(?: in the picture)?\?$")
ANSWERED = re.compile(r"^(?:An? )?([a-z]+(?: [a-z]+)?)\.$", re.IGNORECASE)
NAME = re.compile(r"^[a-z]+('s)?( (?!in |on |at )[a-z]+)?(?<!ing)$")  # of a thing, or whose
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
        before = [_turn(other) for other in others[: draw.randint(1, MOST_TURNS)]]
        kinds = draw.sample((FOLLOW_UP, ELLIPSIS), 2)
        pairs = ((kind, other) for kind in kinds for other in others if _going_on(question, other, kind))
        kind, leading = next(pairs, ("", None))
        if leading and draw.random() < GOING_ON:
            text = _what_about(_going_on(question, leading, kind), question.image)
            last = [_turn(leading), *(_in_between(leading, text, others, kind) if draw.random() < CHAINED else ())]
            before = [*(turn for turn in before if turn not in last), *last][-max(len(before), len(last)) :]
            question = replace(question, question=text, kind=kind, in_full=question.question)
        if draw.random() < BEGIN_WITH_AND and question.kind != ELLIPSIS:
            text, in_full = question.question, question.in_full or question.question
            question = replace(question, question=f"And {text[0].lower()}{text[1:]}", in_full=in_full)
        yield replace(question, history=tuple(before))


def _in_between(leading: Question, text: str, others: Sequence[Question], kind: str) -> list[Turn]:
    """A turn that goes on with the leading question, too, in other words than `text`, if one does."""
    found = [(_going_on(other, leading, kind), other.answers[0]) for other in others if other != leading]
    return [turn for turn in found if turn[0] not in ("", text)][:1]


def _going_on(question: Question, before: Question, kind: str) -> str:
    return _taken_up(question, before) if kind == FOLLOW_UP else _shortened(question, before)


def _shortened(question: Question, before: Question) -> str:
    """The question without what it has in common with the one before; "" where that is not all but one thing."""
    words, other = question.question.removesuffix("?").split(), before.question.removesuffix("?").split()
    shared = len(os.path.commonprefix([words, other]))
    behind = len(os.path.commonprefix([words[shared:][::-1], other[shared:][::-1]]))
    names = [" ".join(all_words[shared : len(all_words) - behind]) for all_words in (words, other)]
    if shared < LEAST_LEFT_OUT or not all(map(NAME.match, names)):
        return ""
    if words[shared - 1] in ("the", "a", "an"):
        return f"And {words[shared - 1]} {names[0]}?"
    return f"And how many {names[0]}?" if words[:shared] == ["How", "many"] else ""


def _what_about(text: str, image: str) -> str:
    """ "What about the ball?" instead of "And the ball?" now and then, by a draw of its own."""
    draw = random.Random(f"{Path(image).name} {text}")
    if not re.match(r"And (?:the|an?) ", text) or draw.random() >= ASK_WHAT_ABOUT:
        return text
    return draw.choice(WHAT_ABOUT) + text.removeprefix("And")


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
