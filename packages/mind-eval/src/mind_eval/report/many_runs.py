"""Several scores folders on one page: a table with intervals, plots, curves, items."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from mind_core.errors import UsageError
from mind_core.files import atomic_file
from mind_eval.intervals import SHARES, interval
from mind_eval.report.browser import browser_section
from mind_eval.report.curves import COLOURS, language_name
from mind_eval.report.intervals import Dot, Row, interval_chart, legend
from mind_eval.report.page import Figure, Section, number, render, table
from mind_eval.report.svg import Line, line_chart
from mind_eval.results import SCORES, read_items, read_scores

Scores = Mapping[str, Any]


def are_scores(folders: Sequence[Path]) -> bool:
    """Tell whether every folder is a scores folder itself."""
    return bool(folders) and all((folder / SCORES).is_file() for folder in folders)


def write_runs(folders: Sequence[Path], output: Path, title: str) -> list[str]:
    """Write the page of several scores folders; return the headings of its sections.

    Raises `UsageError` if one of them is no scores folder.
    """
    for folder in folders:
        if not (folder / SCORES).is_file():
            raise UsageError(
                f"{folder} is no scores folder", hint="several folders must all be of mind-eval run"
            )
    runs = [read_scores(folder) for folder in folders]
    names = [folder.name or str(folder) for folder in folders]
    if len(set(names)) < len(names):
        names = [str(folder) for folder in folders]
    found = [
        _scores(names, runs),
        _curves(runs),
        _heldout(names, runs),
        browser_section(names, [_items(folder) for folder in folders], _metrics(runs)),
    ]
    sections = [section for section in found if section is not None]
    tasks = {task for run in runs for task in run.get("headlines", {})}
    figures = [Figure(str(len(runs)), "runs"), Figure(str(len(tasks)), "benchmarks")]
    with atomic_file(output) as file:
        file.write(render(title, figures, sections).encode("utf-8"))
    return [section.heading for section in sections]


def _scores(names: Sequence[str], runs: Sequence[Scores]) -> Section | None:
    tasks = list(dict.fromkeys(task for run in runs for task in run.get("headlines", {})))
    if not tasks:
        return None
    rows, charts = [], {"share": list[Row](), "BLEU or chrF": list[Row]()}
    for task in tasks:
        sizes = {r["n-samples"][task]["effective"] for r in runs if task in r["headlines"]}
        metric = next(r["headlines"][task]["metric"] for r in runs if task in r["headlines"])
        chance = next(
            (r["benchmarks"][task]["chance"] for r in runs if task in r["benchmarks"]), None
        )
        cells, dots = [], []
        for place, run in enumerate(runs):
            found = interval(run, task)
            if found is None:
                cells.append("–")
                continue
            digits = 3 if metric in SHARES else 2
            low, high = (f"{bound:.{digits}f}" for bound in found[1:])
            cells.append(f"<b>{found[0]:.{digits}f}</b> {low} … {high}{_aside(run, task, sizes)}")
            dots.append(Dot(place, *found))
        shown = chance if metric in SHARES else None
        rows.append((escape(task), metric, "–" if shown is None else number(shown), *cells))
        charts["share" if metric in SHARES else "BLEU or chrF"].append(Row(task, dots, shown))
    rows += _average_rows(runs)
    body = legend(names) + "".join(interval_chart(r, label) for label, r in charts.items())
    body += table(["benchmark", "metric", "chance", *names], rows, text_columns=2)
    lead = (
        "The headline of each benchmark with its 95 % interval; the dashed tick is chance. "
        "Differences between runs are for mind-eval compare: paired, they are sharper than these."
    )
    return Section("scores", "Scores", body, lead)


def _aside(run: Scores, task: str, sizes: Collection[int]) -> str:
    """Say what was set aside, shots that did not fit, and items where runs had other numbers."""
    about = run["benchmarks"][task]
    notes = []
    if len(sizes) > 1:
        notes.append(f"{run['n-samples'][task]['effective']:,} items")
    if about.get("bad_items"):
        notes.append(f"{about['bad_items']} set aside")
    shots = about.get("shots", {"asked": 0})
    if shots["asked"] and shots["kept_mean"] is not None and shots["kept_mean"] < shots["asked"]:
        notes.append(f"{shots['kept_mean']:.1f} of {shots['asked']} shots")
    return f"<br><small>{', '.join(notes)}</small>" if notes else ""


def _average_rows(runs: Sequence[Scores]) -> list[tuple[str, ...]]:
    groups = dict.fromkeys(name for run in runs for name in run.get("averages", {}))
    rows = []
    for name in groups:
        cells = []
        for run in runs:
            value = run.get("averages", {}).get(name, {}).get("value")
            cells.append("–" if value is None else f"<b>{number(value)}</b>")
        rows.append((f"<i>{escape(name)}</i>", "average", "–", *cells))
    return rows


def _curves(runs: Sequence[Scores]) -> Section | None:
    """Draw headlines over training steps where runs are checkpoints of one model."""
    steps = [run["model"].get("step") for run in runs]
    if len(runs) < 2 or None in steps or len(set(steps)) < len(steps):
        return None
    order = sorted(range(len(runs)), key=lambda place: steps[place])
    tasks = dict.fromkeys(task for run in runs for task in run.get("headlines", {}))
    lines = []
    for task in tasks:
        found = [(steps[p], interval(runs[p], task)) for p in order]
        metric = next(r["headlines"][task]["metric"] for r in runs if task in r["headlines"])
        points = [(float(step), value[0]) for step, value in found if value is not None]
        if metric in SHARES and len(points) > 1:
            lines.append(Line(task, points))
    held = _heldout_lines([runs[place] for place in order])
    if not lines and not held:
        return None
    body = line_chart(lines, "step", "score")
    body += line_chart(held, "step", "bits per byte, held out")
    return Section("curves", "Over training", body)


def _heldout_lines(runs: Sequence[Scores]) -> list[Line]:
    """Make a line of bits per byte for each language in which all runs read the same text."""
    held = [run.get("heldout", {}).get("languages", {}) for run in runs]
    lines = []
    for language in dict.fromkeys(language for one in held for language in one):
        there = [one.get(language) for one in held]
        if None in there or len({(one["documents"], one["bytes"]) for one in there}) > 1:
            continue
        points = [
            (float(run["model"]["step"]), one["bits_per_byte"])
            for run, one in zip(runs, there, strict=True)
            if one["bits_per_byte"] is not None
        ]
        if len(points) > 1:
            lines.append(Line(language_name(language), points, colour=COLOURS.get(language, "")))
    return lines


def _heldout(names: Sequence[str], runs: Sequence[Scores]) -> Section | None:
    held = [run.get("heldout", {}).get("languages", {}) for run in runs]
    languages = dict.fromkeys(language for one in held for language in one)
    if not languages:
        return None
    rows = []
    for language in languages:
        values = [one.get(language, {}).get("bits_per_byte") for one in held]
        sizes = [one.get(language, {}).get("documents") for one in held]
        unlike = len({*sizes} - {None}) > 1
        cells = (
            "–" if value is None
            else number(value) + (f"<br><small>{size:,} documents</small>" if unlike else "")
            for value, size in zip(values, sizes, strict=True)
        )  # fmt: skip
        rows.append((escape(language_name(language)), *cells))
    return Section(
        "heldout", "Held-out text", table(["bits per byte", *names], rows), "Lower is better."
    )


def _metrics(runs: Sequence[Scores]) -> dict[str, str]:
    return {
        task: headline["metric"]
        for run in runs
        for task, headline in run.get("headlines", {}).items()
    }


def _items(folder: Path) -> dict[str, Any]:
    return {item["id"]: item for item in read_items(folder)}
