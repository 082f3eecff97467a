"""Decide each record by its scores, and keep account of what was seen."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from mind_core import Reason, Record
from mind_core.flow import Outcome
from mind_core.reasons import describe
from mind_core.records import annotate, encode
from mind_sft_select.bands import Band
from mind_sft_select.clusters import Clusters
from mind_sft_select.references import Reference
from mind_sft_select.scored import DIGITS, Scored, Scores, has_answer

TOOL = "mind-sft-select"
NOTES = "sft-select"


@dataclass(frozen=True)
class Rule:
    """What is kept: the deciding score, where it is measured from, and the bounds."""

    step: str
    notes: Sequence[str]
    unscored: str
    reference: Reference | None = None
    band: Band | None = None
    clusters: Clusters | None = None
    drawn: Collection[int] | None = None

    def gap(self, scored: Scored) -> float | None:
        """Return how far the score is above the reference; without one, the score itself."""
        if self.reference is None:
            return scored.values[0]
        own = self.reference.of(scored.language)
        return None if own is None else round(scored.values[0] - own, DIGITS)

    def reason(self, record: Record, scored: Scored) -> Reason | None:
        """Return why a record is not kept by its scores, or None."""
        if not has_answer(record):
            return Reason("no_answer")
        if math.isnan(scored.values[0]):
            return Reason(self.unscored)
        gap = self.gap(scored)
        if gap is None:
            return Reason("no_reference", scored.language)
        return self.band.verdict(gap, scored.language) if self.band else None


@dataclass
class Judge:
    """Settle batches in order: score, decide, note, and pass on or reject."""

    rule: Rule
    score: Callable[[Sequence[Record]], Sequence[Scored]]
    mark: bool = False
    kept: Counter[str] = field(default_factory=Counter)
    seen: Scores = field(init=False)

    def __post_init__(self) -> None:
        self.seen = Scores(len(self.rule.notes))

    def __call__(self, outcome: Outcome) -> Outcome:
        """Decide every record of a batch."""
        records: list[Record] = outcome.payload
        for record, scored in zip(records, self.score(records), strict=True):
            reason = self.rule.reason(record, scored)
            drawn = self.rule.drawn
            if reason is None and drawn is not None and len(self.seen) not in drawn:
                reason = Reason("over_max")
            self.seen.add(scored)
            annotate(record, NOTES, **self._notes(scored))
            if reason is None:
                self.kept[scored.language] += 1
                outcome.keep(encode(record))
            elif self.mark:
                step = self.rule.step
                annotate(record, NOTES, marks=[{"step": step, **describe(reason)}])
                outcome.marked[f"{step}.{reason}"] += 1
                outcome.keep(encode(record))
            else:
                outcome.reject(record, TOOL, self.rule.step, reason)
        outcome.payload = None
        return outcome

    def _notes(self, scored: Scored) -> dict[str, Any]:
        notes: dict[str, Any] = {
            name: _number(value) for name, value in zip(self.rule.notes, scored.values, strict=True)
        }
        notes["language"] = scored.language
        known = not math.isnan(scored.values[0])
        if self.rule.reference is not None:
            notes["reference"] = self.rule.reference.of(scored.language)
            notes["gap"] = self.rule.gap(scored) if known else None
        if self.rule.clusters is not None:
            notes["cluster"] = self.rule.clusters.of(scored.values[0]) if known else None
        return notes


def _number(value: float) -> float | int | None:
    """Return a score as JSON: whole numbers as such, NaN as null."""
    if math.isnan(value):
        return None
    return int(value) if value.is_integer() else value
