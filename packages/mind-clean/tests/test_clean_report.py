"""The page and the funnel say what happened, and the same for any number of workers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson

from mind_clean.funnel import MAX_SOURCES, OTHER, Funnel
from mind_core.stream import read_records
from mind_core.testing import run_tool

SENTENCE = "清明前后，杭州的茶农便上山采茶，一芽一叶的嫩芽最为珍贵，采下来当天就要摊晾。"


def pages() -> list[dict[str, Any]]:
    made = [{"id": f"short-{n}", "text": f"短文第{n}号<b>。", "source": "a"} for n in range(25)] + [
        {"id": f"long-{n}", "text": SENTENCE * 4, "source": "b"} for n in range(7)
    ]
    return [*made, {"id": "en", "text": "Plain English text."}]


def test_the_page_holds_what_the_summary_says(tmp_path: Path) -> None:
    found = []
    for jobs in ("1", "2"):
        done = run_tool(
            "mind-clean",
            ["-q", "-j", jobs, "--step", "script", "--step", "han_count",
             "--report", tmp_path / "page.html", "--summary", tmp_path / "s.json",
             "--rejects", tmp_path / "r.zst", "-o", tmp_path / "o.zst"],
            pages(),
        )  # fmt: skip
        assert done.code == 0, done.stderr
        page = (tmp_path / "page.html").read_text("utf-8")
        summary = orjson.loads((tmp_path / "s.json").read_bytes())
        found.append((re.sub(r"[\d.]+ s<", "N s<", page), summary["details"]["funnel"]))
    assert found[0] == found[1]
    page, funnel = found[0]
    assert {(row["step"], row["source"], row["language"], row["records"]) for row in funnel} == {
        ("han_count", "a", "zh", 25), ("kept", "b", "zh", 7), ("kept", "unknown", "en", 1),
    }  # fmt: skip
    assert sum(row["records"] for row in funnel) == 33
    shown = re.findall(r"<code>(short-\d+)</code>", page)
    rejected = {record["id"] for record in read_records([tmp_path / "r.zst"])}
    assert len(set(shown)) == 10 and set(shown) <= rejected
    assert "han_count.few_han" in page and "&lt;b&gt;" in page and "<b>。" not in page
    assert "http" not in page.replace("http-equiv", ""), "it loads nothing"


def test_samples_do_not_depend_on_how_funnels_are_merged() -> None:
    lines = [b'{"id":"%d"}' % n for n in range(200)]
    whole, parts = Funnel(), Funnel()
    for line in lines:
        whole.add({"text": ""}, "step", "why", line)
    for start in range(0, 200, 30):
        part = Funnel()
        for line in lines[start : start + 30]:
            part.add({"text": ""}, "step", "why", line)
        parts.merge(part)
    assert sorted(whole.samples["step.why"]) == sorted(parts.samples["step.why"])
    assert whole.rows() == parts.rows()


def test_a_source_for_each_page_does_not_fill_the_memory() -> None:
    funnel = Funnel()
    for n in range(MAX_SOURCES + 50):
        funnel.add({"text": "x", "source": f"page-{n}"}, "kept")
    rows = funnel.rows()
    assert len(rows) == MAX_SOURCES + 1
    assert next(row for row in rows if row["source"] == OTHER)["records"] == 50


def test_a_report_over_an_input_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"id":"1","text":"x"}\n')
    done = run_tool("mind-clean", ["--step", "emoji", "--report", path, path])
    assert done.code == 2
    assert path.read_text() == '{"id":"1","text":"x"}\n'
