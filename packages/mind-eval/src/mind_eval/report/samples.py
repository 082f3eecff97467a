"""Show what the model writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mind_core.records import Record
from mind_core.safe_html import joined, markup
from mind_core.stream import read_records
from mind_eval.report.page import Section
from mind_eval.report.words import say


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
