"""Browse items: the question, the choices with what each run gave them, and who was right.

Items fold and unfold by themselves; those on which runs disagree come first. The search box and the
lists above them need the page's one script, which admits no other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mind_core import Record
from mind_core.render.svg import COLOURS
from mind_core.safe_html import Safe, joined, markup
from mind_eval.metrics.written import LETTERS
from mind_eval.report.page import Section
from mind_eval.report.prompts import PagePrompts
from mind_eval.report.words import say

SHOWN = 60
"""Items of each kind and benchmark on the page; the scores folder has all of them."""

KINDS = ("runs disagree", "all wrong", "all right")


Grouped = Mapping[str, Mapping[str, Sequence[str]]]
"""Items by benchmark and kind."""


def grouped_items(items: Sequence[Mapping[str, Record]], metrics: Mapping[str, str]) -> Grouped:
    """Group items; `items` has each run's by id, `metrics` each task's metric."""
    tasks: dict[str, dict[str, list[str]]] = {}
    for key in dict.fromkeys(key for run in items for key in run):
        there = [run[key] for run in items if key in run]
        # If runs have different headlines for a task, the metric is the last run's.
        metric = metrics.get(there[0]["task"])
        if metric is None or any(metric not in one["metrics"] for one in there):
            continue
        # A graded answer counts as right if it scored anything.
        right = {one["metrics"][metric] > 0 for one in there}
        kind = KINDS[0] if len(right) > 1 else KINDS[2] if right == {True} else KINDS[1]
        tasks.setdefault(there[0]["task"], {name: [] for name in KINDS})[kind].append(key)
    return tasks


def shown_keys(kinds: Mapping[str, Sequence[str]]) -> list[str]:
    """Give the items of a benchmark that the page shows."""
    return [key for keys in kinds.values() for key in keys[:SHOWN]]


def browser_section(
    names: Sequence[str],
    items: Sequence[Mapping[str, Record]],
    metrics: Mapping[str, str],
    prompts: Sequence[Mapping[str, Sequence[str]]] | None = None,
) -> Section | None:
    """Return the section; `prompts` has each run's prompts of the items that are shown."""
    tasks = grouped_items(items, metrics)
    if not tasks:
        return None
    page = PagePrompts(names, prompts or [{} for _ in names])
    shown = []
    for task, kinds in tasks.items():
        # First, as it says what the prompts of the items below share.
        shared = page.begin(shown_keys(kinds))
        groups = joined(
            _group(kind, keys, names, items, metrics[task], page)
            for kind, keys in kinds.items()
            if keys
        )
        shown.append(
            markup(
                '<div class="task" data-task="{task}"><h3>{task}</h3>{groups}{shared}</div>',
                task=task,
                groups=groups,
                shared=shared,
            )
        )
    body = joined([_controls(list(tasks), names), *shown])
    return Section("items", say("Item by item"), body, say("lead.items"))


def _controls(tasks: Sequence[str], names: Sequence[str]) -> Safe:
    """Return the search box, and the lists of benchmarks, of kinds, and of what each run did."""
    lists = []
    for name, every, values in (("task", "all benchmarks", tasks), ("kind", "all kinds", KINDS)):
        shown = joined(markup('<option value="{}">{}</option>', v, say(v)) for v in values)
        lists.append(
            markup(
                '<select data-by="{}"><option value="">{}</option>{}</select>',
                name,
                say(every),
                shown,
            )
        )
    # One run is right or wrong by kind already.
    for number, name in enumerate(names if len(names) > 1 else ()):
        lists.append(
            markup(
                '<select data-run="{}"><option value="">{}</option>'
                '<option value="✓">{}: ✓</option><option value="✗">{}: ✗</option></select>',
                number,
                say("{}: right or wrong").format(name),
                name,
                name,
            )
        )
    return markup(
        '<p class="controls"><input type="search" placeholder="{}">{}</p>',
        say("search"),
        joined(lists),
    )


