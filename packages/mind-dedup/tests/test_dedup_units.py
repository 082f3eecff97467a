"""Paragraphs and lines: within a record and across records, shortened, marked, rejected."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from dedup_making import edited, han_text, run

from mind_core.errors import UsageError
from mind_core.records import Record
from mind_core.stream import read_records
from mind_dedup import sorted_runs as runs
from mind_dedup.units import spans_of

MENU = "首页 新闻 体育 财经 科技 娱乐 汽车 房产 教育 健康 旅游 论坛 博客 视频 图片 登录 注册 帮助"


def texts_of(text: str, unit: str, least: int = 1) -> list[str]:
    return [text[begin:end] for begin, end in spans_of(text, unit, least)]


def test_units_are_cut_at_their_breaks() -> None:
    text = "one\ntwo\n\n three\n \n\nfour"
    assert texts_of(text, "paragraph") == ["one\ntwo\n\n ", "three\n \n\n", "four"]
    assert texts_of(text, "line") == ["one\n", "two\n", " three\n", "four"]
    assert texts_of(text, "line", 4) == [" three\n", "four"]
    assert texts_of("", "line") == texts_of("\n\n", "paragraph") == []


def test_repeated_paragraphs_go_within_and_across_records(tmp_path: Path) -> None:
    one, two, three = (han_text(seed, 80) for seed in range(3))
    records = [
        {"id": "a", "text": f"{MENU}\n\n{one}\n\n短\n\n{one}又", "source": "s"},
        {"id": "b", "text": f"{MENU}\n\n{two}\n\n短", "source": "s"},
        {"id": "c", "text": three, "source": "s"},
        {"id": "d", "text": f"{one}\n\n{MENU}", "source": "s"},
    ]
    rejects = tmp_path / "gone.jsonl"
    arguments = ("--scope", "paragraph", "--rejects", str(rejects))
    found = run(tmp_path, records, *arguments)
    assert [record["text"] for record in found] == [
        f"{MENU}\n\n{one}\n\n短",
        f"{two}\n\n短",
        three,
    ]
    assert found[0]["metadata"]["mind"]["dedup"] == {"units_removed": 1}
    assert "metadata" not in found[2]
    gone = list(read_records([rejects]))
    told = [(r["id"], r["metadata"]["mind"]["rejected"].get("duplicate_of")) for r in gone]
    assert told == [("a", "a"), ("b", "a"), ("d", "a"), ("d", "a"), ("d", None)]
    assert gone[-1]["metadata"]["mind"]["rejected"]["reason"] == "nothing_left"
    assert gone[-1]["text"] == records[3]["text"]
    again = run(tmp_path, found, "--scope", "paragraph")
    assert [record["text"] for record in again] == [record["text"] for record in found]


def test_lines_by_an_exact_signature_and_marks(tmp_path: Path) -> None:
    records = [
        {"id": i, "text": f"{MENU}\n{han_text(i, 50)}\n}}\n", "source": "s"} for i in range(5)
    ]
    arguments = ("--scope", "line", "--signature", "normalized")
    found = run(tmp_path, records, *arguments)
    assert [r["text"] for r in found[1:]] == [f"{han_text(i, 50)}\n}}\n" for i in range(1, 5)]
    marked = run(tmp_path, records, *arguments, "--mark")
    assert [r["text"] for r in marked] == [r["text"] for r in records]
    ((begin, end, told),) = marked[3]["metadata"]["mind"]["dedup"]["spans"]
    assert marked[3]["text"][begin:end] == f"{MENU}\n" and told["duplicate_of"] == 0
    assert told["duplicate_at"].endswith("in.jsonl:1")


def pages(count: int) -> list[Record]:
    """Return records of several paragraphs, many of which come again, edited more or less."""
    texts = [record["text"] for record in edited(count)]
    return [
        {
            "id": f"p{at}",
            "text": "\n\n".join(texts[at : at + 3]),
            "source": f"s{at % 2}",
            "score": at,
        }
        for at in range(0, len(texts), 3)
    ]


@pytest.mark.parametrize("more", [[], ["--mark"], ["--keep", "best:score"]], ids=" ".join)
def test_a_bound_on_memory_changes_nothing(
    more: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_ROWS_AT_ONCE", 64)
    spilled: list[int] = []
    write = runs.SortedRuns.write
    monkeypatch.setattr(
        runs.SortedRuns, "write", lambda self, k, n: spilled.append(len(k)) or write(self, k, n)
    )
    told, records = tmp_path / "summary.json", pages(700)
    rejects = tmp_path / "gone.jsonl"
    arguments = ["--scope", "paragraph", "--rejects", str(rejects), "--summary", str(told), *more]
    free = run(tmp_path, records, *arguments)
    gone, wanted = rejects.read_bytes(), orjson.loads(told.read_bytes())
    assert not spilled and wanted["details"]["units"] > 500
    bounded = run(tmp_path, records, *arguments, "--memory", "1M")
    assert len(spilled) >= 3
    assert bounded == free and rejects.read_bytes() == gone
    found = orjson.loads(told.read_bytes())
    assert found["rejected"] == wanted["rejected"] and found["marked"] == wanted["marked"]
    assert found["details"] == wanted["details"]


def test_the_best_paragraph_stays(tmp_path: Path) -> None:
    one, two = han_text(1, 100), han_text(2, 100)
    records = [
        {"id": "a", "text": f"{one}\n\n{two}", "source": "web"},
        {"id": "b", "text": f"{one}又及此。", "source": "book"},
    ]
    by_source = run(tmp_path, records, "--scope", "paragraph", "--keep", "source:book,web")
    assert [record["text"] for record in by_source] == [two, f"{one}又及此。"]
    longest = run(tmp_path, records, "--scope", "paragraph", "--keep", "longest")
    assert longest == by_source
    first = run(tmp_path, records, "--scope", "paragraph")
    assert [record["text"] for record in first] == [f"{one}\n\n{two}"]


def test_clusters_of_paragraphs_say_where_they_are(tmp_path: Path) -> None:
    one, two = han_text(1, 100), han_text(2, 100)
    records = [
        {"id": "a", "text": f"{one}\n\n{two}", "source": "s"},
        {"id": "b", "text": f"{two}完\n\n{han_text(3, 60)}\n\n{one}", "source": "s"},
    ]
    table = tmp_path / "clusters.jsonl"
    found = run(tmp_path, records, "--scope", "paragraph", "--clusters", str(table))
    assert [record["text"] for record in found] == [records[0]["text"], han_text(3, 60)]
    rows = list(read_records([table]))
    assert [(r["cluster"], r["number"], r["id"], r["kept"], r["size"]) for r in rows] == [
        ("a", 0, "a", True, 2),
        ("a", 0, "b", False, 2),
        ("a", 1, "a", True, 2),
        ("a", 1, "b", False, 2),
    ]
    texts = {record["id"]: record["text"] for record in records}
    for row in rows:
        begin, end = row["span"]
        assert texts[row["id"]][begin:end].strip() == row["text"] and row["unit"] == "paragraph"
    assert rows[1]["reason"] == "exact_duplicate" and rows[3]["similarity"] > 0.9
    plain = run(tmp_path, records, "--scope", "paragraph")
    assert plain == found


def test_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--scope line counts copies of its lines"):
        run(tmp_path, [{"text": "a"}], "--scope", "line", "--weights", "fineweb2")


NOTICE = "版权所有 未经许可 不得转载"


def test_chinese_lines_count_by_what_they_say(tmp_path: Path) -> None:
    """A line of twelve characters is no short one, and leaves no blank line behind it."""
    texts = [f"{NOTICE}\n\n第{i}篇文章说的是别的事情，与前后各篇都不相同。" for i in "一二三"]
    found = run(tmp_path, [{"id": i, "text": t} for i, t in enumerate(texts)], "--scope", "line",
                "--signature", "normalized")  # fmt: skip
    assert [row["text"] for row in found] == [texts[0], *(t.split("\n\n")[1] for t in texts[1:])]


def test_few_copies_stay_and_all_of_many_go(tmp_path: Path) -> None:
    rows = [{"id": i, "text": f"own words of text {i}, of no other\n{NOTICE}"} for i in range(3)]
    rows += [{"id": 3 + i, "text": f"{i} more words of a text\n只出现两次的一行文字，不是模板"}
             for i in range(2)]  # fmt: skip
    rule = ("--scope", "line", "--signature", "normalized", "--set", "scope.min_copies=3")
    found = run(tmp_path, rows, *rule)
    assert [NOTICE in row["text"] for row in found[:3]] == [True, False, False]
    assert [row["text"] for row in found[3:]] == [row["text"] for row in rows[3:]]
    found = run(tmp_path, rows, *rule, "--set", "scope.keep_first=false",
                "--rejects", str(tmp_path / "rejects"))  # fmt: skip
    assert not any(NOTICE in row["text"] for row in found)
    reasons = [
        row["metadata"]["mind"]["rejected"]["reason"]
        for row in read_records([tmp_path / "rejects"])
    ]
    assert sorted(reasons) == ["normalized_duplicate", "normalized_duplicate", "repeated"]


def test_headings_of_what_stays_can_stay(tmp_path: Path) -> None:
    texts = [
        f"How to install the program on a computer\nThe program number {i} is installed as its own "
        f"manual {i} says.\nThis line is at the end of every page." for i in range(2)
    ]  # fmt: skip
    rows = [{"id": i, "text": text} for i, text in enumerate(texts)]
    rule = ("--scope", "line", "--signature", "exact")
    assert run(tmp_path, rows, *rule)[1]["text"] == texts[1].split("\n")[1]
    kept = run(tmp_path, rows, *rule, "--set", "scope.keep_headings=true")[1]["text"]
    assert kept == "\n".join(texts[1].split("\n")[:2])


@pytest.mark.parametrize("policy", [(), ("--keep", "longest")])
@pytest.mark.parametrize(
    ("rule", "removed"),
    [
        ((), 3),
        (("scope.min_copies=3",), 2),
        (("scope.min_copies=4",), 0),
        (("scope.min_copies=3", "scope.keep_first=false"), 3),
        (("scope.keep_headings=true",), 2),
    ],
)
def test_what_stays_is_counted_as_no_removal(
    tmp_path: Path, rule: tuple[str, ...], removed: int, policy: tuple[str, ...]
) -> None:
    """Three copies of a notice, two of a heading: counts of the summary are those of the texts."""
    heading = "How to install the program on a computer"
    rows = [{"id": i, "source": "s", "text": f"own words of text {i}, of no other\n{NOTICE}"}
            for i in range(3)]  # fmt: skip
    rows += [{"id": 3 + i, "source": "s", "text": f"{heading}\n{i} words that follow it, and more "
              "than the heading has by itself"} for i in range(2)]  # fmt: skip
    options = [part for one in rule for part in ("--set", one)]
    summary = tmp_path / "summary.json"
    found = run(tmp_path, rows, "--scope", "line", "--signature", "normalized", *options, *policy,
                "--summary", str(summary))  # fmt: skip
    said = orjson.loads(summary.read_bytes())["details"]
    lines = sum(row["text"].strip().count("\n") + 1 for row in rows)
    kept = sum(row["text"].strip().count("\n") + 1 for row in found)
    assert lines - kept == removed == said["sources"]["s"]["duplicates"]
    assert said.get("units_removed", 0) == removed
