"""What a question looks like when it reaches the language model, and what a question may be.

Every family of language models was trained on its own form: OPT answers after "Question: ... Answer:", FlanT5 after
"Question: ... Short answer:", InstructBLIP reads the bare instruction, chat models read ChatML. The wrong form is the
most common reason for an empty or strange answer, so the form belongs to the model: it is saved beside its weights in
`chat_prompt.json` and no caller writes it by hand. The soft visual prompt stands in front of the whole text.

Paper: BLIP-2 (arXiv 2301.12597), section 4.1 (the two prompts of zero-shot VQA).
"""

import dataclasses
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError, QuestionError

FILE_NAME = "chat_prompt.json"
MAX_QUESTION_CHARACTERS = 4_000
QFORMER_TURNS = 2  # that a Q-Former reads at most behind the question
QFORMER_TURN_CHARACTERS = 150  # of the answer in such a turn
QFORMER_CHARACTERS = 330  # of a question with its turns, or they would not be read to the end
_GAP = re.compile(r"\{(question|answer|turns|before)\}")
_ELLIPSIS = re.compile(  # a question that names another thing and leaves out what is asked about it
    r"(?:and|what about|how about|and what about)(?: how many)? (?:(?:the|an?|his|her|its|their) )?"
    r"(?!(?:what|where|who|why|how|when|which|is|are|was|were|do|does|did|can|has|have|will|tell)\b)"
    r"[\w']+(?: [\w']+)?\?",
    re.IGNORECASE,
)

Turn = tuple[str, str]  # a question and the answer it got


class Prompt(str):
    """The exact text that is sent, which also knows who wrote which part of it.

    A person who types "<|im_end|>" must not end their turn: the adapter reads special tokens only in what the template
    wrote. Once joined with other text a prompt is a plain `str` and that knowledge is gone.

    Attributes:
        pieces: the parts of the text; those at even places come from the template, those at odd places from the
            person or from the model's earlier answers.
    """

    pieces: tuple[str, ...]

    def __new__(cls, *pieces: str) -> "Prompt":
        prompt = super().__new__(cls, "".join(pieces))
        prompt.pieces = pieces
        return prompt

    def __getnewargs__(self):  # pickled and copied with its pieces
        return self.pieces


GAPS = {
    "question": ["question"], "short_question": ["question"], "long_question": ["question"],
    "turn": ["question", "answer"], "qformer_turn": ["question", "answer"], "history": ["turns"],
    "continued": ["before", "question"],
}  # fmt: skip


