"""Tasks in which the model writes or completes: Arithmetic, GSM8K, MATH, BBH, Flores."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

from mind_core import MindError
from mind_eval.benchmarks.rows import (
    AT,
    Row,
    bad,
    find,
    has,
    listed,
    missing,
    not_text,
    read_object,
    read_rows,
    read_text,
    unpacked,
)
from mind_eval.metrics.extract import last_boxed

ARITHMETIC = (
    "single_digit_three_ops", "two_digit_addition", "two_digit_subtraction",
    "two_digit_multiplication", "three_digit_addition", "three_digit_subtraction",
    "four_digit_addition", "four_digit_subtraction", "five_digit_addition",
    "five_digit_subtraction",
)  # fmt: skip
"""The ten tasks of Brown et al. 2020; the authors' repository has six digits as well."""

DIRECTIONS = (
    ("eng_Latn", "zho_Hans", "zh-Hans"),
    ("eng_Latn", "zho_Hant", "zh-Hant"),
    ("zho_Hans", "eng_Latn", "en"),
    ("zho_Hant", "eng_Latn", "en"),
)
NAMES = {"eng_Latn": "English", "zho_Hans": "简体中文", "zho_Hant": "繁體中文"}
STEPS = "Let's think step by step.\n"
FLORES101 = {"eng_Latn": "eng", "zho_Hans": "zho_simpl", "zho_Hant": "zho_trad"}


def arithmetic(folder: Path) -> dict[str, list[Row]]:
    """Read `<task>.jsonl` of ten tasks: context and completion, as lm-eval spells them."""
    root = unpacked(folder)
    items = []
    for name in ARITHMETIC:
        for number, row in enumerate(read_rows(find(root, f"{name}.jsonl"))):
            reason = not_text(row, "context", "completion")
            if reason:
                items.append(bad(row[AT], reason))
                continue
            text = row["context"].strip().replace("\n\n", "\n")
            text = text.replace("Q:", "Question:").replace("A:", "Answer:")
            items.append({"id": f"{name}-{number}", "subject": name, "question": text,
                          "answer": row["completion"], AT: row[AT]})  # fmt: skip
    return {"test": items, "shots": items}


def gsm8k(folder: Path) -> dict[str, list[Row]]:
    """Read `{train,test}.jsonl`: a question, and an answer that ends in `#### number`."""
    root = unpacked(folder)
    splits: dict[str, list[Row]] = {}
    for split in ("test", "train"):
        splits[split] = []
        for number, row in enumerate(read_rows(find(root, f"{split}.jsonl"))):
            reason = not_text(row, "question", "answer")
            if reason is None and "####" not in row["answer"]:
                reason = "the answer has no '#### number'"
            if reason:
                splits[split].append(bad(row[AT], reason))
                continue
            final = row["answer"].rpartition("####")[2].strip()
            splits[split].append(
                {"id": f"{split}-{number}", "question": row["question"],
                 "solution": row["answer"], "answer": final, AT: row[AT]}
            )  # fmt: skip
    return splits


def math(folder: Path) -> dict[str, list[Row]]:
    """Read `test.jsonl` (problem, solution with a boxed answer); shots are Minerva's four.

    They are read from the installed lm-eval, which ships them (Lewkowycz et al. 2022).
    """
    root = unpacked(folder)
    items = []
    for number, row in enumerate(read_rows(find(root, "test.jsonl"))):
        reason = not_text(row, "problem", "solution")
        answer = None if reason else last_boxed(row["solution"])
        if reason or answer is None:
            items.append(bad(row[AT], reason or "the solution has no boxed answer"))
            continue
        subject = row.get("type") or row.get("subject") or "all"
        items.append({"id": f"test-{number}", "subject": subject, "problem": row["problem"],
                      "solution": row["solution"], "answer": answer, AT: row[AT]})  # fmt: skip
    return {"test": items, "minerva": minerva_shots()}


