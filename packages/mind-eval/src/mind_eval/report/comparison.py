"""Several scores folders on one page: a table with intervals, plots, curves, items."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from mind_core.errors import UsageError
from mind_core.files import atomic_file
from mind_core.render.intervals import Dot, Row, interval_chart, legend
from mind_core.safe_html import Safe, joined, markup
from mind_core.untrusted import as_written
from mind_eval.compare import GRADED, compare
from mind_eval.kept_prompts import read_prompts
from mind_eval.report.curves import language_name
from mind_eval.report.items import browser_section, grouped_items, shown_keys
from mind_eval.report.over_training import over_training
from mind_eval.report.page import Figure, Section, number, render, table
from mind_eval.report.words import say, written_in
from mind_eval.results import SCORES, read_items, read_scores
from mind_eval.significance import NO_SIGNAL, SHARES, chance_of, has_signal, interval

Scores = Mapping[str, Any]
LEVEL = 0.05


def are_scores(folders: Sequence[Path]) -> bool:
    """Tell whether every folder is a scores folder itself."""
    return bool(folders) and all((folder / SCORES).is_file() for folder in folders)


def write_runs(
    folders: Sequence[Path], output: Path, title: str, language: str = "en"
) -> list[str]:
    """Write the page of several scores folders; return the headings of its sections.

    Raises `UsageError` if one of them is no scores folder.
    """
    for folder in folders:
        if not (folder / SCORES).is_file():
            raise UsageError(
                f"{folder} is no scores folder", hint="several folders must all be of mind-eval run"
            )
    runs = [read_scores(folder) for folder in folders]
    # `Path(".")` has no name of its own.
    names = [folder.name or str(folder) for folder in folders]
    # Runs such as a/scores and b/scores are told apart by their whole paths.
    if len(set(names)) < len(names):
        names = [str(folder) for folder in folders]
    with written_in(language), as_written(", ".join(map(str, folders))):
        return _write(folders, runs, names, output, title)


def _write(
    folders: Sequence[Path], runs: Sequence[Scores], names: Sequence[str], output: Path, title: str
) -> list[str]:
    found = [
        _scores(names, runs),
        _differences(folders, names),
        over_training(runs),
        _heldout(names, runs),
        _browser(folders, names, _metrics(runs)),
    ]
    sections = [section for section in found if section is not None]
    tasks = {task for run in runs for task in run.get("headlines", {})}
    figures = [*_headline_figures(names, runs), Figure(str(len(runs)), say("runs")),
               Figure(str(len(tasks)), say("benchmarks"))]  # fmt: skip
    script = resources.files(__package__).joinpath("items.js").read_text("utf-8")
    page = render(say(title), figures, sections, script)
    with atomic_file(output) as file:
        file.write(page.encode("utf-8"))
    return [section.heading for section in sections]


def _scores(names: Sequence[str], runs: Sequence[Scores]) -> Section | None:
    tasks = list(dict.fromkeys(task for run in runs for task in run.get("headlines", {})))
    if not tasks:
        return None
    rows, charts = [], {name: list[Row]() for name in ("share", "score", "BLEU or chrF")}
    for task in tasks:
        # More than one: the runs answered different numbers of items, which each cell then says.
        sizes = {r["n-samples"][task]["effective"] for r in runs if task in r["headlines"]}
        metric = next(r["headlines"][task]["metric"] for r in runs if task in r["headlines"])
        about: Mapping[str, Any] = next(
            (r["benchmarks"][task] for r in runs if task in r["benchmarks"]), {}
        )
        chance = chance_of(metric, about)
        cells, dots = [], []
        for place, run in enumerate(runs):
            cells.append(_cell(run, task, metric, sizes, chance))
            found = interval(run, task)
            if found is not None:
                dots.append(Dot(place, *found))
        rows.append((task, metric, "–" if chance is None else number(chance), *cells))
        kind = "share" if metric in SHARES else "score" if metric in GRADED else "BLEU or chrF"
        # One chart for each scale: BLEU goes to 100, shares to 1.
        charts[kind].append(Row(task, dots, chance))
    rows += _average_rows(runs)
    drawn = [interval_chart(r, say(label)) for label, r in charts.items()]
    figures = table(["benchmark", "metric", "chance", *names], rows, text_columns=2)
    body = joined([legend(names), *drawn, figures])
    return Section("scores", say("Scores"), body, say("lead.scores"))


def _cell(run: Scores, task: str, metric: str, sizes: Collection[int], chance: float | None) -> str:
    """Show a run's figure with its interval; grey where it says nothing."""
    found = interval(run, task)
    if found is None:
        alone = run.get("headlines", {}).get(task, {}).get("value")
        return "–" if alone is None else markup("<b>{}</b>", number(alone))
    # Shares and graded scores lie in 0 … 1, BLEU and chrF in 0 … 100.
    digits = 3 if metric in (*SHARES, *GRADED) else 2
    low, high = (f"{bound:.{digits}f}" for bound in found[1:])
    value = f"{found[0]:.{digits}f}"
    cell = markup("<b>{}</b> {} … {}{}", value, low, high, _aside(run, task, sizes))
    error = run["headlines"][task]["stderr"]
    # `is False`: None is a metric without a line of chance, which is not greyed.
    items = run["n-samples"][task]["effective"]
    if has_signal(found[0], error, chance, items) is False:
        return markup('<span class="grey" title="{}">{}</span>', say(NO_SIGNAL), cell)
    return cell


