"""`python -m demo.answers`: what the built-in model says to every suggested question about every photograph.

The file it writes is what the documentation quotes. `--check` asks again and fails where an answer has changed.
"""

import argparse
import json
import sys
from pathlib import Path

from .gallery import photos

FILE = Path(__file__).parents[1] / "docs" / "pocket-answers.json"
CAPTION = "Describe the picture in one sentence."
LONGEST = 40  # tokens


def main(argv: list[str] | None = None) -> int:
    """Write or check the answers; the exit code is 1 if some have changed."""
    parser = argparse.ArgumentParser(prog="python -m demo.answers", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the file and write nothing")
    parser.add_argument("--photo", help="only this photograph of the gallery, as in cat.jpg")
    args = parser.parse_args(argv)
    asked = {photo.file: (*photo.questions, CAPTION) for photo in photos() if args.photo in (None, photo.file)}
    if not asked:
        parser.error(f"--photo: the gallery has no {args.photo}")
    answers = ask_all(asked)
    if not args.check:
        FILE.write_text(json.dumps(answers, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return 0
    written = json.loads(FILE.read_text(encoding="utf-8"))
    changed = [
        f"{name}: {question} {written.get(name, {}).get(question)!r} is now {answer!r}"
        for name, row in answers.items()
        for question, answer in row.items()
        if written.get(name, {}).get(question) != answer
    ]
    sys.stdout.write("".join(line + "\n" for line in changed))
    return 1 if changed else 0


def ask_all(asked: dict[str, tuple[str, ...]]) -> dict[str, dict[str, str]]:
    """Greedy answers in fp32, by photograph and question."""
    import blip2_core

    model = blip2_core.load("pocket", precision="fp32", device="cpu")
    settings = blip2_core.AnswerSettings(max_new_tokens=LONGEST)
    answers: dict[str, dict[str, str]] = {}
    for photo in photos():
        if photo.file in asked:
            seen = model.see(photo.path)
            questions = dict.fromkeys(asked[photo.file])
            answers[photo.file] = {question: model.ask(seen, question, settings) for question in questions}
    return answers


if __name__ == "__main__":
    sys.exit(main())
