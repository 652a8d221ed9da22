"""Self-distillation: the frozen language model is told in words what a picture shows, and its answer is kept.

Afterwards the Q-Former learns to draw the same answer out of the same language model from the picture alone, so nobody
has to write instruction data. The beginning of an answer is given ("This is a chickadee, a kind of bird. The
chickadee"), so that every answer says what is seen; WordNet's definition stands in the question, so that a model
of this size invents less. Sentences that are known to go wrong (years, Latin families, repetitions) are dropped.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from json import JSONDecodeError, dumps, loads
from pathlib import Path
from typing import Any

from ..errors import DataError
from .record_files import Question, record_line

TEMPERATURE, TOP_P, REPETITION_PENALTY = 0.5, 0.9, 1.1
FEWEST_WORDS = 5  # of a sentence
PUNCTUATION = (",", ".", "'", "’", ";", ":")
_SENTENCE = re.compile(r"[^.!?]+[.!?](?=\s|$)")
_DOUBTFUL = re.compile(
    r"\b(1\d{3}|20\d\d|BC|AD|I'm|I am|As an AI|sorry|language model|picture|image|photo|caption|genus|named after|"
    r"named by|century|according to|Answer|Question|question)\b|\bfamily [A-Z]|[\[\]{}<>#*_|]|\d\.\s|\.\."
)


@dataclass(frozen=True)
class Lesson:
    """One thing to ask the language model in words.

    Args:
        image: the picture that shows it.
        question: what will be asked about the picture.
        told: the question as the language model reads it, with the thing in words.
        beginning: how the answer begins; it becomes part of the answer.
        terms: the answer must speak of one of these.
        source: where the picture comes from.
    """

    image: str
    question: str
    told: str
    beginning: str
    terms: tuple[str, ...]
    source: str


def distill(
    lessons: Sequence[Lesson], model_folder: Path, file: Path, *, batch_size: int, max_new_tokens: int, seed: int
) -> Iterator[tuple[int, int]]:
    """Ask every lesson and append the good answers to `file`; a second call goes on where the first stopped.

    Args:
        lessons: in a fixed order.
        model_folder: a causal language model with its tokenizer, in the Hugging Face layout.
        file: the records are appended here; beside it, FILE.done counts the finished lessons.
        batch_size: lessons answered at once.
        max_new_tokens: the longest answer behind its beginning.
        seed: of the drawn tokens; each batch has its own seed, so that going on changes nothing.

    Yields:
        (lessons finished, answers kept) after each batch.

    Raises:
        DataError: no model in the folder, or the count of finished lessons is unreadable.
    """
    count_file = file.with_name(file.name + ".done")
    first = _finished(count_file)
    kept = 0
    if first >= len(lessons):
        return
    model, tokenizer = _load(model_folder)
    for start in range(first, len(lessons), batch_size):
        batch = lessons[start : start + batch_size]
        answers = _answer(model, tokenizer, batch, max_new_tokens=max_new_tokens, seed=seed + start)
        records = [record for pair in zip(batch, answers, strict=True) if (record := _record(*pair))]
        with file.open("a", encoding="utf-8") as output:
            output.writelines(record_line(record) + "\n" for record in records)
        count_file.write_text(dumps(start + len(batch)))
        kept += len(records)
        yield start + len(batch), kept


def good_answer(lesson: Lesson, continued: str) -> str:
    """The beginning with the good sentences of what the model added; "" if too little is left.

    Args:
        lesson: its beginning ends inside a sentence.
        continued: the raw text that the model wrote behind the beginning.
    """
    known, full_stop, opened = lesson.beginning.rpartition(". ")
    known = f"{known}{full_stop}".strip()
    text = f"{opened}{'' if continued.lstrip()[:1] in PUNCTUATION else ' '}{continued.strip()}".split("\n")[0]
    most_sentences = max(1, 3 - known.count(". ") - bool(known))
    sentences: list[str] = []
    for sentence in (found.strip() for found in _SENTENCE.findall(text)):
        if _is_good(sentence, sentences):
            sentences.append(sentence)
        elif not sentences:
            return ""  # what follows leans on the sentence that was dropped
        else:
            break
        if len(sentences) == most_sentences:
            break
    answer = " ".join([known, *sentences]).strip()
    return answer if sentences and speaks_of(answer, lesson.terms) else ""


def speaks_of(text: str, terms: Sequence[str]) -> bool:
    """Whether one of the terms stands in the text, in the singular or the plural."""
    lower = text.lower()
    return not terms or any(re.search(rf"\b{re.escape(term.lower())}(s|es)?\b", lower) for term in terms)


def _is_good(sentence: str, before: Sequence[str]) -> bool:
    words = re.findall(r"[a-z']+", sentence.lower())
    triples = list(zip(words, words[1:], words[2:], strict=False))
    repeats = len(set(triples)) < len(triples) or sentence in before
    return (
        len(words) >= FEWEST_WORDS and not repeats and not _DOUBTFUL.search(sentence) and sentence.count('"') % 2 == 0
    )


def _record(lesson: Lesson, continued: str) -> Question | None:
    answer = good_answer(lesson, continued)
    return Question(lesson.image, lesson.question, (answer,), "instruct", lesson.source) if answer else None


def _finished(count_file: Path) -> int:
    if not count_file.exists():
        return 0
    try:
        return int(loads(count_file.read_text(encoding="utf-8")))
    except (JSONDecodeError, TypeError, ValueError, UnicodeDecodeError) as error:
        raise DataError(
            f"{count_file}: expected one number. Delete it and the records beside it to begin anew."
        ) from error


def expect_language_model(folder: Path) -> None:
    """Raise `DataError` if this cannot be the folder of a language model."""
    if not (folder / "config.json").is_file():
        raise DataError(f"--distill: {folder} has no config.json. Expected the folder of a causal language model.")


def _load(folder: Path) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from ..quantize import fast_at_bf16

    expect_language_model(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    dtype = torch.bfloat16 if fast_at_bf16(torch.device("cpu")) else torch.float32
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval(), tokenizer


def _answer(model: Any, tokenizer: Any, lessons: Sequence[Lesson], *, max_new_tokens: int, seed: int) -> list[str]:
    """What the model writes behind each beginning."""
    import torch

    from ..language.prompts import CHATML

    torch.manual_seed(seed)
    texts = [CHATML.render(lesson.told) + lesson.beginning for lesson in lessons]
    inputs = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
    with torch.no_grad():
        output = model.generate(
            **inputs,
            max_new_tokens=max_new_tokens,
            do_sample=True,
            temperature=TEMPERATURE,
            top_p=TOP_P,
            repetition_penalty=REPETITION_PENALTY,
            eos_token_id=tokenizer.convert_tokens_to_ids(CHATML.answer_end),
            pad_token_id=tokenizer.pad_token_id,
        )
    return tokenizer.batch_decode(output[:, inputs.input_ids.shape[1] :], skip_special_tokens=True)
