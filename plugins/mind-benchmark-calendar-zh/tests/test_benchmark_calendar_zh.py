"""The folder is whole, its answers are right, and it is asked like any benchmark."""

from __future__ import annotations

from pathlib import Path

import mind_benchmark_calendar_zh
from mind_benchmark_calendar_zh import register_benchmarks

from mind_core.testing import run_tool
from mind_eval.prompts.builder import Builder
from mind_eval.prompts.spec import read_spec

RINGS = {
    "二十四节气": "立春雨水惊蛰春分清明谷雨立夏小满芒种夏至小暑大暑"
    "立秋处暑白露秋分寒露霜降立冬小雪大雪冬至小寒大寒",
    "十二生肖": "鼠牛虎兔龙蛇马羊猴鸡狗猪",
    "天干": "甲乙丙丁戊己庚辛壬癸",
    "地支": "子丑寅卯辰巳午未申酉戌亥",
}


def test_every_answer_follows_its_question() -> None:
    factory = register_benchmarks()["calendar_zh"]
    assert callable(factory)
    rows = factory().load(None).splits["test"]
    assert len(rows) == 58 == len({row["id"] for row in rows})
    for row in rows:
        ring = RINGS[row["subject"]]
        asked, right = row["question"][4:].split("之后")[0], row["choices"][row["answer"]]
        assert (asked + right) in ring + ring and len(set(row["choices"])) == 4
    counts = [sum(row["answer"] == place for row in rows) for place in range(4)]
    assert max(counts) < 20, "no letter is right much more often than the others"


def test_it_is_asked_like_any_benchmark() -> None:
    factory = register_benchmarks()["calendar_zh"]
    assert callable(factory)
    benchmark = factory(shots=2, form="letter")
    spec = read_spec(benchmark.yaml, "calendar_zh")
    items = list(Builder(spec, benchmark.load(None).splits, shots=2).build())
    first = items[0]
    assert first.shots == 2 and first.prompts[0].count("答案：") == 3
    assert first.prompts[0].endswith("D. 立夏\n答案：") or first.prompts[0].endswith("\n答案：")
    assert first.doc["question"] in first.prompts[0].split("\n\n")[-1]
    assert first.prompts[0].count(first.doc["question"]) == 1


def test_mind_eval_lists_it_from_its_file() -> None:
    path = Path(mind_benchmark_calendar_zh.__file__)
    done = run_tool("mind-eval", ["--plugin", path, "--list"])
    assert done.code == 0 and b"calendar_zh" in done.stdout
