"""Log-probabilities and accuracies are lm-eval's own `hf` path's, on one checkpoint and prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mind_eval.benchmarks.benchmark import Benchmark, benchmark_folder
from mind_eval.builtins import FOLDER

pytest.importorskip("transformers")

LIMIT = 12
SWAG = "Cleaning: A person holds a cloth number {n}. the person\n{gold}\nwipes.\nwipes the car.\n" \
    "jumps over it twice and runs away.\nsings.\n"  # fmt: skip
TASKS = (
    ("piqa", "cloze", 3), ("piqa", "letter", 2), ("mmlu", "letter", 5), ("mmlu", "cloze", 2),
    ("gaokao", "letter", 2), ("gaokao", "cloze", 1), ("hellaswag", "cloze", 3),
    ("winogrande", "cloze", 3), ("arithmetic", "greedy", 5), ("agieval", "letter", 2),
    ("logiqa_zh", "letter", 1), ("pubmedqa", "cloze", 1),
)  # fmt: skip


def hf_answers(folder: Path, prepared: list[Any], limit: int) -> tuple[dict[str, Any], Any]:
    """Run tasks through lm-eval's `hf` path: samples by task, and results."""
    from lm_eval.evaluator import evaluate
    from lm_eval.models.huggingface import HFLM

    lm = HFLM(pretrained=str(folder), device="cpu", batch_size=8, dtype="float32")
    found = evaluate(
        lm, {"tasks": {one.config.task: one for one in prepared}}, limit=limit, bootstrap_iters=0
    )
    assert found is not None
    return found["samples"], found["results"]


def authors_files(root: Path) -> Path:
    """Write small files of our own in the authors' layouts."""

    def lines(*parts: str, rows: list[str]) -> None:
        path = root.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(rows), encoding="utf-8")

    lines(
        "hellaswag",
        "hellaswag_val_full.txt",
        rows=[SWAG.format(n=n, gold=n % 4) for n in range(20)],
    )
    lines("winogrande", "dev.jsonl", rows=[
        f'{{"sentence":"The cup {n} did not fit the box because the _ was too big.",'
        f'"option1":"cup","option2":"box","answer":"{n % 2 + 1}"}}\n' for n in range(20)
    ])  # fmt: skip
    from mind_eval.benchmarks.layouts.written import ARITHMETIC

    for name in ARITHMETIC:
        lines("arithmetic", f"{name}.jsonl", rows=[
            f'{{"context":"\\n\\nQ: What is {n} plus 3?\\n\\nA:","completion":" {n + 3}"}}\n'
            for n in range(8)
        ])  # fmt: skip
    lines("logiqa2", "test_zh.txt", rows=[
        f'{{"answer":{n % 4},"text":"第{n}天下雨。","question":"哪项为真？",'
        '"options":["下雨","天晴","下雪","刮风"]}\n' for n in range(14)
    ])  # fmt: skip
    (root / "logiqa2" / "dev_zh.txt").write_text((root / "logiqa2" / "test_zh.txt").read_text())
    rows = ", ".join(
        f'"{n}": {{"QUESTION":"Does it help {n}?","CONTEXTS":["It was tried {n} times."],'
        f'"final_decision":"{("yes", "no", "maybe")[n % 3]}"}}' for n in range(30)
    )  # fmt: skip
    lines("pubmedqa", "ori_pqal.json", rows=[f"{{{rows}}}"])
    tested = ", ".join(f'"{n}": "yes"' for n in range(0, 30, 2))
    lines("pubmedqa", "test_ground_truth.json", rows=[f"{{{tested}}}"])
    from mind_eval.benchmarks.layouts.exams import AGIEVAL

    row = '{{"passage":null,"question":"{n} + 1?","options":["(A)1","(B)2","(C)3"],"label":"B"}}'
    for name in AGIEVAL:
        lines("agieval", "v1", f"{name}.jsonl", rows=[row.format(n=n) + "\n" for n in range(3)])
    shot = str({"passage": None, "question": "1 + 1?", "options": ["(A)1", "(B)2"], "label": "B"})
    head = ",".join(("", *AGIEVAL))
    cells = ",".join(["sample 1", *[f'"{shot}"'] * len(AGIEVAL)])
    lines("agieval", "few_shot_prompts.csv", rows=[f"{head}\n{cells}\nexplanation 1\n"])
    return root


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, gpt_neo_folder: Path) -> dict[str, Any]:
    """Run all tasks both ways over one folder."""
    from mind_eval.distributed import Ranks
    from mind_eval.encoding import PromptEncoder
    from mind_eval.evaluation import open_benchmark, run_benchmark
    from mind_eval.models.model import open_model
    from mind_eval.prompts.sources import benchmark_task
    from mind_eval.response_cache import ResponseCache
    from mind_eval.results import EvalResults
    from mind_eval.runner import RequestRunner

    base = tmp_path_factory.mktemp("parity")
    root = authors_files(base / "data")
    model = open_model(str(gpt_neo_folder))
    encoder, outcome = PromptEncoder(model), EvalResults()
    engine = RequestRunner(model, ResponseCache(None), Ranks(), 4096)
    prepared = []
    for name, form, shots in TASKS:
        benchmark: Benchmark = benchmark_folder(FOLDER / name)(form=form, shots=shots)
        label = f"{name}_{form}"
        given = None if "shipped" in benchmark.rules else root
        prepared.append(benchmark_task(label, benchmark, encoder.fits, data_root=given, seed=0))
        opened = open_benchmark(label, benchmark, given, 0, False)
        run_benchmark(opened, engine, outcome, LIMIT, False)
    samples, results = hf_answers(gpt_neo_folder, prepared, LIMIT)
    return {"ours": outcome, "theirs": (samples, results), "read": engine.scorer.tokens}


@pytest.mark.parametrize("task", [f"{name}_{form}" for name, form, _ in TASKS])
def test_log_probabilities_and_accuracies_are_lm_evals(compared: dict[str, Any], task: str) -> None:
    samples, results = compared["theirs"]
    ours = [record for record in compared["ours"].records if record["task"] == task]
    theirs = sorted(samples[task], key=lambda sample: sample["doc_id"])
    assert len(ours) == len(theirs) == min(LIMIT, len(ours))
    for record, sample in zip(ours, theirs, strict=True):
        for mine, theirs_one in zip(record["answers"], sample["resps"], strict=True):
            assert mine[0] == pytest.approx(float(theirs_one[0][0]), abs=1e-4)
            assert mine[1] == bool(theirs_one[0][1])
    measured = compared["ours"].results[task]
    for metric in ("acc,none", "acc_norm,none", "acc_bytes,none"):
        if metric in results[task]:
            assert measured[metric] == results[task][metric], "identical, not close"
            error = results[task][metric.replace(",", "_stderr,")]
            if isinstance(error, float):
                assert measured[metric.replace(",", "_stderr,")] == pytest.approx(error)
