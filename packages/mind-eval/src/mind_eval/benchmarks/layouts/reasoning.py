"""Reasoning: HellaSwag, WinoGrande, LogiQA, PubMedQA, PIQA, MathQA."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from mind_core import MindError
from mind_eval.benchmarks.rows import (
    AT,
    FETCH,
    Place,
    Row,
    bad,
    choice_row,
    find,
    has,
    missing,
    not_text,
    read_object,
    read_rows,
    read_text,
    unpacked,
)

LETTERS = "ABCDE"
_OPTION = re.compile(r"([a-e]) \) (.*?)(?: , (?=[a-e] \) )|$)")


def hellaswag(folder: Path) -> dict[str, list[Row]]:
    """Read `hellaswag_val.jsonl`, or the six-line text form `hellaswag_val_full.txt`.

    Cleaned as lm-eval does: WikiHow's marks in brackets go. Shots come from the other items.
    """
    root = unpacked(folder)
    if has(root, "hellaswag_val.jsonl"):
        items = [_swag_json(row) for row in read_rows(find(root, "hellaswag_val.jsonl"))]
    else:
        items = _swag_text(find(root, "hellaswag_val_full.txt"))
    for number, item in enumerate(items):
        item.setdefault("id", f"val-{number}")
    return {"test": items, "shots": items}


def winogrande(folder: Path) -> dict[str, list[Row]]:
    """Read `dev.jsonl`; the choices stand before the blank's rest, which is scored."""
    root = unpacked(folder)
    items = []
    for number, row in enumerate(read_rows(find(root, "dev.jsonl"))):
        reason = not_text(row, "sentence", "option1", "option2") or missing(row, "answer")
        if reason is None and "_" not in row["sentence"]:
            reason = "the sentence has no blank"
        if reason:
            items.append(bad(row[AT], reason))
            continue
        # What is scored is the rest of the sentence, the same for both.
        before, _, after = row["sentence"].partition("_")
        choices = [before + row["option1"], before + row["option2"]]
        items.append(
            choice_row(row[AT], str(row["answer"]), "12", choices, id=f"dev-{number}",
                       ending=after.strip(), sentence=row["sentence"],
                       options=[row["option1"], row["option2"]])
        )  # fmt: skip
    return {"test": items, "shots": items}


def logiqa(folder: Path, language: str = "en") -> dict[str, list[Row]]:
    """Read LogiQA 2.0's `{dev,test}[_zh].txt` (JSON lines), or LogiQA's eight-line `Test.txt`."""
    root = unpacked(folder)
    ending = "_zh" if language == "zh" else ""
    if has(root, f"test{ending}.txt"):
        return {
            name: [
                _logiqa_row(row, f"{split}-{number}")
                for number, row in enumerate(read_rows(find(root, f"{split}{ending}.txt")))
            ]
            for name, split in (("test", "test"), ("dev", "dev"))
        }
    names = ("zh_test.txt", "zh_eval.txt") if language == "zh" else ("Test.txt", "Eval.txt")
    return {
        split: _logiqa_blocks(find(root, name))
        for split, name in zip(("test", "dev"), names, strict=True)
    }


def pubmedqa(folder: Path) -> dict[str, list[Row]]:
    """Read `ori_pqal.json` and `test_ground_truth.json`: 500 to test, the others for shots."""
    root = unpacked(folder)
    path = find(root, "ori_pqal.json")
    everything, tested = read_object(path), read_object(find(root, "test_ground_truth.json"))
    splits: dict[str, list[Row]] = {"test": [], "dev": []}
    for name, row in everything.items():
        if name == AT:
            continue
        at = f"{path}, {name}"
        reason = missing(row, "QUESTION", "CONTEXTS", "final_decision")
        answers = ["yes", "no", "maybe"]
        if reason is None and row["final_decision"] not in answers:
            reason = f"the answer {row['final_decision']!r} is none of {', '.join(answers)}"
        if reason:
            splits["test" if name in tested else "dev"].append(bad(at, reason))
            continue
        splits["test" if name in tested else "dev"].append(
            {"id": name, "abstract": "\n".join(row["CONTEXTS"]), "question": row["QUESTION"],
             "choices": answers, "answer": answers.index(row["final_decision"]), AT: at}
        )  # fmt: skip
    lost = [name for name in tested if name != AT and name not in everything]
    # Said rather than skipped: a test of fewer items is another test.
    splits["test"] += [bad(f"{path}, {name}", "a test item that is not there") for name in lost]
    return splits


