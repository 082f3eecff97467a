"""A user's own questions: one JSON Lines file, no folder, no YAML."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.text.languages import language_of_text
from mind_eval.benchmarks.benchmark import Benchmark, Data, checked, read_rules
from mind_eval.benchmarks.rows import AT, Row, bad, read_rows
from mind_eval.metrics.written import LETTERS, choice_place

NAME = "own"
WRITTEN_FORMS = ("written", "asked")
MARKS = {"zh": ("答案：", ""), "en": ("Answer:", " ")}
"""What stands before an answer, and between that and the answer, by language."""


@dataclass(frozen=True)
class OwnQuestions(Benchmark):
    """Questions from a file: with choices (cloze, letter, asked) or answered freely (written)."""

    file: str = ""

    def found(self, data_root: Path | None) -> Path | None:  # noqa: ARG002
        """Give the file, wherever the other benchmarks lie."""
        return Path(self.file) if self.file else None

    def load(self, data_root: Path | None, keep_going: bool = False) -> Data:  # noqa: ARG002
        """Read the file; raise `MindError` with file and line for a row that cannot be used."""
        if not self.file:
            raise MindError(
                "the benchmark 'own' has no file", hint="--own FILE, or file = in a suite"
            )
        path = Path(self.file)
        rows = [
            _row(row, number, self.form)
            for number, row in enumerate(read_rows(path, ending=".jsonl"))
        ]
        if not rows:
            raise MindError(f"{path} has no question", hint="a JSON object a line")
        data = checked({"test": rows}, str(path), keep_going)
        return replace(data, splits={**data.splits, "shots": data.splits["test"]})


def own_questions(folder: Path) -> Callable[..., Benchmark]:
    """Return the factory of the benchmark `own`: options shots, form and file."""
    rules = read_rules(folder)
    factory = partial(OwnQuestions, folder, shots=rules["shots"], form=rules["form"], file="")
    factory.__doc__ = f"{rules['summary']}."
    factory.forms = tuple(rules["forms"])  # type: ignore[attr-defined]
    return factory


def own_step(file: Path, form: str | None, server: bool) -> dict[str, Any]:
    """Make the step of a recipe for a user's file: its form from its first row, unless given.

    A server is asked to write, and its choice is read from the text. Raises `UsageError` for a file
    that is not there.
    """
    if not file.is_file():
        raise UsageError(f"--own {file} is no file", hint="JSON Lines: question, answer, choices")
    if form is None:
        # One form for the whole file: a question without choices in a file of choices is then
        # named.
        first = next(iter(read_rows(file, ending=".jsonl")), {})
        form = ("asked" if server else "cloze") if first.get("choices") else "written"
    return {"benchmark": NAME, "file": str(file.resolve()), "form": form}


def _row(row: Row, number: int, form: str) -> Row:
    question, answer, choices = row.get("question"), row.get("answer"), row.get("choices")
    if not isinstance(question, str) or not question.strip():
        return bad(row[AT], "field 'question' is missing or no text")
    golds = answer if isinstance(answer, list) else [answer]
    if not golds or any(one is None or isinstance(one, (dict, list)) or one == "" for one in golds):
        return bad(row[AT], "field 'answer' is missing, empty, or neither text nor a list of texts")
    # Numbers are answers too; full-width letters name the same choice.
    answers = [unicodedata.normalize("NFKC", str(one)).strip() for one in golds]
    language = "zh" if language_of_text(question) == "zh" else "en"
    mark, gap = MARKS[language]
    made: Row = {"id": str(row.get("id", number)), "question": question.strip(), "mark": mark,
                 "answer": answers, "first": gap + answers[0], AT: row[AT]}  # fmt: skip
    if "subject" in row:
        made["subject"] = str(row["subject"])
    if form == "written":
        return made
    if not isinstance(choices, list) or not 2 <= len(choices) <= len(LETTERS):
        return bad(row[AT], f"field 'choices' is no list of 2 to {len(LETTERS)} texts")
    texts = [str(choice).strip() for choice in choices]
    # "B." and "B)" name B.
    places = [choice_place(gold.rstrip(".、)"), texts) for gold in answers]
    if None in places or any(not text for text in texts):
        return bad(row[AT], f"the answer {answer!r} is none of the choices, or a choice is empty")
    # Likelihoods pick one choice only.
    if form != "asked" and len(places) > 1:
        return bad(row[AT], "several right answers are for the forms 'written' and 'asked'")
    listed = "\n".join(f"{LETTERS[n]}. {text}" for n, text in enumerate(texts))
    letters = list(LETTERS[: len(texts)])
    place = places[0] or 0
    return made | {
        "choices": texts, "spelled": [gap + text for text in texts], "listed": listed,
        "letters": [gap + letter for letter in letters], "first": gap + letters[place],
        "answer": [letters[p or 0] for p in places] if form == "asked" else place,
    }  # fmt: skip
