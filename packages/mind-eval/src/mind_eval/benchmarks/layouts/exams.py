"""Exams: MMLU, C-Eval, CMMLU, and AGIEval with its official prompts."""

from __future__ import annotations

import ast
import csv
import io
import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from mind_core import MindError
from mind_eval.benchmarks.rows import (
    AT,
    BAD,
    FETCH,
    Place,
    Row,
    bad,
    choice_row,
    find,
    index_of,
    listed,
    missing,
    not_text,
    read_rows,
    read_text,
    unpacked,
)

LETTERS = "ABCDEFG"
GAOKAO = {"biology": "生物", "chemistry": "化学", "geography": "地理", "history": "历史"}
AGIEVAL = (
    "aqua-rat", "gaokao-english", "logiqa-en", "lsat-ar", "lsat-lr", "lsat-rc", "sat-en",
    "sat-en-without-passage", "sat-math",
)  # fmt: skip
"""AGIEval's English sets of questions with choices."""

AGIEVAL_MATH = ("math", "gaokao-mathcloze")
"""AGIEval's sets of which the answers are formulas."""

WITHOUT_PASSAGE = "sat-en-without-passage"
"""Has no examples of its own: those of sat-en without their passages, as in the authors' code."""

_LABEL = re.compile(r"^\(?[A-G][).．]\s*")


def mmlu(folder: Path) -> dict[str, list[Row]]:
    """Read `{dev,test}/<subject>_{dev,test}.csv`, with or without the header of the mirrors.

    The authors' own files have no header: question, four choices, letter.
    """
    root = unpacked(folder)
    # The folder may be the authors' archive, or its `data` itself.
    root = root / "data" if (root / "data").is_dir() else root
    return {
        split: [row for subject, path in files for row in _mmlu_rows(path, subject, split)]
        for split, files in _paired(root, {"test": "_test.csv", "dev": "_dev.csv"}).items()
    }


def ceval(folder: Path, split: str = "val") -> dict[str, list[Row]]:
    """Read `{dev,val,test}/<subject>_{…}.csv`; `split` test has no answers, for a submission."""
    root = unpacked(folder)
    splits: dict[str, list[Row]] = {}
    for file, files in _paired(root, {split: f"_{split}.csv", "dev": "_dev.csv"}).items():
        name = "dev" if file == "dev" else "test"
        splits[name] = []
        for subject, path in files:
            for row in read_rows(path):
                made = _exam_row(row, f"{subject}-{file}-{row.get('id')}", subject, "ceval",
                                 labelled=file != "test")  # fmt: skip
                splits[name].append(made)
    return splits


def cmmlu(folder: Path) -> dict[str, list[Row]]:
    """Read `{dev,test}/<subject>.csv` with the columns Question, A, B, C, D, Answer."""
    root = unpacked(folder)
    return {
        split: [
            _exam_row(row, f"{subject}-{split}-{number}", subject, "cmmlu")
            for subject, path in files
            for number, row in enumerate(read_rows(path))
        ]
        for split, files in _paired(root, {"test": ".csv", "dev": ".csv"}).items()
    }


def agieval(folder: Path) -> dict[str, list[Row]]:
    """Read AGIEval's English questions with choices, and its official few-shot examples."""
    root, sets = agieval_root(folder)
    splits: dict[str, list[Row]] = {"test": [], "dev": []}
    for name in AGIEVAL:
        for number, row in enumerate(read_rows(find(sets, f"{name}.jsonl"))):
            splits["test"].append(_agieval_row(row, f"{name}-{number}", name))
    splits["dev"] = _official_shots(find(root, "few_shot_prompts.csv"))
    return splits


def agieval_math(folder: Path) -> dict[str, list[Row]]:
    """Read AGIEval's two sets whose answers are formulas, and their official examples."""
    root, sets = agieval_root(folder)
    splits: dict[str, list[Row]] = {"test": [], "dev": []}
    for name in AGIEVAL_MATH:
        for number, row in enumerate(read_rows(find(sets, f"{name}.jsonl"))):
            splits["test"].append(_formula_row(row, f"{name}-{number}", name))
    for name, number, row in agieval_examples(find(root, "few_shot_prompts.csv"), AGIEVAL_MATH):
        shot = _formula_row(row, f"{name}-example-{number}", name)
        splits["dev"].append(shot if BAD in shot else {**shot, "number": number})
    return splits


def _formula_row(row: Row, ident: str, subject: str) -> Row:
    reason = not_text(row, "question", "answer")
    if reason:
        return bad(row[AT], reason)
    return {"id": ident, "subject": subject, "question": row["question"],
            "answer": row["answer"].replace("$", "").strip(), AT: row[AT]}  # fmt: skip


def agieval_root(folder: Path) -> tuple[Place, Place]:
    """Return the folder of AGIEval's examples, and that of its sets, the corrected ones first."""
    root = unpacked(folder)
    root = root / "data" if (root / "data").is_dir() else root
    # The corrected version comes first.
    versions = [name for name in ("v1_1", "v1") if (root / name).is_dir()]
    if not versions:
        raise MindError(f"{root} has no folder v1 or v1_1", hint="fetch AGIEval again")
    return root, root / versions[0]


