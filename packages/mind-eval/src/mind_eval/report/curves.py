"""Draw how training went: the loss of each step, and the held-out loss of each language."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from mind_core.render.chart import Line, line_chart, smooth, thin_out
from mind_core.safe_html import Safe, joined, markup
from mind_core.whole_files import read_whole
from mind_eval.finite import is_finite
from mind_eval.report.page import Section, number, table
from mind_eval.report.words import say

LANGUAGES = {"zh": "Chinese", "en": "English", "und": "no letters"}
COLOURS = {"zh": "#c2410c", "en": "#1d4ed8", "und": "#15803d"}
BATCH_COLOUR = "#a8a29e"


def curves_section(anchor: str, heading: str, lead: str, run: Path) -> Section | None:
    """Return the section of one training run, or None where there are no metrics."""
    lines = _read(run / "metrics.jsonl")
    steps = [line for line in lines if is_finite(line.get("loss"))]
    # A NaN cannot be drawn; a curve that goes on behind one has to say so.
    if lost := sum("loss" in line for line in lines) - len(steps):
        lead += " " + say("Steps without a finite loss, left out of the curve: {:,}.").format(lost)
    tests = [line for line in lines if "languages" in line]
    if not steps:
        return None
    # Smoothed before it is thinned out: the mean is then of all steps, not of those that are left.
    train = Line(
        say("training batch"),
        thin_out(smooth([(s["step"], s["loss"]) for s in steps])),
        colour=BATCH_COLOUR,
    )
    nats = [train, *_by_language(tests, "nats_per_token", dashed=True)]
    parts = [
        line_chart(nats, say("step"), say("nats per token")),
        line_chart(
            _by_language(tests, "bits_per_byte"), say("step"), say("bits per byte, held out")
        ),
    ]
    if tests:
        parts.append(_sources(tests[-1]["validation"]))
    return Section(anchor, heading, joined(parts), lead)


def last_losses(run: Path) -> dict[str, float]:
    """Return the last held-out bits per byte of each language of a run."""
    tests = [line for line in _read(run / "metrics.jsonl") if "languages" in line]
    return (
        {
            name: figures["bits_per_byte"]
            for name, figures in tests[-1]["languages"].items()
            if is_finite(figures.get("bits_per_byte"))
        }
        if tests
        else {}
    )


def language_name(code: str) -> str:
    """Return a language's name for people."""
    return say(LANGUAGES.get(code, code))


def _by_language(tests: Sequence[dict[str, Any]], key: str, *, dashed: bool = False) -> list[Line]:
    names = sorted({name for test in tests for name in test["languages"]})
    return [
        Line(
            say("{}, held out").format(language_name(name)),
            [
                (test["step"], test["languages"][name][key])
                for test in tests
                if name in test["languages"] and is_finite(test["languages"][name].get(key))
            ],
            dashed,
            COLOURS.get(name, ""),
        )
        for name in names
    ]


def _sources(groups: dict[str, Any]) -> Safe:
    rows = [
        (
            name,
            number(figures["tokens"]),
            "–" if figures["nats_per_token"] is None else number(figures["nats_per_token"]),
            "–" if figures["bits_per_byte"] is None else number(figures["bits_per_byte"]),
        )
        for name, figures in sorted(groups.items())
    ]
    head = ["held-out source", "tokens", "nats per token", "bits per byte"]
    said = say("At the end, by source and language")
    return markup("<h3>{}</h3>{}", said, table(head, rows))


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [orjson.loads(line) for line in read_whole(path).split(b"\n") if line]
