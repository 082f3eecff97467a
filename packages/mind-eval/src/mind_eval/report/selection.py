"""What the run chose to learn from, and what it writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mind_core.records import Record, annotation
from mind_core.render.chart import Line, histogram
from mind_core.safe_html import joined, markup
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
    # Both streams: the picture shows what was taken out of the whole.
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


def read_samples(run: Path) -> list[Record]:
    """Return the samples of a run folder: every `*samples.jsonl` of `mind-train sample --json`."""
    paths = sorted(run.glob("*samples.jsonl"))
    return list(read_records(paths)) if paths else []


def samples_section(samples: Sequence[Record]) -> Section | None:
    """Return the section with prompts in bold and their continuations."""
    if not samples:
        return None
    body = joined(
        markup(
            '<div class="sample"><b>{}</b>{}</div>',
            sample["prompt"],
            str(sample["text"]).removeprefix(str(sample["prompt"])),
        )
        for sample in samples
    )
    return Section(
        "samples",
        say("What it writes"),
        body,
        say("lead.samples"),
    )