def gaokao(folder: Path) -> dict[str, list[Row]]:
    """Read `v1/gaokao-<subject>.jsonl` of AGIEval; shots come from the other items."""
    root = unpacked(folder)
    version = "v1" if (root / "v1").is_dir() else "v1_1"
    items = []
    for subject, name in GAOKAO.items():
        for number, row in enumerate(read_rows(find(root / version, f"gaokao-{subject}.jsonl"))):
            reason = not_text(row, "question", "label") or missing(row, "options")
            if reason:
                items.append(bad(row[AT], reason))
                continue
            choices = [re.sub(r"^\([A-D]\)", "", option).strip() for option in row["options"]]
            items.append(
                choice_row(row[AT], row["label"], "ABCD", choices, id=f"gaokao-{subject}-{number}",
                           subject=name, question=row["question"].strip())
            )  # fmt: skip
    return {"test": items, "shots": items}


@lru_cache(maxsize=1)
def subject_names() -> dict[str, dict[str, str]]:
    """Read the Chinese names of C-Eval's 52 and CMMLU's 67 subjects, as their authors have them."""
    path = Path(__file__).parent / "subjects.toml"
    names: dict[str, dict[str, str]] = tomllib.loads(path.read_text("utf-8"))
    return names


def _paired(root: Place, splits: dict[str, str]) -> dict[str, list[tuple[str, Place]]]:
    """List the files of two splits, a subject each; raise `MindError` where one has no partner.

    `splits` maps the folder of a split to the ending of its files' names.
    """
    found = {split: listed(root / split, ending) for split, ending in splits.items()}
    subjects = {split: {subject for subject, _ in files} for split, files in found.items()}
    for split, ending in splits.items():
        # A subject that is lost in silence would change the mean over subjects.
        if gone := sorted(set().union(*subjects.values()) - subjects[split]):
            raise MindError(
                f"{root / split}/{gone[0]}{ending} is missing",
                cause=f"{len(gone)} of the subjects have no file there",
                hint=FETCH,
            )
    return found


def _mmlu_rows(path: Place, subject: str, split: str) -> list[Row]:
    fields = ("question", "choice0", "choice1", "choice2", "choice3", "answer")
    first = read_text(path).lstrip()[:9]
    rows = read_rows(path, () if first == "question," else fields)
    made = []
    for number, row in enumerate(rows):
        reason = row.get(BAD) or missing(row, *fields)
        if reason:
            made.append(bad(row[AT], reason))
            continue
        # Mirrors number the answers, the authors' files have letters.
        known = "0123" if index_of(row["answer"], "0123") is not None else "ABCD"
        choices = [row[f"choice{k}"] for k in range(4)]
        made.append(
            choice_row(row[AT], row["answer"], known, choices, id=f"{subject}-{split}-{number}",
                       subject=subject.replace("_", " "), question=row["question"])
        )  # fmt: skip
    return made


def _exam_row(row: Row, name: str, subject: str, exam: str, *, labelled: bool = True) -> Row:
    """Make a row of C-Eval's or CMMLU's columns."""
    question, answer = ("Question", "Answer") if exam == "cmmlu" else ("question", "answer")
    needed = (question, "A", "B", "C", "D", *([answer] if labelled else []))
    reason = row.get(BAD) or missing(row, *needed)
    if reason:
        return bad(row[AT], reason)
    options = [row[letter] for letter in "ABCD"]  # as they stand: the authors' prompts keep spaces
    choices = [option.strip() for option in options]
    known = subject_names()[exam].get(subject, subject.replace("_", " "))
    about = {
        "id": name, "subject": subject, "subject_name": known, "question": row[question],
        "options": options,
    }  # fmt: skip
    if not labelled:
        return {**about, "choices": choices, "answer": None, AT: row[AT]}
    return choice_row(row[AT], row[answer], "ABCD", choices, **about)


def _agieval_row(row: Row, name: str, subject: str) -> Row:
    reason = not_text(row, "question", "label") or missing(row, "options")
    if reason:
        return bad(row[AT], reason)
    options = [str(option) for option in row["options"]]
    choices = [_LABEL.sub("", option).strip() for option in options]
    return choice_row(
        row[AT], row["label"], LETTERS[: len(options)], choices, id=name, subject=subject,
        passage=row.get("passage") or "", question=row["question"], options=options,
    )  # fmt: skip


def _agieval_shot(row: Row, name: str, number: int) -> Row:
    return {**_agieval_row(row, f"{name}-shot-{number}", name), "number": number}


def _official_shots(path: Place) -> list[Row]:
    """Read the examples of `few_shot_prompts.csv`: a column a set, every other row an example."""
    shots = []
    for name, number, row in agieval_examples(path, AGIEVAL):
        shots.append(_agieval_shot(row, name, number))
        # The set without passages has no examples of its own: see `WITHOUT_PASSAGE`.
        if name == "sat-en":
            shots.append(_agieval_shot({**row, "passage": ""}, WITHOUT_PASSAGE, number))
    return shots


def agieval_examples(path: Place, sets: Sequence[str]) -> Iterator[tuple[str, int, Row]]:
    """Yield the official examples of some sets: the set's name, a number, the example."""
    try:
        table = list(csv.reader(io.StringIO(read_text(path), newline="")))
    except csv.Error as error:
        raise MindError(f"{path} is no CSV", cause=error) from None
    for column, name in enumerate(table[0] if table else []):
        if name not in sets:
            continue
        for number, cells in enumerate(table[1::2], 1):
            if column < len(cells) and cells[column].strip():
                at = f"{path}, {name}, sample {number}"
                try:
                    row = {**ast.literal_eval(cells[column]), AT: at}
                except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
                    raise MindError(f"{at}: not an example", cause=error) from None
                yield name, number, row