def piqa(folder: Path) -> dict[str, list[Row]]:
    """Read `valid.jsonl` and `valid-labels.lst`; shots come from the other items."""
    root = unpacked(folder)
    path = find(root, "valid.jsonl")
    rows, labels = read_rows(path), read_text(find(root, "valid-labels.lst")).split()
    if len(rows) != len(labels):
        raise MindError(
            f"{path} has {len(rows)} rows, valid-labels.lst has {len(labels)}", hint=FETCH
        )
    items = []
    for number, (row, label) in enumerate(zip(rows, labels, strict=True)):
        reason = not_text(row, "goal", "sol1", "sol2")
        items.append(
            bad(row[AT], reason)
            if reason
            else choice_row(
                f"{root / 'valid-labels.lst'}:{number + 1}", label, "01",
                [row["sol1"], row["sol2"]], id=f"valid-{number}", goal=row["goal"],
            )
        )  # fmt: skip
    return {"test": items, "shots": items}


def mathqa(folder: Path) -> dict[str, list[Row]]:
    """Read `test.json` or `test.jsonl`: problem, five options in one line, the letter."""
    root = unpacked(folder)
    name = "test.json" if has(root, "test.json") else "test.jsonl"
    items = []
    for number, raw in enumerate(read_rows(find(root, name))):
        row = {key.lower(): value for key, value in raw.items()}
        reason = not_text(row, "problem", "options", "correct")
        if reason:
            items.append(bad(raw[AT], reason))
            continue
        found = {
            letter: text.strip() for letter, text in _OPTION.findall(_one_line(row["options"]))
        }
        if list(found) != list("abcde"):
            items.append(bad(raw[AT], f"{len(found)} options instead of 5"))
            continue
        items.append(
            choice_row(raw[AT], str(row["correct"]).upper(), LETTERS, list(found.values()),
                       id=f"test-{number}", question=row["problem"])
        )  # fmt: skip
    return {"test": items, "shots": items}


def _one_line(options: str) -> str:
    """Give MathQA's options as one line; some rows have a Python list instead."""
    if not options.startswith("["):
        return options
    try:
        return " , ".join(map(str, ast.literal_eval(options)))
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return options


def _swag_json(row: Row) -> Row:
    reason = missing(row, "activity_label", "ctx_a", "endings")
    if reason or row.get("label") in (None, ""):
        return bad(row[AT], reason or "field 'label' is missing or empty")
    text = f"{row['activity_label']}: {row['ctx_a']} {str(row.get('ctx_b', '')).capitalize()}"
    return choice_row(row[AT], str(row["label"]), "0123", [*map(_swag_clean, row["endings"])],
                      question=_swag_clean(text))  # fmt: skip


def _swag_text(path: Place) -> list[Row]:
    lines = read_text(path).rstrip("\n").split("\n")
    # Blocks of six: context, place of the right ending, four endings.
    if len(lines) % 6:
        raise MindError(
            f"{path} has {len(lines):,} lines, which is no multiple of six",
            hint="the file was cut short: fetch it again",
        )
    items = []
    for start in range(0, len(lines), 6):
        context, label, *endings = lines[start : start + 6]
        items.append(
            choice_row(f"{path}:{start + 1}", label, "0123", [*map(_swag_clean, endings)],
                       question=_swag_clean(context))
        )  # fmt: skip
    return items


def _swag_clean(text: str) -> str:
    """Clean as lm-eval's `hellaswag` does."""
    text = text.strip().replace(" [title]", ". ")
    return re.sub(r"\[.*?\]", "", text).replace("  ", " ")


def _logiqa_row(row: Row, name: str) -> Row:
    reason = not_text(row, "text", "question") or missing(row, "options")
    if reason:
        return bad(row[AT], reason)
    label = LETTERS[row["answer"]] if row.get("answer") in range(4) else row.get("answer")
    options = [str(option).strip() for option in row["options"]]
    if len(options) != 4:
        return bad(row[AT], f"{len(options)} options instead of 4")
    # Some Chinese options repeat their own letter.
    choices = [re.sub(rf"^{x}\s?[.．、]\s*", "", o) for x, o in zip("ABCD", options, strict=True)]
    return choice_row(row[AT], label, "ABCD", choices, id=name, passage=row["text"].strip(),
                      question=row["question"].strip())  # fmt: skip


def _logiqa_blocks(path: Place) -> list[Row]:
    """Read blocks of eight lines: empty, letter, passage, question, four options."""
    lines = read_text(path).rstrip("\n").split("\n")
    items = []
    for start in range(0, len(lines), 8):
        block = lines[start : start + 8]
        at = f"{path}:{start + 1}"
        if len(block) < 8:
            items.append(bad(at, "the last item is cut short"))
            continue
        choices = [re.sub(r"^[A-D][.．、]\s*", "", line).strip() for line in block[4:]]
        items.append(
            choice_row(at, block[1].strip().upper(), "ABCD", choices,
                       id=f"{path.name.split('.')[0].lower()}-{start // 8}",
                       passage=block[2].strip(), question=block[3].strip())
        )  # fmt: skip
    return items
