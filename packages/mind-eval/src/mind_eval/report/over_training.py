"""Curves over the checkpoints of one model: what each metric shows, and how far to believe it.

A metric without signal is grey: its change from the first checkpoint to the last is within 1.96
standard errors of that change, or within 1.96 √2 times the noise between checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import stdev
from typing import Any

from mind_core.render.chart import Line, line_chart
from mind_core.safe_html import Safe, joined, markup
from mind_eval.metrics.likelihoods import SMALL
from mind_eval.report.curves import COLOURS, language_name
from mind_eval.report.page import Section
from mind_eval.report.words import say
from mind_eval.significance import (
    NO_SIGNAL,
    Z_LEVEL,
    chance_of,
    detectable_between,
    has_signal,
    interval,
)  # fmt: skip

Scores = Mapping[str, Any]
LAST = 5
"""Checkpoints over which the noise is taken."""

GREY = "#a8a29e"


@dataclass(frozen=True)
class Curve:
    """One metric of one benchmark over training: steps, values, errors and 95 % bounds."""

    task: str
    metric: str
    steps: Sequence[float]
    values: Sequence[float]
    errors: Sequence[float | None]
    bounds: Sequence[tuple[float, float]]
    chance: float | None

    @property
    def noise(self) -> float | None:
        """Give the noise between checkpoints; None with fewer than three.

        The standard deviation of the steps between the last ones over √2: a steady trend adds
        nothing to it.
        """
        last = self.values[-LAST:]
        if len(last) < 3:
            return None
        # A step between two checkpoints holds the noise of both, so its variance is twice that of
        # one.
        return stdev(b - a for a, b in pairwise(last)) / math.sqrt(2)

    @property
    def signal(self) -> bool:
        """Tell whether the metric has moved by more than its errors and its noise explain.

        Accuracies must differ from chance as well.
        """
        first, last = self.errors[0], self.errors[-1]
        # Without an error nothing speaks against the curve.
        if first is None or last is None:
            return True
        if has_signal(self.values[-1], last, self.chance) is False:
            return False
        # Errors are from the choice of items, noise from the state of the weights: the larger of
        # the two decides. The items are the same at both ends, so this is on the safe side.
        least = Z_LEVEL * max(math.hypot(first, last), math.sqrt(2) * (self.noise or 0.0))
        return abs(self.values[-1] - self.values[0]) > least


def over_training(runs: Sequence[Scores]) -> Section | None:
    """Draw what was measured over training steps, where runs are checkpoints of one model."""
    steps = [run["model"].get("step") for run in runs]
    # A server or a folder has no step, and one step twice is two models, not one in training.
    if len(runs) < 2 or None in steps or len(set(steps)) < len(steps):
        return None
    ordered = [runs[place] for place in sorted(range(len(runs)), key=lambda place: steps[place])]
    held = _heldout_lines(ordered)
    charts = [_drawn(curve) for curve in curves(ordered)]
    if not charts and not held:
        return None
    bits = line_chart(held, say("step"), say("bits per byte, held out"))
    top = line_chart(_top_lines(ordered), say("step"), say("share of tokens, held out"))
    return Section("curves", say("Over training"), joined([*charts, bits, top]), say("lead.curves"))


def curves(runs: Sequence[Scores]) -> Iterator[Curve]:
    """Yield the headline of each benchmark, then the metrics of small models, in order of steps."""
    for task in dict.fromkeys(task for run in runs for task in run.get("headlines", {})):
        there = [run for run in runs if task in run.get("headlines", {})]
        headline = there[0]["headlines"][task]["metric"]
        for metric in dict.fromkeys((headline, *SMALL)):
            found = [(run, _figure(run, task, metric, headline)) for run in there]
            points = [(run["model"]["step"], *known) for run, known in found if known is not None]
            if len(points) > 1:
                at, values, errors, bounds = zip(*points, strict=True)
                chance = chance_of(metric, there[0].get("benchmarks", {}).get(task, {}))
                yield Curve(task, metric, [float(step) for step in at], values, errors, bounds,
                            chance)  # fmt: skip


def _figure(
    run: Scores, task: str, metric: str, headline: str
) -> tuple[float, float | None, tuple[float, float]] | None:
    """Give a metric's value, error and bounds in a run; None where it was not measured."""
    if metric == headline:
        known = interval(run, task)
        return None if known is None else (known[0], run["headlines"][task]["stderr"], known[1:])
    results = run.get("results", {}).get(task, {})
    value, error = results.get(f"{metric},none"), results.get(f"{metric}_stderr,none")
    if not isinstance(value, float) or not isinstance(error, float):
        return None
    return value, error, (value - Z_LEVEL * error, value + Z_LEVEL * error)


def _drawn(curve: Curve) -> Safe:
    """Draw a curve with its band, and say how far it can be believed."""
    line = Line(
        curve.task, list(zip(curve.steps, curve.values, strict=True)), band=curve.bounds,
        colour="" if curve.signal else GREY,
    )  # fmt: skip
    noise, error = curve.noise, curve.errors[-1]
    told = [
        f"{say(name)}: {value:.4f}{count}"
        for name, value, count in (
            ("standard error", error, ""),
            ("noise between checkpoints", noise, f" (n = {len(curve.values[-LAST:])})"),
            ("smallest difference of two runs", detectable_between(error), ""),
        )
        if value is not None
    ]
    aside = "" if curve.signal else markup(' <span class="grey">{}</span>', say(NO_SIGNAL))
    return markup(
        "<h3>{}, {}{}</h3>{}<p class=lead>{}</p>",
        curve.task,
        say(curve.metric),
        aside,
        line_chart([line], say("step"), say(curve.metric), curve.chance),
        " · ".join(told),
    )


def _heldout_lines(runs: Sequence[Scores]) -> list[Line]:
    """Make a line of bits per byte for each language in which all runs read the same text."""
    held = [run.get("heldout", {}).get("languages", {}) for run in runs]
    lines = []
    for language in dict.fromkeys(language for one in held for language in one):
        there = [one.get(language) for one in held]
        # Bits per byte of other texts are another curve.
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


def _top_lines(runs: Sequence[Scores]) -> list[Line]:
    """Make a line for each k: how many tokens of held-out text are among the k likeliest."""
    held = [run.get("heldout", {}).get("all", {}) for run in runs]
    if len({(one.get("documents"), one.get("bytes")) for one in held}) > 1:
        return []
    return [
        Line(say("among the {} likeliest").format(k),
             [(float(run["model"]["step"]), one["in_top"][k])
              for run, one in zip(runs, held, strict=True) if one["in_top"].get(k) is not None])
        for k in (held[0].get("in_top", {}) if all("in_top" in one for one in held) else {})
    ]  # fmt: skip
