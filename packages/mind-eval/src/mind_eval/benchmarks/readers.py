"""Readers of benchmarks as their authors lay them out: a folder in, rows of each split out."""

from __future__ import annotations

import re
from pathlib import Path

from mind_core import MindError
from mind_eval.benchmarks.rows import COMPRESSED, Row, find, read_rows, read_text

GAOKAO = {"biology": "生物", "chemistry": "化学", "geography": "地理", "history": "历史"}
LETTERS = "ABCD"


def piqa(folder: Path) -> dict[str, list[Row]]:
    """Read `valid.jsonl` and `valid-labels.lst`; shots come from the other items."""
    path = find(folder, "valid.jsonl")
    rows, labels = read_rows(path), read_text(find(folder, "valid-labels.lst")).split()
    if len(rows) != len(labels):
        raise MindError(f"{path} has {len(rows)} rows, valid-labels.lst has {len(labels)}")
    items = []
    for number, (row, label) in enumerate(zip(rows, labels, strict=True)):
        _need(row, ("goal", "sol1", "sol2"), f"{path}:{number + 1}")
        items.append(
            {
                "id": f"valid-{number}",
                "goal": row["goal"],
                "choices": [row["sol1"], row["sol2"]],
                "answer": _index(label, f"{path.parent / 'valid-labels.lst'}:{number + 1}", "01"),
            }
        )
    return {"test": items, "shots": items}


def mmlu(folder: Path) -> dict[str, list[Row]]:
    """Read `{dev,test}/<subject>_{dev,test}.csv` with the header `question,choice0…3,answer`."""
    splits: dict[str, list[Row]] = {}
    for split in ("test", "dev"):
        paths = sorted((folder / split).glob(f"*_{split}.csv*"))
        if not paths:
            raise MindError(f"{folder / split} has no *_{split}.csv", hint="fetch MMLU again")
        splits[split] = [row for path in paths for row in _mmlu_rows(path, split)]
    return splits


def gaokao(folder: Path) -> dict[str, list[Row]]:
    """Read `v1/gaokao-<subject>.jsonl` of AGIEval; shots come from the other items."""
    items = []
    for subject, name in GAOKAO.items():
        path = find(folder / "v1", f"gaokao-{subject}.jsonl")
        for number, row in enumerate(read_rows(path)):
            position = f"{path}:{number + 1}"
            _need(row, ("question", "options", "label"), position)
            items.append(
                {
                    "id": f"gaokao-{subject}-{number}",
                    "subject": name,
                    "question": row["question"].strip(),
                    "choices": [re.sub(r"^\([A-D]\)", "", o).strip() for o in row["options"]],
                    "answer": _index(row["label"], position),
                }
            )
    return {"test": items, "shots": items}


def _mmlu_rows(path: Path, split: str) -> list[Row]:
    subject = path.name.split(f"_{split}.csv")[0]
    if path.suffix in COMPRESSED:
        path = find(path.parent, path.name.removesuffix(path.suffix))
    fields = ("question", "choice0", "choice1", "choice2", "choice3", "answer")
    items = []
    for number, row in enumerate(read_rows(path)):
        position = f"{path}, row {number + 1}"
        _need(row, fields, position)
        items.append(
            {
                "id": f"{subject}-{split}-{number}",
                "subject": subject.replace("_", " "),
                "question": row["question"],
                "choices": [row[f"choice{k}"] for k in range(4)],
                "answer": _index(row["answer"], position, "0123"),
            }
        )
    return items


def _need(row: Row, fields: tuple[str, ...], position: str) -> None:
    for name in fields:
        if row.get(name) in (None, "", []):
            raise MindError(f"{position}: field {name!r} is missing or empty")


def _index(label: object, position: str, known: str = LETTERS) -> int:
    if isinstance(label, str) and len(label) == 1 and label in known:
        return known.index(label)
    raise MindError(f"{position}: the answer {label!r} is none of {', '.join(known)}")
