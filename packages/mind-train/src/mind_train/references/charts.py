"""A run beside reference runs: a panel for each language, and the rows of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mind_core.errors import UsageError
from mind_core.render.chart import Line
from mind_core.render.pictures import Panel
from mind_core.render.svg import COLOURS
from mind_train.references.placing import SHOWN, nearest, place
from mind_train.references.runs import ReferenceRun, open_references, run_as_reference

MILLION = 1e6
DASHES = "5 4"


def panels_beside(runs: Sequence[Path], reference: str) -> tuple[list[Panel], list[str]]:
    """Give a panel for each language of a run, and a sentence for each: where it stands.

    Raises UsageError for several runs, MindError for a run or a reference that cannot be compared.
    """
    if len(runs) != 1:
        raise UsageError("--reference compares one run", hint="give one run folder")
    references = open_references(reference)
    run = run_as_reference(runs[0])
    panels, said = [], []
    for stands in place(run, references):
        said.append(stands.words())
        beside = nearest(references, stands.language, run.body)
        if not beside:
            continue
        lines = [Line(f"this run, {run.name}", _millions(run, stands.language), colour=COLOURS[0])]
        lines += [
            Line(one.name, _millions(one, stands.language), colour=colour, dashes=DASHES)
            for one, colour in zip(beside[:SHOWN], COLOURS[1:], strict=False)
        ]
        mark = (stands.tokens / MILLION, "you are here")
        panels.append(
            Panel(f"{stands.language}, held out", lines, "million tokens", "bits per byte", mark)
        )
    return panels, said


def expected(body: int, tokens: float, languages: Sequence[str], reference: str) -> dict[str, Any]:
    """Tell what the reference runs nearest in size had on the way to a number of tokens.

    ``languages`` () means all that the references have. {language: [{run, text, points}]}.
    """
    references = open_references(reference)
    wanted = languages or sorted({name for one in references for name in one.curves})
    return {
        language: [
            {
                "run": one.name,
                "text": one.text,
                "points": [p for p in one.curves[language] if not tokens or p[0] <= tokens],
            }
            for one in nearest(references, language, body)[:SHOWN]
        ]
        for language in wanted
    }


def expected_lines(found: dict[str, Any]) -> list[str]:
    """Lay ``expected`` out for people."""
    lines = ["reference runs nearest in size: held-out bits per byte (million tokens)"]
    for language, runs in found.items():
        lines += [f"  {language}: no reference run"] if not runs else []
        for one in runs:
            points = one["points"]
            # The first, the last and some between: a line of a terminal holds no more.
            chosen = points if len(points) <= 4 else [points[0], *points[1:-1:3], points[-1]]
            course = ", ".join(f"{y:.2f} ({x / MILLION:.2f})" for x, y in chosen)
            lines.append(f"  {language}  {one['run']}: {course}")
    return lines


def _millions(run: ReferenceRun, language: str) -> list[tuple[float, float]]:
    return [(tokens / MILLION, value) for tokens, value in run.curves[language]]
