"""One page with the funnel of a run: what each step dropped, of which source and language, and why.

Everything is in the page itself; it loads nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from mind_clean.funnel import KEPT, Funnel
from mind_core.records import Record
from mind_core.safe_html import Safe, document, joined, markup
from mind_core.summary import Summary

QUOTE = 600
WORDS = {"step", "language", "source", "", "why", "most dropped by"}
"""Columns of words; the others are numbers, which stand to the right."""

STYLE = """
:root { --ink: #1c2733; --faint: #6b7785; --line: #dde3ea; --kept: #2f7d5b; --gone: #c8553d; }
body { font: 15px/1.55 system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif;
  color: var(--ink); max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.4rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
th { color: var(--faint); font-weight: 500; } td.words, th.words { text-align: left; }
td:first-child { white-space: nowrap; }
.bar { display: flex; height: .8rem; width: 16rem; background: #f3f5f8; }
.bar i { background: var(--kept); } .bar b { background: var(--gone); }
details { margin: .3rem 0; border-left: 3px solid var(--line); padding-left: .8rem; }
summary { cursor: pointer; } code { font-size: .85em; color: var(--faint); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; font-size: .9em;
  background: #f7f9fb; padding: .6rem .8rem; margin: .4rem 0 1rem; }
"""


def page(summary: Summary, funnel: Funnel, steps: Sequence[str]) -> str:
    """Return the page as HTML."""
    body = markup(
        "<h1>mind-clean</h1><p>{counts}</p><h2>Steps</h2>{steps}<h2>Languages</h2>{languages}"
        "<h2>Sources</h2>{sources}<h2>Samples of each reason</h2>"
        "<p>Ten of each, chosen by checksum: the same for the same input.</p>{samples}",
        counts=summary.line(),
        steps=_steps(summary, funnel, steps),
        languages=_shares(funnel, "language"),
        sources=_shares(funnel, "source"),
        samples=joined(_samples(reason, funnel) for reason in sorted(funnel.samples)),
    )
    return document("mind-clean", STYLE, body)


def _steps(summary: Summary, funnel: Funnel, steps: Sequence[str]) -> Safe:
    """Return a row for each step: what came, what it dropped and why, what it removed."""
    dropped: dict[str, Counter[str]] = defaultdict(Counter)
    for end, records in funnel.records.items():
        if end.step != KEPT:
            dropped[end.step][end.reason] += records
    # Bad records end outside of the steps.
    whole = summary.records_in - summary.bad.total()
    rows, left = [], whole
    # A step that stands twice in a recipe has one row, as its drops are counted under one name.
    for step in dict.fromkeys(steps):
        gone = dropped[step].total()
        why = ", ".join(f"{r} {n:,}" for r, n in dropped[step].most_common())
        removed = summary.details.get(f"{step}.characters_removed", 0)
        rows.append(
            (
                step,
                _bar(left - gone, gone, whole),
                f"{left:,}",
                f"{gone:,}" if gone else "",
                f"{gone / left:.1%}" if gone and left else "",
                why,
                f"{removed:,}" if removed else "",
            )
        )
        left -= gone
    kept = markup("<b>kept</b>"), _bar(left, 0, whole), markup("<b>{:,}</b>", left)
    rows.append((*kept, "", "", "", ""))
    head = ("step", "", "in", "dropped", "of these", "why", "characters removed")
    return _table(head, rows)


def _shares(funnel: Funnel, part: str) -> Safe:
    """Return a row for each language or source: in, kept, and the step that took most."""
    into: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    taken: dict[str, Counter[str]] = defaultdict(Counter)
    for end, records in funnel.records.items():
        name = getattr(end, part)
        into[name] += records
        if end.step == KEPT:
            kept[name] += records
            characters[name] += funnel.characters[end]
        else:
            taken[name][f"{end.step}.{end.reason}"] += records
    rows = [
        (
            name,
            _bar(kept[name], count - kept[name], count),
            f"{count:,}",
            f"{kept[name]:,}",
            f"{kept[name] / count:.1%}",
            f"{characters[name]:,}",
            ", ".join(f"{why} {n:,}" for why, n in taken[name].most_common(3)),
        )
        for name, count in into.most_common()
    ]
    return _table((part, "", "in", "kept", "share", "characters kept", "most dropped by"), rows)


def _samples(reason: str, funnel: Funnel) -> Safe:
    # The heap's order depends on how samples came in; sorted, the page is the same for any -j.
    samples = sorted(funnel.samples[reason], reverse=True)
    count = sum(n for end, n in funnel.records.items() if f"{end.step}.{end.reason}" == reason)
    return markup(
        "<details><summary><b>{}</b>: {:,} records, {} of them here</summary>{}</details>",
        reason,
        count,
        len(samples),
        joined(_sample(orjson.loads(line)) for _, line in samples),
    )


def _sample(record: Record) -> Safe:
    why: dict[str, Any] = record.get("metadata", {}).get("mind", {}).get("rejected", {})
    measured = " ".join(f"{name} {why[name]}" for name in ("value", "threshold") if name in why)
    where = record.get("url") or record.get("id") or ""
    text = record.get("text") or record.get("html") or ""
    cut = "…" if len(text) > QUOTE else ""
    return markup(
        "<p><code>{}</code> {}</p><pre>{}{}</pre>", where, measured, str(text)[:QUOTE], cut
    )


def _bar(kept: int, gone: int, whole: int) -> Safe:
    """Return a bar: green for what is left, red for what goes here, of the whole."""
    share = 100 / whole if whole else 0.0
    return markup(
        '<span class="bar"><i style="width:{:.2f}%"></i><b style="width:{:.2f}%"></b></span>',
        kept * share,
        gone * share,
    )


def _table(head: Iterable[str], rows: Iterable[Sequence[str]]) -> Safe:
    """Return a table of cells, text or markup."""
    names = list(head)
    kinds = [markup(' class="words"') if name in WORDS else markup("") for name in names]
    cells = joined(markup("<th{}>{}</th>", k, name) for k, name in zip(kinds, names, strict=True))
    body = joined(
        markup(
            "<tr>{}</tr>",
            joined(markup("<td{}>{}</td>", k, cell) for k, cell in zip(kinds, row, strict=True)),
        )
        for row in rows
    )
    return markup("<table><tr>{}</tr>{}</table>", cells, body)
