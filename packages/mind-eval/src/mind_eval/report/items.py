"""Browse items: the question, the choices with what each run gave them, and who was right.

Items fold and unfold by themselves; those on which runs disagree come first. The search box and the
two lists above them need the page's one script, which admits no other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from mind_core import Record
from mind_eval.report.page import Section
from mind_eval.report.svg import COLOURS
from mind_eval.report.words import say

SHOWN = 60
"""Items of each kind and benchmark on the page; the scores folder has all of them."""

LETTERS = "ABCDEFGHIJ"
KINDS = ("runs disagree", "all wrong", "all right")


def browser_section(
    names: Sequence[str], items: Sequence[Mapping[str, Record]], metrics: Mapping[str, str]
) -> Section | None:
    """Return the section; `items` has each run's items by id, `metrics` each task's metric."""
    tasks: dict[str, dict[str, list[str]]] = {}
    for key in dict.fromkeys(key for run in items for key in run):
        there = [run[key] for run in items if key in run]
        metric = metrics.get(there[0]["task"])
        if metric is None or any(metric not in one["metrics"] for one in there):
            continue
        right = {one["metrics"][metric] > 0 for one in there}
        kind = KINDS[0] if len(right) > 1 else KINDS[2] if right == {True} else KINDS[1]
        tasks.setdefault(there[0]["task"], {name: [] for name in KINDS})[kind].append(key)
    if not tasks:
        return None
    body = _controls(list(tasks)) + "".join(
        f'<div class="task" data-task="{escape(task)}"><h3>{escape(task)}</h3>'
        + "".join(
            _group(kind, keys, names, items, metrics[task]) for kind, keys in kinds.items() if keys
        )
        + "</div>"
        for task, kinds in tasks.items()
    )
    lead = say("lead.items")
    return Section("items", say("Item by item"), body, lead)


def _controls(tasks: Sequence[str]) -> str:
    """Return the search box, and the lists of benchmarks and kinds."""
    lists = ""
    for name, every, values in (("task", "all benchmarks", tasks), ("kind", "all kinds", KINDS)):
        shown = "".join(f'<option value="{escape(v)}">{escape(say(v))}</option>' for v in values)
        lists += f'<select data-by="{name}"><option value="">{say(every)}</option>{shown}</select>'
    return f'<p class="controls"><input type="search" placeholder="{say("search")}">{lists}</p>'


def _group(
    kind: str,
    keys: Sequence[str],
    names: Sequence[str],
    items: Sequence[Mapping[str, Record]],
    metric: str,
) -> str:
    shown = "".join(_item(key, names, items, metric) for key in keys[:SHOWN])
    return (
        f'<details class="kind" data-kind="{kind}"><summary><b>{len(keys):,}</b> {say(kind)}'
        f"</summary>{shown}</details>"
    )


def _item(
    key: str, names: Sequence[str], items: Sequence[Mapping[str, Record]], metric: str
) -> str:
    there = [(number, run[key]) for number, run in enumerate(items) if key in run]
    first = there[0][1]
    marks = "".join(
        f'<i style="background:{COLOURS[number % len(COLOURS)]}" class="mark" '
        f'title="{escape(names[number])}">{"✓" if one["metrics"][metric] > 0 else "✗"}</i>'
        for number, one in there
    )
    title = escape(_short(str(first.get("question", ""))))
    return (
        f'<details class="item"><summary>{marks} {title}</summary>'
        f"<blockquote>{escape(str(first.get('question', '')))}"
        f"<cite>{escape(key)} · {first.get('shots', '?')} {say('shots')}</cite></blockquote>"
        + (_choices(there, names) if first.get("choices") else _texts(there, names))
        + "</details>"
    )


def _choices(there: Sequence[tuple[int, Record]], names: Sequence[str]) -> str:
    first = there[0][1]
    head = "".join(f"<th class=n>{escape(names[number])}</th>" for number, _ in there)
    rows = ""
    for place, choice in enumerate(first["choices"]):
        cells = ""
        for _, one in there:
            nats = f"{one['answers'][place][0]:.2f}" if place < len(one["answers"]) else "–"
            cells += f"<td class=n>{f'<b>{nats}</b>' if one['picked'] == place else nats}</td>"
        right = " ✓" if first["target"] in (place, choice) else ""
        rows += f"<tr><td>{LETTERS[place]}. {escape(str(choice))}{right}</td>{cells}</tr>"
    return f"<div class=scroll><table><tr><th>{say('choice')}</th>{head}</tr>{rows}</table></div>"


def _texts(there: Sequence[tuple[int, Record]], names: Sequence[str]) -> str:
    wanted = (
        f"<p>{say('wanted')}: <code>{escape(_short(str(there[0][1]['target']), 300))}</code></p>"
    )
    return wanted + "".join(
        f"<blockquote>{escape(_said(one))}<cite>{escape(names[number])}, "
        f"{_taken(one['picked'])}</cite></blockquote>"
        for number, one in there
    )


def _taken(picked: Any) -> str:
    """Say what an answer was taken for."""
    if picked is None:
        return say("in which no answer was found")
    return f"{say('taken as')} {escape(_short(str(picked), 80))}"


def _said(one: Mapping[str, Any]) -> str:
    answer = one["answers"][0]
    if isinstance(answer, str):
        return _short(answer, 500) or say("(nothing)")
    return f"{answer[0]:.2f} nats ({math.exp(max(answer[0], -700)):.3g})"


def _short(text: str, size: int = 90) -> str:
    text = " ".join(text.split())
    return text if len(text) <= size else text[: size - 1] + "…"