def minerva_shots() -> list[Row]:
    """Read the four examples out of lm-eval's source, without importing it."""
    found = find_spec("lm_eval")
    place = found.submodule_search_locations if found else None
    if not place:
        raise MindError(
            "Minerva's examples come with lm-eval, which is not installed",
            hint="pip install 'mind-eval[lm-eval]'",
        )
    path = Path(place[0]) / "tasks" / "minerva_math" / "utils.py"
    # Read as data: importing that module takes seconds, and needs packages for formulas.
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name == "list_fewshot_samples":
            returned = next(part for part in node.body if isinstance(part, ast.Return))
            assert returned.value is not None
            rows = ast.literal_eval(returned.value)
            return [
                {"id": f"minerva-{number}", "problem": row["problem"],
                 "solution": row["solution"], "answer": last_boxed(row["solution"]),
                 AT: f"{path}"}
                for number, row in enumerate(rows)
            ]  # fmt: skip
    raise MindError(f"{path} has no list_fewshot_samples", hint="lm-eval 0.4.13 has it")


def bbh(folder: Path) -> dict[str, list[Row]]:
    """Read `bbh/<task>.json` and the three worked examples of `cot-prompts/<task>.txt`."""
    root = unpacked(folder)
    splits: dict[str, list[Row]] = {"test": [], "cot": []}
    for task, path in listed(root / "bbh", ".json"):
        header, shots = _cot_prompt(read_text(find(root / "cot-prompts", f"{task}.txt")))
        about = {"subject": task, "header": header}
        for number, (question, start, reasoning) in enumerate(shots):
            splits["cot"].append(
                {"id": f"{task}-cot-{number}", **about, "question": question, "start": start,
                 "reasoning": reasoning, AT: f"{task}.txt"}
            )  # fmt: skip
        for number, row in enumerate(read_object(path).get("examples", [])):
            at = f"{path}, example {number + 1}"
            reason = not_text(row, "input", "target")
            splits["test"].append(
                bad(at, reason)
                if reason
                else {"id": f"{task}-{number}", **about, "question": row["input"],
                      "start": STEPS, "answer": row["target"], AT: at}
            )  # fmt: skip
    return splits


def flores(folder: Path) -> dict[str, list[Row]]:
    """Read `{dev,devtest}/<language>.<split>` of FLORES-200 or -101: aligned lines.

    FLORES-101 is the same sentences; its names of languages are read too.
    """
    root = unpacked(folder)
    splits: dict[str, list[Row]] = {"test": [], "dev": []}
    for name, split in (("test", "devtest"), ("dev", "dev")):
        texts = {}
        for language, other in FLORES101.items():
            old = has(root / split, f"{other}.{split}")
            path = find(root / split, f"{other if old else language}.{split}")
            texts[language] = read_text(path).rstrip("\n").split("\n")
        lengths = {language: len(lines) for language, lines in texts.items()}
        if len(set(lengths.values())) > 1:
            raise MindError(
                f"{root / split}: the languages have different numbers of lines",
                cause=str(lengths),
                hint="a file was cut short: fetch it again",
            )
        for source, target, language in DIRECTIONS:
            for number, (text, wanted) in enumerate(zip(texts[source], texts[target], strict=True)):
                at = f"{root / split}, line {number + 1}, {source}"
                made = {"id": f"{source}-{target}-{split}-{number}",
                        "subject": f"{source}-{target}", "source_name": NAMES[source],
                        "target_name": NAMES[target], "text": text.strip(),
                        "answer": wanted.strip(), "target_language": language, AT: at}  # fmt: skip
                empty = missing(made, "text", "answer")
                splits[name].append(bad(at, empty) if empty else made)
    return splits


def _cot_prompt(text: str) -> tuple[str, list[tuple[str, str, str]]]:
    """Take a prompt file apart: the task, and (question, start, reasoning) of each example."""
    body = text.partition("-----\n")[2] or text
    header, *examples = body.strip().split("\n\nQ: ")
    pairs = []
    for example in examples:
        question, _, reasoning = example.partition("\nA: ")
        # It goes with the question, not with what the model writes.
        start = STEPS if reasoning.startswith(STEPS) else ""  # one task's examples do without
        pairs.append((question.strip(), start, reasoning.removeprefix(start).strip()))
    return header.strip(), pairs
