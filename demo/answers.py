"""`python -m demo.answers`: what the built-in model says to every suggested question about every photograph.

It is asked as the page asks before anybody changes a setting, so that what is judged is what visitors get. The file
that it writes is what the documentation quotes. `--check` asks again and fails where an answer has changed, and where a
judgement belongs to another answer than the model gives now. `--judge` asks a person about every answer that nobody has
judged yet, without running the model, and writes `demo/gallery/judged.json`: the page suggests what is answered well,
and shows the rest as what the model gets wrong.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from .gallery import JUDGED_FILE, Judged, judged, photos
from .settings import FIRST_PRESET, PRESETS

FILE = Path(__file__).parents[1] / "docs" / "pocket-answers.json"

Answers = dict[str, dict[str, str]]
Judgements = dict[str, dict[str, Judged]]


def main(argv: list[str] | None = None) -> int:
    """Write, check or judge the answers; the exit code is 1 if there is something to do."""
    parser = argparse.ArgumentParser(prog="python -m demo.answers", description=__doc__)
    todo = parser.add_mutually_exclusive_group()
    todo.add_argument("--check", action="store_true", help="compare with the files and write nothing")
    todo.add_argument("--judge", action="store_true", help="ask you which answers are good; the model is not run")
    parser.add_argument(
        "--photo", action="append", help="only this photograph, as in cat.jpg; may be given several times"
    )
    args = parser.parse_args(argv)
    all_asked = {photo.file: photo.questions for photo in photos()}
    for file in args.photo or []:
        if file not in all_asked:
            parser.error(f"--photo: the gallery has no {file}")
    asked = {file: all_asked[file] for file in args.photo or all_asked}
    if args.judge:
        return _judge({file: row for file, row in _written().items() if file in asked})
    answers = ask_all(asked)
    if args.check:
        return _told(changes(answers, _written()) + judgements_missing(answers, judged()))
    _write(FILE, {**_written(), **answers})
    _told(judgements_missing(answers, judged()))
    return 0


def ask_all(asked: dict[str, tuple[str, ...]]) -> Answers:
    """Answers in fp32, by photograph and question, with the settings that the page begins with."""
    import blip2_core

    model = blip2_core.load("pocket", precision="fp32", device="cpu")
    settings = PRESETS[FIRST_PRESET].settings()
    answers: Answers = {}
    for photo in photos():
        if photo.file in asked:
            seen = model.see(photo.path)
            answers[photo.file] = {question: model.ask(seen, question, settings) for question in asked[photo.file]}
    return answers


def changes(answers: Answers, written: Answers) -> list[str]:
    """A sentence for each answer that is not as it was written."""
    return [
        f"{name}: {question} {written.get(name, {}).get(question)!r} is now {answer!r}"
        for name, row in answers.items()
        for question, answer in row.items()
        if written.get(name, {}).get(question) != answer
    ]


def judgements_missing(answers: Answers, known: Judgements) -> list[str]:
    """A sentence for each answer that no person has judged, or that was another one when somebody did."""
    found = []
    for name, row in answers.items():
        for question, answer in row.items():
            before = known.get(name, {}).get(question)
            if before is None:
                found.append(f"{name}: {question} {answer!r} is not judged yet. Run: python -m demo.answers --judge")
            elif before.answer != answer:
                mark = "good" if before.good else "bad"
                found.append(
                    f"{name}: {question} {before.answer!r} was judged {mark}, but it is now {answer!r}. "
                    "Run: python -m demo.answers --judge"
                )
    return found


def judge(answers: Answers, known: Judgements, ask: Callable[[str], str]) -> Judgements:
    """Ask a person about every answer that is not judged as it stands; what is skipped has no judgement afterwards.

    Args:
        answers: of the model.
        known: judgements of before.
        ask: puts a question and gives what was typed: g for good, b for bad, q to stop, anything else to skip.
    """
    about = {photo.file: photo.description for photo in photos()}
    done: Judgements = {name: dict(row) for name, row in known.items()}
    for name, row in answers.items():
        for question, answer in row.items():
            before = done.get(name, {}).get(question)
            if before is not None and before.answer == answer:
                continue
            typed = ask(f"\n{about[name]}\n  {question}\n  {answer}\n  [g]ood, [b]ad, [s]kip, [q]uit? ").strip().lower()
            if typed == "q":
                return done
            done.setdefault(name, {}).pop(question, None)
            if typed in ("g", "b"):
                done[name][question] = Judged(answer, typed == "g")
    return done


def _judge(answers: Answers) -> int:
    before = judged()
    after = judge(answers, before, input)
    order = [photo.file for photo in photos() if after.get(photo.file)]
    _write(JUDGED_FILE, {name: {asked: asdict(told) for asked, told in after[name].items()} for name in order})
    return _told(judgements_missing(answers, after))


def _written() -> Answers:
    return json.loads(FILE.read_text(encoding="utf-8"))


def _write(file: Path, facts: dict) -> None:
    file.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _told(sentences: list[str]) -> int:
    """Print them; the exit code is 1 if there are any."""
    sys.stdout.write("".join(sentence + "\n" for sentence in sentences))
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main())
