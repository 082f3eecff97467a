"""Layouts of law and finance: LawBench, DISC-Law-Eval, JEC-QA of AGIEval, FinEval."""

from __future__ import annotations

from pathlib import Path

from mind_core import MindError
from mind_eval.benchmarks.layouts.exams import agieval_examples, agieval_root
from mind_eval.benchmarks.rows import (
    AT,
    BAD,
    FETCH,
    Place,
    Row,
    bad,
    choice_row,
    find,
    has,
    missing,
    not_text,
    read_rows,
    unpacked,
)
from mind_eval.metrics.exams import has_number
from mind_eval.metrics.law import CHARGES, TASKS, charges_of, labels_of

LETTERS = "ABCD"
JEC = ("jec-qa-kd", "jec-qa-ca")
"""AGIEval's sets of China's judicial examination: knowledge, and analysis of cases."""

SEVERAL = ("mult_cpa", "mult_nje", "mult_pae", "mult_ungee")
SINGLE = ("sing_cpa", "sing_lbk", "sing_nje", "sing_pae", "sing_pfe", "sing_ungee")
CALCULATIONS = (
    "numerical-calculation.csv",
    "Financial Rigor Test/Financial Rigor Test_Numerical Calculation.csv",
)
UNSCORED = {"2-2": ("赔偿",), "3-4": ("死刑", "无期"), "3-5": ("死刑", "无期")}
"""Answers that the authors' programs leave out: no label of the task, no number of months."""


def lawbench(folder: Path) -> dict[str, list[Row]]:
    """Read `zero_shot/<task>.json` of 19 tasks: instruction, question, answer.

    Left out are task 2-1, whose metric (ChERRANT) is not here, and the eight terms of imprisonment
    that are no number of months: the authors' programs do not score them.
    """
    root = _inside(unpacked(folder), "zero_shot", "data/zero_shot")
    items: list[Row] = []
    for task in TASKS:
        rows = read_rows(find(root, f"{task}.json"))
        # No list of charges is published: the references name those that can be chosen.
        charges = charges_of(str(row.get("answer")) for row in rows) if task == CHARGES else None
        for number, row in enumerate(rows):
            reason = not_text(row, "instruction", "question")
            if reason is None and not isinstance(row.get("answer"), str):
                reason = "field 'answer' is missing or no text"  # empty: there is no entity
            if reason:
                items.append(bad(row[AT], reason))
                continue
            if not scored_answer(task, row["answer"]):
                continue
            items.append(
                {"id": f"{task}-{number}", "subject": task, "instruction": row["instruction"],
                 "question": row["question"], "answer": row["answer"],
                 "options": charges or labels_of(row["instruction"]), AT: row[AT]}
            )  # fmt: skip
    return {"test": items}


def scored_answer(task: str, answer: str) -> bool:
    """Tell whether the authors' programs score an answer: it is a label, or a number of months."""
    label = answer.removeprefix("争议焦点类别：").removesuffix("。")
    if task == "2-2":
        return label not in UNSCORED[task]
    return not any(mark in answer for mark in UNSCORED.get(task, ()))


def disc_law(folder: Path, several: bool = True) -> dict[str, list[Row]]:
    """Read `objective/mcq_<kind>_<examination>.csv`: input, A to D, output (the right letters).

    Without `several` only the questions with one right choice.
    """
    root = _inside(unpacked(folder), "objective", "eval/datasets/objective")
    items: list[Row] = []
    for subject in (*SINGLE, *SEVERAL) if several else SINGLE:
        for number, row in enumerate(read_rows(find(root, f"mcq_{subject}.csv"))):
            if BAD in row:
                items.append(row)
                continue
            right = str(row.get("output") or "").strip().upper()
            if not right or set(right) - set(LETTERS):
                items.append(bad(row[AT], f"the answer {right!r} is no letters of A, B, C, D"))
                continue
            choices = [(row.get(letter) or "").strip() for letter in LETTERS]
            # `right[0]` makes a row of one choice; what is scored are all letters.
            more = {"letters": "".join(sorted(set(right)))}
            items.append(
                choice_row(row[AT], right[0], LETTERS, choices, id=f"{subject}-{number}",
                           subject=subject, question=(row.get("input") or "").strip(), **more)
            )  # fmt: skip
    return {"test": items}


def agieval_jec(folder: Path) -> dict[str, list[Row]]:
    """Read AGIEval's two sets of JEC-QA, of which any number of choices may be right."""
    root, sets = agieval_root(folder)
    splits: dict[str, list[Row]] = {"test": [], "dev": []}
    for name in JEC:
        for number, row in enumerate(read_rows(find(sets, f"{name}.jsonl"))):
            splits["test"].append(_jec_row(row, f"{name}-{number}", name))
    for name, number, row in agieval_examples(find(root, "few_shot_prompts.csv"), JEC):
        shot = _jec_row(row, f"{name}-example-{number}", name)
        splits["dev"].append(shot if BAD in shot else {**shot, "number": number})
    return splits


def _jec_row(row: Row, ident: str, subject: str) -> Row:
    """Make a row of AGIEval's columns; of an empty list of right choices none is right.

    One published list holds a full stop as well, which is left out.
    """
    reason = not_text(row, "question") or missing(row, "options")
    if reason:
        return bad(row[AT], reason)
    label, options = row.get("label"), row["options"]
    known = LETTERS[: len(options)] if isinstance(options, list) else ""
    if isinstance(label, list):
        label = [one for one in label if one != "。"]
    if not isinstance(label, list) or any(one not in [*known] for one in label):
        return bad(row[AT], f"field 'label' is {label!r}, no list of letters of the choices")
    return {
        "id": ident, "subject": subject, "passage": row.get("passage") or "",
        "question": row["question"], "options": [str(option) for option in options],
        "label": str(label), "letters": "".join(sorted(label)), AT: row[AT],
    }  # fmt: skip


def fineval(folder: Path) -> dict[str, list[Row]]:
    """Read the calculations: 基座query (question with what was retrieved), 标准答案."""
    root = unpacked(folder)
    name = next((one for one in CALCULATIONS if has(root, one)), CALCULATIONS[0])
    items = []
    for row in read_rows(find(root, name)):
        reason = row.get(BAD) or not_text(row, "基座query", "标准答案")
        if not reason and not has_number(row["标准答案"]):
            reason = "field '标准答案' holds no number"
        items.append(
            bad(row[AT], str(reason))
            if reason
            else {"id": str(row.get("序号")), "question": row["基座query"].strip(),
                  "answer": row["标准答案"].strip(), AT: row[AT]}
        )  # fmt: skip
    return {"test": items}


def _inside(root: Place, *names: str) -> Place:
    """Find the folder of the data: as they were fetched, or in a copy of the whole repository."""
    for name in names:
        if (root / name).is_dir():
            return root / name
    raise MindError(f"{root} has no folder {names[0]}", hint=FETCH)
