"""Prompts beside those that the authors' own code writes, to the byte.

Expected are SHA-256 sums over prompts (a NUL byte after each), subjects in order of their names.
They were taken from the authors' rules over the same files, with pandas reading the CSV as in their
code: `hkust-nlp/ceval` @ 802229f `LLaMA_Evaluator.generate_few_shot_prompt`, `haonan-li/CMMLU`
@ 0b27e9f `mp_utils.gen_prompt`, `ruixiangcui/AGIEval` @ 54887c3 `dataset_loader` (few-shot). BBH's
are compared with its prompt files directly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from mind_eval.benchmarks.benchmark import Benchmark, benchmark_folder
from mind_eval.benchmarks.layouts.exams import subject_names
from mind_eval.benchmarks.rows import find, read_text, unpacked
from mind_eval.builtins import FOLDER
from mind_eval.conform.checks import Check, equal
from mind_eval.prompts.builder import Builder
from mind_eval.prompts.spec import read_spec
from mind_eval.prompts.templates import render

SHOWN = 16
EXPECTED = {
    "ceval": ("C-Eval, 1,346 prompts with 5 examples",
              "9080dad61cdf2d5744772d5b9358764d305797102920d26d53684424f6d147a3",
              "hkust-nlp/ceval, evaluators/llama.py"),
    "cmmlu": ("CMMLU, 11,582 prompts with 4 examples",
              "65ecfe58ce8d146d7f2a01512fdb7eaeecf1e099a3d1801a27fae5f2c13f7414",
              "haonan-li/CMMLU, src/mp_utils.py"),
    "agieval": ("AGIEval, 2,852 prompts with 4 examples",
                "0e5580bde0a8a6aee8156ca37b3ab1c65aac488419fe4d32dfeede0811a673c4",
                "ruixiangcui/AGIEval, src/dataset_loader.py"),
    "agieval_jec": ("AGIEval, 2,000 prompts of JEC-QA with 4 examples",
                    "dd8b2fd10ca2ad90af931ddac8ed36e97be03f64298b90b300f09d11b83ff9a2",
                    "ruixiangcui/AGIEval, src/dataset_loader.py"),
}  # fmt: skip
HEADERS = {
    "ceval": ("C-Eval, headers of 52 subjects",
              "7fdb1ecc555a200025cc9655611c19722c515ad972980cdd99673a7c09a280ed",
              "hkust-nlp/ceval, subject_mapping.json"),
    "cmmlu": ("CMMLU, headers of 67 subjects",
              "528e4c4d9d3b668631cc003e674518419db24e0d996f5911267a45de2c1b524d",
              "haonan-li/CMMLU, src/categories.py"),
}  # fmt: skip


def prompt_checks(data_root: Path | None) -> list[Check]:
    """Check headers without any data, and whole prompts with the authors' files."""
    checks = [
        equal(what, wanted[:SHOWN], digest(headers(name))[:SHOWN], source)
        for name, (what, wanted, source) in HEADERS.items()
    ]
    for name, (what, wanted, source) in EXPECTED.items():
        found = _digest_of(name, data_root)
        checks.append(equal(what, wanted[:SHOWN], found and found[:SHOWN], source))
    checks.append(_bbh(data_root))
    return checks


def headers(exam: str) -> list[str]:
    """Render the header of each subject of an exam, in order of their names."""
    spec = read_spec(FOLDER / exam / "letter.yaml", exam)
    names = subject_names()[exam]
    return [render(spec.description, {"subject_name": names[one]}) for one in sorted(names)]


def digest(texts: Iterable[str]) -> str:
    """Hash texts, a NUL byte after each."""
    return hashlib.sha256(b"".join(text.encode() + b"\0" for text in texts)).hexdigest()


def _digest_of(name: str, data_root: Path | None) -> str | None:
    benchmark: Benchmark = benchmark_folder(FOLDER / name)()
    if benchmark.found(data_root) is None:
        return None
    subjects: dict[str, list[str]] = {}
    for instance in _builder(name, benchmark, data_root).build():
        subjects.setdefault(instance.doc["subject"], []).append(instance.prompts[0])
    return digest(text for subject in sorted(subjects) for text in subjects[subject])


def _builder(name: str, benchmark: Benchmark, data_root: Path | None) -> Builder:
    spec = read_spec(benchmark.yaml, name)
    return Builder(spec, benchmark.load(data_root, True).splits, shots=benchmark.shots)


def _bbh(data_root: Path | None) -> Check:
    """Compare each prompt of BBH with its task's prompt file and the question after it."""
    benchmark: Benchmark = benchmark_folder(FOLDER / "bbh")()
    what, source = "BBH, 6,511 prompts", "suzgunmirac/BIG-Bench-Hard, cot-prompts/*.txt"
    folder = benchmark.found(data_root)
    if folder is None:
        return Check(what, "6,511 equal", None, source)
    same = 0
    files: dict[str, str] = {}
    for instance in _builder("bbh", benchmark, data_root).build():
        task = instance.doc["subject"]
        if task not in files:
            text = read_text(find(unpacked(folder) / "cot-prompts", f"{task}.txt"))
            files[task] = text.partition("-----\n")[2].strip()
        ending = f"\n\nQ: {instance.doc['question']}\nA: Let's think step by step.\n"
        same += instance.prompts[0] == files[task] + ending
    return equal(what, "6,511 equal", f"{same:,} equal", source)
