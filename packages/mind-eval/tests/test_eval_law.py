"""Benchmarks of law and finance: their authors' layouts, and their metrics by hand."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mind_core import MindError
from mind_eval.benchmarks.benchmark import benchmark_folder
from mind_eval.benchmarks.layouts.law import scored_answer
from mind_eval.builtins import FOLDER
from mind_eval.conform.lawbench import lawbench_checks
from mind_eval.metrics.exams import calculation, letters_named
from mind_eval.metrics.extract import with_digits
from mind_eval.metrics.law import TASKS, labels_of, lawbench, rule_of

DATA = Path(__file__).parents[4] / "shared" / "data"
STAGES = ["盗窃", "诈骗", "抢劫"]


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("刑法第二百六十四条", "刑法第264条"), ("有期徒刑三年六个月", "有期徒刑3年6个月"),
        ("二〇一七年十二月", "2017年12月"), ("十五个月", "15个月"), ("一百零八", "108"),
        ("两万三千元", "23000元"), ("一亿零三百万", "103000000"), ("贰拾元", "20元"),
        ("没有", "没有"), ("千里", "1000里"),
    ],
)  # fmt: skip
def test_numerals_become_digits(text: str, digits: str) -> None:
    assert with_digits(text) == digits


@pytest.mark.parametrize(
    ("task", "options", "text", "wanted", "score", "abstained"),
    [
        ("1-2", [], "[正确答案]B<eoa>", "正确答案：B。", 1, False),
        ("1-2", [], "B，不是C", "正确答案：B。", 0, False),
        ("1-2", [], "不知道", "正确答案：B。", 0, True),
        ("2-8", [], "[正确答案]E<eoa>", "[正确答案]E<eoa>", 1, False),
        ("2-2", ["利息", "违约"], "属于违约", "争议焦点类别：违约。", 1, False),
        ("2-3", STAGES, "盗窃、抢劫", "类别:盗窃。", 2 / 3, False),
        ("2-4", STAGES, "[类别]盗窃<eoa>", "盗窃", 1, False),
        ("2-9", STAGES, "无", "盗窃;诈骗", 0, True),
        ("3-3", STAGES, "盗窃罪，诈骗罪", "罪名:盗窃;诈骗", 1, False),
        ("2-5", [], "张三，2013年", "回答:张三", 2 * 2 / 9, False),
        ("2-6", [], "受害人：李某\n时间：无\n地点：北京市", "受害人:李某;地点:北京市朝阳区",
         (1 + 2 / 3) / 2, False),
        ("2-6", [], "", "", 1, False),
        ("2-10", [], "追逃;诈骗", "追逃", 2 / 3, False),
        ("3-1", [], "刑法第264条、刑法第二百六十六条", "法条:刑法第264条、266条", 1, False),
        ("3-1", [], "第264条、第266条第一款", "法条:刑法第264条、266条", 2 / 3, False),  # as theirs
        ("3-1", [], "刑法第264条", "法条:刑法第264条、266条", 2 / 3, False),
        ("3-4", [], "判处有期徒刑一年", "刑期:12个月", 1, False),
        ("3-4", [], "[刑期]6月<eoa>", "刑期:12个月", 1 - math.log(13 / 7) / math.log(216), False),
        ("3-5", [], "不应判刑", "刑期:12个月", 0, True),
        ("3-7", [], "共14200元", "上文涉及到的犯罪金额:14200.0元。", 1, False),
        ("3-7", [], "共1420元", "上文涉及到的犯罪金额:14200.0元。", 0, False),
    ],
)  # fmt: skip
def test_each_task_is_scored_by_its_authors_rule(
    task: str, options: list[str], text: str, wanted: str, score: float, abstained: bool
) -> None:
    got = rule_of(task, options)(text, wanted)
    assert got == (pytest.approx(score, abs=1e-6), abstained)


def test_rouge_is_over_words() -> None:
    pytest.importorskip("jieba")
    rule = rule_of("1-1")
    assert rule("合作社成员承担责任", "答案:合作社成员承担责任")[0] == pytest.approx(1, abs=1e-6)
    assert rule("", "答案:合作社成员承担责任") == (0.0, True)
    assert rule("合作社成员承担义务", "答案:合作社成员承担责任")[0] == pytest.approx(
        2 / 3, abs=1e-6
    )


def test_labels_are_read_from_the_instruction() -> None:
    assert labels_of("类别包括:诉讼主体、利息。将答案写在") == ["诉讼主体", "利息"]
    assert labels_of("事件包括：支付/给付，欺骗。请直接") == ["支付/给付", "欺骗"]
    assert labels_of("给出法条") == []


def lawbench_files(root: Path) -> Path:
    folder = root / "LawBench" / "data" / "zero_shot"
    folder.mkdir(parents=True)
    answers = {"3-3": ["罪名:盗窃", "罪名:诈骗;抢劫"], "3-4": ["刑期:6个月", "刑期:无期"],
               "2-6": ["", "时间:今天"]}  # fmt: skip
    for task in TASKS:
        rows = [
            {"instruction": "类别包括:甲、乙。", "question": f"问{n}", "answer": answer}
            for n, answer in enumerate(answers.get(task, ["甲", "乙"]))
        ]
        (folder / f"{task}.json").write_text(json.dumps(rows), encoding="utf-8")
    return root


def test_lawbench_is_read_as_published(tmp_path: Path) -> None:
    benchmark = benchmark_folder(FOLDER / "lawbench")()
    data = benchmark.load(lawbench_files(tmp_path))
    rows = data.splits["test"]
    assert Counter(row["subject"] for row in rows) == {t: 1 if t == "3-4" else 2 for t in TASKS}
    assert data.bad == [] and data.lacking == "37 of the 9,492 items that its authors publish"
    charges = next(row for row in rows if row["subject"] == "3-3")
    assert charges["options"] == ["抢劫", "盗窃", "诈骗"], "named by the references"
    assert lawbench(charges, "盗窃") == {"score": 1.0, "abstained": 0.0}
    (tmp_path / "LawBench" / "data" / "zero_shot" / "1-1.json").unlink()
    with pytest.raises(MindError, match="1-1.json is missing"):
        benchmark.load(tmp_path)


def test_items_of_lawbench_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    files = lawbench_files(tmp_path) / "LawBench" / "data" / "zero_shot"
    whole = {"instruction": "类别包括:甲、乙。", "question": "问", "answer": "甲"}
    rows = [
        {**whole, "answer": None}, {**whole, "answer": 3}, {**whole, "question": ""},
        {"answer": "甲"}, whole,
    ]  # fmt: skip
    (files / "1-2.json").write_text(json.dumps(rows), encoding="utf-8")
    data = benchmark_folder(FOLDER / "lawbench")().load(tmp_path, keep_going=True)
    assert [row["id"] for row in data.splits["test"] if row["subject"] == "1-2"] == ["1-2-4"]
    assert [reason for _, reason in data.bad] == [
        "field 'answer' is missing or no text", "field 'answer' is missing or no text",
        "field 'question' is missing or empty", "field 'instruction' is missing or empty",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("task", "answer", "scored"),
    [
        ("2-2", "争议焦点类别：赔偿。", False), ("2-2", "争议焦点类别：利息。", True),
        ("3-4", "刑期:死刑", False), ("3-5", "刑期:无期", False), ("3-5", "刑期:6个月", True),
        ("3-3", "死刑", True), ("2-6", "", True),
    ],
)  # fmt: skip
def test_terms_that_are_no_months_are_not_scored(task: str, answer: str, scored: bool) -> None:
    assert scored_answer(task, answer) is scored


HEADER = "input,output,A,B,C,D,source,multichoice\n"


def disc_files(root: Path, output: str = "BA") -> Path:
    folder = root / "disc-law-eval" / "objective"
    folder.mkdir(parents=True)
    for kind, names in (("sing", "cpa lbk nje pae pfe ungee"), ("mult", "cpa nje pae ungee")):
        for name in names.split():
            right = "C" if kind == "sing" else output
            rows = "".join(f"问题{n}？,{right},甲,乙,丙,丁,2015,{kind}\n" for n in range(2))
            (folder / f"mcq_{kind}_{name}.csv").write_text(HEADER + rows, encoding="utf-8")
    return root


def test_questions_with_several_right_choices_want_all_of_them(tmp_path: Path) -> None:
    rows = benchmark_folder(FOLDER / "disc_law")().load(disc_files(tmp_path)).splits["test"]
    assert Counter(row["letters"] for row in rows) == {"C": 12, "AB": 8}
    single = benchmark_folder(FOLDER / "disc_law_single")().load(tmp_path).splits["test"]
    assert [row["answer"] for row in single] == [2] * 12


def test_an_answer_outside_the_choices_is_named(tmp_path: Path) -> None:
    data = benchmark_folder(FOLDER / "disc_law")().load(disc_files(tmp_path, "AE"), True)
    assert len(data.bad) == 8 and "the answer 'AE' is no letters" in data.bad[0][1]


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("A、C", "AC"), ("答案是AB。", "AB"), ("正确答案应为：无法判断，故选BD，理由如下", "BD"),
        ("首先看题干。A. 甲 C. 丙 均符合法律的规定", "AC"),
        ("本题中ACD都是正确的，其余不符合规定", "ACD"),
        ("这个问题我不知道如何回答，请再说一遍", ""), ("A" * 40000 + "x", "A"),
    ],
)  # fmt: skip
def test_letters_are_found_as_the_authors_find_them(text: str, letters: str) -> None:
    assert letters_named(text) == set(letters)


@pytest.mark.parametrize(
    ("answer", "text", "right"),
    [
        ("71.28元", "71.28", True), ("71.28元", "50 × 1.4255 = 71.275元", True),
        ("71.28元", "71.3元", False),
        ("1.0126万元", "10126元", True), ("3.65%", "0.0365", True), ("0.0365", "3.65%", True),
        ("20142.64元", "约20,142.64元", True), ("-27.14元", "27.14元", False),
        ("24000元", "", False), ("13610000", "1361万", True),
    ],
)  # fmt: skip
def test_a_calculation_is_right_to_the_digits_of_the_answer(
    answer: str, text: str, right: bool
) -> None:
    got = calculation({"answer": answer}, text)
    assert got == {"score": float(right), "abstained": float(not text)}


def test_a_run_scores_by_the_benchmarks_own_rules(tmp_path: Path, model_folder: Path) -> None:
    from mind_eval.cli import make_plugins
    from mind_eval.options import RunOptions
    from mind_eval.pipeline import run_scores
    from mind_eval.suites import suite_recipe
    from mind_eval.table import scores_table

    folder = tmp_path / "fineval"
    folder.mkdir()
    (folder / "numerical-calculation.csv").write_text(
        "序号,类型,端到端query,基座query,标准答案,题目答案计算逻辑\n31,数值计算,问,一加一是多少,2元,1+1\n",
        encoding="utf-8",
    )
    asked = RunOptions(str(model_folder), data_root=tmp_path, progress=False)
    recipe = suite_recipe(None, ["fineval"], None, None, max_new_tokens=4)
    scores = run_scores(asked, recipe, make_plugins())
    assert scores is not None
    assert set(scores["results"]["fineval"]) >= {"score,none", "abstained,none", "cut,none"}
    assert scores["headlines"]["fineval"]["metric"] == "score"
    assert " score *" in scores_table(scores)


@pytest.mark.skipif(not (DATA / "law").is_dir(), reason="shared data are not here")
@pytest.mark.parametrize(
    ("name", "root", "items"),
    [("lawbench", "law", 9492), ("disc_law", "law", 2563), ("disc_law_single", "law", 1617),
     ("fineval", "finance", 42)],
)  # fmt: skip
def test_the_authors_files_are_read_whole(name: str, root: str, items: int) -> None:
    data: Any = benchmark_folder(FOLDER / name)().load(DATA / root)
    assert len(data.splits["test"]) == items and data.lacking is None and not data.bad


@pytest.mark.skipif(not (DATA / "external").is_dir(), reason="shared data are not here")
def test_published_outputs_get_their_published_scores(tmp_path: Path) -> None:
    pytest.importorskip("jieba")
    published = DATA / "external" / "lawbench-predictions"
    (tmp_path / "SCORES.md").write_text((published / "SCORES.md").read_text())
    model = tmp_path / "GPT4"
    model.mkdir()
    for task in ("1-1", "1-2", "2-2", "2-3", "2-6", "3-1", "3-3", "3-4", "3-7"):
        (model / f"{task}.json.zst").symlink_to(published / "GPT4" / f"{task}.json.zst")
    checks = lawbench_checks(tmp_path)
    assert len(checks) == 9 and [c.what for c in checks if c.state != "ok"] == []
