"""Tell what each stream tool let through and what it dropped, with examples of each reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mind_core.files import read_json
from mind_core.records import Record, annotation
from mind_core.render.chart import bar
from mind_core.safe_html import Safe, joined, markup
from mind_core.stream import read_records
from mind_eval.report.page import Section, number, table
from mind_eval.report.words import say

EXAMPLES = 3
QUOTE = 180
SUMMARY = ".summary.json"


@dataclass
class Stage:
    """Hold one tool's summary, and examples of what it rejected by reason."""

    name: str
    summary: dict[str, Any]
    examples: dict[str, list[Record]] = field(default_factory=dict)

    @property
    def lost(self) -> dict[str, int]:
        """Return how many records each reason took, bad ones among them."""
        # As `_reason` names records that could not be read, so that examples are found under it.
        bad = {f"bad: {reason}": count for reason, count in self.summary.get("bad", {}).items()}
        return {**self.summary.get("rejected", {}), **bad}


def read_stages(run: Path) -> list[Stage]:
    """Return the stages of a run folder: every `NAME.summary.json`, in the order of names."""
    stages = []
    for path in sorted(run.glob(f"*{SUMMARY}")):
        summary = read_json(path)
        name = path.name.removesuffix(SUMMARY)
        stage = Stage(name, summary)
        rejects = run / f"{name}.rejects.jsonl.zst"
        if rejects.exists():
            for record in read_records([rejects]):
                found = stage.examples.setdefault(_reason(record), [])
                if len(found) < EXAMPLES:
                    found.append(record)
        stages.append(stage)
    return stages


def funnel_section(stages: Sequence[Stage]) -> Section:
    """Return the section with the funnel and, below, the reasons of each stage."""
    rows = []
    for stage in stages:
        into, kept = stage.summary["in"], stage.summary["kept"]
        # An empty input is a stage too.
        share = kept / into if into else 0.0
        rows.append(
            (
                markup("<b>{}</b> {}", stage.summary["tool"], stage.name),
                bar(share, say("{:,} of {:,}").format(kept, into)),
                number(into),
                number(kept),
                f"{share:.1%}",
            )
        )
    body = table(["stage", "", "in", "kept", "share kept"], rows, text_columns=2)
    body = joined([body, *(_reasons(stage) for stage in stages if stage.lost)])
    return Section(
        "funnel",
        say("What was kept, what was dropped"),
        body,
        say("lead.funnel"),
    )


def _reasons(stage: Stage) -> Safe:
    parts = [markup("<h3>{}, {}</h3>", stage.summary["tool"], stage.name)]
    for reason, count in sorted(stage.lost.items(), key=lambda item: (-item[1], item[0])):
        examples = joined(_example(record) for record in stage.examples.get(reason, []))
        parts.append(
            markup(
                "<details><summary><code>{}</code> <b>{}</b></summary>{}</details>",
                reason,
                number(count),
                examples or markup("<p class=lead>{}</p>", say("No examples were written.")),
            )
        )
    return joined(parts)


def _example(record: Record) -> Safe:
    rejected = annotation(record, "rejected")
    where = record.get("url") or record.get("id") or rejected.get("position", "")
    facts = [
        f"{name} {_short(rejected[name])}"
        for name in ("value", "threshold", "similarity", "duplicate_of", "gap")
        if name in rejected
    ]
    return markup(
        "<blockquote>{}<cite>{}{}</cite></blockquote>",
        _quote(record, rejected),
        where,
        f" · {', '.join(facts)}" if facts else "",
    )


def _quote(record: Record, rejected: Any) -> str:
    # A line that was no record has no text; it is kept as it was read.
    text = record.get("text") or rejected.get("line") or ""
    if not text and isinstance(record.get("messages"), list):
        text = "\n".join(str(message.get("content", "")) for message in record["messages"])
    text = " ".join(str(text or record.get("html", "")).split())
    return text[:QUOTE] + ("…" if len(text) > QUOTE else "")


def _reason(record: Record) -> str:
    rejected = annotation(record, "rejected")
    step, reason = rejected.get("step"), str(rejected.get("reason", "unknown"))
    if step == "read":
        return f"bad: {reason}"
    # The name under which the summary counts it: a step with one reason of its own name is not said
    # twice.
    return f"{step}.{reason}" if step and step != reason else reason


def _short(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