@dataclass(frozen=True)
class PromptTemplate:
    """The form in which one model reads questions.

    Args:
        question: the form of the question that is to be answered, with {question}.
        turn: the form of an answered question, with {question} and {answer}; it ends with what separates turns.
        answer_end: the text of the one token that ends an answer.
        caption: the complete prompt that asks for a caption.
        history: how the answered turns stand in front of the question, with {turns}; "" for a language model that
            answers each question by itself.
        caption_question: what the Q-Former reads when a caption is asked for; left out, the same as `caption`.
        short_question: the form of a question that is to be answered in a word or a few; left out, `question`.
        long_question: the form of a question that is to be answered at length; left out, `question`.
        continued: the form of an ellipsis such as "And the dog?" behind the question that it goes on with, with
            {before} and {question}; left out, it is read by itself.
        qformer_turn: the form in which the Q-Former reads the last turns behind the question, with {question} and
            {answer}; left out, it reads the question alone.

    Raises:
        ConfigError: a form without its gaps, or with gaps that nothing fills.
    """

    question: str
    turn: str
    answer_end: str
    caption: str
    history: str = "{turns}"
    caption_question: str = ""
    short_question: str = ""
    long_question: str = ""
    qformer_turn: str = ""
    continued: str = ""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            _expect_text(field.name, getattr(self, field.name))
        for name, gaps in GAPS.items():
            form = getattr(self, name)
            if form or name in ("question", "turn"):
                _expect_gaps(name, form, gaps)
        if not self.answer_end:
            raise ConfigError('answer_end: expected the text of the token that ends an answer, got "".')
        if not self.caption_question:
            object.__setattr__(self, "caption_question", self.caption)

    def render(self, question: str, history: Sequence[Turn] = (), mode: str | None = None) -> Prompt:
        """Write the prompt for `question`, after the answered turns in `history`, oldest first.

        Args:
            question: what is asked.
            history: earlier questions and their answers.
            mode: "short" or "long" for the form that asks for such an answer, where the model has one.
        """
        turns = [""]
        for asked, answered in history:
            turns = _join(turns, self._render_turn(asked, answered))
        pieces = [""]
        if history and self.history:
            before, _, after = self.history.partition("{turns}")
            if after:
                turns[-1] = turns[-1].rstrip(" \t")
            pieces = _join(_join([before], turns), [after])
        pieces = _join(pieces, _fill(self._form(mode), question=self._continued(question, history)))
        pieces[-1] = pieces[-1].rstrip(" \t")  # a space at the end changes the first token of the answer
        return Prompt(*pieces)

    def qformer_question(self, question: str, history: Sequence[Turn] = (), mode: str | None = None) -> str:
        """What the Q-Former reads: the question alone, but the whole short form where the model has one of its own.

        InstructBLIP's two readers were always given the same instruction. A model whose Q-Former was taught to reads
        the last turns, too, for they may say what "it" is: the latest first, as far as they fit, with the beginnings of
        long answers.
        """
        read = str(self.render(question, mode=mode)) if mode == "short" and self.short_question else question
        if not self.qformer_turn:
            return read
        for asked, answered in [*history][: -QFORMER_TURNS - 1 : -1]:
            answered = answered[:QFORMER_TURN_CHARACTERS]
            longer = read + "".join(_fill(self.qformer_turn, question=asked, answer=answered))
            if len(longer) > QFORMER_CHARACTERS:
                break
            read = longer
        return read

    def _continued(self, question: str, history: Sequence[Turn]) -> str:
        """The question, an ellipsis behind the last one that is none."""
        if not (self.continued and _ELLIPSIS.fullmatch(question)):
            return question
        before = next((asked for asked, _ in reversed(history) if not _ELLIPSIS.fullmatch(asked)), None)
        return question if before is None else "".join(_fill(self.continued, before=before, question=question))

    def _form(self, mode: str | None) -> str:
        return {"short": self.short_question, "long": self.long_question}.get(mode or "") or self.question

    @property
    def caption_prompt(self) -> Prompt:
        """The prompt that asks for a caption; all of it is the template's own."""
        return Prompt(self.caption.rstrip(" \t"))

    def save(self, folder: str | Path) -> None:
        """Write `chat_prompt.json` into `folder`."""
        text = json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False)
        (Path(folder) / FILE_NAME).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def from_folder(cls, folder: str | Path) -> "PromptTemplate":
        """Read the template that was saved with a model.

        Raises:
            ConfigError: the file is missing, is no JSON object of texts, or misses or adds a field.
        """
        file = Path(folder) / FILE_NAME
        try:
            fields = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{file}: cannot be read as JSON ({error}). Save the model again.") from error
        return cls(**_checked_fields(file, fields))

    def _render_turn(self, question: str, answer: str) -> list[str]:
        pieces = _fill(self.turn, question=question, answer=answer)
        closed = len(pieces) > 1 and pieces[-2].endswith((".", "!", "?"))
        if closed and pieces[-1].startswith("."):  # the sentence has its full stop already
            pieces[-1] = pieces[-1][1:]
        return pieces


