"""Where a run stands among reference runs: "is my loss normal?".

Bits per byte compare across tokenizers and sizes of vocabulary, not across kinds of text: at one
size and one number of tokens our own runs lie up to 1.2 apart from laws to encyclopedias. So what
is said is a place among runs whose text is named, and a warning beyond all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mind_core import MindError
from mind_train.references.runs import ReferenceRun

FAR = 0.3  # bits per byte beyond all reference runs
STALLED = 0.25  # of the least fall of any reference run over the last doubling of tokens
SHOWN = 4  # reference curves in a chart and rows of a plan, for each language


@dataclass(frozen=True)
class Place:
    """One language of a run: its last measurement, and what references had beside it.

    ``tokens`` and ``value`` are the run's last ones; ``compared`` its last (tokens, bits per byte)
    at a number of tokens that references were measured at, None where there is none; ``fall`` how
    much it fell there since half as many tokens.
    """

    language: str
    tokens: float
    value: float
    compared: tuple[float, float] | None
    beside: tuple[tuple[ReferenceRun, float], ...]
    fall: float | None = None

    def words(self) -> str:
        """Say where it stands, for people."""
        here = (
            f"{self.language}: you are here, {self.value:.2f} bits per byte after "
            f"{self.tokens:,.0f} tokens"
        )
        if self.compared is None:
            return f"{here}; no reference run was measured at as many tokens as any of this run"
        at, had = self.compared
        if at != self.tokens:
            here += f"; at {at:,.0f} tokens, where reference runs end, it had {had:.2f}"
        listed = "; ".join(f"{run.name} {value:.2f}" for run, value in self.beside[:SHOWN])
        return f"{here}; reference runs there, nearest in size first: {listed}; {self.verdict()}"

    def verdict(self) -> str:
        """Say whether that is usual."""
        assert self.compared is not None
        values = [value for _, value in self.beside]
        if self.compared[1] > max(values) + FAR:
            return (
                "far above all of them: look at the rate, at a loss that stopped falling "
                "(mind-train plot), and at the text"
            )
        if self.compared[1] < min(values) - FAR:
            return (
                "far below all of them: easy or repeated text, or held-out text that was trained on"
            )
        falls = [one.fall(self.language, self.compared[0]) for one, _ in self.beside]
        least = min((fall for fall in falls if fall is not None), default=None)
        if self.fall is not None and least is not None and self.fall < STALLED * least:
            return (
                f"within what they had, but it fell by {self.fall:.2f} since half of these tokens, "
                f"they by {least:.2f} or more: it may have stopped learning (lower optimizer.lr)"
            )
        return "within what they had"


def nearest(runs: Sequence[ReferenceRun], language: str, body: int | None) -> list[ReferenceRun]:
    """Give the runs of a language, those nearest in size first (all alike where it is unknown)."""

    def distance(run: ReferenceRun) -> float:
        # Infinite for all: the sort is stable, so they stay in their order. A model that is a
        # table alone has a body of 0.
        if not body or not run.body:
            return math.inf
        return abs(math.log(run.body / body))

    return sorted((run for run in runs if language in run.curves), key=distance)


def place(run: ReferenceRun, references: Sequence[ReferenceRun]) -> list[Place]:
    """Place each language of a run; raise MindError where no reference shares any of them."""
    known = sorted({language for one in references for language in one.curves})
    if not run.curves.keys() & set(known):
        raise MindError(
            f"the reference has no curve of {', '.join(run.curves)}; it has {', '.join(known)}",
            hint="give one of the same language: --reference shipped, a file, or a run folder",
        )
    places = []
    for language, points in run.curves.items():
        runs = nearest(references, language, run.body)
        compared: tuple[float, float] | None = None
        beside: tuple[tuple[ReferenceRun, float], ...] = ()
        # From the last measurement back to one that references have reached as well.
        for tokens, value in reversed(points):
            beside = tuple((one, there) for one in runs if (there := one.at(language, tokens)))
            if beside:
                compared = (tokens, value)
                break
        fall = None if compared is None else run.fall(language, compared[0])
        places.append(Place(language, *points[-1], compared, beside, fall))
    return places
