"""Decide each record by its scores, and keep account of what was seen."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from mind_core import Reason
from mind_core.errors import BadRecord
from mind_core.records import annotate, describe, encode
from mind_core.runner import BatchResult
from mind_sft_select.bands import Band
from mind_sft_select.clusters import Clusters
from mind_sft_select.instructions import NOTES, Instruction
from mind_sft_select.references import Reference
from mind_sft_select.score_sources import DIGITS, RecordScores, ScoreTable

TOOL = "mind-sft-select"


@dataclass(frozen=True)
class SelectionRule:
    """What is kept: the deciding score, where it is measured from, and the bounds."""

    step: str
    notes: Sequence[str]
    unscored: str
    reference: Reference | None = None
    band: Band | None = None
    clusters: Clusters | None = None
    drawn: Collection[int] | None = None
    model: str = ""

    def gap(self, scores: RecordScores) -> float | None:
        """Return how far the score is above the reference; without one, the score itself."""
        if self.reference is None:
            return scores.values[0]
        own = self.reference.of(scores.language)
        return None if own is None else round(scores.values[0] - own, DIGITS)

    def reason(self, scores: RecordScores) -> Reason | None:
        """Return why a record is not kept by its scores, or None."""
        if not scores.is_scored:
            return Reason(self.unscored)
        gap = self.gap(scores)
        if gap is None:
            return Reason("no_reference", scores.language)
        return self.band.verdict(gap, scores.language) if self.band else None

    def not_finite(self, given: Instruction, scores: RecordScores) -> BadRecord | None:
        """Return the error for a score that is infinite or NaN; None where all are numbers."""
        names = [name for name, v in zip(self.notes, scores.values, strict=True) if math.isinf(v)]
        if not names:
            return None
        named = given.record.get("id")
        error = BadRecord(
            "not_finite",
            given.position,
            cause=f"{' and '.join(names)} of record {named!r}"
            + (f" under {self.model}" if self.model else ""),
        )
        error.hint = (
            "a model with NaN weights scores nothing: check the checkpoint; --skip-bad N lets N "
            "such records pass, counted and written to --rejects"
        )
        return error


@dataclass
class Selector:
    """Finish batches in order: score, decide, annotate, and pass on or reject."""

    rule: SelectionRule
    score: Callable[[Sequence[Instruction]], Sequence[RecordScores]]
    mark: bool = False
    kept: Counter[str] = field(default_factory=Counter)
    seen: ScoreTable = field(init=False)

    def __post_init__(self) -> None:
        self.seen = ScoreTable(len(self.rule.notes))

    def __call__(self, outcome: BatchResult) -> BatchResult:
        """Decide every record of a batch."""
        instructions: list[Instruction] = outcome.payload
        for given, scores in zip(instructions, self.score(instructions), strict=True):
            # Places count all records of the input, as in the first pass, which drew by them.
            index = len(self.seen)
            self.seen.add(scores)
            if (error := self.rule.not_finite(given, scores)) is not None:
                outcome.bad.append((error, encode(given.record)))
                continue
            reason = given.reason or self.rule.reason(scores)
            drawn = self.rule.drawn
            if reason is None and drawn is not None and index not in drawn:
                reason = Reason("over_max")
            self._pass_on(outcome, given, scores, reason)
        outcome.payload = None
        return outcome

    def _pass_on(
        self, outcome: BatchResult, given: Instruction, scores: RecordScores, reason: Reason | None
    ) -> None:
        record = given.record
        annotate(record, NOTES, **self._notes(scores))
        if reason is None:
            self.kept[scores.language] += 1
            outcome.keep(encode(record))
        elif self.mark:
            step = self.rule.step
            annotate(record, NOTES, marks=[{"step": step, **describe(reason)}])
            outcome.marked[f"{step}.{reason}"] += 1
            outcome.keep(encode(record))
        else:
            outcome.reject(record, TOOL, self.rule.step, reason)

    def _notes(self, scores: RecordScores) -> dict[str, Any]:
        notes: dict[str, Any] = {
            name: _number(value) for name, value in zip(self.rule.notes, scores.values, strict=True)
        }
        notes["language"] = scores.language
        known = scores.is_scored
        if self.rule.reference is not None:
            notes["reference"] = self.rule.reference.of(scores.language)
            notes["gap"] = self.rule.gap(scores) if known else None
        if self.rule.clusters is not None:
            notes["cluster"] = self.rule.clusters.of(scores.values[0]) if known else None
        return notes


def _number(value: float) -> float | int | None:
    """Return a score as JSON: whole numbers as such, NaN as null."""
    if math.isnan(value):
        return None
    # Counts of tokens come through as floats.
    return int(value) if value.is_integer() else value