def _group(
    kind: str,
    keys: Sequence[str],
    names: Sequence[str],
    items: Sequence[Mapping[str, Record]],
    metric: str,
    page: PagePrompts,
) -> Safe:
    return markup(
        '<details class="kind" data-kind="{}"><summary><b>{:,}</b> {}</summary>{}</details>',
        kind,
        len(keys),
        say(kind),
        joined(_item(key, names, items, metric, page) for key in keys[:SHOWN]),
    )


def _item(
    key: str,
    names: Sequence[str],
    items: Sequence[Mapping[str, Record]],
    metric: str,
    page: PagePrompts,
) -> Safe:
    there = [(number, run[key]) for number, run in enumerate(items) if key in run]
    first = there[0][1]
    marked = {number: "✓" if one["metrics"][metric] > 0 else "✗" for number, one in there}
    marks = joined(
        markup(
            '<i style="background:{}" class="mark" title="{}">{}</i>',
            COLOURS[number % len(COLOURS)],
            names[number],
            mark,
        )
        for number, mark in marked.items()
    )
    question = str(first.get("question", ""))
    return markup(
        '<details class="item" data-right="{right}"><summary>{marks} {title}</summary>'
        "<blockquote>{question}<cite>{key} · {number} {shots}</cite></blockquote>{rest}{prompts}"
        "</details>",
        # A mark a run, in their order; a run without the item has a dash.
        right="".join(marked.get(number, "-") for number in range(len(names))),
        marks=marks,
        title=_short(question),
        question=question,
        key=key,
        number=first.get("shots", "?"),
        shots=say("shots"),
        rest=_choices(there, names) if first.get("choices") else _texts(there, names),
        prompts=page.of_item(key),
    )


def _choices(there: Sequence[tuple[int, Record]], names: Sequence[str]) -> Safe:
    first = there[0][1]
    head = joined(markup("<th class=n>{}</th>", names[number]) for number, _ in there)
    rows = []
    for place, choice in enumerate(first["choices"]):
        cells = []
        for _, one in there:
            nats = f"{one['answers'][place][0]:.2f}" if place < len(one["answers"]) else "–"
            shown = markup("<b>{}</b>", nats) if one["picked"] == place else nats
            cells.append(markup("<td class=n>{}</td>", shown))
        # A target is the place of a choice in some tasks and its text in others.
        right = " ✓" if first["target"] in (place, choice) else ""
        # Some tasks have more choices than there are letters.
        text = f"{LETTERS[place] if place < len(LETTERS) else place + 1}. {choice}{right}"
        rows.append(markup("<tr><td>{}</td>{}</tr>", text, joined(cells)))
    return markup(
        "<div class=scroll><table><tr><th>{}</th>{}</tr>{}</table></div>",
        say("choice"),
        head,
        joined(rows),
    )


def _texts(there: Sequence[tuple[int, Record]], names: Sequence[str]) -> Safe:
    target = _short(str(there[0][1]["target"]), 300)
    said = (
        markup(
            "<blockquote>{}<cite>{}, {}</cite></blockquote>",
            _said(one),
            names[number],
            _taken(one["picked"]),
        )
        for number, one in there
    )
    return joined([markup("<p>{}: <code>{}</code></p>", say("wanted"), target), *said])


def _taken(picked: Any) -> str:
    """Say what an answer was taken for."""
    if picked is None:
        return say("in which no answer was found")
    return f"{say('taken as')} {_short(str(picked), 80)}"


def _said(one: Mapping[str, Any]) -> str:
    answer = one["answers"][0]
    if isinstance(answer, str):
        return _short(answer, 500) or say("(nothing)")
    # Below -745 nats `exp` is 0, which would read as impossible.
    return f"{answer[0]:.2f} nats ({math.exp(max(answer[0], -700)):.3g})"


def _short(text: str, size: int = 90) -> str:
    text = " ".join(text.split())
    return text if len(text) <= size else text[: size - 1] + "…"
