"""Paragraphs and lines: within a record and across records, shortened, marked, rejected."""

from __future__ import annotations

from pathlib import Path

from dedup_making import han_text, run

from mind_core.stream import read_records
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
    assert marked[3]["text"][begin:end] == f"{MENU}\n" and told == {"duplicate_of": 0}
