"""Show which instructions were selected: how far each lies above the model's own entropy."""

from __future__ import annotations

from pathlib import Path

from mind_core.records import Record, annotation
from mind_core.render.chart import Line, histogram
from mind_core.stream import read_records
from mind_core.text.languages import language_of_text
from mind_eval.report.curves import COLOURS, language_name
from mind_eval.report.page import Section
from mind_eval.report.words import say

TOOL = "sft-select"


def selection_section(run: Path, stage: str) -> Section | None:
    """Return the section of a selection: the kept stream and the rejects of one stage."""
    gaps: dict[str, list[tuple[float, float]]] = {}
    kept: list[float] = []
    for suffix in ("", ".rejects"):
        path = run / f"{stage}{suffix}.jsonl.zst"
        if not path.exists():
            continue
        for record in read_records([path]):
            gap = annotation(record, TOOL).get("gap")
            if isinstance(gap, float):
                gaps.setdefault(_language(record), []).append((gap, 1.0))
                if not suffix:
                    kept.append(gap)
    if not kept:
        return None
    lines = [
        Line(language_name(name), points, colour=COLOURS.get(name, ""))
        for name, points in sorted(gaps.items())
    ]
    label = say("nats per answer token above the model's own")
    body = histogram(lines, label, (min(kept), max(kept)))
    return Section(
        "selection",
        say("Which instructions teach"),
        body,
        say("lead.selection").format(len(kept)),
    )


def _language(record: Record) -> str:
    messages = record.get("messages")
    if not isinstance(messages, list):
        return "und"
    return language_of_text("".join(str(message.get("content", "")) for message in messages))
