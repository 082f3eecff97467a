"""Show what the model writes."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from mind_core.files import read_json
from mind_eval.report.page import Section


def read_samples(run: Path) -> list[dict[str, Any]]:
    """Return the samples of a run folder: every `*samples*.json`, a list of prompt and text."""
    found: list[dict[str, Any]] = []
    for path in sorted(run.glob("*samples*.json")):
        content = read_json(path)
        found += content if isinstance(content, list) else [content]
    return found


def samples_section(samples: Sequence[dict[str, Any]]) -> Section | None:
    """Return the section with prompts in bold and their continuations."""
    if not samples:
        return None
    body = "".join(
        f'<div class="sample"><b>{escape(str(sample["prompt"]))}</b>'
        f"{escape(str(sample['text']).removeprefix(str(sample['prompt'])))}</div>"
        for sample in samples
    )
    return Section(
        "samples",
        "What it writes",
        body,
        "Prompts in colour. A model of this size, trained for minutes, shows that the chain works; "
        "it does not know things.",
    )