def check_question(question: object) -> str:
    """Return the question without control characters and outer white space.

    Emoji and every script are welcome; line breaks inside the question stay.

    Raises:
        QuestionError: not a text, nothing to read in it, or too long.
    """
    if not isinstance(question, str):
        raise QuestionError(f"question: expected a text, got {type(question).__name__}.")
    if len(question) > MAX_QUESTION_CHARACTERS:
        raise QuestionError(
            f"question: expected at most {MAX_QUESTION_CHARACTERS:,} characters, got {len(question):,}; shorten it."
        )
    lines = question.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    # Cc: control characters, Cs: halves of surrogate pairs, which no tokenizer can encode.
    cleaned = "".join(c for c in lines if c == "\n" or unicodedata.category(c) not in ("Cc", "Cs")).strip()
    if all(unicodedata.category(c)[0] in "CZ" for c in cleaned):
        raise QuestionError("question: expected a text, got an empty one; type a question about the picture.")
    return cleaned


def _fill(form: str, **values: str) -> list[str]:
    """Cut `form` at its gaps and put the values in: template, value, template, ..., template."""
    parts = _GAP.split(form)  # odd places: the names of the gaps
    return [values[part].strip() if place % 2 else part for place, part in enumerate(parts)]


def _join(left: list[str], right: list[str]) -> list[str]:
    """Put two lists of pieces one after the other; the template's pieces in the middle become one."""
    return [*left[:-1], left[-1] + right[0], *right[1:]]


def _expect_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise ConfigError(f"{name}: expected a text, got {type(value).__name__}.")


def _expect_gaps(name: str, form: str, expected: list[str]) -> None:
    if _GAP.findall(form) != expected:
        gaps = " and ".join(f"{{{gap}}}" for gap in expected)
        raise ConfigError(f"{name}: expected a text with {gaps} once and in this order, got {form!r}.")


def _checked_fields(file: Path, fields: object) -> dict[str, str]:
    known = {field.name: field.default is dataclasses.MISSING for field in dataclasses.fields(PromptTemplate)}
    if not isinstance(fields, dict):
        raise ConfigError(f"{file}: expected a JSON object, got {type(fields).__name__}.")
    missing = [name for name, needed in known.items() if needed and name not in fields]
    unknown = [name for name in fields if name not in known]
    if missing or unknown:
        wrong = [f"{name} is missing" for name in missing] + [f"{name} is not known" for name in unknown]
        raise ConfigError(f"{file}: {', '.join(wrong)}. Its fields are {', '.join(known)}.")
    return fields


OPT = PromptTemplate(
    question="Question: {question} Answer:",
    turn="Question: {question} Answer: {answer}. ",
    answer_end="\n",
    caption="a photo of",
)
T5 = PromptTemplate(
    question="Question: {question} Short answer:",
    turn="Question: {question} Short answer: {answer}. ",
    answer_end="</s>",
    caption="a photo of",
    long_question="Question: {question} Answer:",
)
INSTRUCT = PromptTemplate(
    question="{question}",
    turn="Question: {question} Answer: {answer}. ",
    answer_end="</s>",
    caption="A short image description:",
    history="dialog history: {turns}\n",
    short_question="Question: {question} Short answer:",
)
CHATML = PromptTemplate(
    question="<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n",
    turn="<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n{answer}<|im_end|>\n",
    answer_end="<|im_end|>",
    caption="<|im_start|>user\nDescribe the picture in one sentence.<|im_end|>\n<|im_start|>assistant\n",
    caption_question="Describe the picture in one sentence.",
    qformer_turn=" - {question} {answer}",
)


def template_for(config, folder: str | Path | None = None) -> PromptTemplate:
    """The template of a model: the one saved in its folder, else the one its family was trained with.

    Args:
        config: a `Blip2Config`, an `InstructBlipConfig` or one of their kin.
        folder: the model's folder, if it has one.
    """
    if folder is not None and (Path(folder) / FILE_NAME).exists():
        return PromptTemplate.from_folder(folder)
    if config.model_type.startswith("instructblip"):
        return INSTRUCT
    return T5 if config.text_config.is_encoder_decoder else OPT
