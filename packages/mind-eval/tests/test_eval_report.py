"""The page of a run: its numbers are the folder's, and nothing in the folder can script it."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import orjson
import pytest

from mind_core.output import write_records
from mind_core.records import Record, annotate
from mind_core.summary import Summary
from mind_core.testing import run_tool
from mind_eval.report.run_report import write_report

HOSTILE = "<script>alert(1)</script><img src=x onerror=y> & 中文"


class Tags(HTMLParser):
    """Collect the tags, attributes and text of a page, and check that tags close."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        self.attributes += attrs
        if tag not in {"meta", "line", "rect", "polyline", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in {"line", "rect", "polyline"}:
            return
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    summary = Summary("mind-clean", records_in=10, kept=6)
    summary.rejected.update({"text_density.low_density": 3})
    summary.bad.update({"not_json": 1})
    summary.write(folder / "01-clean.summary.json")
    rejects: list[Record] = [{"id": f"page {n}", "text": HOSTILE} for n in range(3)]
    for record in rejects:
        annotate(
            record, "rejected", tool="mind-clean", step="text_density", reason="low_density",
            value=0.61234, threshold=0.75,
        )  # fmt: skip
    bad: Record = {}
    annotate(bad, "rejected", step="read", reason="not_json", line="{" + HOSTILE)
    write_records(folder / "01-clean.rejects.jsonl.zst", [*rejects, bad])
    (folder / "05-model").mkdir()
    (folder / "05-model" / "recipe.toml").write_text("[model]\n")
    figures = {"nats_per_token": 5.5, "bits_per_byte": 2.25, "tokens": 10, "bytes": 30}
    lines = [{"step": n, "loss": 9.0 - n / 10} for n in range(1, 50)]
    tests = [
        {"step": n, "validation": {"a<b>/zh": figures}, "languages": {"zh": figures}}
        for n in (0, 49)
    ]
    (folder / "05-model" / "metrics.jsonl").write_bytes(
        b"".join(orjson.dumps(line) + b"\n" for line in [*lines, *tests])
    )
    write_records(folder / "11-samples.jsonl", [{"prompt": "春", "text": HOSTILE}], level=0)
    return folder


def test_the_page_tells_what_is_there(run: Path) -> None:
    result = run_tool("mind-eval", ["report", run, "-o", run / "page.html", "--title", "T & t"])
    assert result.code == 0, result.stderr
    page = Tags((run / "page.html").read_text("utf-8"))
    assert not page.open
    for wanted in (
        "T & t", "mind-clean", "60.0%", "text_density.low_density", "bad: not_json",
        "value 0.612", "threshold 0.750", "page 0", "a<b>/zh", "2.250", "Pretraining: 05-model",
    ):  # fmt: skip
        assert wanted in page.text, wanted
    assert "How it scores" not in page.text, "what is not there is left out"


def test_scores_of_a_task_without_chance_are_shown(run: Path) -> None:
    (run / "scores").mkdir()
    scores = {
        "results": {"gsm8k": {"exact_match,none": 0.125, "exact_match_stderr,none": 0.01}},
        "benchmarks": {"gsm8k": {"chance": None, "language": "en"}},
        "n-samples": {"gsm8k": {"effective": 8}},
    }
    (run / "scores" / "scores.json").write_bytes(orjson.dumps(scores))
    result = run_tool("mind-eval", ["report", run, "-o", run / "page.html"])
    assert result.code == 0, result.stderr
    assert "0.125 ± 0.010" in Tags((run / "page.html").read_text("utf-8")).text


def test_nothing_in_the_data_becomes_markup(run: Path) -> None:
    run_tool("mind-eval", ["report", run, "-o", run / "page.html"])
    page = Tags((run / "page.html").read_text("utf-8"))
    assert page.text.count("<script>alert(1)</script>") >= 4
    assert not {"script", "img", "b>"} & set(page.found)
    assert all(not name.startswith("on") and name != "src" for name, _ in page.attributes)
    policy = dict(page.attributes)
    assert policy["content"] is not None


def test_a_folder_without_anything_is_told(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        result = run_tool("mind-eval", ["report", folder, "-o", tmp_path / "page.html"])
        assert result.code == 1 and "hint: " in result.stderr
    assert not (tmp_path / "page.html").exists()


def test_the_page_is_written_in_chinese(run: Path) -> None:
    for language in ("zh", "en"):
        write_report(run, run / f"{language}.html", "From web pages to a small language model",
                     language)  # fmt: skip
    page, english = ((run / f"{name}.html").read_text("utf-8") for name in ("zh", "en"))
    assert '<html lang="zh-CN"' in page and "留下了什么，去掉了什么" in page
    assert "从网页到小语言模型" in page
    for phrase in ("What was kept", "Every record that went in", ">stage<"):
        assert phrase in english and phrase not in page
