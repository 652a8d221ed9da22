"""Lessons about every ImageNet class, also those without a photograph for training.

The trunk's classifier tells a thousand classes apart, and the image tokens carry its prototype of the class that it
sees (see `vision.hybrid`). What a prototype is called can therefore be taught without a photograph of the class: a
training photograph of something else is the host, and its own prototype is exchanged for that of the class.

So the names of classes whose one sample photograph is held out are taught, their photograph never is.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from .imagenet import in_classifier_order
from .naming import training_questions
from .record_files import Question, ShownClass
from .things import Thing, split_of
from .wordnet import WordNet

SOURCE = "classes"
ROUNDS = 3  # of questions about every class, each on other hosts


@dataclass(frozen=True)
class NumberedClass:
    """A class of ImageNet, with its number among the thousand."""

    number: int
    thing: Thing


class Hosts:
    """The photographs of the training split, each of which can show any class.

    Args:
        classes: the classes of ImageNet, one `Thing` each, all thousand of them.
        seed: of splits and hosts.

    Raises:
        DataError: not a thousand classes.
    """

    def __init__(self, classes: Sequence[Thing], seed: int):
        self.classes = in_classifier_order(classes)
        self.things = [thing for thing in self.classes if split_of(thing.key, seed) == "train"]
        self.number_of = {thing.image: number for number, thing in enumerate(self.classes)}
        self.place_of = {thing.image: place for place, thing in enumerate(self.things)}
        self.seed = seed

    def move(self, questions: Iterable[Question]) -> list[Question]:
        """Questions about photographs of the classes, each asked on a host instead; others are left out."""
        draw = random.Random(f"{self.seed} hosts")
        return [self._on_host(question, draw) for question in questions if question.image in self.number_of]

    def _on_host(self, question: Question, draw: random.Random) -> Question:
        """On any host but the picture that it is about."""
        own = self.place_of.get(question.image, len(self.things))
        place = draw.randrange(len(self.things) - (own < len(self.things)))
        host = self.things[place + (place >= own)]
        return replace(question, image=host.image, source=SOURCE, shown=(ShownClass(self.number_of[question.image]),))


def class_records(hosts: Hosts, wordnet: WordNet) -> list[Question]:
    """The training questions about names, `ROUNDS` times for each class, on photographs of other classes."""
    questions = [
        question
        for number in range(ROUNDS)
        for thing in hosts.classes
        for question in training_questions(
            thing, hosts.things, wordnet, random.Random(f"{hosts.seed} class {thing.key} {number}")
        )
    ]
    return hosts.move(questions)
