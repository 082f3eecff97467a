"""What a report says of the stream tools: what each kept, and examples of what it dropped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from mind_core.records import Record, annotate
from mind_eval.report.funnel import QUOTE, _quote, _reason, _short, funnel_section, read_stages


def rejected(id_: str, **more: Any) -> Record:
    record: Record = {"id": id_, "text": f"text of {id_}"}
    annotate(record, "rejected", tool="mind-clean", **more)
    return record


def written(run: Path, name: str, summary: dict[str, Any], rejects: list[Record]) -> None:
    (run / f"{name}.summary.json").write_text(json.dumps(summary))
    lines = b"".join(json.dumps(record).encode() + b"\n" for record in rejects)
    (run / f"{name}.rejects.jsonl.zst").write_bytes(zstandard.compress(lines))


def test_each_stage_has_its_counts_and_three_examples_of_a_reason(tmp_path: Path) -> None:
    rejects = [rejected(f"r{n}", step="x", reason="short") for n in range(5)]
    rejects.append(rejected("b", step="read", reason="not_json"))
    summary = {"tool": "mind-clean", "in": 4000, "kept": 1000, "rejected": {"x.short": 5},
               "bad": {"not_json": 2, "wrong_type": 9}}  # fmt: skip
    written(tmp_path, "2-clean", summary, rejects)
    written(tmp_path, "1-none", {"tool": "mind-dedup", "in": 0, "kept": 0}, [])
    none, stage = read_stages(tmp_path)
    assert (none.name, none.lost) == ("1-none", {})
    assert stage.lost == {"x.short": 5, "bad: not_json": 2, "bad: wrong_type": 9}
    assert [record["id"] for record in stage.examples["x.short"]] == ["r0", "r1", "r2"]
    assert [record["id"] for record in stage.examples["bad: not_json"]] == ["b"]

    shown = str(funnel_section([none, stage]).body)
    assert "25.0%" in shown and "0.0%" in shown and "1,000 of 4,000" in shown
    for text in ("mind-clean</b> 2-clean", "mind-dedup</b> 1-none"):
        assert text in shown
    first_row = shown.partition("<tbody>")[2].partition("</tr>")[0]
    assert [cell.startswith(" class=n") for cell in first_row.split("<td")[1:]] == [
        False, False, True, True, True
    ], "two texts, then numbers"  # fmt: skip
    reasons = ("bad: wrong_type", "x.short", "bad: not_json")
    places = [shown.index(f"<code>{reason}</code>") for reason in reasons]
    assert places == sorted(places), "the most frequent first"
    assert shown.count("<blockquote>") == 4 and shown.count("<details>") == 3


@pytest.mark.parametrize(
    ("record", "line", "quote"),
    [
        ({"text": "a\n  b"}, None, "a b"), ({}, "{broken", "{broken"), ({}, None, ""),
        ({"text": "x" * QUOTE}, None, "x" * QUOTE),
        ({"text": "x" * (QUOTE + 1)}, None, "x" * QUOTE + "…"),
        ({"messages": [{"content": "q"}, {"role": "r"}, {"content": "a"}]}, None, "q a"),
        ({"html": "<p>"}, None, "<p>"), ({"html": "<p>"}, "line", "line"),
    ],
)  # fmt: skip
def test_a_quote_is_what_the_record_has(record: Record, line: str | None, quote: str) -> None:
    assert _quote(record, {"line": line} if line else {}) == quote


def test_reasons_are_called_as_in_the_summary() -> None:
    assert _reason(rejected("a", step="pii", reason="pii")) == "pii"
    assert _reason(rejected("a", step="url", reason="listed")) == "url.listed"
    assert _reason(rejected("a", step="read", reason="not_json")) == "bad: not_json"
    assert _reason(rejected("a", reason="near")) == "near"
    assert _reason({"id": "a"}) == "unknown"
    assert [_short(value) for value in (0.12345, 3, "x")] == ["0.123", "3", "x"]
