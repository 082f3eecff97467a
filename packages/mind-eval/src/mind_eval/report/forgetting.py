"""The page of what was lost and what was gained between two checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mind_core.files import atomic_file
from mind_core.safe_html import Safe, joined, markup
from mind_eval.forgetting import GAINED, LOST, OPEN
from mind_eval.report.curves import language_name
from mind_eval.report.page import Figure, Section, render, table
from mind_eval.report.words import say, written_in

TITLE = "Lost and gained"
TEXT = "bits_per_byte"
"""The metric of held-out text; no benchmark has it for a headline."""

SMALLEST = 0.0001


def write_forgetting(
    rows: Sequence[Mapping[str, Any]],
    names: tuple[str, str],
    output: Path,
    title: str,
    language: str,
) -> None:
    """Write the page of two checkpoints, named as their folders are."""
    with written_in(language):
        figures = [
            Figure(str(sum(row["verdict"] == verdict for row in rows)), say(verdict))
            for verdict in (LOST, GAINED, OPEN)
        ]
        heads = {
            "text": ("Held-out text", [r for r in rows if r["metric"] == TEXT]),
            "benchmarks": ("Benchmarks", [r for r in rows if r["metric"] != TEXT]),
        }
        sections = [_summary(rows, names)]
        sections += [
            Section(anchor, say(heading), _table(found, names), _lead(anchor))
            for anchor, (heading, found) in heads.items()
            if found
        ]
        page = render(title or say(TITLE), figures, sections)
    with atomic_file(output) as file:
        file.write(page.encode("utf-8"))


def _lead(anchor: str) -> str:
    return say("Bits per byte: lower is better.") if anchor == "text" else ""


def _summary(rows: Sequence[Mapping[str, Any]], names: tuple[str, str]) -> Section:
    lines = [
        markup(
            "<p><b>{}</b>: {}</p>",
            say(verdict),
            ", ".join(_named(row) for row in rows if row["verdict"] == verdict) or "–",
        )
        for verdict in (LOST, GAINED)
    ]
    return Section("summary", f"{names[0]} → {names[1]}", joined(lines), say("lead.forgetting"))


def _named(row: Mapping[str, Any]) -> str:
    """Name a row as people say it: a benchmark, or held-out text of a language and source."""
    if row["metric"] != TEXT:
        return str(row["what"])
    language = say("all") if row["language"] == "all" else language_name(row["language"])
    source = "" if row["source"] == "all" else f" / {row['source']}"
    return f"{say('Held-out text')} ({language}{source})"


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.2g}" if value >= SMALLEST else f"< {SMALLEST}"


def _table(rows: Sequence[Mapping[str, Any]], names: tuple[str, str]) -> Safe:
    cells = []
    for row in rows:
        language = language_name(row["language"]) if row["language"] != "all" else say("all")
        if row["metric"] == TEXT:
            what = joined([language, "" if row["source"] == "all" else f" / {row['source']}"])
        else:
            what = markup("{} <small>{}, {}</small>", row["what"], row["metric"], language)
        cells.append(
            (
                what,
                _verdict(row["verdict"]),
                f"{row['items']:,}",
                f"{row['before']:.3f}",
                f"{row['after']:.3f}",
                "–" if row["change"] is None else f"{row['change']:+.3f}",
                "{:+.3f} … {:+.3f}".format(*row["interval"]) if row["interval"] else "–",
                _p(row["p_holm"]),
            )
        )
    head = ["what", "verdict", "number", *names, "change", "95 % interval", "p (Holm)"]
    return table(head, cells, text_columns=2)


def _verdict(verdict: str | None) -> Safe:
    if verdict is None:
        return markup('<span class="grey">{}</span>', say("other texts"))
    if verdict == OPEN:
        return markup('<span class="grey">{}</span>', say(verdict))
    return markup("<b>{}</b>", say(verdict))