def _differences(folders: Sequence[Path], names: Sequence[str]) -> Section | None:
    """Set each run beside the first: paired differences, and whether they are significant."""
    if len(folders) < 2:
        return None
    try:
        found = compare(folders)
    except UsageError:
        return None  # nothing is shared
    title = dict(zip(map(str, folders), names, strict=True))
    rows = []
    for row in found:
        better = "p_holm" in row and row["p_holm"] < LEVEL
        up = (row["difference"] or 0) > 0
        # Held-out text has a difference, but here no test of it, so no verdict either.
        if row["what"].startswith("heldout "):
            verdict = "–" if row["difference"] is not None else say("other texts")
        elif better:
            verdict = markup("<b>{}</b>", say("better" if up else "worse"))
        else:
            verdict = markup('<span class="grey">{}</span>', say("not significant"))
        rows.append(
            (
                f"{title[row['a']]} → {title[row['b']]}",
                row["what"],
                row["metric"],
                "–" if row["difference"] is None else f"{row['difference']:+.3f}",
                "{:+.3f} … {:+.3f}".format(*row["interval"]) if "interval" in row else "–",
                f"{row['p_holm']:.3g}" if "p_holm" in row else "–",
                verdict,
                f"{row['detectable']:.3f}" if row.get("detectable") is not None else "–",
            )
        )
    head = ["runs", "benchmark", "metric", "difference", "95 % interval", "p (Holm)", "verdict",
            "80 % power"]  # fmt: skip
    body = table(head, rows, text_columns=3)
    return Section("differences", say("Differences"), body, say("lead.differences"))


def _aside(run: Scores, task: str, sizes: Collection[int]) -> Safe:
    """Say what was set aside, shots that did not fit, and items where runs had other numbers."""
    about = run["benchmarks"][task]
    notes = []
    if len(sizes) > 1:
        notes.append(f"{run['n-samples'][task]['effective']:,} {say('items')}")
    if about.get("bad_items"):
        notes.append(f"{about['bad_items']} {say('set aside')}")
    if cut := run["results"].get(task, {}).get("cut,none"):
        notes.append(f"{cut:.1%} {say('cut by the limit')}")
    shots = about.get("shots", {"asked": 0})
    if shots["asked"] and shots["kept_mean"] is not None and shots["kept_mean"] < shots["asked"]:
        notes.append(say("{:.1f} of {} shots").format(shots["kept_mean"], shots["asked"]))
    return markup("<br><small>{}</small>", ", ".join(notes)) if notes else markup("")


def _headline_figures(names: Sequence[str], runs: Sequence[Scores]) -> list[Figure]:
    """Give the first figure that all runs have: an average, else a benchmark; a tile a run."""
    for kind in ("averages", "headlines"):
        for name in runs[0].get(kind, {}):
            values = [run.get(kind, {}).get(name, {}).get("value") for run in runs]
            # A tile for some of the runs only would look like a comparison of all.
            if None not in values:
                return [
                    Figure(number(value), f"{name}, {run}")
                    for value, run in zip(values, names, strict=True)
                ]
    return []


def _average_rows(runs: Sequence[Scores]) -> list[tuple[str, ...]]:
    groups = dict.fromkeys(name for run in runs for name in run.get("averages", {}))
    rows = []
    for name in groups:
        cells = []
        for run in runs:
            value = run.get("averages", {}).get(name, {}).get("value")
            cells.append("–" if value is None else markup("<b>{}</b>", number(value)))
        rows.append((markup("<i>{}</i>", name), say("average"), "–", *cells))
    return rows


def _heldout(names: Sequence[str], runs: Sequence[Scores]) -> Section | None:
    held = [run.get("heldout", {}).get("languages", {}) for run in runs]
    languages = dict.fromkeys(language for one in held for language in one)
    if not languages:
        return None
    rows = []
    for language in languages:
        values = [one.get(language, {}).get("bits_per_byte") for one in held]
        sizes = [one.get(language, {}).get("documents") for one in held]
        # None is a run that did not read this language, which is no other number of documents.
        unlike = len({*sizes} - {None}) > 1
        cells = [
            "–" if value is None else markup("{}{}", number(value), _documents(size, unlike))
            for value, size in zip(values, sizes, strict=True)
        ]
        rows.append((language_name(language), *cells))
    return Section(
        "heldout",
        say("Held-out text"),
        table(["bits per byte", *names], rows),
        say("Lower is better."),
    )


def _documents(size: int, unlike: bool) -> Safe:
    if not unlike:
        return markup("")
    return markup("<br><small>{:,} {}</small>", size, say("documents"))


def _metrics(runs: Sequence[Scores]) -> dict[str, str]:
    return {
        task: headline["metric"]
        for run in runs
        for task, headline in run.get("headlines", {}).items()
    }


def _browser(
    folders: Sequence[Path], names: Sequence[str], metrics: Mapping[str, str]
) -> Section | None:
    """Show the items, with the prompts of those that the page has room for."""
    items = [_items(folder) for folder in folders]
    wanted = {key for kinds in grouped_items(items, metrics).values() for key in shown_keys(kinds)}
    prompts = [read_prompts(folder, wanted) for folder in folders]
    return browser_section(names, items, metrics, prompts)


def _items(folder: Path) -> dict[str, Any]:
    return {item["id"]: item for item in read_items(folder)}
