"""A planted benchmark item is found, in both languages; ordinary text is not."""

from __future__ import annotations

import csv
import gzip
import json
import zipfile
from pathlib import Path

import pytest
import zstandard

from mind_clean.filters.contamination import Contamination, load_index
from mind_core.errors import UsageError
from mind_core.testing import check_filter, run_tool
from mind_core.text.benchmark_files import benchmark_files, read_texts

QUESTIONS = [
    "Maria walked three miles to the old mill, then rode a borrowed bicycle back home before dark.",
    "某工厂有甲乙两个车间，甲车间的人数是乙车间的两倍，从甲车间调走十五人后两车间人数相等。",
    "小明买了3支铅笔和2本练习本一共花了11元，Each notebook costs 4 yuan，每支铅笔多少钱？",
]
ORDINARY = [
    "The mill stood by the river for two hundred years, and nobody remembered who built it.",
    "中华人民共和国全国人民代表大会常务委员会关于批准某某公约的决定，自公布之日起施行。",
]


def written(folder: Path, questions: list[str] = QUESTIONS) -> Path:
    path = folder / "test.jsonl"
    lines = [json.dumps({"question": q, "answer": str(n)}) for n, q in enumerate(questions)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_a_planted_item_is_found_in_both_languages(tmp_path: Path) -> None:
    against = [str(written(tmp_path))]
    planted = [f"{text}\n{question.upper()}\n{text}" for text in ORDINARY for question in QUESTIONS]
    check_filter(
        Contamination, keeps=[*ORDINARY, "", "短文"], drops=[*QUESTIONS, *planted], against=against
    )


def test_the_reason_names_the_file_and_the_ngram(tmp_path: Path) -> None:
    path = written(tmp_path)
    reason = Contamination(against=(str(path),))({"text": "前言。" + QUESTIONS[1]})
    assert reason == "contaminated"
    assert reason.value["file"] == str(path)
    assert reason.value["ngram"] == "某工厂有甲乙两个车间，甲车间"
    assert (reason.value["share"], reason.threshold) == (1.0, {"hits": 3, "share": 0.5})


def test_how_much_must_be_shared_is_an_option(tmp_path: Path) -> None:
    against = str(written(tmp_path))
    words = QUESTIONS[0].split()
    one_run, half = " ".join(words[:13]), " ".join(words[:15])
    for text, options, drops in (
        (one_run, {}, False),
        (one_run, {"min_hits": 1, "min_share": 0}, True),
        (half, {}, True),
        (half, {"min_hits": 4}, False),
        (half, {"min_share": 0.8}, False),
        (" ".join(words[:8]), {"n": 6, "min_share": 0.1}, True),
    ):
        assert (Contamination(against=(against,), **options)({"text": text}) is not None) == drops


def test_what_many_items_say_is_their_template(tmp_path: Path) -> None:
    template = (
        "Choose the answer that best completes the sentence and explain it as briefly as you can."
    )
    own = "The quick brown fox number {} jumps over the lazy dog near river bank at noon daily."
    questions = [f"{template} {own.format(n)}" for n in range(20)]
    against = [str(written(tmp_path, questions))]
    assert template not in questions
    check_filter(
        Contamination, keeps=[template], drops=[questions[7]], against=against, min_share=0
    )
    check_filter(
        Contamination, keeps=[], drops=[template], against=against, min_share=0, max_texts=99
    )


def shapes(folder: Path) -> None:
    """Write the same two questions in every shape."""
    data = [{"question": QUESTIONS[0], "options": [QUESTIONS[1]], "answer": "A"}]
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in data)
    (folder / "a.jsonl.zst").write_bytes(zstandard.compress(lines.encode()))
    (folder / "b.ndjson.gz").write_bytes(gzip.compress(lines.encode()))
    (folder / "c.json").write_text(json.dumps({"canary": "x", "examples": data}), "utf-8")
    (folder / "d.json").write_text(json.dumps(data, indent=1), "utf-8")
    with (folder / "e.csv").open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file)
        rows.writerows([["question", "A"], [QUESTIONS[0] + '\n"x"', QUESTIONS[1]]])
    (folder / "f.tsv").write_text(f"question\tA\n{QUESTIONS[0]}\t{QUESTIONS[1]}\n", "utf-8")
    (folder / "g.txt").write_text(f"{QUESTIONS[0]}\n\n{QUESTIONS[1]}\n", "utf-8")
    (folder / "h.txt").write_text(lines, "utf-8")
    with zipfile.ZipFile(folder / "i.zip", "w") as archive:
        archive.write(folder / "e.csv", "dev/e.csv")
        archive.write(folder / "g.txt", "LICENSE.txt")
    (folder / "README.txt").write_text("about", "utf-8")


def test_every_shape_of_benchmark_file_is_read(tmp_path: Path) -> None:
    shapes(tmp_path)
    files = benchmark_files([str(tmp_path)])
    assert [path.name[0] for path in files] == list("abcdefghi")
    for path in files:
        index = load_index((str(path),), (), 13, 10)
        for question in QUESTIONS[:2]:
            overlap = index.overlap(question, 3, 0.7)
            assert overlap is not None, path
            assert overlap.source == str(path)
        if path.suffix != ".txt":
            texts = [text[:5] for text in read_texts(path, ["question"])]
            assert texts == [QUESTIONS[0][:5]], path


def test_the_fields_that_count_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps([{"q": QUESTIONS[0], "o": {"A": QUESTIONS[1]}}]), "utf-8")
    against = [str(path)]
    check_filter(
        Contamination, keeps=[QUESTIONS[1]], drops=[QUESTIONS[0]], against=against, fields=["q"]
    )
    check_filter(
        Contamination, keeps=[QUESTIONS[0]], drops=[QUESTIONS[1]], against=against, fields=["o"]
    )


def test_errors_say_what_to_do(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"q": "a"}\n{"q": \n')
    for options, message in (
        ({}, "needs benchmark files"),
        ({"against": ("nowhere",)}, "no benchmark file or folder nowhere"),
        ({"against": (str(tmp_path / "empty"),)}, "holds no benchmark file"),
    ):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(UsageError, match=message):
            Contamination(**options)
    with pytest.raises(UsageError, match="broken.jsonl:2: not JSON"):
        Contamination(against=(str(broken),)).prepare()
    short = written(tmp_path, ["too short"])
    with pytest.raises(UsageError, match="no run of 13 tokens"):
        Contamination(against=(str(short),)).prepare()
    latin = tmp_path / "latin.txt"
    latin.write_bytes(b"caf\xe9")
    with pytest.raises(UsageError, match="latin.txt:1: not valid UTF-8"):
        Contamination(against=(str(latin),)).prepare()
    for name, value in (("n", 0), ("min_hits", 0), ("min_share", 2.0), ("max_texts", 0)):
        with pytest.raises(ValueError, match=name):
            Contamination(against=(str(short),), **{name: value})


def test_workers_share_one_index_and_give_the_same(tmp_path: Path) -> None:
    path = written(tmp_path)
    records = [{"id": n, "text": [*ORDINARY, *QUESTIONS][n % 5]} for n in range(50)]
    results = [
        run_tool(
            "mind-clean",
            [
                "-z",
                "0",
                "--step",
                "contamination",
                "--set",
                f"contamination.against={path}",
                "-j",
                j,
            ],
            records,
        )
        for j in ("1", "2")
    ]
    assert results[0].code == 0, results[0].stderr
    assert results[0].stdout == results[1].stdout
    assert len(results[0].records) == 20
    load_index.cache_clear()
